"""Checkpoints as an attacker would write them: each is a trained one with one thing changed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import torch
import yaml

Content = dict[str, Any]
Change = Callable[[Content, str], object]

# Stands in a file for lists in lists, which Python cannot write; as pickle writes it, and what takes its place.
DEEP, DEPTH = "100,000 lists", 100_000
PICKLED = b"X\x0d\x00\x00\x00" + DEEP.encode()
LISTS = b"]" * DEPTH + b"a" * (DEPTH - 1)
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


def set_config(**data: object) -> Change:
    """Change what the recorded configuration says of the data."""

    def change(content: Content, canary: str) -> None:
        config = yaml.safe_load(content["config"])
        named = json.loads(json.dumps(data).replace("CANARY", canary))
        config["data"] |= named
        content["config"] = yaml.safe_dump(config)

    return change


def put(section: str, **values: object) -> Change:
    """Change settings of a section of the file."""

    def change(content: Content, canary: str) -> None:
        known = {key: canary if value == "CANARY" else value for key, value in values.items()}
        content[section] = {**content[section], **known}

    return change


def put_whole(section: str, value: object) -> Change:
    """Replace a section of the file."""

    def change(content: Content, canary: str) -> None:
        content[section] = value

    return change


def encoder(**values: object) -> Change:
    """Change the encoder's configuration."""

    def change(content: Content, canary: str) -> None:
        content["hyper_parameters"]["encoder_config"] |= values

    return change


def weights(**values: object) -> Change:
    """Replace weights; ``__`` stands for a dot."""

    def change(content: Content, canary: str) -> None:
        content["state_dict"] |= {f"model.{name.replace('__', '.')}": value for name, value in values.items()}

    return change


def tokenizer(**values: object) -> Change:
    """Change parts of the tokenizer's JSON."""

    def change(content: Content, canary: str) -> None:
        parts = json.loads(content["NERDataModule"]["tokenizer"])
        content["NERDataModule"]["tokenizer"] = json.dumps({**parts, **values})

    return change


def _repeated() -> list[object]:
    inner: list[object] = ["x"] * 10
    for _ in range(12):
        inner = [inner] * 10
    return inner


def _recursive() -> dict[str, object]:
    inner: dict[str, object] = {}
    inner["again"] = inner
    return inner


def _matching_huge(content: Content, canary: str) -> None:
    content["hyper_parameters"]["encoder_config"] |= {"vocab_size": 9_000_000, "hidden_size": 4_000}
    name = next(name for name in content["state_dict"] if name.endswith("word_embeddings.weight"))
    content["state_dict"][name] = torch.zeros(1).expand(9_000_000, 4_000)


def _many_layers(content: Content, canary: str) -> None:
    content["hyper_parameters"]["encoder_config"]["num_hidden_layers"] = 30_000
    content["state_dict"] |= {f"x{number}": torch.zeros(1) for number in range(4_800)}


