"""Documents through batches, backends and assembly, in subwords and in words."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from ner.checkpoints import ensemble
from ner.checkpoints.checkpoint import Checkpoint
from ner.checkpoints.export import read_folder, write_folder
from ner.corpora import Sample
from ner.documents import Document, Passage
from ner.inference import onnx_backend
from ner.inference.backends import Backend
from ner.inference.pipeline import batches_of, tag_documents
from ner.inference.torch_backend import TorchBackend, backend_of
from ner.preprocessing.bucketing import CPU_TOKENS, GPU_TOKENS
from ner.preprocessing.chunking import Chunking, JointPassages, SeparatePassages
from ner.preprocessing.preprocessor import Units
from ner.training.datamodule import NERDataModule
from ner.training.module import NERModule

LONG = "the gut microbiome of lipopolysaccharide-treated mice " * 30


def untrained(encoder: str, units: Units, chunking: Chunking, seed: int = 0) -> Checkpoint:
    """A model with random weights that finds entities everywhere."""
    torch.manual_seed(seed)
    data = NERDataModule(Sample(), encoder, chunking, window_tokens=32, overlap_tokens=8, units=units)
    module = NERModule(data.labels, data.vocabulary_size, encoder, pretrained=False)
    state = {name: tensor * 3 for name, tensor in module.state_dict().items()}
    return Checkpoint(f"seed={seed}", dict(module.hparams), data.preprocessor, lambda: state, {"seed_everything": seed})


def documents() -> list[Document]:
    long = Document("long", (Passage(LONG, "title"), Passage(""), Passage(LONG, "abstract")))
    return [long, *Sample().read("dev"), long]


def entities(backend: Backend, batch_tokens: int | None = None) -> list[tuple[object, ...]]:
    return [
        (document.id, index, span.start, span.end, span.label)
        for document in tag_documents(documents(), backend, batch_tokens)
        for index, passage in enumerate(document.passages)
        for span in passage.spans
    ]


@pytest.mark.parametrize("chunking", [SeparatePassages(), JointPassages()])
@pytest.mark.parametrize("units", ["subwords", "words"])
def test_batches_change_no_entity(tiny_encoder: str, units: Units, chunking: Chunking) -> None:
    backend = backend_of([untrained(tiny_encoder, units, chunking)], "cpu")
    found = entities(backend)
    assert len(found) > 100
    assert entities(backend, batch_tokens=1) == found


def test_no_entity_has_a_border_inside_a_word(tiny_encoder: str) -> None:
    inside = {}
    for units in ("subwords", "words"):
        backend = backend_of([untrained(tiny_encoder, units, SeparatePassages())], "cpu")  # type: ignore[arg-type]
        passages = [passage for document in tag_documents(documents(), backend) for passage in document.passages]
        inside[units] = sum(
            border > 0 and passage.text[border - 1 : border + 1].isalpha() and len(passage.text) > border
            for passage in passages
            for span in passage.spans
            for border in (span.start, span.end)
        )
    assert inside["words"] == 0 < inside["subwords"]


@pytest.mark.parametrize("units", ["subwords", "words"])
def test_both_backends_find_the_same_in_windows(tiny_encoder: str, units: Units, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    members = [untrained(tiny_encoder, units, SeparatePassages(), seed) for seed in (1, 2)]
    write_folder([(member, ensemble.build_model(member)) for member in members], tmp_path / "exported", with_onnx=True)
    loaded = read_folder(tmp_path / "exported")
    assert loaded[0].preprocessor == members[0].preprocessor
    assert entities(onnx_backend.load(tmp_path / "exported", threads=1)) == entities(backend_of(members, "cpu"))


@pytest.mark.parametrize(("batch_tokens", "most"), [(64, 1), (CPU_TOKENS, 12), (GPU_TOKENS, 255)])
def test_documents_come_in_order_and_are_read_as_they_are_needed(
    tiny_encoder: str, batch_tokens: int, most: int
) -> None:
    read = 0

    def many() -> Iterator[Document]:
        nonlocal read
        for number in range(500):
            read += 1
            yield Document(str(number), (Passage("Mice ate. " * (1 + number % 7)), Passage("")))

    backend: TorchBackend = backend_of([untrained(tiny_encoder, "words", SeparatePassages())], "cpu")
    found = tag_documents(many(), backend, batch_tokens)
    assert next(found).id == "0"
    assert read <= most
    assert [document.id for document in found] == [str(number) for number in range(1, 500)]


def test_a_pool_of_long_documents_has_fewer_of_them(tiny_encoder: str) -> None:
    read = 0

    def long() -> Iterator[tuple[int, Document]]:
        nonlocal read
        for read in range(1, 21):
            yield read, Document(str(read), (Passage("Mice ate. " * 2_000),))

    next(batches_of(long(), untrained(tiny_encoder, "words", SeparatePassages()).preprocessor, CPU_TOKENS))
    assert read * 20_000 <= 70_000
