"""The workflows run the parts of `.ci/run` and nothing else, so that the two cannot drift."""

import re
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[1]
WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
RUN = str(REPOSITORY / ".ci" / "run")


def commands(workflow: Path) -> Iterator[str]:
    """Yield the commands of the steps of a workflow, for every value of their matrix."""
    for job in yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values():
        matrix = job.get("strategy", {}).get("matrix", {})
        for values in product(*matrix.values()):
            chosen = dict(zip(matrix, values, strict=True))
            for step in job["steps"]:
                assert ("uses" in step) != ("run" in step)
                if "run" in step:
                    yield re.sub(r"\$\{\{ matrix\.(\w+) }}", lambda found, own=chosen: own[found[1]], step["run"])


def parts() -> list[str]:
    return subprocess.run(["bash", RUN, "--list"], capture_output=True, text=True, check=True).stdout.split()


def test_every_step_is_a_part_and_every_part_a_step() -> None:
    called = [command.split() for workflow in WORKFLOWS for command in commands(workflow)]
    assert {words[0] for words in called} == {".ci/run"}
    assert {part for _, *names in called for part in names} == set(parts())


def test_the_tests_run_on_three_systems_and_every_python_that_the_project_states() -> None:
    matrix = yaml.safe_load((WORKFLOWS[-1]).read_text(encoding="utf-8"))["jobs"]["tests"]["strategy"]["matrix"]
    assert {name.partition("-")[0] for name in matrix["system"]} == {"ubuntu", "macos", "windows"}
    stated = re.findall(r"Python :: (3\.\d+)", (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert matrix["python"] == stated


@pytest.mark.parametrize("arguments", [["nothing"], ["lint;ls"]])
def test_a_part_that_is_none_is_refused(arguments: list[str]) -> None:
    finished = subprocess.run(["bash", RUN, *arguments], capture_output=True, text=True, check=False)
    assert finished.returncode == 2
    assert "is no part; there are: " in finished.stderr
