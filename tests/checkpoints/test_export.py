"""An exported folder as other programs see it, and as it comes back damaged."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

from ner.checkpoints import ensemble as members
from ner.checkpoints.checkpoint import Checkpoint
from ner.checkpoints.export import is_exported, read_folder, write_folder
from ner.corpora import Sample
from ner.errors import InputError
from ner.training.datamodule import NERDataModule
from ner.training.module import NERModule
from tests.disks import full_disk


def checkpoint(encoder: str, seed: int) -> Checkpoint:
    """A tagger with random weights as `fit` would have left it."""
    torch.manual_seed(seed)
    data = NERDataModule(Sample(), encoder, window_tokens=128, overlap_tokens=32)
    module = NERModule(data.labels, data.vocabulary_size, encoder, pretrained=False)
    state = module.state_dict()
    return Checkpoint(f"seed={seed}", dict(module.hparams), data.preprocessor, lambda: state, {"seed_everything": seed})


@pytest.fixture
def exported(tiny_encoder: str, tmp_path: Path) -> Path:
    pairs = [checkpoint(tiny_encoder, seed) for seed in (11, 7)]
    write_folder([(member, members.build_model(member)) for member in pairs], tmp_path / "exported")
    return tmp_path / "exported"


def test_it_holds_what_other_programs_need(exported: Path, tiny_encoder: str) -> None:
    assert is_exported(exported)
    assert json.loads((exported / "labels.json").read_text(encoding="utf-8")) == list(Sample.labels)
    assert sorted(path.name for path in (exported / "members").iterdir()) == ["11", "7"]
    crf = load_file(exported / "crf.safetensors")
    assert {name: tuple(tensor.shape) for name, tensor in crf.items()} == {
        "start_transitions": (27,),
        "end_transitions": (27,),
        "transitions": (27, 27),
    }
    both = [checkpoint(tiny_encoder, seed).read_weights()["model.crf.transitions"].double() for seed in (11, 7)]
    assert torch.equal(crf["transitions"], (sum(both) / 2).float())
    for seed in (11, 7):
        folder = exported / "members" / str(seed)
        encoder = AutoModel.from_pretrained(folder, add_pooling_layer=False)
        weights = checkpoint(tiny_encoder, seed).read_weights()
        for name, tensor in encoder.state_dict().items():
            assert torch.equal(tensor, weights[f"model.encoder.{name}"])
        assert load_file(folder / "emissions.safetensors").keys() == {"weight", "bias"}
    tokenizer = AutoTokenizer.from_pretrained(exported)
    assert tokenizer.tokenize("gut microbiome") == AutoTokenizer.from_pretrained(tiny_encoder).tokenize(
        "gut microbiome"
    )


def test_its_members_come_back_in_order_with_the_merged_crf(exported: Path, tiny_encoder: str) -> None:
    found = read_folder(exported)
    assert [Path(member.name).name for member in found] == ["11", "7"]
    original = checkpoint(tiny_encoder, 11)
    assert found[0].preprocessor == original.preprocessor
    assert found[0].model["encoder_config"] == original.model["encoder_config"]
    crfs = [members.build_model(member).crf.transitions for member in found]
    assert torch.equal(crfs[0], crfs[1])


def test_its_windows_are_those_that_all_members_can_read(tiny_encoder: str, tmp_path: Path) -> None:
    long, short = checkpoint(tiny_encoder, 1), checkpoint(tiny_encoder, 2)
    short = replace(short, preprocessor=replace(short.preprocessor, window_tokens=64, overlap_tokens=8))
    write_folder([(member, members.build_model(member)) for member in (long, short)], tmp_path / "exported")
    assert {member.preprocessor.window_tokens for member in read_folder(tmp_path / "exported")} == {64}


@pytest.mark.parametrize("name", ["settings.json", "labels.json", "tokenizer.json", "crf.safetensors", "members/7"])
def test_a_file_that_is_missing_or_damaged_is_one_line(exported: Path, name: str) -> None:
    path = exported / name
    if path.is_dir():
        path.rename(exported / "elsewhere")
    else:
        path.write_bytes(b"{")
    with pytest.raises(InputError, match=name.split("/", maxsplit=1)[0].split(".", maxsplit=1)[0]) as error:
        [members.build_model(member) for member in read_folder(exported)]
    assert "\n" not in str(error.value)


def test_settings_of_another_type_are_one_line(exported: Path) -> None:
    path = exported / "members" / "7" / "config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(settings | {"hidden_size": "many"}), encoding="utf-8")
    with pytest.raises(InputError, match="cannot build the encoder from its configuration") as error:
        read_folder(exported)
    assert "\n" not in str(error.value)


def test_a_folder_that_exists_is_not_written_over(exported: Path, tiny_encoder: str) -> None:
    member = checkpoint(tiny_encoder, 1)
    with pytest.raises(InputError, match="exists already"):
        write_folder([(member, members.build_model(member))], exported)


def test_it_has_the_card_it_is_given(exported: Path, tiny_encoder: str, tmp_path: Path) -> None:
    assert not (exported / "README.md").exists()
    member = checkpoint(tiny_encoder, 1)
    write_folder([(member, members.build_model(member))], tmp_path / "other", "# A card\n")
    assert (tmp_path / "other" / "README.md").read_text(encoding="utf-8") == "# A card\n"
    assert read_folder(tmp_path / "other")[0].preprocessor == read_folder(exported)[0].preprocessor


def test_an_export_without_room_is_one_line_and_leaves_nothing(tiny_encoder: str, tmp_path: Path) -> None:
    member = checkpoint(tiny_encoder, 11)
    model = members.build_model(member)
    with full_disk(100_000), pytest.raises(InputError, match=r"^.*exported: cannot be written \(.*; free the disk"):
        write_folder([(member, model)], tmp_path / "exported")
    assert list(tmp_path.iterdir()) == []


def test_its_settings_name_no_folder_of_the_machine(tiny_encoder: str, tmp_path: Path) -> None:
    member = checkpoint(tiny_encoder, 7)
    corpus = {"class_path": "ner.corpora.FileCorpus", "init_args": {"train": "/home/me/train.json", "dev": ["~/dev"]}}
    config = {"data": {"corpus": corpus}, "model": {"encoder": "/home/me/encoder"}}
    member = replace(member, config=config)
    write_folder([(member, members.build_model(member))], tmp_path / "out")
    text = (tmp_path / "out" / "settings.json").read_text(encoding="utf-8")
    assert "/home" not in text
    assert "~" not in text
    assert json.loads(text)["config"]["data"]["corpus"]["init_args"] == {"train": "train.json", "dev": ["dev"]}
