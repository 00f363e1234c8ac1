"""Characters to units and back."""

import itertools
from dataclasses import fields
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.corpora import GutBrainIE
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.labels import LabelSet
from ner.preprocessing.preprocessor import Preprocessor, Units
from ner.preprocessing.ragged import padded
from ner.preprocessing.texts import Texts
from tests.preprocessing.test_tokenizer import TEXTS, byte_level_tokenizer

LABELS = LabelSet(["gene", "drug"])
ANIMALS = LabelSet(["animal", "food"])


@pytest.fixture(scope="module", params=itertools.product(["wordpiece", "byte level"], ["subwords", "words"]), ids=str)
def any_preprocessor(request: pytest.FixtureRequest, minilm_tokenizer: str) -> Preprocessor:
    kind, units = request.param
    return Preprocessor(minilm_tokenizer if kind == "wordpiece" else byte_level_tokenizer(), units=units)


def encoded(preprocessor: Preprocessor, *passages: Passage) -> Texts:
    return preprocessor.encode([Document(str(number), (each,)) for number, each in enumerate(passages)], LABELS)


def given_back(texts: Texts, labels: LabelSet = LABELS) -> list[list[Span]]:
    return texts.spans(labels.decode(padded(texts.tags, texts.unit_counts)), labels)


@given(text=TEXTS, choice=st.data())
def test_spans_on_unit_borders_survive(any_preprocessor: Preprocessor, text: str, choice: st.DataObject) -> None:
    offsets = [(start, end) for start, end in encoded(any_preprocessor, Passage(text)).offsets.tolist() if start < end]
    if not offsets:
        return
    start = choice.draw(st.sampled_from(sorted({start for start, _ in offsets})))
    end = choice.draw(st.sampled_from(sorted({end for _, end in offsets if end > start})))
    texts = encoded(any_preprocessor, Passage(text, spans=(Span(start, end, "gene"),)))
    assert texts.inexact.tolist() == [0]
    assert given_back(texts) == [[Span(start, end, "gene")]]


@given(texts=st.lists(TEXTS, min_size=1, max_size=4), choice=st.data())
def test_any_span_is_given_back_or_reported(
    any_preprocessor: Preprocessor, texts: list[str], choice: st.DataObject
) -> None:
    passages = []
    for text in texts:
        spans = []
        if text:
            start = choice.draw(st.integers(0, len(text) - 1))
            spans = [Span(start, choice.draw(st.integers(start + 1, len(text))), "gene")]
        passages.append(Passage(text, spans=tuple(spans)))
    found = encoded(any_preprocessor, *passages)
    for passage, spans, inexact in zip(passages, given_back(found), found.inexact.tolist(), strict=True):
        assert (tuple(spans) == passage.spans) == (inexact == 0)


@given(text=TEXTS, choice=st.data())
def test_decoded_entities_never_overlap(any_preprocessor: Preprocessor, text: str, choice: st.DataObject) -> None:
    texts = encoded(any_preprocessor, Passage(text))
    count = int(texts.unit_counts[0])
    tags = choice.draw(st.lists(st.integers(0, 4), min_size=count, max_size=count))
    [spans] = texts.spans(LABELS.decode(np.array([tags])), LABELS)
    assert all(before.end <= after.start for before, after in itertools.pairwise(spans))
    assert all(span.end <= len(text) for span in spans)
    assert not any(text[span.start : span.end] != text[span.start : span.end].strip() for span in spans)


@given(texts=st.lists(TEXTS, min_size=2, max_size=5), choice=st.data())
def test_some_texts_of_a_pool_are_as_each_alone(
    any_preprocessor: Preprocessor, texts: list[str], choice: st.DataObject
) -> None:
    passages = [Passage(text, spans=(Span(0, 1, "gene"),) if text else ()) for text in texts]
    pool = encoded(any_preprocessor, *passages)
    indices = choice.draw(st.lists(st.integers(0, len(texts) - 1), min_size=1, max_size=6))
    taken = pool.take(indices)
    for row, index in enumerate(indices):
        alone, one = encoded(any_preprocessor, passages[index]), taken.take([row])
        for field in fields(Texts)[2:]:
            assert getattr(one, field.name).tolist() == getattr(alone, field.name).tolist(), field.name


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\x00"])
def test_a_text_without_tokens_yields_no_entity(minilm_tokenizer: str, text: str) -> None:
    texts = encoded(Preprocessor(minilm_tokenizer), Passage(text))
    assert texts.unit_counts.tolist() == [1]
    assert texts.spans(LABELS.decode(np.array([[1]])), LABELS) == [[]]


