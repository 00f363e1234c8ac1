import os
from pathlib import Path

import pytest

from ner.checkpoints import ensemble, runs
from ner.checkpoints.runs import check_resumable, differing_keys, evaluated, find, newest, seed_folder
from ner.errors import InputError


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Best checkpoints of three seeds of two runs, the last of them the oldest."""
    monkeypatch.chdir(tmp_path)
    paths = [seed_folder(run, seed) / "best.ckpt" for run, seed in (("a", 7), ("a", 11), ("b*", 7))]
    for age, path in enumerate(paths):
        path.parent.mkdir(parents=True)
        path.touch()
        os.utime(path, (100 - age, 100 - age))
    return paths


def test_the_newest_is_that_of_the_run_and_seed_that_are_named(trained: list[Path]) -> None:
    assert newest() == trained[0]
    assert newest("best", "a", 11) == trained[1]
    assert newest("best", "b*") == trained[2]
    with pytest.raises(InputError, match=r"no checkpoint at checkpoints/c/seed=\*/best\.ckpt; train one with `fit`"):
        newest("best", "c")


def test_seeds_are_found_in_the_order_of_their_numbers_each_once(trained: list[Path]) -> None:
    assert find("checkpoints/a/seed=*/best.ckpt") == trained[:2]
    assert find([str(trained[1]), "checkpoints/a/*/best.ckpt"]) == [trained[1], trained[0]]
    assert find(str(trained[2])) == [trained[2]]
    for patterns, message in (("no/*.ckpt", "no/.*: no checkpoint matches"), ([], "none is named")):
        with pytest.raises(InputError, match=message):
            find(patterns)


def test_only_settings_that_decide_the_outcome_are_compared() -> None:
    saved = {"seed_everything": 1, "data": {"markers": True, "num_workers": 2}, "trainer": {"max_epochs": 3}}
    assert differing_keys(saved, {**saved, "data": {"markers": True, "num_workers": 0}, "run": "other"}) == []
    trial = {**saved, "trainer": {"max_epochs": 3, "overfit_batches": 4}}
    assert differing_keys(saved, trial) == ["trainer.overfit_batches"]
    own = {"seed_everything": 1, "data": {"markers": False}, "trainer": {"max_epochs": 4}}
    assert differing_keys(saved, own) == ["data.markers", "trainer.max_epochs"]
    with pytest.raises(InputError, match=r"a\.ckpt: was trained with another data\.markers, trainer\.max_epochs;"):
        check_resumable("a.ckpt", saved, own)
    check_resumable("a.ckpt", {}, own)


def test_seeds_are_found_in_their_numeric_order(tmp_path: Path) -> None:
    for seed in (11, 7, 100):
        (tmp_path / f"seed={seed}").mkdir()
        (tmp_path / f"seed={seed}" / "best.ckpt").touch()
    found = find([str(tmp_path / "seed=*" / "best.ckpt"), str(tmp_path / "seed=7" / "best.ckpt")])
    assert [path.parent.name for path in found] == ["seed=7", "seed=11", "seed=100"]


def test_a_checkpoint_counts_once_whatever_leads_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in (1, 2):
        (tmp_path / f"seed={seed}").mkdir()
        (tmp_path / f"seed={seed}" / "best.ckpt").touch()
    (tmp_path / "link").symlink_to(tmp_path / "seed=1")
    found = find(["seed=1/best.ckpt", f"{tmp_path}/seed=*/best.ckpt", "link/best.ckpt"])
    assert found == [Path("seed=1/best.ckpt"), tmp_path / "seed=2" / "best.ckpt"]


def test_the_last_epoch_is_found_where_no_best_one_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    last = seed_folder("a", 1) / "last.ckpt"
    last.parent.mkdir(parents=True)
    last.touch()
    assert evaluated("a", None, "last", None) == [last]


@pytest.mark.parametrize("path", ["~nobody-of-this-name/best.ckpt", f"{'a' * 300}.ckpt", f"{'a' * 300}/b.ckpt"])
def test_a_path_that_is_none_is_refused_in_one_line(path: str) -> None:
    with pytest.raises(InputError, match="no such checkpoint"):
        ensemble.read(evaluated(None, None, path, None))
    with pytest.raises(InputError, match="no such checkpoint"):
        ensemble.read(runs.trained(Path(path)))
