"""Calibration: what is counted, where the bins end, and an error computed by hand."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.errors import InputError
from ner.metrics.calibration import calibrate, over_thresholds
from ner.metrics.official import Mention, Version, retained, score

MISSING = 'no entity carries a "score"; write them with predict --predictions.scores true'


def at(start: int, label: str = "gene", length: int = 3, text: str = "…") -> Mention:
    return Mention(start, start + length, "abstract", text, label)


def test_the_expected_error_is_the_gap_of_each_bin_weighted_by_its_entities() -> None:
    gold = {"1": [at(0), at(10)]}
    predicted = {"1": [at(0), at(10), at(20), at(30)]}
    result = calibrate(gold, predicted, {"1": [0.95, 0.65, 0.61, 0.3]})
    assert [each.entities for each in result.bins] == [0, 0, 0, 1, 0, 0, 2, 0, 0, 1]
    assert (result.bins[6].confidence, result.bins[6].correct) == (pytest.approx(0.63), 0.5)
    assert (result.bins[0].confidence, result.bins[0].correct) == (None, None)
    assert (result.confidence, result.correct) == (pytest.approx(2.51 / 4), 0.5)
    # 1 · |1 - 0.95|, 2 · |0.5 - 0.63|, 1 · |0 - 0.3|
    assert result.expected_calibration_error == pytest.approx((0.05 + 0.26 + 0.3) / 4)


@pytest.mark.parametrize(
    ("confidence", "number"), [(0.0, 0), (0.09, 0), (0.1, 1), (0.3, 3), (0.5, 5), (0.7, 7), (0.99, 9), (1.0, 9)]
)
def test_a_bin_begins_with_its_lower_bound_and_the_last_one_includes_one(confidence: float, number: int) -> None:
    result = calibrate({"1": [at(0)]}, {"1": [at(0)]}, {"1": [confidence]})
    assert [place for place, each in enumerate(result.bins) if each.entities] == [number]
    assert (result.bins[number].low, result.bins[number].high) == (number / 10, (number + 1) / 10)


def test_only_what_the_version_retains_is_counted_with_its_own_confidence() -> None:
    gold = {"1": [at(0)]}
    predicted = {"1": [at(0), at(0, "drug"), at(0), at(1, length=2)]}
    confidences = {"1": [0.9, 0.8, 0.2, 0.1]}
    final = calibrate(gold, predicted, confidences, "final")
    assert (final.entities, final.confidence, final.correct) == (1, 0.9, 1)
    first = calibrate(gold, predicted, confidences, "march2025")
    assert (first.entities, first.confidence, first.correct) == (4, 0.5, 0.5)
    assert [each.entities for each in first.bins] == [0, 1, 1, 0, 0, 0, 0, 0, 1, 1]


def test_an_entity_is_correct_only_as_the_score_has_it() -> None:
    predicted = {"1": [at(0, text="X"), at(10, "drug"), at(20, length=4)]}
    result = calibrate({"1": [at(0), at(10), at(20)]}, predicted, {"1": [1, 1, 1]})
    assert (result.correct, result.expected_calibration_error) == (0, 1)


def test_a_document_without_predictions_has_none_to_count() -> None:
    assert calibrate({"1": [at(0)], "2": [at(0)]}, {"1": [at(0)]}, {"1": [0.5]}).entities == 1


def test_entities_without_a_score_are_left_out_and_numbered() -> None:
    result = calibrate({"1": [at(0), at(10)]}, {"1": [at(0), at(10)]}, {"1": [0.5, None]})
    assert (result.entities, result.without_score) == (1, 1)


def test_without_any_score_the_message_says_how_to_write_them() -> None:
    for predicted, confidences in (([at(0)], [None]), ([], [])):
        with pytest.raises(InputError) as caught:
            calibrate({"1": [at(0)]}, {"1": predicted}, {"1": confidences})
        assert str(caught.value) == MISSING


def test_entities_that_are_right_as_often_as_they_say_have_nearly_no_error_and_boastful_ones_have() -> None:
    generator = random.Random(1)
    gold, predicted, confidences = [], [], []
    for place in range(0, 200_000, 10):
        confidence = generator.random()
        predicted.append(at(place))
        confidences.append(confidence)
        gold += [at(place)] * (generator.random() < confidence)
    assert calibrate({"1": gold}, {"1": predicted}, {"1": confidences}).expected_calibration_error < 0.02
    boastful = [1 - (1 - confidence) / 4 for confidence in confidences]
    assert calibrate({"1": gold}, {"1": predicted}, {"1": boastful}).expected_calibration_error > 0.3


some_predictions = st.lists(
    st.tuples(
        st.builds(at, st.integers(0, 12), st.sampled_from(["gene", "drug"]), st.integers(1, 5)),
        st.floats(0, 1),
    ),
    min_size=1,
    max_size=8,
)


@given(
    st.lists(st.builds(at, st.integers(0, 12), st.sampled_from(["gene", "drug"])), max_size=6),
    some_predictions,
    st.sampled_from(["final", "march2025"]),
)
def test_bins_add_up_to_the_predictions_that_the_score_counts(
    listed: list[Mention], scored: list[tuple[Mention, float]], version: Version
) -> None:
    # With both labels in the gold, the score counts every prediction.
    gold = {"1": listed, "2": [at(0, "gene"), at(10, "drug")]}
    predicted, confidences = [mention for mention, _ in scored], [confidence for _, confidence in scored]
    result = calibrate(gold, {"1": predicted}, {"1": confidences}, version)
    counts = score(gold, {"1": predicted}, version).counts.values()
    assert sum(each.entities for each in result.bins) == result.entities == len(retained(predicted, version))
    assert result.entities == sum(count.predicted for count in counts)
    assert result.correct * result.entities == pytest.approx(sum(count.true_positives for count in counts))
    assert 0 <= result.expected_calibration_error <= 1
    assert result.expected_calibration_error >= abs(result.correct - result.confidence) - 1e-9


def test_a_threshold_keeps_the_entities_from_it_on() -> None:
    gold = {"1": [at(0), at(10)]}
    predicted = {"1": [at(0), at(10), at(20), at(30)]}
    found = over_thresholds(gold, predicted, {"1": [0.95, 0.65, 0.61, None]})
    by_threshold = {each.least: each.figures for each in found}
    assert (min(by_threshold), max(by_threshold)) == (0, 0.95)
    assert by_threshold[0] == pytest.approx((2 / 3, 1, 0.8))
    assert by_threshold[0.61] == pytest.approx((2 / 3, 1, 0.8))
    assert by_threshold[0.62] == pytest.approx((1, 1, 1))
    assert by_threshold[0.66] == pytest.approx((1, 0.5, 2 / 3))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_the_curve_begins_with_the_official_score(confidences: list[float]) -> None:
    predicted = {"1": [at(10 * place) for place in range(len(confidences))]}
    gold = {"1": [*predicted["1"][::2], at(1000)]}
    [first, *_] = over_thresholds(gold, predicted, {"1": confidences})
    assert first.figures == score(gold, predicted).micro
