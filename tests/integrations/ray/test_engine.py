from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import ray
from rich.console import Console

from ner.documents import Document, Passage
from ner.formats import JsonLines
from ner.integrations.ray import engine as engine_module
from ner.integrations.ray.engine import Engine
from ner.integrations.ray.output import Done, Output
from ner.integrations.ray.progress import Progress
from ner.integrations.ray.run import _missing
from ner.integrations.ray.storage import find_inputs
from tests.integrations.ray.actors import POISON, crew
from tests.integrations.ray.documents import rows
from tests.integrations.ray.runs import REPOSITORY


@pytest.fixture(scope="module", autouse=True)
def local_ray() -> Iterator[None]:
    """A Ray of two CPUs."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
        ray.init("local", num_cpus=2, include_dashboard=False, object_store_memory=100 << 20, log_to_driver=False)
        yield
        ray.shutdown()


def _write(folder: Path, *files: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    for number, names in enumerate(files):
        JsonLines().write((Document(name, (Passage("a text"),)) for name in names), folder / f"{number}.jsonl")


def _run(folder: Path, block_documents: int = 10, taggers: int = 2) -> tuple[Engine, Done, Progress]:
    inputs = find_inputs([str(folder / "in")], (".jsonl",))
    output = Output(str(folder / "out"))
    output.open({})
    done = output.scan(inputs, is_cleaning=True)
    with Progress(inputs, 0, Console(quiet=True)) as progress:
        engine = Engine(inputs, done, output, crew(str(folder / "out"), taggers, 0.0, block_documents), progress)
        engine.run()
    return engine, output.scan(inputs), progress


def _names(folder: Path) -> Counter[str]:
    return Counter(str(row["id"]) for row in rows(folder / "out"))


def test_every_document_is_a_row_and_a_second_run_has_nothing_to_do(tmp_path: Path) -> None:
    _write(tmp_path / "in", [str(n) for n in range(95)], [], [str(n) for n in range(95, 100)])
    _, done, _ = _run(tmp_path)
    assert done.documents == 100
    assert _names(tmp_path) == Counter(map(str, range(100)))
    assert sum(map(len, done.ranges.values())) == 100
    assert sorted(done.ends.values()) == [0, 5, 95]
    _, again, progress = _run(tmp_path)
    assert (progress.documents, again.files) == (0, done.files)


def test_files_that_come_later_are_added(tmp_path: Path) -> None:
    _write(tmp_path / "in", ["a", "b"])
    _run(tmp_path)
    _write(tmp_path / "in", ["a", "b"], ["c"])
    _, done, progress = _run(tmp_path)
    assert (progress.documents, done.files) == (1, 2)
    assert _names(tmp_path) == Counter("abc")


def test_a_document_that_kills_its_tagger_is_given_up_alone(tmp_path: Path) -> None:
    _write(tmp_path / "in", [*"abc", POISON, *"defg"])
    _, done, progress = _run(tmp_path, block_documents=8)
    assert (done.documents, done.errors, progress.errors) == (8, 1, 1)
    found = {str(row["id"]): row["error"] for row in rows(tmp_path / "out")}
    assert found == {**dict.fromkeys("abcdefg"), POISON: "the process that tagged it ended 3 times"}


def test_files_are_closed_once_they_are_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path / "in", *[[f"{file} {n}" for n in range(20)] for file in range(6)])
    monkeypatch.setattr(engine_module, "FILE_BYTES", 20_000)
    _, done, _ = _run(tmp_path, block_documents=5)
    assert done.files > 1
    assert done.documents == len(_names(tmp_path)) == 120


def test_a_broken_file_leaves_nothing_and_holds_up_nobody(tmp_path: Path) -> None:
    _write(tmp_path / "in", ["a", "b"], ["c"])
    (tmp_path / "in" / "2.jsonl").write_bytes(b'{"id": "d", "text": "fine"}\n\xff\n')
    engine, done, progress = _run(tmp_path)
    [state] = [state for state in engine.states.values() if state.broken]
    assert "not UTF-8" in state.broken
    assert [line for line in progress.warnings if "2.jsonl" in line]
    assert _names(tmp_path) == Counter("abc")
    (tmp_path / "in" / "2.jsonl").write_bytes(b'{"id": "d", "text": "fine"}\n{"id": "e", "text": "fine"}\n')
    _, done, _ = _run(tmp_path)
    assert _names(tmp_path) == Counter("abcde")
    assert done.parts == []


def _interrupted(folder: Path, parts: int, key: str = "") -> Output:
    """Tag what is in a folder until so many parts are there, and one of the file with a key."""
    inputs = find_inputs([str(folder / "in")], (".jsonl",))
    output = Output(str(folder / "out"))
    output.open({})
    workers = crew(str(folder / "out"), 2, 0.0, 10)
    calls = 0

    def fail_then() -> int:
        nonlocal calls
        names = [path.name for path in (folder / "out" / "parts").glob("*.parquet")]
        calls += len(names) >= parts and any(key in name for name in names)
        if calls:
            raise KeyboardInterrupt
        return 2

    with pytest.raises(KeyboardInterrupt), Progress(inputs, 0, Console(quiet=True)) as progress:
        Engine(inputs, output.scan(inputs), output, replace(workers, most_taggers=fail_then), progress).run()
    return output


def test_what_an_interrupted_run_left_is_not_tagged_again(tmp_path: Path) -> None:
    _write(tmp_path / "in", [str(n) for n in range(50)])
    output = _interrupted(tmp_path, 2)
    left = sum(len(written.part) for written in output.scan(find_inputs([str(tmp_path / "in")], ())).parts)
    assert left >= 20
    _, done, progress = _run(tmp_path)
    assert progress.documents <= 50 - left
    assert (done.documents, _names(tmp_path)) == (50, Counter(map(str, range(50))))


def test_files_that_are_not_named_again_are_joined_where_all_of_them_is_tagged_and_told_otherwise(
    tmp_path: Path,
) -> None:
    _write(tmp_path / "in", ["a", "b"], [str(n) for n in range(200)])
    first, _ = find_inputs([str(tmp_path / "in")], (".jsonl",))
    _interrupted(tmp_path, 3, first.key)
    (tmp_path / "in").rename(tmp_path / "before")
    _write(tmp_path / "in", [], [], ["c"])
    for number in range(2):
        (tmp_path / "in" / f"{number}.jsonl").unlink()
    engine, done, _ = _run(tmp_path)
    assert _names(tmp_path) == Counter("abc")
    waiting = sum(len(written.part) for written in done.parts)
    assert 0 < waiting < 200
    assert _missing(engine, done) == {
        "parts": f"{waiting} documents of files that are not named now; name them again, or delete the folder"
    }


def test_a_file_that_has_become_shorter_is_told(tmp_path: Path) -> None:
    _write(tmp_path / "in", [str(n) for n in range(50)])
    _interrupted(tmp_path, 2)
    file = tmp_path / "in" / "0.jsonl"
    size = file.stat().st_size
    text = file.read_text(encoding="utf-8").splitlines()[0]
    file.write_text(text + " " * (size - len(text)), encoding="utf-8")
    engine, _, _ = _run(tmp_path)
    [state] = engine.states.values()
    assert state.broken.startswith("has changed since it was tagged")


def test_rows_that_are_missing_at_the_end_are_told(tmp_path: Path) -> None:
    _write(tmp_path / "in", ["a", "b"])
    engine, _, _ = _run(tmp_path)
    for file in (tmp_path / "out").glob("tagged-*"):
        file.unlink()
    [(location, reason)] = _missing(engine, Output(str(tmp_path / "out")).scan([])).items()
    assert location == str(tmp_path / "in" / "0.jsonl")
    assert reason == "0 of 2 documents are in the output; run the command again"
