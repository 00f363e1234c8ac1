"""A student of trained models, on the sample."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from main import main
from ner.checkpoints import ensemble
from ner.checkpoints.checkpoint import read_checkpoint
from ner.corpora import Sample
from ner.errors import InputError
from ner.labels import LabelSet
from ner.nn.crf import ILLEGAL
from ner.nn.divergence import divergence
from ner.preprocessing.collate import collate
from ner.training.callbacks.distillation import Distillation

REPOSITORY = Path(__file__).parents[3]
RUN = "checkpoints/quickstart"
COMMAND = ["fit", "--config", str(REPOSITORY / "configs" / "quickstart.yaml"), "--trainer.accelerator", "cpu"]
COMMAND += ["--trainer.enable_progress_bar", "false", "--trainer.max_epochs", "4"]


@pytest.fixture
def folder(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder with seeds 11 and 42 of the quickstart, after four epochs."""
    monkeypatch.chdir(trained)
    return trained


def apart(student: Path, teacher: Path) -> float:
    """The divergence of a checkpoint's tag paths from another one's on dev, a unit."""
    members = [read_checkpoint(path) for path in (student, teacher)]
    one, other = (ensemble.build_model(member) for member in members)
    preprocessor = members[0].preprocessor
    batch = collate(preprocessor.encode(Sample().read("dev")), preprocessor)
    inputs = (batch.input_ids, batch.attention_mask, batch.rows, batch.positions)
    with torch.no_grad():
        found = divergence(one.crf, one(*inputs), other.crf, other(*inputs), batch.mask)
    return found.item() / int(batch.mask.sum())


@pytest.mark.parametrize("weight", [0.0, -1.0, 1.5, float("nan")])
def test_the_weight_is_a_share(weight: float) -> None:
    with pytest.raises(InputError, match=r"distillation\.weight is .*; it should be a number above 0 and at most 1"):
        Distillation([], weight)


def test_a_student_comes_closer_to_its_teacher_and_needs_it_no_more(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = folder / RUN / "seed=11" / "last.ckpt"
    arguments = ["--run", "student", "--teacher", str(teacher), "--distillation.weight", "0.9"]
    assert main([*COMMAND, *arguments]) == 0
    assert f"teacher of 1 reads 96 texts: {teacher}" in capsys.readouterr().out
    student, alone = (folder / "checkpoints" / run / "seed=42" / "last.ckpt" for run in ("student", "quickstart"))
    assert apart(student, teacher) < 0.7 * apart(alone, teacher)
    assert read_checkpoint(student).model.keys() == read_checkpoint(alone).model.keys()
    assert read_checkpoint(student).read_weights().keys() == read_checkpoint(alone).read_weights().keys()
    shutil.copy(student, tmp_path / "moved.ckpt")
    monkeypatch.chdir(tmp_path)
    assert main(["validate", "--ckpt_path", "moved.ckpt"]) == 0


def test_texts_without_annotation_are_read_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["--distillation.texts", str(REPOSITORY / "ner" / "corpora" / "sample_data" / "test.json")]
    short = ["--run", "more", "--trainer.max_steps", "1", "--trainer.limit_val_batches", "1"]
    assert main([*COMMAND, *short, *texts, "--teacher", f"{RUN}/seed=*/last.ckpt"]) == 0
    count = sum(len(document.passages) for split in ("train", "test") for document in Sample().read(split))
    assert f"teacher of 2 reads {count} texts: {RUN}/seed=11/last.ckpt, " in capsys.readouterr().out


def test_a_student_that_cannot_take_illegal_paths_learns_of_legal_ones_in_bf16(folder: Path) -> None:
    short = ["--run", "legal", "--trainer.max_steps", "2", "--trainer.precision", "bf16-mixed"]
    assert main([*COMMAND, *short, "--model.bio_constraints", "true", "--teacher", f"{RUN}/seed=11/last.ckpt"]) == 0
    student = read_checkpoint(folder / "checkpoints" / "legal" / "seed=42" / "last.ckpt")
    weights = student.read_weights()
    assert all(tensor.isfinite().all() for tensor in weights.values())
    illegal = ~np.array(LabelSet(student.labels).legal_transitions())
    assert (weights["model.crf.transitions"].numpy()[illegal] == ILLEGAL).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--run", "quickstart"], "seed=42/last.ckpt: lies where this run would write"),
        (["--run", "other", "--data.markers", "false"], "and the data do not fit together: they differ in markers"),
        (["--run", "other", "--data.units", "words"], "and the data do not fit together: they differ in units"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    before = sorted(folder.rglob("*.ckpt"))
    assert main([*COMMAND, "--teacher", f"{RUN}/seed=*/last.ckpt", *arguments]) == 2
    [error] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert message in error
    assert sorted(folder.rglob("*.ckpt")) == before


def test_a_training_goes_on_with_the_teacher_that_it_began_with(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = Path(shutil.copy(folder / RUN / "seed=11" / "last.ckpt", tmp_path / "teacher.ckpt"))
    own = ["--run", "resumed", "--teacher", str(teacher), "--trainer.limit_train_batches", "1"]
    assert main([*COMMAND, *own]) == 0
    shutil.copy(folder / RUN / "seed=42" / "last.ckpt", teacher)
    assert main([*COMMAND, *own, "--ckpt_path", "last"]) == 2
    assert f"{teacher}: not the teacher that this training began with" in capsys.readouterr().err
