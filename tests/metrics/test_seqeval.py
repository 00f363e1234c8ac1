"""Strict seqeval against examples worked by hand, and on the tokens of files against seqeval on their tags."""

import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from seqeval.metrics import classification_report, f1_score
from seqeval.scheme import IOB2, IOBES

from ner.documents import Passage, Span
from ner.formats import CoNLL
from ner.metrics.seqeval import TokenReport, score_tokens, strict_report


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


Sentences = list[list[str]]


def of_files(folder: Path, gold: Sentences, predicted: Sentences) -> TokenReport:
    """Score files of tags."""
    passages = []
    for sentences in (gold, predicted):
        (folder / "a.conll").write_text("\n".join("".join(f"t\t{tag}\n" for tag in tags) for tags in sentences))
        passages.append([document.passages[0] for document in CoNLL().read(folder / "a.conll")])
    return score_tokens((first, second.spans) for first, second in zip(*passages, strict=True))


# Entities of a sentence: numbers of tokens, with a label or outside.
entities = st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["gene", "drug", ""])), min_size=1, max_size=5)


def iob2(sentence: list[tuple[int, str]], length: int) -> list[str]:
    tags = [f"{'I' if place else 'B'}-{label}" if label else "O" for size, label in sentence for place in range(size)]
    return (tags + ["O"] * length)[:length]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(entities, entities), min_size=1, max_size=4))
def test_the_score_on_the_tokens_of_a_file_is_that_of_seqeval_on_its_tags(
    tmp_path: Path, sentences: list[tuple[list[tuple[int, str]], list[tuple[int, str]]]]
) -> None:
    gold, predicted = ([iob2(pair[side], 9) for pair in sentences] for side in (0, 1))
    report = of_files(tmp_path, gold, predicted)
    assert (report.tokens, report.cut, report.left_out) == (9 * len(sentences), 0, 0)
    used = {tag[2:] for tags in (*gold, *predicted) for tag in tags} - {""}
    assert report.score.labels.keys() == used
    if used:
        rows = classification_report(gold, predicted, output_dict=True, mode="strict", scheme=IOB2, zero_division=0)
        for name, figures in (*report.score.labels.items(), ("micro avg", report.score.micro)):
            assert figures == pytest.approx([rows[name][column] for column in ("precision", "recall", "f1-score")])


def test_other_schemes_of_tags_are_scored_as_seqeval_scores_them(tmp_path: Path) -> None:
    gold = [["S-gene", "O", "B-drug", "I-drug", "E-drug"], ["B-gene", "E-gene"]]
    predicted = [["S-gene", "O", "B-drug", "E-drug", "O"], ["B-gene", "E-gene"]]
    report = of_files(tmp_path, gold, predicted)
    assert report.score.micro.f1 == f1_score(gold, predicted, mode="strict", scheme=IOBES) == pytest.approx(2 / 3)
    # In IOB1 an entity begins with I- unless it touches one of its label; conlleval's rule is seqeval's default.
    gold, predicted = [["I-gene", "B-gene", "O", "I-drug", "I-drug"]], [["I-gene", "I-gene", "O", "I-drug", "I-drug"]]
    assert of_files(tmp_path, gold, predicted).score.micro.f1 == f1_score(gold, predicted) == pytest.approx(2 / 5)


PASSAGE = Passage(
    "IL-2 and GABA", spans=(Span(0, 4, "gene"), Span(9, 13, "chemical")), tokens=((0, 4), (5, 8), (9, 13))
)


@pytest.mark.parametrize(
    ("predicted", "correct", "cut", "left_out"),
    [
        ([], 0, 0, 0),
        (PASSAGE.spans, 2, 0, 0),
        ([Span(0, 2, "gene")], 1, 1, 0),
        ([Span(3, 4, "gene"), Span(10, 12, "chemical")], 2, 2, 0),
        # White space at a border cuts nothing, and of two in a token the longer one has it.
        ([Span(8, 13, "chemical")], 1, 0, 0),
        ([Span(0, 2, "gene"), Span(2, 4, "gene")], 1, 2, 1),
        ([Span(0, 4, "gene"), Span(0, 4, "gene")], 1, 0, 1),
        ([Span(4, 5, "gene"), Span(9, 13, "chemical")], 1, 0, 1),
        ([Span(0, 13, "gene"), Span(9, 13, "chemical")], 0, 0, 1),
    ],
)
def test_a_prediction_that_cuts_a_token_is_counted_and_has_the_whole_of_it(
    predicted: list[Span], correct: int, cut: int, left_out: int
) -> None:
    report = score_tokens([(PASSAGE, predicted)])
    assert report.score.micro.recall == correct / 2
    assert (report.tokens, report.cut, report.left_out) == (3, cut, left_out)


def test_tokens_beyond_the_annotation_do_not_count() -> None:
    passage = Passage(PASSAGE.text, spans=PASSAGE.spans[:1], annotated_until=8, tokens=PASSAGE.tokens)
    report = score_tokens([(passage, [Span(0, 4, "gene"), Span(9, 13, "gene")])])
    assert (report.tokens, report.score.micro) == (2, (1, 1, 1))
    crossing = Span(5, len(PASSAGE.text), "gene")
    report = score_tokens([(replace(passage, spans=(*passage.spans, crossing)), [Span(0, 4, "gene")])])
    assert (report.tokens, report.score.micro) == (2, (1, 1, 1))
