"""Votes over exact spans."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.inference.voting import vote

TEXT = "BDNF and aspirin"


def document(*spans: Span, name: str = "1", text: str = TEXT) -> Document:
    return Document(name, (Passage(text, "title", spans),))


def elected(*taggings: list[Span], at_least: float = 2, by_score: bool = False) -> list[Span]:
    [found] = vote([[document(*spans)] for spans in taggings], at_least, by_score)
    return list(found.passages[0].spans)


GENE, DRUG, SHORT = Span(0, 4, "gene", 0.9), Span(9, 16, "drug", 0.6), Span(9, 12, "drug", 0.3)


def test_an_entity_needs_enough_votes() -> None:
    taggings = [[GENE, DRUG], [GENE, SHORT], [GENE, DRUG]]
    assert elected(*taggings, at_least=2) == [GENE, DRUG]
    assert elected(*taggings, at_least=3) == [GENE]
    assert elected([GENE, GENE], [], at_least=2) == [], "a tagger has one vote"
    assert elected([Span(0, 4, "drug")], [GENE], at_least=2) == [], "another label is another entity"


def test_a_score_is_the_mean_of_all_taggers() -> None:
    [found] = elected([Span(0, 4, "gene", 0.9)], [Span(0, 4, "gene", 0.6)], [])
    assert found.score == pytest.approx(0.5)
    assert elected([GENE], [Span(0, 4, "gene")])[0].score is None


def test_votes_can_count_as_much_as_their_scores() -> None:
    taggings = [[GENE], [DRUG], [SHORT, DRUG]]
    assert elected(*taggings, at_least=1.1, by_score=True) == [DRUG]
    assert elected(*taggings, at_least=0.9, by_score=True) == [GENE, DRUG]
    with pytest.raises(InputError, match="document '1': an entity has no score; write them with predict"):
        elected([Span(0, 4, "gene")], [GENE], by_score=True)


def test_of_two_that_overlap_the_one_with_more_votes_then_score_then_length_is_kept() -> None:
    longer = Span(9, 16, "gene")
    assert elected([SHORT], [SHORT], [longer], at_least=1) == [SHORT]
    assert elected([Span(9, 16, "gene", 0.2)], [SHORT], at_least=1) == [SHORT]
    assert elected([Span(9, 12, "drug")], [longer], at_least=1) == [longer]


def test_documents_are_told_by_their_texts_since_columns_name_them_after_their_file() -> None:
    [found] = vote([[document(GENE, name="a:1")], [document(GENE, name="b:1")]], at_least=2)
    assert (found.id, found.passages[0].spans) == ("a:1", (GENE,))


def test_texts_that_nobody_has_tagged_are_no_votes() -> None:
    untagged = Document("1", (Passage(TEXT, "title", annotated_until=0),))
    with pytest.raises(InputError, match=r"^file 2: no document is annotated; tag it first"):
        list(vote([[document(GENE)], [untagged]], at_least=1))
    assert list(vote([[], []], at_least=1)) == []


SPANS = st.builds(
    lambda start, length, label: Span(start, start + length, label),
    st.integers(0, 9),
    st.integers(1, 5),
    st.sampled_from("ab"),
)


@given(taggings=st.lists(st.lists(SPANS, max_size=5), min_size=1, max_size=4), at_least=st.integers(1, 4))
def test_what_is_kept_has_the_votes_and_does_not_overlap(taggings: list[list[Span]], at_least: int) -> None:
    found = elected(*taggings, at_least=at_least)
    votes = Counter(span for spans in taggings for span in set(spans))
    assert all(votes[span] >= at_least for span in found)
    assert all(one.end <= other.start for one, other in pairwise(found))
    for span, count in votes.items():
        if count >= at_least and span not in found:
            assert any(span.start < other.end and other.start < span.end and votes[other] >= count for other in found)


@pytest.mark.parametrize("other", [[], [document(), document(name="2")], [document(text="something else here")]])
def test_other_documents_are_refused(other: list[Document]) -> None:
    with pytest.raises(InputError, match=r"document \d, '\d', is not the same in all predictions"):
        list(vote([[document()], other], 1))


def test_documents_are_read_one_by_one() -> None:
    read = []

    def documents() -> object:
        for number in range(3):
            read.append(number)
            yield document(name=str(number))

    next(vote([documents(), documents()], 1))  # type: ignore[list-item]
    assert read == [0, 0]
