"""The least scores of entities, against all that there are."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.metrics.thresholds import Outcome, Scored, choose, compare

ENTITIES = st.lists(
    st.builds(Scored, st.sampled_from(["gene", "drug"]), st.sampled_from([0.1, 0.3, 0.5, 0.9, 1.0]), st.booleans()),
    max_size=12,
)
CUTS = [0.0, 0.2, 0.4, 0.7, 0.95]


@given(entities=ENTITIES, missed=st.integers(0, 5))
def test_no_common_score_has_a_higher_f1(entities: list[Scored], missed: int) -> None:
    outcome = outcome_of(entities, missed)
    found = outcome.f1(choose(outcome, ["gene", "drug"]))
    assert found == pytest.approx(max(outcome.f1(dict.fromkeys(["gene", "drug"], cut)) for cut in [*CUTS, 1.0]))


@given(entities=ENTITIES, missed=st.integers(0, 5))
def test_a_score_for_each_label_is_at_least_as_good_and_at_most_the_best(entities: list[Scored], missed: int) -> None:
    outcome = outcome_of(entities, missed)
    found = outcome.f1(choose(outcome, ["gene", "drug"], least_entities=1))
    pairs = product([*CUTS, 1.0], repeat=2)
    assert found <= max(outcome.f1({"gene": gene, "drug": drug}) for gene, drug in pairs) + 1e-12
    assert found >= outcome.f1(choose(outcome, ["gene", "drug"])) - 1e-12


def test_with_calibrated_scores_it_is_half_of_the_f1_that_is_reached() -> None:
    generator = np.random.default_rng(0)
    scores = generator.beta(2, 1, 20_000)
    is_correct = generator.random(20_000) < scores
    entities = [Scored("gene", *pair) for pair in zip(scores.tolist(), is_correct.tolist(), strict=True)]
    outcome = outcome_of(entities, missed=2_000)
    min_scores = choose(outcome, ["gene"])
    assert min_scores["gene"] == pytest.approx(outcome.f1(min_scores) / 2, abs=0.03)


def test_a_rare_label_and_one_that_never_occurs_get_the_common_score() -> None:
    sure = [Scored("gene", 0.9, True)] * 10
    outcome = outcome_of([*sure, Scored("gene", 0.2, False), Scored("drug", 0.2, True)], missed=0)
    found = choose(outcome, ["gene", "drug", "food"], least_entities=11)
    assert found == {"gene": 0.55, "drug": 0.0, "food": 0.0}
    assert choose(outcome, ["drug"], least_entities=1) == {"drug": 0.0}


def test_a_cut_between_scores_that_lie_close_keeps_what_is_above() -> None:
    near = [Scored("gene", 0.99999, True), Scored("gene", 0.99998, True), Scored("gene", 0.99996, False)]
    cut = choose(outcome_of(near, missed=0), ["gene"])["gene"]
    assert 0.99996 < cut <= 0.99998


def test_without_entities_nothing_is_left_out() -> None:
    assert choose(outcome_of([], missed=3), ["gene"]) == {"gene": 0.0}
    assert outcome_of([], missed=0).f1({}) == 0


def outcome_of(entities: list[Scored], missed: int) -> Outcome:
    return Outcome(tuple(entities), {"gene": missed + sum(entity.is_correct for entity in entities)}, 1)


def document(*spans: Span, name: str = "1", text: str = "BDNF and aspirin", until: int | None = None) -> Document:
    return Document(name, (Passage(text, spans=spans, annotated_until=until),))


GENE, DRUG = Span(0, 4, "gene"), Span(9, 16, "drug")


def test_predictions_are_compared_with_the_annotation_of_their_documents() -> None:
    gold = [document(GENE, DRUG), document(GENE, name="not predicted")]
    found = compare(gold, [document(Span(0, 4, "gene", 0.9), Span(9, 15, "drug", 0.2))])
    assert found == Outcome((Scored("gene", 0.9, True), Scored("drug", 0.2, False)), {"gene": 1, "drug": 1}, 1)


def test_what_is_found_where_the_annotation_has_stopped_does_not_count() -> None:
    found = compare([document(GENE, until=8)], [document(Span(9, 16, "drug", 0.9))])
    assert found.entities == ()
    assert compare([document(GENE, DRUG, until=8)], [document()]).gold == {"gene": 1}


@pytest.mark.parametrize(
    ("gold", "message"),
    [
        ([document(until=0)], "'1' is not annotated in the gold; name the annotated file"),
        ([document(GENE), document(until=0)], "'1' has two annotations in the gold; name the file of one"),
    ],
)
def test_gold_that_says_nothing_or_two_things_of_a_document_is_refused(gold: list[Document], message: str) -> None:
    with pytest.raises(InputError, match=message):
        compare(gold, [document(Span(0, 4, "gene", 0.9))])
    assert compare([*gold, document(GENE, name="2")], [document(Span(0, 4, "gene", 0.9), name="2")]).documents == 1


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ([document(GENE)], "an entity has no score; write them with predict --predictions.scores true"),
        ([document(name="2")], "'2' is predicted, but not in the gold"),
        ([document(), document()], "'1' is predicted twice"),
        ([document(text="another text here")], "has other texts in the gold"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(predictions: list[Document], message: str) -> None:
    with pytest.raises(InputError, match=message):
        compare([document(GENE)], predictions)