def test_an_empty_text_is_not_learned_from(minilm_tokenizer: str) -> None:
    assert encoded(Preprocessor(minilm_tokenizer), Passage("")).annotated.tolist() == [0]


def test_two_entities_inside_one_character_do_not_overlap() -> None:
    texts = encoded(Preprocessor(byte_level_tokenizer()), Passage("👩"))
    count = int(texts.unit_counts[0])
    assert count > 1
    found = texts.spans(LABELS.decode(np.array([[1, 3] + [0] * (count - 2)])), LABELS)
    assert found == [[Span(0, 1, "gene")]]


def test_units_after_the_annotation_are_read_but_not_known(minilm_tokenizer: str) -> None:
    passage = Passage("mice ate nothing", spans=(Span(0, 4, "gene"),), annotated_until=8)
    texts = encoded(Preprocessor(minilm_tokenizer), passage)
    assert (texts.unit_counts.tolist(), texts.annotated.tolist()) == ([3], [2])


def test_an_unknown_label_names_the_document(minilm_tokenizer: str) -> None:
    document = Document("77", (Passage("aspirin", spans=(Span(0, 7, "food"),)),))
    with pytest.raises(InputError, match="document 77: unknown label 'food'"):
        Preprocessor(minilm_tokenizer).encode([document], LABELS)


def test_a_border_inside_a_word_is_moved_to_the_words(minilm_tokenizer: str) -> None:
    passage = Passage("waiting mice", spans=(Span(2, 4, "gene"),))
    texts = encoded(Preprocessor(minilm_tokenizer, units="words"), passage)
    assert (texts.unit_counts.tolist(), texts.inexact.tolist()) == ([2], [1])
    assert given_back(texts) == [[Span(0, 7, "gene")]]


def test_words_are_the_tokens_of_the_corpus_where_it_has_some(minilm_tokenizer: str) -> None:
    text = "IL-6 (anti-inflammatory) drugs"
    tokens = ((0, 4), (5, 23), (23, 24), (25, 30))
    texts = encoded(Preprocessor(minilm_tokenizer, units="words"), Passage(text, tokens=tokens))
    assert [tuple(pair) for pair in texts.offsets.tolist()] == list(tokens)


def test_what_stands_between_tokens_of_the_corpus_belongs_to_none_of_them(minilm_tokenizer: str) -> None:
    text = "(TNF, IL-6) and mice."
    tokens = ((1, 4), (6, 10), (12, 15), (16, 20))
    texts = encoded(Preprocessor(minilm_tokenizer, units="words"), Passage(text, tokens=tokens))
    units = [text[start:end] for start, end in texts.offsets.tolist()]
    assert units == ["(", "TNF", ",", "IL-6", ")", "and", "mice", "."]


def test_without_any_token_of_the_corpus_words_are_the_tokenizers(minilm_tokenizer: str) -> None:
    texts = encoded(Preprocessor(minilm_tokenizer, units="words"), Passage("aa bb cc", tokens=()))
    assert texts.offsets.tolist() == [[0, 2], [3, 5], [6, 8]]


@pytest.mark.parametrize(
    ("units", "tier", "exact", "total"),
    [
        ("subwords", "platinum", 3638, 3638),
        ("subwords", "gold", 5192, 5192),
        ("subwords", "silver", 15274, 15275),
        ("subwords", "bronze", 21357, 21357),
        ("subwords", "dev", 1117, 1117),
        ("words", "dev", 1117, 1117),
    ],
)
def test_the_ceiling_of_the_real_corpus(
    gutbrainie: GutBrainIE, minilm_tokenizer: str, units: Units, tier: str, exact: int, total: int
) -> None:
    assert _ceiling(gutbrainie, minilm_tokenizer, units, tier) == (exact, total)


def test_nine_entities_of_the_real_training_set_have_a_border_inside_a_word(
    gutbrainie: GutBrainIE, minilm_tokenizer: str
) -> None:
    tiers = ("platinum", "gold", "silver", "bronze")
    exact = {
        units: sum(_ceiling(gutbrainie, minilm_tokenizer, units, tier)[0] for tier in tiers)
        for units in get_args(Units)
    }
    assert exact["subwords"] - exact["words"] == 9


def _ceiling(corpus: GutBrainIE, tokenizer: str, units: Units, tier: str) -> tuple[int, int]:
    labels = LabelSet(corpus.labels)
    documents = corpus.read("dev") if tier == "dev" else GutBrainIE(corpus.root, [tier]).read("train")
    texts = Preprocessor(tokenizer, units=units).encode(documents, labels)
    spans = [chunk.passage.spans for chunk in texts.chunks]
    found = zip(given_back(texts, labels), spans, strict=True)
    return sum(len(set(back) & set(own)) for back, own in found), sum(map(len, spans))
