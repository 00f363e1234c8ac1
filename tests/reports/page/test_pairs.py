"""Pairs of gold and prediction: their kinds, and which of two predictions makes an error alone."""

import pytest

from ner.metrics.error_analysis import Pair
from ner.metrics.official import Mention
from ner.metrics.semeval import count_outcomes
from ner.reports.page.labels import codes, page_labels
from ner.reports.page.pairs import KINDS, PageDocument, _pairs, as_json, kind_of
from ner.reports.page.tables import kinds, matrix, mentions

TEXT = "gut microbiota of patients with colitis"


def at(text: str, label: str) -> Mention:
    start = TEXT.index(text)
    return Mention(start, start + len(text), "title", text, label)


GUT, MICROBIOTA = at("gut", "anatomy"), at("gut microbiota", "microbiome")


@pytest.mark.parametrize(
    ("gold", "predicted", "kind"),
    [
        (GUT, GUT, "correct"),
        (GUT, at("gut", "food"), "type"),
        (MICROBIOTA, at("microbiota of", "microbiome"), "boundary"),
        (MICROBIOTA, at("microbiota of", "food"), "both"),
        (GUT, None, "missing"),
        (None, GUT, "spurious"),
    ],
)
def test_a_pair_has_one_kind(gold: Mention | None, predicted: Mention | None, kind: str) -> None:
    assert kind_of(Pair(gold, predicted)) == kind


GOLD = [GUT, MICROBIOTA, at("patients", "human"), at("colitis", "disease")]
A = [MICROBIOTA, at("patients", "animal"), at("with", "food"), at("of", "food")]
B = [GUT, at("microbiota", "microbiome"), at("patients", "animal"), at("with", "food"), at("colitis", "disease")]


def test_an_error_that_both_make_is_nobody_s_alone() -> None:
    shown = [
        ("B" if each.is_against else "A", each.kind, each.pair.mention.text, each.is_alone)
        for each in _pairs(GOLD, A, B)
    ]
    assert shown == [
        ("A", "missing", "gut", True),
        ("A", "correct", "gut microbiota", False),
        ("A", "type", "patients", False),
        ("A", "missing", "colitis", True),
        ("A", "spurious", "with", False),
        ("A", "spurious", "of", True),
        ("B", "boundary", "gut microbiota", True),
        ("B", "type", "patients", False),
        ("B", "spurious", "with", False),
    ]


def test_tables_count_what_semeval_counts() -> None:
    pairs = _pairs(GOLD, B, None)
    strict = count_outcomes({"1": GOLD}, {"1": B})["strict"]
    counts = kinds(pairs)
    assert list(counts) == list(KINDS)
    assert counts["correct"] == strict.correct
    assert counts["type"] + counts["boundary"] + counts["both"] == strict.incorrect
    assert (counts["missing"], counts["spurious"]) == (strict.missing, strict.spurious)
    cells = matrix(pairs, ["anatomy", "microbiome", "human", "animal", "disease", "food"])
    filled = {(cell.gold, cell.predicted): (cell.count, cell.correct) for row in cells for cell in row if cell.count}
    assert filled == {
        ("anatomy", "anatomy"): (1, 1),
        ("microbiome", "microbiome"): (1, 0),
        ("human", "animal"): (1, 0),
        ("disease", "disease"): (1, 1),
        (None, "food"): (1, 0),
    }
    assert [(each.text, each.wrong, each.occurrences) for each in mentions(pairs)] == [
        ("gut microbiota", 1, 1),
        ("patients", 1, 1),
        ("with", 1, 1),
    ]


def test_an_entity_that_does_not_fit_its_text_keeps_the_mention_of_its_file() -> None:
    outside, misquoted = Mention(30, 90, "title", "beyond", "food"), Mention(0, 3, "title", "Gut", "food")
    elsewhere = Mention(0, 3, "figure", "gut", "food")
    predicted = [GUT, outside, misquoted, elsewhere]
    document = PageDocument("1", {"title": TEXT}, [], predicted, (), (), _pairs([], predicted, None))
    entities = as_json(document, {"anatomy": 0, "food": 1})[3]
    assert entities == [
        [0, 0, 3, 0, None],
        [-1, 30, 90, 1, None, "beyond"],
        [0, 0, 3, 1, None, "Gut"],
        [-1, 0, 3, 1, None, "gut"],
    ]


def test_codes_are_short_and_differ() -> None:
    names = ["DDF", "dietary supplement", "drug", "drum", "dr", "<script>", "<scrap>", "💊", "🧪", "ß-1"]
    found = codes(names)
    assert found[:5] == ["DD", "DS", "DR", "DU", "D1"]
    assert len(set(found)) == len(names)
    assert max(map(len, found)) <= 3


def test_labels_are_ordered_by_the_gold_and_then_by_the_predictions() -> None:
    labels = page_labels([GUT, MICROBIOTA, MICROBIOTA], [at("of", "zebra"), at("of", "ape"), at("with", "zebra")])
    assert list(labels) == ["microbiome", "anatomy", "zebra", "ape"]
    assert [label.place for label in labels.values()] == [0, 1, 2, 3]
