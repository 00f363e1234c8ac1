"""Interrupted commands: the same command again gives what an undisturbed run gives (docs/faults.md)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.commands import COMMANDS
from tests.faults.harness import SIGNALS, Undisturbed, faults

TRIES = 20


@pytest.mark.faults
@pytest.mark.parametrize("kind", SIGNALS)
@pytest.mark.parametrize("verb", COMMANDS)
def test_the_same_command_again_gives_what_an_undisturbed_run_gives(
    verb: str, kind: str, undisturbed: Callable[[str], Undisturbed], tmp_path: Path
) -> None:
    assert faults(undisturbed(verb), kind, TRIES, tmp_path / verb) == []


@pytest.mark.parametrize(
    ("verb", "kind"),
    [
        ("fit", "SIGKILL"),
        ("predict", "SIGTERM"),
        ("fetch-pubmed", "SIGINT twice"),
        ("convert", "SIGINT twice"),
        ("export", "SIGTERM"),
    ],
)
def test_one_moment_of_a_command(
    verb: str, kind: str, undisturbed: Callable[[str], Undisturbed], tmp_path: Path
) -> None:
    assert faults(undisturbed(verb), kind, 1, tmp_path / verb) == []
