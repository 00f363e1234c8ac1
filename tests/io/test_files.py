from pathlib import Path

import pytest

from ner.errors import InputError
from ner.io.files import check_writable, write_text


def test_a_file_appears_whole_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.txt"
    write_text("first", path)
    write_text("zweites μ", path)
    assert path.read_text(encoding="utf-8") == "zweites μ"
    assert list(path.parent.iterdir()) == [path]


def test_a_text_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    write_text("first", path)
    with pytest.raises(InputError, match="half a surrogate pair"):
        write_text("\ud800", path)
    assert path.read_text(encoding="utf-8") == "first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["file/out.txt", "x" * 300])
def test_a_path_that_cannot_be_written_is_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for attempt in (check_writable, lambda path: write_text("text", path)):
        with pytest.raises(InputError, match="cannot be written"):
            attempt(tmp_path / name)


def test_a_folder_or_nothing_is_no_file() -> None:
    with pytest.raises(InputError, match="is a folder"):
        check_writable(Path())
    with pytest.raises(InputError, match="not the name of a file"):
        write_text("text", Path())
