from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.documents import Span
from ner.errors import InputError
from ner.labels import LabelSet

LABELS = LabelSet(["gene", "drug"])
OUT, B_GENE, I_GENE, B_DRUG, I_DRUG = range(5)


def decode(tags: Sequence[int]) -> list[Span]:
    found = LABELS.decode(np.array([tags], np.int64))
    return [
        Span(start, end, LABELS.labels[label])
        for _, start, end, label in zip(*map(np.ndarray.tolist, found), strict=True)
    ]


@st.composite
def flat_spans(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Spans that do not overlap, touching or not, and the number of tokens."""
    cuts = sorted(draw(st.sets(st.integers(0, 40), max_size=12)))
    intervals = [(start, end) for start, end in pairwise(cuts) if draw(st.booleans())]
    spans = [Span(start, end, draw(st.sampled_from(LABELS.labels))) for start, end in intervals]
    return spans, (cuts[-1] if cuts else 0) + draw(st.integers(0, 3))


@given(flat_spans())
def test_spans_survive_tags(spans_and_length: tuple[list[Span], int]) -> None:
    spans, length = spans_and_length
    tags, dropped = LABELS.encode(spans, length)
    assert not dropped
    assert decode(tags) == spans


@given(flat_spans())
def test_encoded_tags_are_legal(spans_and_length: tuple[list[Span], int]) -> None:
    tags, _ = LABELS.encode(*spans_and_length)
    legal = LABELS.legal_transitions()
    assert not len(tags) or LABELS.legal_starts()[tags[0]]
    assert all(legal[before][behind] for before, behind in pairwise(tags))


@given(st.lists(st.integers(0, 4), max_size=30))
def test_decoded_spans_are_in_order_and_apart(tags: list[int]) -> None:
    spans = decode(tags)
    assert all(before.end <= behind.start for before, behind in pairwise(spans))
    covered = {position for span in spans for position in range(span.start, span.end)}
    assert covered == {position for position, tag in enumerate(tags) if tag}


def test_legality_is_what_decoding_and_encoding_agree_on() -> None:
    for tags in product(range(5), repeat=3):
        legal = LABELS.legal_transitions()
        is_legal = LABELS.legal_starts()[tags[0]] and all(legal[i][j] for i, j in pairwise(tags))
        assert is_legal == (tuple(LABELS.encode(decode(tags), 3)[0]) == tags)


def test_tags_follow_the_order_of_the_labels() -> None:
    assert LABELS.tags == ("O", "B-gene", "I-gene", "B-drug", "I-drug")


def test_an_entity_right_behind_another_is_kept() -> None:
    assert decode([B_GENE, I_GENE, B_GENE, B_DRUG]) == [
        Span(0, 2, "gene"),
        Span(2, 3, "gene"),
        Span(3, 4, "drug"),
    ]


def test_an_inside_tag_that_continues_nothing_opens_an_entity() -> None:
    assert decode([I_GENE, I_DRUG, OUT, I_DRUG]) == [Span(0, 1, "gene"), Span(1, 2, "drug"), Span(3, 4, "drug")]


def test_of_nested_spans_the_longer_is_kept_and_the_other_returned() -> None:
    outer, inner = Span(0, 3, "drug"), Span(1, 2, "gene")
    tags, dropped = LABELS.encode([inner, outer], 4)
    assert (tags.tolist(), dropped) == ([B_DRUG, I_DRUG, I_DRUG, OUT], [inner])


@given(st.lists(st.lists(st.integers(0, 4), min_size=7, max_size=7), min_size=1, max_size=5))
def test_rows_are_decoded_as_each_alone(rows: list[list[int]]) -> None:
    found = LABELS.decode(np.array(rows))
    for row, tags in enumerate(rows):
        alone = LABELS.decode(np.array([tags]))
        assert all((part[found.rows == row] == whole).all() for part, whole in zip(found[1:], alone[1:], strict=True))


def test_an_unknown_label_is_named() -> None:
    with pytest.raises(InputError, match="unknown label 'food'; the labels are: gene, drug"):
        LABELS.encode([Span(0, 1, "food")], 1)


@pytest.mark.parametrize("labels", [[], [""], ["gene", "gene"]])
def test_a_label_set_has_distinct_names(labels: list[str]) -> None:
    with pytest.raises(InputError):
        LabelSet(labels)
