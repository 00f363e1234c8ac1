from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats.parquet import Row, write_rows
from ner.integrations.ray.merging import merge
from ner.integrations.ray.output import Output, part_name
from ner.integrations.ray.parts import Part
from ner.integrations.ray.storage import Folder, InputFile

FILE = InputFile("/somewhere/in.jsonl", 10)
SETTINGS = {"model": "a digest", "min_score": "auto"}


def _part(start: int, stop: int, is_last: bool = False) -> Part:
    return Part(FILE.key, FILE.size, start, stop, is_last)


def _write(folder: Path, part: Part, error: str = "") -> Part:
    documents = (Document(str(n), (Passage("mice", "title", (Span(0, 4, "animal", 0.5),)),)) for n in range(len(part)))
    write_rows((Row(document, FILE.location, error) for document in documents), folder / part_name(part))
    return part


@pytest.fixture
def output(tmp_path: Path) -> Output:
    output = Output(str(tmp_path))
    output.open(SETTINGS)
    return output


def _publish(output: Output, *parts: Part) -> None:
    output.publish(merge(parts, output.folder.location, {"ner.model": "a digest"}), parts)


def test_a_new_folder_has_nothing_done(output: Output) -> None:
    done = output.scan([FILE])
    assert (done.documents, done.parts, done.ends, len(done.ranges[FILE.key])) == (0, [], {}, 0)


def test_parts_and_files_are_done(output: Output, tmp_path: Path) -> None:
    parts = [_write(tmp_path, _part(0, 3)), _write(tmp_path, _part(3, 5), "bad"), _write(tmp_path, _part(7, 8, True))]
    _publish(output, *parts[:2])
    done = output.scan([FILE])
    assert list(done.ranges[FILE.key]) == [(0, 5), (7, 8)]
    assert [written.part for written in done.parts] == parts[2:]
    assert done.ends == {FILE.key: 8}
    assert (done.documents, done.errors, done.files) == (5, 2, 1)


def test_a_file_says_what_it_was_tagged_with(output: Output, tmp_path: Path) -> None:
    _publish(output, _write(tmp_path, _part(0, 3, True)))
    [path] = tmp_path.glob("*.parquet")
    assert pq.read_schema(path).metadata[b"ner.model"] == b"a digest"
    assert not list((tmp_path / "parts").iterdir())


def test_parts_that_a_file_holds_too_are_deleted(output: Output, tmp_path: Path) -> None:
    part = _write(tmp_path, _part(0, 3, True))
    content = (tmp_path / part_name(part)).read_bytes()
    _publish(output, part)
    # As if the process had been killed before it deleted the part, and while it wrote another one.
    (tmp_path / part_name(part)).write_bytes(content)
    for name in (f".{'0a' * 16}.tmp", f"{'0a' * 16}.merged"):
        (tmp_path / "parts" / name).write_bytes(b"PAR1")
    assert output.scan([FILE], is_cleaning=True).parts == []
    assert not list((tmp_path / "parts").iterdir())
    output.clean()
    assert not (tmp_path / "parts").exists()


def test_parts_of_a_file_that_has_changed_do_not_count(output: Output, tmp_path: Path) -> None:
    _write(tmp_path, _part(0, 3))
    assert output.scan([InputFile(FILE.location, 11)]).parts == []


def test_a_file_that_has_changed_since_it_was_tagged_is_refused(output: Output, tmp_path: Path) -> None:
    _publish(output, _write(tmp_path, _part(0, 3, True)))
    with pytest.raises(InputError, match=r"in\.jsonl: has changed since it was tagged"):
        output.scan([InputFile(FILE.location, 11)])


def test_other_settings_are_refused(output: Output) -> None:
    with pytest.raises(InputError, match=r"was tagged with another min_score \(auto, now 0\.5\)"):
        output.open({**SETTINGS, "min_score": 0.5})


def test_settings_that_cannot_be_read_are_not_taken_for_damaged(
    output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(_: Folder, name: str) -> bytes:
        raise InputError(f"{name}: cannot be read (slow down); choose another folder")

    monkeypatch.setattr(Folder, "read", slow)
    with pytest.raises(InputError, match=r"^settings\.json: cannot be read \(slow down\)"):
        output.open(SETTINGS)


@pytest.mark.parametrize("name", ["thesis.tex", "chapters/one.tex", "parts/gear.step"])
def test_a_folder_of_something_else_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    with pytest.raises(InputError, match="holds files of something else"):
        Output(str(tmp_path)).open(SETTINGS)


def test_nothing_but_parts_is_ever_deleted(output: Output, tmp_path: Path) -> None:
    for name in ("gear.step", "deep/bolt.step", ".git/config", ".own.tmp"):
        (tmp_path / "parts" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "parts" / name).touch()
    output.scan([FILE], is_cleaning=True)
    output.clean()
    assert len(list((tmp_path / "parts").rglob("*"))) == 6


def test_a_link_in_place_of_the_parts_is_refused(output: Output, tmp_path: Path) -> None:
    (tmp_path / "parts").rmdir()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "parts").symlink_to(tmp_path / "thesis")
    with pytest.raises(InputError, match="parts: is a link; delete it, or choose another folder"):
        output.open(SETTINGS)


def test_a_file_of_something_else_is_refused(output: Output, tmp_path: Path) -> None:
    (tmp_path / "tagged-12.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="not a file of this run"):
        output.scan([FILE])


def test_documents_in_two_files_are_told(output: Output, tmp_path: Path) -> None:
    _publish(output, _write(tmp_path, _part(0, 3)))
    [path] = tmp_path.glob("*.parquet")
    path.with_name("tagged-copy.parquet").write_bytes(path.read_bytes())
    with pytest.raises(InputError, match="are in another file too"):
        output.scan([FILE])
