"""One process at a time writes an output."""

from pathlib import Path

import pytest

from ner.errors import InputError
from ner.io.lock import OutputLock


def test_an_output_is_held_once_and_free_afterwards(tmp_path: Path) -> None:
    output = tmp_path / "new" / "output"
    with OutputLock(output):
        with pytest.raises(InputError, match=r"output: another process is writing it; wait until it has finished"):
            OutputLock(output).acquire()
        with OutputLock(tmp_path / "another"):
            pass
    with OutputLock(output):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_leaves_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "output.lock").touch()
    with OutputLock(tmp_path / "output"):
        pass


def test_a_lock_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/output: cannot be written \(File exists\); choose another path"):
        OutputLock(tmp_path / "file" / "output").acquire()