CORPUS = {"class_path": "evil_corpus.Evil", "init_args": {}}
# What is refused by everything that opens the file.
REFUSED: dict[str, Change] = {
    "chunking named by path": put("NERDataModule", chunking={"class_path": "evil_chunking.Evil", "init_args": {}}),
    "chunking of the standard library": put("NERDataModule", chunking={"class_path": "antigravity.x", "init_args": {}}),
    "chunking as a text": put("NERDataModule", chunking="evil_chunking.Evil"),
    "chunking with other arguments": put(
        "NERDataModule",
        chunking={"class_path": "ner.preprocessing.chunking.JointPassages", "init_args": {"evil": 1}},
    ),
    "state with an unknown key": put("NERDataModule", corpus=CORPUS),
    "state with a class as predict_corpus": put("NERDataModule", predict_corpus="evil_corpus.Evil"),
    "state that is a list": put_whole("NERDataModule", [1]),
    "state with numbers as keys": put_whole("NERDataModule", {1: 2}),
    "state that contains itself": put("NERDataModule", markers=_recursive()),
    "window of absurd size": put("NERDataModule", window_tokens=10**12),
    "window beyond the encoder": put("NERDataModule", window_tokens=100_000),
    "window that is no number": put("NERDataModule", window_tokens="128"),
    "overlap of the window": put("NERDataModule", overlap_tokens=128),
    "negative overlap": put("NERDataModule", overlap_tokens=-1),
    "units that are none": put("NERDataModule", units="evil"),
    "units that are a list": put("NERDataModule", units=["words"]),
    "markers that are a text": put("NERDataModule", markers="yes"),
    "tokenizer that is a folder": put("NERDataModule", tokenizer="CANARY"),
    "tokenizer on the hub": put("NERDataModule", tokenizer="evil/tokenizer"),
    "tokenizer that is cut": put("NERDataModule", tokenizer='{"version": "1.0", "model": {'),
    "tokenizer of 100,000 brackets": put("NERDataModule", tokenizer="[" * 100_000),
    "tokenizer that is empty JSON": put("NERDataModule", tokenizer="{}"),
    "tokenizer that is bytes": put("NERDataModule", tokenizer=b"{}"),
    "tokenizer without vocabulary": tokenizer(
        model={"type": "WordLevel", "vocab": {}, "unk_token": "x"}, added_tokens=[], post_processor=None
    ),
    "tokenizer with a padding id beyond the encoder": tokenizer(
        padding={
            "strategy": "BatchLongest",
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 4_000_000_000,
            "pad_type_id": 0,
            "pad_token": "[PAD]",
        }
    ),
    "tokenizer with ids beyond the encoder": tokenizer(
        added_tokens=[],
        post_processor=None,
        model={"type": "WordLevel", "vocab": {"a": 2**31, "x": 0}, "unk_token": "x"},
    ),
    "encoder without configuration, with a folder": put("hyper_parameters", encoder_config=None, encoder="CANARY"),
    "encoder configuration that is a list": put("hyper_parameters", encoder_config=[1]),
    "encoder that is no text": put("hyper_parameters", encoder=7),
    "encoder of an unknown kind": encoder(model_type="evil"),
    "encoder of a kind that is a list": encoder(model_type=["bert"]),
    "encoder with code of its own": encoder(auto_map={"AutoModel": "evil_corpus.Evil"}),
    "encoder with code on the hub": encoder(auto_map={"AutoConfig": "evil/repository--evil_corpus.Evil"}),
    "encoder that trusts": encoder(trust_remote_code=True),
    "encoder that is quantized": encoder(quantization_config={"quant_method": "gptq", "bits": 4}),
    "encoder with kernels on the hub": encoder(attn_implementation="evil/kernels"),
    "encoder with private kernels": encoder(_attn_implementation="flash_attention_2"),
    "encoder with a backbone": encoder(backbone_config={"model_type": "timm_backbone"}),
    "encoder of 40,000 dimensions": encoder(hidden_size=40_000, intermediate_size=160_000),
    "encoder of 10^12 dimensions": encoder(hidden_size=10**12),
    "encoder of 10^7 layers": encoder(num_hidden_layers=10_000_000),
    "encoder of more layers than weights": encoder(num_hidden_layers=2_000),
    "encoder of as many layers as empty weights": _many_layers,
    "encoder of 10^7 words": encoder(vocab_size=10_000_000),
    "encoder of 10^7 positions": encoder(max_position_embeddings=10_000_000),
    "encoder of 10^7 labels": encoder(num_labels=10_000_000),
    "encoder without attention heads": encoder(num_attention_heads=0),
    "encoder of negative size": encoder(hidden_size=-128),
    "encoder with an unknown activation": encoder(hidden_act="evil"),
    "encoder whose size is a text": encoder(hidden_size="128"),
    "encoder in odd chunks": encoder(chunk_size_feed_forward=7),
    "encoder with settings 100,000 deep": encoder(extra=DEEP),
    "encoder with settings that multiply": encoder(extra=_repeated()),
    "encoder with settings that contain themselves": encoder(extra=_recursive()),
    "weights with memory of one number": _matching_huge,
    "labels that are numbers": put("hyper_parameters", labels=[1, 2]),
    "labels that are nested": put("hyper_parameters", labels=[["gene"], ["drug"]]),
    "labels that are a text": put("hyper_parameters", labels="gene"),
    "labels without any": put("hyper_parameters", labels=[]),
    "labels named twice": put("hyper_parameters", labels=["gene"] * 13),
    "labels of two lines": put("hyper_parameters", labels=["gene\nerror: x", *"abcdefghijkl"]),
    "labels of a million": put("hyper_parameters", labels=[str(number) for number in range(1_000_000)]),
    "labels of a megabyte": put("hyper_parameters", labels=["x" * 1_000_000]),
    "labels of another number": put("hyper_parameters", labels=["gene"]),
    "model with an unknown setting": put("hyper_parameters", evil=CORPUS),
    "model with a rate that is none": put("hyper_parameters", dropout=float("nan")),
    "model with a list as rate": put("hyper_parameters", crf_lr=[1]),
    "least scores of a foreign label": put("hyper_parameters", min_scores={"evil": 0.5}),
    "least scores beyond 1": put("hyper_parameters", min_scores={"gene": 1e300}),
    "least scores that are no number": put("hyper_parameters", min_scores={"gene": float("nan")}),
    "least scores that are nested": put("hyper_parameters", min_scores={"gene": [0.5]}),
    "least scores in a list": put("hyper_parameters", min_scores=[0.5]),
    "model that is a list": put_whole("hyper_parameters", [1]),
    "weights that are no tensors": weights(classifier__bias=[0.0] * 27),
    "weights that are sparse": weights(classifier__bias=torch.zeros(27).to_sparse()),
    "weights without memory": weights(classifier__bias=torch.zeros(27, device="meta")),
    "weights that are complex": weights(classifier__bias=torch.zeros(27, dtype=torch.complex64)),
    "weights of another shape": weights(crf__transitions=torch.zeros(3, 3)),
    "weights that are unknown": weights(evil=torch.zeros(1)),
    "weights of whole numbers": weights(classifier__bias=torch.zeros(27, dtype=torch.long)),
    "weights that are a list": put_whole("state_dict", [1]),
    "weights without any": put_whole("state_dict", {}),
    "configuration that is a bomb of aliases": put_whole("config", BOMB),
    "configuration with a recursive alias": put_whole("config", "&a [*a]"),
    "configuration of 100,000 brackets": put_whole("config", "[" * 100_000),
    "configuration of 20 megabytes": put_whole("config", "a: " + "x" * 20_000_000),
    "configuration that is no text": put_whole("config", {"data": CORPUS}),
    "configuration with a tag": put_whole("config", "!!python/object/apply:os.system ['true']"),
    "configuration with a number of 10,000 digits": put_whole("config", "a: 0x" + "f" * 10_000),
    "configuration with a date": put_whole("config", "a: 2020-01-01"),
    "configuration that is a list": put_whole("config", "[1]"),
    "callbacks that multiply": put_whole("callbacks", {"ScoreReport": {"micro": _repeated()}}),
}
# What says more than is used: `predict` finds what it finds with the checkpoint as it was trained.
IGNORED: dict[str, Change] = {
    "files to tag": set_config(predict_path="CANARY/texts.json"),
    "format of files to tag": set_config(predict_format={"class_path": "evil_corpus.Evil"}),
    "former format of files to tag": set_config(predict_corpus="evil_corpus.Evil"),
    "chunking of the configuration": set_config(chunking="evil_chunking.Evil"),
    "corpus that downloads": set_config(
        corpus={
            "class_path": "ner.corpora.GutBrainIE",
            "init_args": {"download": True, "cache": "CANARY", "base_url": "http://127.0.0.1:9"},
        }
    ),
    "corpus with a root": set_config(corpus={"class_path": "GutBrainIE", "init_args": {"root": "CANARY"}}),
    "200 processes": set_config(num_workers=200),
    "batches of absurd size": set_config(eval_batch_size=10**9, eval_batch_tokens=10**9),
    "unknown setting of the data": set_config(evil=CORPUS),
    "epoch that is a text": put_whole("epoch", "x"),
    "step without end": put_whole("global_step", 2**60),
    "callbacks of another shape": put_whole("callbacks", {"ScoreReport": [1]}),
    "callbacks that are a list": put_whole("callbacks", [1]),
    "callbacks that are foreign": put_whole("callbacks", {"Evil": {}, 7: [1], "ScoreReport": {"epoch": "x"}}),
}
# What is refused until the user names a corpus.
UNNAMED: dict[str, Change] = {
    "corpus named by path": set_config(corpus=CORPUS),
    "corpus of the standard library": set_config(corpus="antigravity.x"),
    "corpus that is the base": set_config(corpus="ner.corpora.base.Corpus"),
    "corpus in a list": set_config(corpus=[CORPUS]),
    "corpus that is a file": set_config(corpus="CANARY/corpus.yaml"),
}


