import pytest

from ner.documents import Document, Passage, Span


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 3), (3, 2)])
def test_a_span_is_an_interval_in_the_text(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="0 <= start < end"):
        Span(start, end, "gene")


def test_a_passage_refuses_a_span_beyond_its_text() -> None:
    with pytest.raises(ValueError, match="beyond a text of 4"):
        Passage("BDNF", spans=(Span(0, 5, "gene"),))


def test_annotation_cannot_reach_beyond_the_text() -> None:
    with pytest.raises(ValueError, match=r"must lie in \[0, 4\]"):
        Passage("BDNF", annotated_until=5)


def test_a_document_without_entities_is_still_annotated() -> None:
    assert Document("1", (Passage("No entity."),)).is_annotated
    assert not Document("1", (Passage("Not read by anyone.", annotated_until=0),)).is_annotated


def test_a_document_has_a_passage() -> None:
    with pytest.raises(ValueError, match="no passage"):
        Document("1", ())


def test_offsets_count_code_points() -> None:
    assert Passage("𝛼-synuclein").mention(Span(0, 11, "gene")) == "𝛼-synuclein"


def test_a_score_does_not_make_two_spans_different() -> None:
    assert Span(0, 3, "gene", 0.25) == Span(0, 3, "gene")
    assert len({Span(0, 3, "gene", 0.25), Span(0, 3, "gene", 0.5)}) == 1


@pytest.mark.parametrize("tokens", [((0, 5),), ((2, 4), (0, 2)), ((0, 3), (2, 4)), ((1, 1),), ((-1, 2),), ((3, 2),)])
def test_tokens_are_intervals_of_the_text_in_order_and_apart(tokens: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match=r"tokens must be intervals of \[0, 4\)"):
        Passage("BDNF", tokens=tokens)


def test_a_passage_may_have_tokens_of_its_corpus() -> None:
    assert Passage("BDNF").tokens is None
    assert Passage("BDNF", tokens=()).tokens == ()
    assert Passage("BDNF a", tokens=((0, 2), (2, 4), (5, 6))).tokens == ((0, 2), (2, 4), (5, 6))
