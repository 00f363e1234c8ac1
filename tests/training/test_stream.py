"""Documents as a stream: order, memory, and what was tagged before."""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from ner.corpora.files import FileCorpus
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats.base import Record
from ner.formats.jsonl import JsonLines
from ner.inference.assembly import Assembler
from ner.inference.backends import TaggedTexts
from ner.inference.journal import Done, checksum
from ner.preprocessing.collate import Batch
from ner.preprocessing.preprocessor import Preprocessor
from ner.training.datamodule import NERDataModule
from ner.training.stream import DocumentStream


def documents(count: int) -> Iterator[Document]:
    for number in range(count):
        title = Passage("Mice ate.", "title", (Span(0, 4, "unknown label"),))
        yield Document(f"id{number}", (title, Passage("the gut of mice " * (number % 7), "abstract")))


def stream(preprocessor: Preprocessor, count: int, done: Done | None = None, batch_tokens: int = 100) -> DocumentStream:
    def source(first: int, step: int) -> Iterator[tuple[int, Document]]:
        return islice(enumerate(documents(count)), first, None, step)

    narrow = replace(preprocessor, window_tokens=128, overlap_tokens=32)
    return DocumentStream(source, narrow, 8, batch_tokens, done or Done())


def batches_of(stream: DocumentStream) -> list[Batch]:
    found = list(stream)
    assert all(isinstance(batch, Batch) for batch in found)
    return found  # type: ignore[return-value]


def test_every_text_comes_once_and_batches_hold_texts_of_one_length(preprocessor: Preprocessor) -> None:
    batches = batches_of(stream(preprocessor, 100))
    met = Counter(
        (number, chunk.pieces[0].passage)
        for batch in batches
        for number, chunk in zip(batch.texts.numbers.tolist(), batch.texts.chunks, strict=True)
    )
    assert met == Counter((number, passage) for number in range(100) for passage in range(2))
    assert all(batch.input_ids.numel() <= 100 for batch in batches if len(batch) > 1)
    padded = sum(batch.input_ids.numel() for batch in batches)
    assert padded / sum(int(batch.attention_mask.sum()) for batch in batches) < 1.3


def test_only_a_pool_is_read_before_the_first_batch(preprocessor: Preprocessor) -> None:
    endless = stream(preprocessor, sys.maxsize)
    assert len(list(islice(endless, 30))) == 30


def test_what_is_done_is_left_out(preprocessor: Preprocessor) -> None:
    done = Done()
    for place, document in islice(enumerate(documents(20)), 18):
        if place not in (15, 16):
            done.add(place, checksum(document))
    batches = batches_of(stream(preprocessor, 20, done))
    assert {number for batch in batches for number in batch.texts.numbers.tolist()} == {15, 16, 18, 19}


def test_each_of_some_short_lives_gets_further(preprocessor: Preprocessor) -> None:
    done = Done()
    for _ in range(4):
        before = len(done)
        assembler = Assembler()
        for batch in islice(stream(preprocessor, 300, done, batch_tokens=1024), 8):
            assert isinstance(batch, Batch)
            for place, document in assembler.add(untagged(batch)).items():
                done.add(place, checksum(document))
        assert len(done) >= before + 12


def untagged(batch: Batch) -> TaggedTexts:
    return TaggedTexts(batch.texts, np.zeros((len(batch), 1), np.int64), [[] for _ in batch.texts.chunks])


@pytest.mark.parametrize(("place", "count", "message"), [(3, 20, "'id3' is not what"), (7, 7, "the input ends before")])
def test_an_input_that_has_changed_is_noticed(preprocessor: Preprocessor, place: int, count: int, message: str) -> None:
    done = Done()
    done.add(place, 0)
    *_, error = stream(preprocessor, count, done)
    assert isinstance(error, InputError)
    assert message in str(error)


@dataclass
class Counting(JsonLines):
    """Notes each document that is parsed, in whatever process, in a file."""

    log: str = ""

    def records(self, file: Path, folder: Path | None) -> Iterator[Record]:
        for record in super().records(file, folder):
            yield partial(self._noted, record)

    def _noted(self, record: Record) -> Document:
        document = record()
        with Path(self.log).open("a", encoding="utf-8") as log:
            log.write(f"{document.id}\n")
        return document


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_each_document_is_parsed_once_whatever_the_number_of_workers(
    tiny_encoder: str, tmp_path: Path, workers: int
) -> None:
    JsonLines().write(documents(30), tmp_path / "in.jsonl")
    corpus = FileCorpus(Counting(log=str(tmp_path / "log")), ["animal"])
    path = str(tmp_path / "in.jsonl")
    data = NERDataModule(corpus, tiny_encoder, predict_path=path, num_workers=workers, eval_batch_tokens=64)
    data.setup("predict")
    numbers = Counter(number for batch in data.predict_dataloader() for number in batch.texts.numbers.tolist())
    assert numbers == Counter(dict.fromkeys(range(30), 2))
    parsed = Counter((tmp_path / "log").read_text(encoding="utf-8").split())
    assert parsed == Counter(f"id{number}" for number in range(30))


def test_processes_parse_what_they_tag(tiny_encoder: str, tmp_path: Path) -> None:
    JsonLines().write(documents(31), tmp_path / "in.jsonl")
    parsed = []
    for rank in range(2):
        log = tmp_path / f"log{rank}"
        corpus = FileCorpus(Counting(log=str(log)), ["animal"])
        data = NERDataModule(corpus, tiny_encoder, predict_path=str(tmp_path / "in.jsonl"), num_workers=2)
        data.leave_out(Done(rank, 2))
        found = {number for batch in data.predict_dataloader() for number in batch.texts.numbers.tolist()}
        assert found == set(range(rank, 31, 2))
        parsed += log.read_text(encoding="utf-8").split()
    assert Counter(parsed) == Counter(f"id{number}" for number in range(31))