def write(original: Path, change: Change, canary: str, path: Path) -> Path:
    """Write a checkpoint with one change."""
    content = torch.load(original, weights_only=True)
    change(content, canary)
    torch.save(content, path)
    with ZipFile(path) as archive:
        parts = {part.filename: archive.read(part) for part in archive.infolist()}
    if any(PICKLED in part for part in parts.values()):
        with ZipFile(path, "w") as archive:
            for name, part in parts.items():
                archive.writestr(name, part.replace(PICKLED, LISTS))
    return path


def write_broken(original: Path, folder: Path) -> dict[str, Path]:
    """Write files that are no checkpoints, or not as torch writes them."""
    data = original.read_bytes()
    files = {
        "empty": b"",
        "cut": data[: len(data) // 2],
        "not an archive": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
        "a text": b"checkpoint",
    }
    found = {name: folder / f"{name}.ckpt" for name in (*files, "packed", "a class")}
    for name, content in files.items():
        found[name].write_bytes(content)
    with ZipFile(original) as source, ZipFile(found["packed"], "w", ZIP_DEFLATED) as target:
        for part in source.infolist():
            target.writestr(part.filename, source.read(part))
    torch.save({"hyper_parameters": Path("x"), "NERDataModule": {}, "state_dict": {}}, found["a class"])
    return {f"broken: {name}": path for name, path in found.items()}
