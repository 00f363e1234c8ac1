"""Journals: what they take over, what they refuse, and what survives."""

import errno
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from ner.errors import InputError
from ner.io.journal import Journal, Settings

SETTINGS: Settings = {"input": "a", "labels": ["x", "y"]}


def write(path: Path, *records: object, settings: Settings = SETTINGS) -> list[object]:
    """Append records as a run does, and return those that were there."""
    found: list[object] = []
    with Journal(path, found.append) as journal:
        journal.open(settings)
        journal.write(records)
    return found


def test_records_are_taken_over_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    assert write(path, 1, {"text": "a\u2028b\n"}) == []
    assert write(path, [2]) == [1, {"text": "a\u2028b\n"}]
    assert write(path) == [1, {"text": "a\u2028b\n"}, [2]]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("length", range(1, 60))
def test_an_unfinished_line_is_written_again(tmp_path: Path, length: int) -> None:
    path = tmp_path / "journal"
    write(path, "first", "second")
    whole = path.read_bytes()
    path.write_bytes(whole[:-length])
    found = write(path, settings=SETTINGS)
    write(path, *["first", "second"][len(found) :])
    assert path.read_bytes() == whole


def test_other_settings_are_refused_by_name_and_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    write(path, "first")
    with path.open("ab") as file:
        file.write(b'"unfinished')
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"journal: was started with another input, scores; delete it to start over"):
        write(path, settings={"input": "b", "labels": ["x", "y"], "scores": True})
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", ["notes", "notes\n", '{"query": "x"}\n', '{"settings": 1}\n', "\x00\n"])
def test_the_file_of_somebody_else_is_refused_and_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "journal"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"journal: not the journal of an interrupted run; delete it to start over"):
        write(path)
    assert path.read_text(encoding="utf-8") == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_record_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    write(path, 1, "two", 3)
    with pytest.raises(InputError, match=r"journal: line 3 is damaged; delete it"):
        Journal(path, {1: "one", 3: "three"}.__getitem__)  # type: ignore[arg-type]
    path.write_bytes(path.read_bytes().replace(b'"two"', b'"two'))
    with pytest.raises(InputError, match=r"journal: line 3 is damaged; delete it"):
        write(path)


def test_one_process_at_a_time_holds_a_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal", print), pytest.raises(InputError, match="another process is writing it"):
        write(tmp_path / "journal")
    assert write(tmp_path / "journal") == []


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_journal_that_was_deleted_is_noticed(tmp_path: Path, is_replaced: bool) -> None:
    path = tmp_path / "journal"
    with Journal(path, print) as journal:
        journal.open(SETTINGS)
        journal.write([1])
        path.unlink()
        if is_replaced:
            path.touch()
        with pytest.raises(InputError, match=r"journal: was deleted while it was written; run the same command again"):
            journal.write([2])


def test_a_journal_that_is_removed_leaves_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal", print) as journal:
        journal.open(SETTINGS)
        journal.remove()
        assert list(tmp_path.iterdir()) == []


def patch_open(monkeypatch: pytest.MonkeyPatch, opened: Callable[[Path], FileIO]) -> None:
    monkeypatch.setattr(Path, "open", lambda path, *_, **__: opened(path))


def test_records_that_the_disk_takes_in_parts_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Reluctant(FileIO):
        def write(self, content: Any) -> int:  # noqa: ANN401 - any buffer
            return super().write(content[:7])

    with Journal(tmp_path / "journal", print) as journal, monkeypatch.context() as patched:
        patch_open(patched, lambda path: Reluctant(path, "ab"))
        journal.open(SETTINGS)
        journal.write(["a long record"] * 3)
    assert write(tmp_path / "journal") == ["a long record"] * 3


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(FileIO):
        def write(self, content: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    with Journal(tmp_path / "journal", print) as journal:
        patch_open(monkeypatch, lambda path: Full(path, "ab"))
        with pytest.raises(InputError, match=r"journal: cannot be written \(No space left on device\); free the disk"):
            journal.open(SETTINGS)


def test_a_folder_is_not_a_journal(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    with pytest.raises(InputError, match=r"journal: cannot be read \(Is a directory\); choose another path"):
        write(tmp_path / "journal")
    assert [path.name for path in tmp_path.iterdir()] == ["journal"]
