"""Checkpoints open without running code, and damaged or foreign ones are one line."""

import json
import tracemalloc
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pytest
import torch
import yaml

from main import main
from ner.checkpoints.checkpoint import BestEpoch, read_checkpoint
from ner.corpora.sample import Sample
from ner.errors import InputError
from ner.preprocessing.preprocessor import Preprocessor


def test_a_checkpoint_loads_safely_and_holds_plain_types(best: Path) -> None:
    checkpoint = torch.load(best, weights_only=True)
    assert checkpoint["hyper_parameters"]["labels"] == list(Sample.labels)
    assert checkpoint["hyper_parameters"]["encoder_config"]["model_type"] == "bert"
    assert json.loads(checkpoint["NERDataModule"]["tokenizer"])["model"]["type"] == "WordPiece"
    assert yaml.safe_load(checkpoint["config"])["trainer"]["max_epochs"] == 4


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"state_dict": {}}, "its weights are not those of its configuration"),
        ({"state_dict": [1]}, "a damaged checkpoint"),
        ({"hyper_parameters": [1]}, "a damaged checkpoint"),
        ({"hyper_parameters": {"labels": list(Sample.labels), "encoder_config": {}}}, "cannot build the encoder"),
        ({"config": "a: b: c"}, "a damaged checkpoint"),
        ({"NERDataModule": {"tokenizer": "{"}}, "the tokenizer's JSON is damaged"),
        ({"NERDataModule": {"chunking": {"class_path": "no.Where", "init_args": {}}}}, "no.Where"),
        ({"NERDataModule": {"letters": 3}}, "does not know: letters"),
    ],
)
def test_a_checkpoint_with_damaged_insides_is_one_line(
    best: Path, capsys: pytest.CaptureFixture[str], damage: dict[str, object], message: str
) -> None:
    checkpoint = torch.load(best, weights_only=True)
    for key, value in damage.items():
        is_update = key == "NERDataModule" and isinstance(value, dict)
        checkpoint[key] = {**checkpoint[key], **value} if is_update else value
    torch.save(checkpoint, best)
    assert main(["predict", "--ckpt_path", best.name]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert [line[:7] for line in printed.splitlines() if "toy" not in line] == ["error: "]


def test_a_small_file_takes_no_large_memory(best: Path, tmp_path: Path) -> None:
    class Large:
        def __reduce__(self) -> tuple[object, ...]:
            return bytearray, (1 << 29,)

    torch.save({**torch.load(best, weights_only=True), "more": Large()}, tmp_path / "large.ckpt")
    with ZipFile(tmp_path / "large.ckpt") as stored:
        others = {
            "packed": [("archive/data.pkl", bytes(1 << 29), ZIP_DEFLATED)],
            "upper": [
                (part.replace("data.pkl", "DATA.PKL"), stored.read(part), ZIP_STORED) for part in stored.namelist()
            ],
        }
    for name, parts in others.items():
        with ZipFile(tmp_path / f"{name}.ckpt", "w") as archive:
            for part, content, compression in parts:
                archive.writestr(part, content, compression)
    del others
    tracemalloc.start()
    try:
        for name in ("large", "packed", "upper"):
            with pytest.raises(InputError, match=rf"{name}\.ckpt: not a checkpoint"):
                read_checkpoint(tmp_path / f"{name}.ckpt")
        assert tracemalloc.get_traced_memory()[1] < 1 << 28
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("content", [{}, {"state_dict": {}}, [1, 2]])
def test_a_foreign_checkpoint_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: object) -> None:
    torch.save(content, tmp_path / "foreign.ckpt")
    assert main(["predict", "--ckpt_path", str(tmp_path / "foreign.ckpt")]) == 2
    assert "not a checkpoint of this project" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"epoch": 2, "micro": [0.8, 0.7, 0.75], "macro": [0.6, 0.5, 0.55]}, BestEpoch(3, 0.75, 0.55)),
        ({"epoch": 2, "micro": [0.8], "macro": []}, None),
        ({"epoch": "many", "micro": [0, 0, 0], "macro": [0, 0, 0]}, None),
        ({}, None),
        (7, None),
    ],
)
def test_a_checkpoint_tells_its_best_epoch(
    preprocessor: Preprocessor, tmp_path: Path, state: object, expected: BestEpoch | None
) -> None:
    content = {
        "hyper_parameters": {"labels": ["gene"], "encoder_config": {}},
        "NERDataModule": preprocessor.to_dict(),
        "state_dict": {},
    }
    content["callbacks"] = {"ScoreReport": state}
    torch.save(content, tmp_path / "best.ckpt")
    assert read_checkpoint(tmp_path / "best.ckpt").best_epoch == expected


@pytest.mark.parametrize(
    "damaged",
    [
        {"loops": torch.zeros(2)},
        {"loops": {"fit_loop": []}},
        {"loops": None},
        {"optimizer_states": torch.zeros(2)},
        {"optimizer_states": []},
    ],
)
def test_a_checkpoint_whose_progress_is_unreadable_is_read_but_not_resumed(
    best: Path, tmp_path: Path, damaged: dict[str, object]
) -> None:
    sound = read_checkpoint(best)
    assert sound.is_whole_epoch
    assert sound.has_optimizer
    torch.save({**torch.load(best, weights_only=True), **damaged}, tmp_path / "damaged.ckpt")
    found = read_checkpoint(tmp_path / "damaged.ckpt")
    assert not (found.is_whole_epoch and found.has_optimizer)
