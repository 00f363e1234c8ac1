from hypothesis import given
from hypothesis import strategies as st

from ner.documents import Document, Passage, Span
from ner.preprocessing.chunking import Chunking, JointPassages, SeparatePassages

DOCUMENT = Document(
    "1",
    (
        Passage("Gut and mind", "title", (Span(0, 3, "anatomical location"),)),
        Passage("", "abstract"),
        Passage("Rats ate.", "abstract", (Span(0, 4, "animal"),), annotated_until=5),
    ),
)


@given(st.sampled_from([SeparatePassages(), JointPassages()]))
def test_every_span_comes_back_to_its_passage(chunking: Chunking) -> None:
    found: dict[int, tuple[Span, ...]] = {}
    for chunk in chunking.chunks(DOCUMENT):
        found |= chunk.project(chunk.passage.spans)
    assert found == {number: passage.spans for number, passage in enumerate(DOCUMENT.passages)}


def test_separate_passages_are_read_one_by_one() -> None:
    assert [chunk.passage for chunk in SeparatePassages().chunks(DOCUMENT)] == list(DOCUMENT.passages)


def test_a_title_span_never_moves_into_the_abstract() -> None:
    [chunk] = JointPassages().chunks(DOCUMENT)
    assert chunk.passage.text == "Gut and mind  Rats ate."
    assert chunk.project([Span(8, 18, "animal")]) == {0: (Span(8, 12, "animal"),), 1: (), 2: ()}
    assert chunk.project([Span(12, 14, "animal")]) == {0: (), 1: (), 2: ()}


def test_joint_annotation_stops_where_the_first_passage_does() -> None:
    [chunk] = JointPassages().chunks(DOCUMENT)
    assert chunk.passage.annotated_until == len("Gut and mind  Rats ")
    whole = Document("1", (Passage("Gut"), Passage("mind")))
    assert JointPassages().chunks(whole)[0].passage.annotated_until is None


def test_an_annotation_that_reaches_the_end_of_a_passage_does_not_stop_there() -> None:
    whole = Document("1", (Passage("Gut", annotated_until=3), Passage("mind", annotated_until=2)))
    assert JointPassages().chunks(whole)[0].passage.annotated_until == len("Gut mi")


@given(st.sampled_from([SeparatePassages(), JointPassages()]))
def test_a_score_stays_with_its_span(chunking: Chunking) -> None:
    for chunk in chunking.chunks(DOCUMENT):
        spans = [Span(span.start, span.end, span.label, 0.5) for span in chunk.passage.spans]
        assert {span.score for found in chunk.project(spans).values() for span in found} <= {0.5}
        assert sum(map(len, chunk.project(spans).values())) == len(spans)
