"""Files that appear whole, through links and into pipes, compressed by their names."""

import gzip
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from ner.errors import InputError
from ner.io.files import _beside, check_apart, check_writable, kept, new_folder, reading, replacing, stem, write_text


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


@pytest.fixture
def loop(tmp_path: Path) -> Path:
    """A path that is a link to itself."""
    path = tmp_path / "loop"
    path.symlink_to(path)
    return path


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe.gz"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("name", ["file/out.txt", "x" * 300, "loop", "loop/out.txt", "a\0b"])
def test_a_path_that_cannot_be_written_is_one_line(name: str, tmp_path: Path, loop: Path) -> None:
    (tmp_path / "file").touch()
    folder = partial(check_writable, is_folder=True)
    for attempt in (check_writable, *[folder] * (name != "loop"), lambda path: write_text("text", path)):
        with pytest.raises(InputError, match=r"cannot be written \(.*\); choose another path"):
            attempt(tmp_path / name)
    assert loop.is_symlink()


@pytest.mark.parametrize("name", ["none", "loop", "a\0b", "folder", "x" * 300])
def test_a_path_that_cannot_be_read_is_one_line(name: str, tmp_path: Path, loop: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"cannot be read \(.*\); check the path"), reading(tmp_path / name):
        pass


@pytest.mark.parametrize("name", ["loop", "a\0b", "x" * 300])
def test_a_path_that_is_none_belongs_to_nothing(name: str, tmp_path: Path, loop: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        check_apart(tmp_path / name, tmp_path / "out", ())
    with pytest.raises(InputError, match="cannot be written"):
        check_apart(tmp_path / "in", tmp_path / name, ())


def test_a_compressed_output_in_the_folder_of_the_input_belongs_to_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="belongs to the input"):
        check_apart(tmp_path, tmp_path / "out.txt.gz", (".txt",))


def test_a_folder_or_nothing_is_no_file() -> None:
    with pytest.raises(InputError, match="is a folder"):
        check_writable(Path())
    with pytest.raises(InputError, match="Is a directory"):
        write_text("text", Path())


def test_a_link_in_place_of_the_hidden_file_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    for write in (lambda: check_writable(tmp_path / "out"), lambda: write_text("new", tmp_path / "out")):
        _beside(tmp_path / "out").symlink_to(tmp_path / "victim")
        write()
    assert (tmp_path / "victim").read_text() == "precious"
    assert (tmp_path / "out").read_text() == "new"
    assert not (tmp_path / "out").is_symlink()


def test_a_hidden_folder_that_a_killed_process_left_stops_nothing(tmp_path: Path) -> None:
    (_beside(tmp_path / "out") / "inner").mkdir(parents=True)
    check_writable(tmp_path / "out", is_folder=True)
    with new_folder(tmp_path / "out") as folder:
        (folder / "a").touch()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "out"]


def test_a_check_that_is_interrupted_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch = Path.touch

    def interrupted(path: Path, exist_ok: bool) -> None:
        touch(path, exist_ok=exist_ok)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "touch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        check_writable(tmp_path / "out.json")
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_followed_to_a_file_or_a_new_one_or_a_folder(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for name in ("old", "new", "folder"):
        (tmp_path / name).symlink_to(tmp_path / "elsewhere" / name)
    (tmp_path / "old").write_text("before")
    for name in ("old", "new"):
        check_writable(tmp_path / name)
        write_text("after", tmp_path / name)
    (tmp_path / "elsewhere" / "folder").mkdir()
    with new_folder(tmp_path / "folder") as folder:
        (folder / "file").touch()
    assert all((tmp_path / name).is_symlink() for name in ("old", "new", "folder"))
    there = [path.relative_to(tmp_path).as_posix() for path in (tmp_path / "elsewhere").rglob("*")]
    assert sorted(there) == ["elsewhere/folder", "elsewhere/folder/file", "elsewhere/new", "elsewhere/old"]
    assert (tmp_path / "elsewhere" / "old").read_text() == "after"


def test_a_pipe_is_written_through_and_stays(pipe: Path) -> None:
    found: list[bytes] = []
    reader = Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    check_apart(pipe.with_name("in"), pipe, ())
    check_writable(pipe)
    write_text("through", pipe)
    reader.join()
    assert [gzip.decompress(content) for content in found] == [b"through"]
    assert pipe.is_fifo()
    assert list(pipe.parent.iterdir()) == [pipe]


def test_a_pipe_is_read_once_and_then_as_often_as_needed(pipe: Path) -> None:
    writer = Thread(target=lambda: pipe.write_bytes(gzip.compress(b"text")))
    writer.start()
    with kept(pipe) as copy:
        for _ in range(2):
            with reading(copy) as file:
                assert file.read() == "text"
    writer.join()
    assert not copy.exists()


def test_what_is_no_text_in_a_pipe_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = Thread(target=lambda: path.write_bytes(b"\xff"))
    writer.start()
    with pytest.raises(InputError, match="not UTF-8"), reading(path) as file:
        file.read()
    writer.join()


@pytest.fixture(params=[0o022, 0o027, 0o077], ids=oct)
def mask(request: pytest.FixtureRequest) -> Iterator[int]:
    old = os.umask(request.param)
    yield request.param
    os.umask(old)


def test_every_file_has_the_permissions_of_new_ones(tmp_path: Path, mask: int) -> None:
    write_text("text", tmp_path / "out.txt")
    with replacing(tmp_path / "folder") as folder:
        (folder / "inner").mkdir(parents=True)
        (folder / "inner" / "file").touch(mode=0o600)
    assert os.umask(mask) == mask
    for name in ("out.txt", "folder/inner/file"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_name_says_that_a_file_is_compressed(tmp_path: Path) -> None:
    path = tmp_path / "out.txt.gz"
    write_text("zwei μ\n", path)
    first = path.read_bytes()
    assert gzip.decompress(first).decode() == "zwei μ\n"
    write_text("zwei μ\n", path)
    assert path.read_bytes() == first
    with reading(path) as file:
        assert list(file) == ["zwei μ\n"]
    assert stem(path) == "out"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text", "cannot be read"),
        (gzip.compress(b"text", mtime=0)[:-1], "cannot be decompressed"),
        (gzip.compress(b"text", mtime=0)[:10] + b"\xff" * 10, "cannot be decompressed"),
        (gzip.compress(b"one\ntwo \xff", mtime=0), "not UTF-8 .* of line 2"),
    ],
)
def test_what_is_not_compressed_as_its_name_says_is_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "in.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message), reading(path) as file:
        file.read()


def test_the_current_folder_is_no_folder_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="is the current folder or a mount point; name a new folder in it"):
        check_writable(Path(), is_folder=True)
