"""The course of a training, read from the logs of a run's seeds."""

from pathlib import Path

import pytest

from ner.errors import InputError
from ner.reports.page.charts import Axis
from ner.reports.page.training import checkpoints_of, folder_of, training_charts


def log(run: Path, seed: int, version: int, text: str) -> None:
    path = run / f"seed={seed}" / "logs" / f"version_{version}" / "metrics.csv"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")


def test_seeds_stand_side_by_side_and_a_resumed_one_goes_on(tmp_path: Path) -> None:
    log(tmp_path, 42, 0, "epoch,step,train/loss\n0,10,3.0\n0,20,2.0\n")
    log(tmp_path, 42, 10, "epoch,step,train/loss\n1,30,1.0\n")
    log(tmp_path, 42, 9, "epoch,step,train/loss\n1,20,2.5\n1,30,5.0\n")
    log(tmp_path, 7, 0, "epoch,step,train/loss,val/micro_f1,lr-AdamW/crf\n0,10,4.0,,\n0,10,,0.5,0.1\n")
    charts = {chart.title: chart for chart in training_charts(tmp_path)}
    assert list(charts) == ["Training loss", "Micro F1 on dev", "Learning rates"]
    assert charts["Training loss"].series == {
        "seed 7": [(10, 4.0)],
        "seed 42": [(10, 3.0), (20, 2.5), (30, 1.0)],
    }
    assert [strip.tip for strip in charts["Training loss"].strips][:2] == [
        "step 10: seed 7 4, seed 42 3",
        "step 20: seed 42 2.5",
    ]


def test_of_a_training_anew_in_the_same_folder_the_one_before_is_not_shown(tmp_path: Path) -> None:
    log(tmp_path, 42, 0, "epoch,step,train/loss\n0,10,3.0\n0,20,2.0\n1,30,1.0\n")
    log(tmp_path, 42, 1, "epoch,step,train/loss,lr-AdamW/crf\n,9,,0.1\n0,12,9.0,\n0,15,8.0,\n")
    log(tmp_path, 42, 2, "epoch,step,train/loss,lr-AdamW/crf\n,24,,0.05\n1,25,7.0,\n")
    loss, rates = training_charts(tmp_path)
    assert loss.series == {"seed 42": [(12, 9.0), (15, 8.0), (25, 7.0)]}
    assert rates.series == {"crf": [(9, 0.1), (24, 0.05)]}


def test_the_folder_of_a_seed_stands_for_that_seed_alone(tmp_path: Path) -> None:
    for seed in (11, 7):
        log(tmp_path, seed, 0, "epoch,step,train/loss\n0,10,3.0\n")
        (tmp_path / f"seed={seed}" / "best.ckpt").touch()
    [chart] = training_charts(tmp_path / "seed=11")
    assert list(chart.series) == ["seed 11"]
    assert checkpoints_of(tmp_path / "seed=11") == [tmp_path / "seed=11" / "best.ckpt"]
    assert checkpoints_of(tmp_path) == [tmp_path / f"seed={seed}" / "best.ckpt" for seed in (7, 11)]
    assert folder_of(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_the_loss_of_a_training_that_diverged_is_no_point(tmp_path: Path, value: str) -> None:
    log(tmp_path, 42, 0, f"epoch,step,train/loss,val/loss\n0,10,3.0,\n0,20,{value},\n0,20,,{value}\n")
    [chart] = training_charts(tmp_path)
    assert chart.series == {"seed 42": [(10, 3.0)]}
    assert chart.y.ticks()


@pytest.mark.parametrize("text", ["epoch,train/loss\n0,1\n", "step,train/loss\n0,x\n", "step,train/loss\n,1\n"])
def test_another_file_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    log(tmp_path, 42, 0, text)
    with pytest.raises(InputError, match=r"metrics\.csv: not a CSV log of a training"):
        training_charts(tmp_path)


def test_a_run_without_logs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"checkpoints/toy: no seed=\*/logs"):
        training_charts(folder_of("toy"))


@pytest.mark.parametrize(
    ("axis", "ticks"),
    [
        (Axis(0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (Axis(3, 3.5), [3, 3.1, 3.2, 3.3, 3.4, 3.5]),
        (Axis(0, 12345), [0, 5000, 10000]),
        (Axis(1e-6, 1e-3, is_log=True), [1e-6, 1e-5, 1e-4, 1e-3]),
    ],
)
def test_ticks_are_round(axis: Axis, ticks: list[float]) -> None:
    assert axis.ticks() == pytest.approx(ticks)
