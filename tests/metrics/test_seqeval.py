"""Strict seqeval against examples worked by hand."""

import warnings

import pytest
from seqeval.metrics import f1_score

from ner.metrics.seqeval import strict_report


def test_an_inside_tag_that_continues_nothing_is_no_entity_unlike_in_seqevals_default() -> None:
    gold = [["B-gene", "I-gene", "O", "B-drug"]]
    predicted = [["I-gene", "I-gene", "O", "B-drug"]]
    report = strict_report(gold, predicted, ["gene", "drug"])
    assert f1_score(gold, predicted) == 1
    assert report.micro == pytest.approx((1, 1 / 2, 2 / 3))
    assert report.macro == pytest.approx((1 / 2, 1 / 2, 1 / 2))
    assert report.labels == {"gene": (0, 0, 0), "drug": (1, 1, 1)}


def test_a_label_change_inside_an_entity_ends_it_and_opens_nothing() -> None:
    report = strict_report([["B-gene", "O", "O"]], [["B-gene", "I-drug", "O"]], ["gene", "drug"])
    assert report.micro == (1, 1, 1)


def test_a_boundary_that_is_off_by_one_is_wrong_on_both_sides() -> None:
    report = strict_report([["B-gene", "I-gene", "O"]], [["B-gene", "I-gene", "I-gene"]], ["gene"])
    assert report.micro == (0, 0, 0)


@pytest.mark.parametrize(
    ("gold", "predicted"),
    [([], []), ([[]], [[]]), ([["O", "O"]], [["O", "O"]]), ([["O"]], [["I-gene"]]), ([["B-gene"]], [["O"]])],
)
def test_empty_sides_score_zero_without_warning_or_exception(gold: list[list[str]], predicted: list[list[str]]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = strict_report(gold, predicted, ["gene"])
    assert report.micro == report.macro == report.labels["gene"] == (0, 0, 0)


def test_sequences_of_different_lengths_are_an_error() -> None:
    with pytest.raises(ValueError, match="differ in the number of sequences or in the length of one"):
        strict_report([["O", "O"]], [["O"]], ["gene"])
