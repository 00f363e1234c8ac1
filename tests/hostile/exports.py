"""Exported folders as an attacker would write them: each is a good one with one thing changed."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from safetensors.numpy import save_file

Change = Callable[[Path, str], object]
MEMBER = "members/42"


def text(name: str, content: str) -> Change:
    """Replace a file."""
    return lambda folder, _: (folder / name).write_text(content, encoding="utf-8")


def settings(name: str, **values: Any) -> Change:  # noqa: ANN401 - whatever JSON holds
    """Change settings in a file of JSON."""

    def change(folder: Path, canary: str) -> None:
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        known = json.loads(json.dumps(values).replace("CANARY", canary))
        (folder / name).write_text(json.dumps({**content, **known}), encoding="utf-8")

    return change


def reading(**values: object) -> Change:
    """Change how texts are read."""

    def change(folder: Path, canary: str) -> None:
        content = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        content["reading"] |= values
        (folder / "settings.json").write_text(json.dumps(content), encoding="utf-8")

    return change


def encoder(**values: object) -> Change:
    """Change the encoder's configuration."""
    return settings(f"{MEMBER}/config.json", **values)


def _pickle(folder: Path, canary: str) -> None:
    (folder / MEMBER / "model.safetensors").unlink()
    torch.save({"x": Path("evil")}, folder / MEMBER / "pytorch_model.bin")


def _fifo(name: str) -> Change:
    def change(folder: Path, canary: str) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return change


def _arrays(name: str, **arrays: Any) -> Change:  # noqa: ANN401
    return lambda folder, _: save_file(arrays, folder / name)


def _graph(dtype: int, shape: list[int]) -> Change:
    def change(folder: Path, canary: str) -> None:
        constant = helper.make_tensor("c", dtype, shape, [1] * int(np.prod(shape)))
        node = helper.make_node("Constant", [], ["emissions"], value=constant)
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, [None, None])
            for name in ("input_ids", "attention_mask")
        ]
        graph = helper.make_graph([node], "g", inputs, [helper.make_tensor_value_info("emissions", dtype, shape)])
        onnx.save(helper.make_model(graph, ir_version=10), folder / MEMBER / "emissions.onnx")

    return change


def _outside(folder: Path, canary: str) -> None:
    """Let a graph take its numbers from a file elsewhere."""
    model = onnx.load(folder / MEMBER / "emissions.onnx")
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", f"{canary}/secret"
    (folder / MEMBER / "emissions.onnx").write_bytes(model.SerializeToString())


CONFIG = f"{MEMBER}/config.json"
REFUSED: dict[str, Change] = {
    "member above": settings("settings.json", members=["../../canary"]),
    "member by an absolute path": settings("settings.json", members=["CANARY"]),
    "member with a dot": settings("settings.json", members=["."]),
    "member with an empty name": settings("settings.json", members=[""]),
    "member of 5,000 characters": settings("settings.json", members=["x" * 5000]),
    "member with a NUL": settings("settings.json", members=["4\x002"]),
    "member that is a number": settings("settings.json", members=[42]),
    "members of a million": settings("settings.json", members=["42"] * 1_000_000),
    "members without any": settings("settings.json", members=[]),
    "settings 100,000 deep": text("settings.json", "[" * 100_000),
    "settings that are nested": settings("settings.json", config={"data": json.loads("[" * 300 + "]" * 300)}),
    "settings that are a list": text("settings.json", "[]"),
    "settings with a number of 5,000 digits": text("settings.json", '{"format": ' + "9" * 5000 + "}"),
    "settings of another format": settings("settings.json", format=10**9),
    "settings that are no UTF-8": lambda folder, _: (folder / "settings.json").write_bytes(b'{"\xff": 1}'),
    "chunking named by path": reading(chunking={"class_path": "evil_chunking.Evil", "init_args": {}}),
    "chunking of the standard library": reading(chunking={"class_path": "antigravity.x"}),
    "tokenizer in the settings": reading(evil="evil/tokenizer"),
    "window of absurd size": reading(window_tokens=10**15),
    "window beyond the tokenizer": reading(window_tokens=1),
    "least scores of a foreign label": settings("settings.json", min_scores={"evil": 0.5}),
    "least scores beyond 1": settings("settings.json", min_scores={"gene": 1e300}),
    "least scores in a list": settings("settings.json", min_scores=[0.5]),
    "labels that are numbers": text("labels.json", "[1, 2]"),
    "labels that are nested": text("labels.json", '[["gene"]]'),
    "labels of another number": text("labels.json", '["gene"]'),
    "labels 100,000 deep": text("labels.json", "[" * 100_000),
    "labels without any": text("labels.json", "[]"),
    "tokenizer that is damaged": text("tokenizer.json", "{"),
    "tokenizer that is a number": text("tokenizer.json", "7"),
    "tokenizer that is missing": lambda folder, _: (folder / "tokenizer.json").unlink(),
    "tokenizer that is a pipe": _fifo("tokenizer.json"),
    "labels that are a pipe": _fifo("labels.json"),
    "CRF of another shape": _arrays("crf.safetensors", transitions=np.zeros((3, 3), np.float32)),
    "CRF of whole numbers": _arrays(
        "crf.safetensors",
        transitions=np.zeros((27, 27), np.int64),
        start_transitions=np.zeros(27, np.int64),
        end_transitions=np.zeros(27, np.int64),
    ),
    "CRF that is damaged": text("crf.safetensors", "x" * 100),
    "CRF with a header without end": lambda folder, _: (folder / "crf.safetensors").write_bytes(b"\xff" * 8),
    "CRF that is a pipe": _fifo("crf.safetensors"),
}
# What concerns torch alone: the graphs of the same folder stay as they are.
TORCH: dict[str, Change] = {
    "weights that are a pickle": _pickle,
    "weights that are a pipe": _fifo(f"{MEMBER}/model.safetensors"),
    "weights that are damaged": text(f"{MEMBER}/model.safetensors", "x" * 100),
    "weights of another shape": _arrays(f"{MEMBER}/emissions.safetensors", weight=np.zeros((1, 1), np.float32)),
    "configuration that is damaged": text(CONFIG, "{"),
    "configuration that is a list": text(CONFIG, "[]"),
    "configuration 100,000 deep": text(CONFIG, "[" * 100_000),
    "encoder with code of its own": encoder(
        auto_map={"AutoConfig": "evil_corpus.Evil", "AutoModel": "evil_corpus.Evil"}
    ),
    "encoder with code on the hub": encoder(auto_map={"AutoModel": "evil/repository--evil_corpus.Evil"}),
    "encoder of an unknown kind": encoder(model_type="evil"),
    "encoder that is quantized": encoder(quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True}),
    "encoder with kernels on the hub": encoder(attn_implementation="evil/kernels"),
    "encoder of 40,000 dimensions": encoder(hidden_size=40_000),
    "encoder of 10^7 layers": encoder(num_hidden_layers=10_000_000),
    "encoder without attention heads": encoder(num_attention_heads=0),
}
# What concerns onnxruntime alone.
ONNX: dict[str, Change] = {
    "graph that is damaged": text(f"{MEMBER}/emissions.onnx", "x" * 100),
    "graph with numbers elsewhere": _outside,
    "graph of another shape": _graph(TensorProto.FLOAT, [1, 2]),
    "graph of another type": _graph(TensorProto.INT64, [1, 3, 27]),
    "graph of another number of tags": _graph(TensorProto.FLOAT, [1, 4, 5]),
}
