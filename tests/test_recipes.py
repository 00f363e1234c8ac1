"""The commands of docs/recipes.md are taken as they stand: options, configurations, and the order in which they need
each other."""

import re
import shlex
from pathlib import Path

import pytest

from main import VERBS, main

REPOSITORY = Path(__file__).parent.parent
RECIPES = (REPOSITORY / "docs" / "recipes.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"^```console\n(.*?)^```$", RECIPES, re.M | re.S) for line in block.splitlines()
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_understood(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(REPOSITORY)
    python, program, verb, *arguments = shlex.split(command)
    assert (python, program) == ("python", "main.py")
    if verb in ("fit", "fit-seeds", "predict"):
        with pytest.raises(SystemExit) as stop:
            main([verb, *arguments, "--print_config"])
        assert stop.value.code == 0
        assert "max_epochs" in capsys.readouterr().out
        return
    assert verb in VERBS
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    known = capsys.readouterr().out
    assert all(f"  {argument} " in known or f"[{argument} " in known for argument in arguments if argument[:2] == "--")


def test_every_run_of_a_recipe_was_trained_by_an_earlier_command() -> None:
    trained: set[str] = set()
    for command in COMMANDS:
        arguments = shlex.split(command)
        needed = re.findall(r"checkpoints/(\w+)/", command)
        run = arguments[arguments.index("--run") + 1] if "--run" in arguments else ""
        if arguments[2] == "predict":
            needed.append(run)
        assert trained >= set(needed), command
        if arguments[2] in ("fit", "fit-seeds"):
            trained.add(run)


@pytest.mark.parametrize("path", re.findall(r"configs/\S+\.yaml", RECIPES))
def test_every_configuration_of_a_recipe_is_there(path: str) -> None:
    assert (REPOSITORY / path).is_file()
