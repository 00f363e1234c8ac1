"""Tagged texts come back as documents, in whatever order they are tagged."""

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ner.documents import Document, Passage, Span
from ner.inference.assembly import Assembler, in_order
from ner.inference.backends import TaggedTexts
from ner.preprocessing.chunking import JointPassages, SeparatePassages
from ner.preprocessing.preprocessor import Preprocessor

NOTHING = np.zeros((0, 0), np.int64)


def documents(counts: list[int]) -> list[Document]:
    """Documents of so many passages, each of which holds one word."""
    return [
        Document(str(number), tuple(Passage(f"word{number}{index}") for index in range(count)))
        for number, count in enumerate(counts)
    ]


@given(counts=st.lists(st.integers(1, 3), min_size=1, max_size=5), randomly=st.randoms(use_true_random=False))
def test_a_document_comes_once_and_as_soon_as_its_last_passage_is_tagged(
    preprocessor: Preprocessor, counts: list[int], randomly: Random
) -> None:
    texts = preprocessor.encode(documents(counts))
    assert len(texts) == sum(counts)
    order = randomly.sample(range(len(texts)), len(texts))
    missing = dict(enumerate(counts))
    assembler = Assembler()
    for index in order:
        part = texts.take([index])
        [number], [chunk] = part.numbers.tolist(), part.chunks
        missing[number] -= 1
        whole = assembler.add(TaggedTexts(part, NOTHING, [[Span(0, len(chunk.passage.text), "word")]]))
        assert whole.keys() == ({number} if not missing[number] else set())
        for place, document in whole.items():
            assert document.id == str(place)
            assert [passage.spans for passage in document.passages] == [(Span(0, 6, "word"),)] * counts[place]


def test_what_was_annotated_is_replaced_and_known_throughout(minilm_tokenizer: str) -> None:
    gold = Span(0, 4, "of another corpus")
    document = Document("1", (Passage("Mice ate.", "title", (gold,), annotated_until=4), Passage("Rats slept.")))
    for chunking in (SeparatePassages(), JointPassages()):
        texts = Preprocessor(minilm_tokenizer, chunking).encode([document])
        nothing = TaggedTexts(texts, NOTHING, [[] for _ in texts.chunks])
        assert Assembler().add(nothing) == {0: Document("1", (Passage("Mice ate.", "title"), Passage("Rats slept.")))}


def test_documents_after_a_gap_come_at_the_end_and_in_order() -> None:
    numbered = [(3, "d"), (1, "b"), (0, "a"), (5, "f"), (4, "e")]
    assert list(in_order(numbered)) == sorted(numbered)
