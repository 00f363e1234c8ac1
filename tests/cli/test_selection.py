"""What a command line and its configurations say of the run, before the rest is parsed."""

from pathlib import Path

import pytest

from ner.checkpoints import runs
from ner.cli.selection import read_selection, with_named_checkpoints
from ner.errors import InputError


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "first.yaml"
    path.write_text("run: named\npredictions: {path: a.json}\nckpt_path: best\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the selections of a test ask the runs for; nothing is there."""
    asked: list[object] = []

    def find(patterns: object) -> list[Path]:
        asked.append(patterns)
        return []

    def newest(name: str, run: str | None, seed: str | None) -> Path:
        asked.append((run, seed))
        return Path(f"checkpoints/newest/seed=[1]/{name}.ckpt")

    monkeypatch.setattr(runs, "find", find)
    monkeypatch.setattr(runs, "newest", newest)
    return asked


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ([], "a.json"),
        (["--predictions.path", "b.json"], "b.json"),
        (["--predictions.path=b.json"], "b.json"),
        (["--predictions", "{path: b.json}"], "b.json"),
        (["--predictions.path", "b.json", "--predictions.path", "c.json"], "c.json"),
        (["--predictions.paths", "b.json"], "a.json"),
    ],
)
def test_the_last_that_is_said_of_a_setting_holds(arguments: list[str], path: str, config: str) -> None:
    assert read_selection(["--config", config, *arguments]).said["predictions.path"] == path


@pytest.mark.parametrize("form", [["--config", "{}"], ["--config={}"], ["-c", "{}"]])
def test_a_configuration_after_an_option_overrides_it(form: list[str], config: str) -> None:
    selection = read_selection(["--ckpt_path", "last", *(part.format(config) for part in form)])
    assert selection.said["ckpt_path"] == "best"


def test_an_option_counts_as_given_whole_or_in_part(config: str) -> None:
    assert read_selection(["--data.window_tokens=9"]).has_option("data.window_tokens")
    assert read_selection(["--data.corpus.root", "x"]).has_option("data.corpus")
    assert read_selection(["--data", "{corpus: Sample}"]).has_option("data.corpus")
    assert not read_selection(["--data.window", "9"]).has_option("data.window_tokens")
    assert not read_selection(["--config", config]).has_option("ckpt_path")


def test_a_run_is_named_by_its_key_or_its_last_configuration(config: str, tmp_path: Path) -> None:
    plain = tmp_path / "plain.yaml"
    plain.write_text("model: {}\n", encoding="utf-8")
    assert read_selection(["--config", config, "--config", str(plain)]).run == "named"
    assert read_selection(["--config", str(plain)]).run == "plain"
    assert read_selection(["--config", config, "--run", "x", "--run", "007"]).run == "007"
    assert read_selection(["--config", "quickstart"]).run == "quickstart"
    assert read_selection([]).run is None


def test_a_training_resumes_from_the_checkpoint_of_its_own_run_and_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments, path in (
        (["--ckpt_path", "last"], "checkpoints/quickstart/seed=42/last.ckpt"),
        (["--ckpt_path", "best", "--seed_everything", "7", "--run", "x"], "checkpoints/x/seed=7/best.ckpt"),
        (["--ckpt_path", "other.ckpt"], "other.ckpt"),
    ):
        with pytest.raises(InputError, match=f"^{path}: no such checkpoint"):
            with_named_checkpoints(read_selection(["--config", "quickstart", *arguments]), is_fit=True)
    assert (
        with_named_checkpoints(read_selection(["--config", "quickstart", "--ckpt_path", "null"]), is_fit=True).members
        == ()
    )


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([], [(None, None), "checkpoints/newest/seed=*/best.ckpt"]),
        (["--config", "quickstart"], [("quickstart", None), "checkpoints/newest/seed=*/best.ckpt"]),
        (["--run", "x", "--ensemble.checkpoints", "['a/*', b]"], [["a/*", "b"]]),
        (["--ensemble", "{checkpoints: a/*}"], ["a/*"]),
        (["--ckpt_path", "a/seed=*/best.ckpt"], ["a/seed=*/best.ckpt"]),
    ],
)
def test_an_evaluation_uses_what_is_named_or_all_seeds_of_the_newest_run(
    arguments: list[str], asked: list[object], found: list[object]
) -> None:
    with_named_checkpoints(read_selection(arguments), is_fit=False)
    assert found == asked


def test_best_and_last_are_of_the_newest_seed_unless_one_is_asked_for(found: list[object]) -> None:
    for arguments, seed in ((["--ckpt_path", "last"], None), (["--seed_everything", "7", "--ckpt_path=last"], "7")):
        with pytest.raises(InputError, match=r"^checkpoints/newest/seed=\[1\]/last\.ckpt: no such checkpoint"):
            with_named_checkpoints(read_selection(["--run", "x", *arguments]), is_fit=False)
        assert found.pop() == ("x", seed)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--ensemble.checkpoints+", "a.ckpt", "--ensemble.checkpoints+", "b.ckpt"],
        ["--ensemble.checkpoints+=a.ckpt", "--ensemble.checkpoints+=[b.ckpt]"],
        ["--ensemble.checkpoints", "[a.ckpt]", "--ensemble.checkpoints+", "b.ckpt"],
        ["--ensemble", "ensemble.yaml"],
    ],
)
def test_checkpoints_are_found_in_every_way_in_which_they_can_be_named(
    arguments: list[str], found: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ensemble.yaml").write_text("checkpoints: [a.ckpt, b.ckpt]\n", encoding="utf-8")
    selection = read_selection(arguments)
    assert selection.said["ensemble.checkpoints"] == ["a.ckpt", "b.ckpt"]
    assert selection.has_option("ensemble.checkpoints")


def test_a_short_option_may_have_its_value_attached(config: str) -> None:
    for arguments in ([f"-c{config}"], ["-c", config], [f"-c={config}"]):
        assert read_selection(arguments).run == "named"
