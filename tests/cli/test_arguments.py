from pathlib import Path

import pytest

from ner.cli.arguments import given, is_given, run_name, split_configs
from ner.errors import InputError


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "first.yaml"
    path.write_text("run: named\npredictions: {path: a.json}\nckpt_path: best\n", encoding="utf-8")
    return str(path)


def test_configurations_are_told_from_other_arguments() -> None:
    arguments = ["--config", "a.yaml", "--x", "1", "-c=b.yaml", "--config=c.yaml", "--y"]
    assert split_configs(arguments) == ([Path("a.yaml"), Path("b.yaml"), Path("c.yaml")], ["--x", "1", "--y"])


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ([], "a.json"),
        (["--predictions.path", "b.json"], "b.json"),
        (["--predictions.path=b.json"], "b.json"),
        (["--predictions", "{path: b.json}"], "b.json"),
        (["--predictions.path", "b.json", "--predictions.path", "c.json"], "c.json"),
        (["--predictions", "{"], "a.json"),
        (["--predictions.paths", "b.json"], "a.json"),
    ],
)
def test_the_last_that_is_said_of_a_setting_holds(arguments: list[str], path: str, config: str) -> None:
    assert given(["--config", config, *arguments], "predictions.path") == path


def test_a_configuration_behind_an_option_overrides_it(config: str) -> None:
    assert given(["--ckpt_path", "last", "--config", config], "ckpt_path") == "best"


def test_an_option_counts_as_given_whole_or_in_part() -> None:
    assert is_given(["--data.window_tokens=9"], "data.window_tokens")
    assert is_given(["--data.corpus.root", "x"], "data.corpus")
    assert is_given(["--data", "{}"], "data.corpus")
    assert not is_given(["--data.window", "9"], "data.window_tokens")


def test_a_run_is_named_by_its_key_or_its_last_configuration(config: str, tmp_path: Path) -> None:
    plain = tmp_path / "plain.yaml"
    plain.write_text("model: {}\n", encoding="utf-8")
    assert run_name(["--config", config, "--config", str(plain)]) == "named"
    assert run_name(["--config", str(plain)]) == "plain"
    assert run_name(["--config", config, "--run", "x", "--run", "y"]) == "y"
    assert run_name([]) == "run"


def test_a_broken_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.yaml: cannot be read \(No such file"):
        run_name(["--config", str(tmp_path / "missing.yaml")])
