"""What strangers hand over runs nothing, opens nothing of theirs, and ends in one line: see docs/safety.md."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from main import main
from tests.hostile import checkpoints, exports
from tests.hostile.campaign import SECONDS, WARM_UP

REPOSITORY = Path(__file__).parents[2]
TEXTS = REPOSITORY / "ner" / "corpora" / "sample_data" / "test.json"
PROCESSES = 2
CHECKPOINTS = {
    "refused": checkpoints.REFUSED,
    "ignored": checkpoints.IGNORED,
    "unnamed": checkpoints.UNNAMED,
}
EXPORTS = {"all": exports.REFUSED, "torch": exports.TORCH, "onnx": exports.ONNX}

Outcome = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, quickstart: Path) -> Path:
    """A folder with a good checkpoint and export, modules that leave a mark when they are imported, and a canary."""
    folder = tmp_path_factory.mktemp("hostile")
    shutil.copy(quickstart / "checkpoints" / "quickstart" / "seed=42" / "best.ckpt", folder / "good.ckpt")
    (folder / "canary").mkdir()
    for name in ("secret", "texts.json", "corpus.yaml"):
        (folder / "canary" / name).write_text("{}", encoding="utf-8")
    for name in ("evil_corpus", "evil_chunking"):
        (folder / f"{name}.py").write_text(f"open({str(folder / 'mark')!r}, 'w')\n", encoding="utf-8")
    arguments = ["--checkpoints", str(folder / "good.ckpt"), "--output", str(folder / "good"), "--onnx"]
    assert main(["export", *arguments]) == 0
    return folder


@pytest.fixture(scope="module")
def outcomes(folder: Path) -> dict[str, list[Outcome]]:
    """What each case does, by its name, in every way in; the good files come first in each process."""
    cases = {"good checkpoint": folder / "good.ckpt", "good export": folder / "good"}
    cases |= written(folder) | copied(folder) | checkpoints.write_broken(folder / "good.ckpt", folder)
    lines = [json.dumps({"name": name, "path": str(path), "has_graphs": path.is_dir()}) for name, path in cases.items()]
    first, lines = lines[:WARM_UP], lines[WARM_UP:]
    (folder / "temporary").mkdir()
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY}:{folder}", "HF_HUB_OFFLINE": "0", "OMP_NUM_THREADS": "1"}
    environment["TMPDIR"] = str(folder / "temporary")
    environment.pop("GUTBRAINIE_ROOT", None)
    command = [sys.executable, "-m", "tests.hostile.campaign", str(folder), str(TEXTS)]
    running = [
        subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(PROCESSES)
    ]
    by_name: dict[str, list[Outcome]] = {}
    inputs = ["\n".join([*first, *lines[number::PROCESSES]]) for number in range(PROCESSES)]
    for process, text in zip(running, inputs, strict=True):
        assert process.stdin is not None
        process.stdin.write(text)
        process.stdin.close()
        process.stdin = None
    for process in running:
        found, errors = process.communicate()
        assert process.returncode == 0, errors
        for line in found.splitlines():
            outcome = json.loads(line)
            by_name.setdefault(outcome["name"], []).append(outcome)
    assert by_name.keys() == cases.keys()
    return by_name


def check(
    outcomes: Mapping[str, Sequence[Outcome]], codes: Mapping[str, int], others: int = 0, limit: float = SECONDS + 1
) -> None:
    """Check that all is as promised: the exit code by way in, at most one line, in time, and nothing noted."""
    found = []
    for name, all_ways in outcomes.items():
        for outcome in all_ways:
            lines = [line for line in outcome["errors"].splitlines() if "toy" not in line]
            is_one_line = len(lines) == 1 and lines[0].startswith("error: ") and len(lines[0]) < 1000
            expected = codes.get(outcome["way"], others)
            is_right = outcome["code"] == expected and is_one_line == (expected == 2)
            if not is_right or outcome["noted"] or outcome["seconds"] > limit:
                found.append(f"{name}, {outcome['way']}: {outcome}"[:700])
    assert not found, "\n".join(found)


def written(folder: Path) -> dict[str, Path]:
    paths = {}
    for kind, changes in CHECKPOINTS.items():
        for number, (name, change) in enumerate(changes.items()):
            path = paths[f"{kind}: {name}"] = folder / f"{kind}-{number}.ckpt"
            checkpoints.write(folder / "good.ckpt", change, str(folder / "canary"), path)
    return paths


def copied(folder: Path) -> dict[str, Path]:
    paths = {}
    for kind, changes in EXPORTS.items():
        for number, (name, change) in enumerate(changes.items()):
            path = paths[f"{kind}: {name}"] = folder / f"{kind}-{number}"
            shutil.copytree(folder / "good", path)
            change(path, str(folder / "canary"))
    return paths


def of(kind: str, outcomes: Mapping[str, list[Outcome]]) -> dict[str, list[Outcome]]:
    found = {name: each for name, each in outcomes.items() if name.startswith(f"{kind}")}
    assert found
    return found


def test_there_are_as_many_cases_as_promised(folder: Path, tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "safety.md").read_text(encoding="utf-8")
    promised = re.findall(r"^\| (?:checkpoints|exported folders)[^|]*\| (\d+) \|", page, re.MULTILINE)
    broken = checkpoints.write_broken(folder / "good.ckpt", tmp_path)
    counts = [len(checkpoints.REFUSED) + len(broken), len(checkpoints.IGNORED), len(checkpoints.UNNAMED)]
    assert [int(number) for number in promised] == [*counts, sum(map(len, EXPORTS.values()))]


def test_the_good_ones_are_used_in_every_way(outcomes: dict[str, list[Outcome]]) -> None:
    check(of("good", outcomes), {}, limit=math.inf)


def test_a_hostile_checkpoint_is_refused_in_one_line(outcomes: dict[str, list[Outcome]]) -> None:
    check(of("refused", outcomes), {}, others=2)
    check(of("broken", outcomes), {}, others=2)


def test_a_checkpoint_does_not_choose_what_is_read(outcomes: dict[str, list[Outcome]], folder: Path) -> None:
    ignored = of("ignored", outcomes)
    # Their corpus has no folder until the user names one.
    without_root = {name: ignored.pop(name) for name in list(ignored) if "ignored: corpus" in name}
    check(ignored, {})
    check(without_root, {"validate": 2})
    assert len({path.read_bytes() for path in folder.glob("*.out.json")}) == 1


def test_a_corpus_of_its_author_has_to_be_named(outcomes: dict[str, list[Outcome]]) -> None:
    unnamed = of("unnamed", outcomes)
    without_name = dict.fromkeys(("predict", "validate", "pseudo-label"), 2)
    check(unnamed, without_name)
    refusals = [each["errors"] for ways in unnamed.values() for each in ways if each["way"] in without_name]
    assert all("name it, as in --data.corpus" in each for each in refusals)


def test_a_hostile_export_is_refused_in_one_line(outcomes: dict[str, list[Outcome]]) -> None:
    check(of("all", outcomes), {}, others=2)
    check(of("torch", outcomes), {"onnx": 0}, others=2)
    check(of("onnx", outcomes), {"onnx": 2})


def test_no_module_of_theirs_is_imported(outcomes: dict[str, list[Outcome]], folder: Path) -> None:
    assert outcomes
    assert not (folder / "mark").exists()
