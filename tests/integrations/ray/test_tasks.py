"""Calls on a Ray of this machine: each in its process, made again where it is lost, ended with the loop."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import ray

from ner.errors import InputError
from ner.integrations.ray.tasks import Outcome, _share, call_each


@pytest.fixture(scope="module", autouse=True)
def four_cores() -> Iterator[None]:
    ray.init(include_dashboard=False, num_cpus=4, object_store_memory=10**8, log_to_driver=False)
    yield
    ray.shutdown()


def test_calls_share_the_cores_and_each_has_one_at_least() -> None:
    assert [_share(calls) for calls in (1, 2, 3, 9)] == [(4, 0), (2, 0), (1, 0), (1, 0)]


def test_each_call_has_a_process_of_its_own_in_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def report(value: int) -> None:
        sys.stdout.write(f"{value} {os.getpid()} {Path.cwd()}")

    outcomes = dict(call_each(report, [7, 8]))
    assert not any(outcome.mistake for outcome in outcomes.values())
    found = {value: outcome.printed.split() for value, outcome in outcomes.items()}
    assert [(words[0], words[2]) for _, words in sorted(found.items())] == [("7", str(tmp_path)), ("8", str(tmp_path))]
    assert len({words[1] for words in found.values()} | {str(os.getpid())}) == 3


def test_a_mistake_belongs_to_its_call_alone() -> None:
    def choose(value: int) -> None:
        sys.stdout.write(f"chosen {value}")
        if value == 1:
            raise InputError("not one; choose another")

    assert dict(call_each(choose, [1, 2])) == {
        1: Outcome("chosen 1", "not one; choose another"),
        2: Outcome("chosen 2", ""),
    }


def test_another_error_is_raised_as_it_is() -> None:
    def fail(value: int) -> None:
        raise LookupError(value)

    with pytest.raises(LookupError, match="3"):
        list(call_each(fail, [3]))


def test_a_call_whose_process_is_killed_is_made_again(tmp_path: Path) -> None:
    def kill_once(value: int) -> None:
        marker = tmp_path / str(value)
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        sys.stdout.write("made again")

    assert list(call_each(kill_once, [5])) == [(5, Outcome("made again", ""))]


def test_what_still_runs_ends_with_the_loop(tmp_path: Path) -> None:
    def stay(value: int) -> None:
        if value:
            (tmp_path / "pid").write_text(str(os.getpid()))
            time.sleep(600)
        while not (tmp_path / "pid").exists():
            time.sleep(0.05)

    for value, _ in call_each(stay, [0, 1]):
        assert value == 0
        break
    process = int((tmp_path / "pid").read_text())
    until = time.monotonic() + 60
    with suppress(ProcessLookupError):
        while time.monotonic() < until:
            os.kill(process, 0)
            time.sleep(0.1)
        pytest.fail("the process is still there")


def test_a_folder_that_a_node_lacks_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.setattr(Path, "cwd", lambda: gone)
    gone.rmdir()
    [(_, outcome)] = call_each(print, [1])
    assert f"{gone}: No such file or directory; start fit-seeds in a folder that all nodes" in outcome.mistake
