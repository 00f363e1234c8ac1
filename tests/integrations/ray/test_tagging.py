import shutil
from pathlib import Path

import pytest
import torch

from main import main
from ner.checkpoints import ensemble, runs
from ner.documents import Document, Passage
from ner.formats.parquet import table_of
from ner.inference.backends import Backend, TaggedTexts
from ner.inference.tagger import Tagger
from ner.inference.torch_backend import TorchBackend, backend_of
from ner.integrations.ray.model import checkpoints, find_model
from ner.integrations.ray.parts import Part
from ner.integrations.ray.reading import Block, Unreadable
from ner.integrations.ray.tagging import TaggerSettings, prepare, tagged_rows
from ner.preprocessing.texts import Texts
from tests.integrations.ray.documents import texts

BAD = "a text that no tagger can read"


@pytest.fixture(scope="module")
def folder(quickstart: Path) -> Path:
    return quickstart / "checkpoints" / "quickstart"


@pytest.fixture(scope="module")
def backend(folder: Path) -> TorchBackend:
    return backend_of(ensemble.read(runs.trained(folder)), "cpu", is_mapped=True)


def _block(*documents: Document | Unreadable) -> Block:
    return Block("/in.jsonl", Part("f", 1, 0, len(documents)), documents)


def _documents(count: int) -> list[Document]:
    return [Document(str(number), passages) for number, passages in enumerate(texts()[:count])]


class Failing:
    """A backend that fails on one text."""

    def __init__(self, backend: TorchBackend) -> None:
        self._backend = backend
        self.labels, self.preprocessor, self.batch_tokens = backend.labels, backend.preprocessor, backend.batch_tokens

    def tag(self, found: Texts) -> TaggedTexts:
        if any(chunk.passage.text == BAD for chunk in found.chunks):
            raise RuntimeError("out of\nmemory")
        return self._backend.tag(found)


def test_a_block_is_tagged_as_a_tagger_does_it(backend: TorchBackend, folder: Path) -> None:
    documents = _documents(20)
    rows = list(tagged_rows(_block(*documents), backend))
    tagged = list(Tagger.load(folder, device="cpu").tag_documents(documents))
    assert [row.document for row in rows] == tagged
    assert any(passage.spans for document in tagged for passage in document.passages)
    assert {(row.source, row.error) for row in rows} == {("/in.jsonl", "")}


def test_a_document_that_cannot_be_tagged_leaves_the_others_as_they_are(backend: TorchBackend) -> None:
    documents = _documents(5)
    bad = Document("bad", (Passage(BAD, annotated_until=0),))
    failing: Backend = Failing(backend)
    rows = list(tagged_rows(_block(*documents[:2], bad, *documents[2:]), failing))
    assert [row.document for row in rows if not row.error] == list(Tagger(backend).tag_documents(documents))
    assert rows[2].document == bad
    assert rows[2].error == "cannot be tagged: RuntimeError: out of memory"


def test_a_document_that_cannot_be_read_is_a_row(backend: TorchBackend) -> None:
    [row] = tagged_rows(_block(Unreadable("line 3: no text")), backend)
    assert (row.source, row.error, row.document.is_annotated) == ("/in.jsonl", "line 3: no text", False)


def test_half_a_surrogate_pair_becomes_an_error(backend: TorchBackend) -> None:
    document = Document("1\ud800", (Passage("mice \udfff", "title", annotated_until=0),))
    [row] = tagged_rows(_block(document), backend)
    assert row.error
    assert table_of([row])["title"].to_pylist() == ["mice ?"]


def test_batches_that_another_process_made_give_the_same_rows(folder: Path, backend: TorchBackend) -> None:
    block = _block(*_documents(20))
    settings = TaggerSettings(find_model(checkpoints([str(folder)]), is_sent=False), False, "32", "auto", 300)
    prepared = prepare(block, settings)
    assert prepared.batches
    assert list(tagged_rows(prepared, backend)) == list(tagged_rows(block, backend))


def test_a_model_is_told_by_its_content(folder: Path, tmp_path: Path) -> None:
    model = find_model(checkpoints([str(folder)]), is_sent=False)
    assert [Path(name).parent.name for name in model.names] == ["seed=11", "seed=42"]
    assert find_model(checkpoints([f"{folder}/seed=*/best.ckpt"]), is_sent=False) == model
    copies = [Path(shutil.copytree(Path(name).parent, tmp_path / str(n))) for n, name in enumerate(model.names)]
    moved = find_model(checkpoints([str(copy) for copy in copies]), is_sent=False)
    assert (moved.digest, moved.names) == (model.digest, tuple(str(copy / "best.ckpt") for copy in copies))
    assert find_model([Path(model.names[0])], is_sent=False).digest != model.digest


def test_what_lies_beside_an_exported_model_does_not_make_it_another(folder: Path, tmp_path: Path) -> None:
    exported = tmp_path / "exported"
    assert main(["export", "--checkpoints", f"{folder}/seed=42/best.ckpt", "--output", str(exported)]) == 0
    model = find_model([exported], is_sent=False)
    for name in ("predictions.json", "report-test.html", "README.md"):
        (exported / name).write_text("new", encoding="utf-8")
    assert find_model([exported], is_sent=False) == model
    renamed = exported.rename(tmp_path / "renamed")
    assert find_model([renamed], is_sent=False).digest == model.digest
    renamed.rename(exported)
    (exported / "labels.json").write_text("[]", encoding="utf-8")
    assert find_model([exported], is_sent=False).digest != model.digest


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA"), torch.AcceleratorError("CUDA", 700), MemoryError()])
def test_an_error_of_the_device_ends_the_process_so_that_another_tags_the_block(
    backend: TorchBackend, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def failing(_: Texts) -> TaggedTexts:
        raise error

    def ended(code: int) -> None:
        raise SystemExit(code)

    found = Failing(backend)
    monkeypatch.setattr(found, "tag", failing)
    monkeypatch.setattr("os._exit", ended)
    with pytest.raises(SystemExit, match="1"):
        list(tagged_rows(_block(*_documents(2)), found))  # type: ignore[arg-type]
