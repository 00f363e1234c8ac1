"""The counts of a report on a corpus, on a corpus that is small enough to count."""

from ner.documents import Document, Passage, Span
from ner.labels import LabelSet
from ner.preprocessing.preprocessor import Preprocessor
from ner.reports.corpus import Report, count_documents, partial_annotations, report

LABELS = LabelSet(["animal", "food"])
TITLE = Passage("Mice ate kimchi.", "title", (Span(0, 4, "animal"), Span(9, 15, "food"), Span(0, 15, "animal")))
INSIDE = Passage("Mice slept.", "abstract", (Span(1, 4, "animal"),))
LONG = Passage("Mice " * 9 + "ate kimchi.", "abstract", (Span(0, 4, "animal"), Span(49, 55, "food")))
PART = Passage("Mice ate kimchi.", "abstract", (Span(0, 4, "animal"),), annotated_until=4)
NONE = Passage("Mice ate.", "title", annotated_until=0)
DOCUMENTS = [
    Document("1", (TITLE, INSIDE), tier="gold"),
    Document("2", (LONG,), tier="silver"),
    *(Document(str(number), (PART,), tier="silver") for number in range(3, 8)),
    Document("8", (NONE,), tier="silver"),
]


def test_each_tier_is_counted_by_itself(minilm_tokenizer: str) -> None:
    texts = Preprocessor(minilm_tokenizer).encode(DOCUMENTS, LABELS)
    assert report("train", texts, LABELS, capacity=8) == {
        "train gold": Report(1, entities={"animal": 3, "food": 1}, inexact=1, nested=2, returned=1),
        "train silver": Report(7, 1, 5, 1, {"animal": 6, "food": 1}, beyond=1, returned=7),
    }


def test_a_file_is_counted_as_it_is() -> None:
    assert count_documents(DOCUMENTS) == Report(8, 1, entities={"animal": 9, "food": 2})
    assert count_documents([]) == Report()


def test_the_first_stops_of_an_annotation_are_named(minilm_tokenizer: str) -> None:
    texts = Preprocessor(minilm_tokenizer).encode(DOCUMENTS, LABELS)
    assert partial_annotations("train", texts) == [
        *(f"train silver: {number} abstract, annotated to character 4 of 16" for number in (3, 4, 5)),
        "train silver: and 2 more texts in part",
    ]
