"""SemEval's counts: numbers worked out by hand, and those of nervaluate where each entity has one counterpart."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nervaluate import Evaluator

from ner.metrics.official import Mention
from ner.metrics.semeval import SCHEMES, Outcomes, count_outcomes

NAMES = {"strict": "strict", "exact": "exact", "partial": "partial", "type": "ent_type"}


def at(start: int, end: int, label: str = "gene", location: str = "title", text: str = "…") -> Mention:
    return Mention(start, end, location, text, label)


def counted(gold: list[Mention], predicted: list[Mention]) -> dict[str, tuple[int, ...]]:
    """Return correct, incorrect, partial, missing and spurious by scheme."""
    return {
        scheme: (each.correct, each.incorrect, each.partial, each.missing, each.spurious)
        for scheme, each in count_outcomes({"1": gold}, {"1": predicted}).items()
    }


# Correct, incorrect, partial, missing and spurious: strict, exact, partial and type, in this order.
CASES: dict[str, tuple[list[Mention], list[Mention], list[tuple[int, ...]]]] = {
    "nothing": ([], [], [(0, 0, 0, 0, 0)] * 4),
    "found": ([at(0, 5)], [at(0, 5)], [(1, 0, 0, 0, 0)] * 4),
    "missing": ([at(0, 5)], [], [(0, 0, 0, 1, 0)] * 4),
    "spurious": ([], [at(0, 5)], [(0, 0, 0, 0, 1)] * 4),
    "label": (
        [at(0, 5)],
        [at(0, 5, "drug")],
        [(0, 1, 0, 0, 0), (1, 0, 0, 0, 0), (1, 0, 0, 0, 0), (0, 1, 0, 0, 0)],
    ),
    "boundary": (
        [at(0, 5)],
        [at(3, 9)],
        [(0, 1, 0, 0, 0), (0, 1, 0, 0, 0), (0, 0, 1, 0, 0), (1, 0, 0, 0, 0)],
    ),
    "boundary and label": (
        [at(0, 5)],
        [at(4, 9, "drug")],
        [(0, 1, 0, 0, 0), (0, 1, 0, 0, 0), (0, 0, 1, 0, 0), (0, 1, 0, 0, 0)],
    ),
    "touching": ([at(0, 5)], [at(5, 9)], [(0, 0, 0, 1, 1)] * 4),
    "another location": ([at(0, 5)], [at(0, 5, location="abstract")], [(0, 0, 0, 1, 1)] * 4),
    "another quote": ([at(0, 5)], [at(0, 5, text="X")], [(1, 0, 0, 0, 0)] * 4),
    "duplicate": ([at(0, 5)], [at(0, 5), at(0, 5)], [(1, 0, 0, 0, 1)] * 4),
    "duplicate in gold": ([at(0, 5), at(0, 5)], [at(0, 5)], [(1, 0, 0, 1, 0)] * 4),
    "same span, two labels": ([at(0, 5)], [at(0, 5, "drug"), at(0, 5)], [(1, 0, 0, 0, 1)] * 4),
    "nested and found": ([at(0, 9), at(0, 4, "drug")], [at(0, 4, "drug"), at(0, 9)], [(2, 0, 0, 0, 0)] * 4),
    "nested, outer found": ([at(0, 9), at(0, 4, "drug")], [at(0, 9)], [(1, 0, 0, 1, 0)] * 4),
    # The span comes before the label: gene is matched with the drug at its span, not with the gene around it.
    "nested, inner of the outer's label": (
        [at(0, 9), at(2, 9, "drug")],
        [at(2, 9)],
        [(0, 1, 0, 1, 0), (1, 0, 0, 1, 0), (1, 0, 0, 1, 0), (0, 1, 0, 1, 0)],
    ),
    "several candidates, the same label wins": (
        [at(0, 9)],
        [at(0, 8, "drug"), at(8, 12)],
        [(0, 1, 0, 0, 1), (0, 1, 0, 0, 1), (0, 0, 1, 0, 1), (1, 0, 0, 0, 1)],
    ),
    "several candidates, the span wins": (
        [at(0, 9)],
        [at(0, 3), at(4, 9), at(0, 9)],
        [(1, 0, 0, 0, 2)] * 4,
    ),
    "one over two": (
        [at(0, 4), at(5, 9)],
        [at(0, 9)],
        [(0, 1, 0, 1, 0), (0, 1, 0, 1, 0), (0, 0, 1, 1, 0), (1, 0, 0, 1, 0)],
    ),
    "overlapping chain": (
        [at(0, 6), at(5, 12, "drug")],
        [at(4, 8), at(7, 12, "drug")],
        [(0, 2, 0, 0, 0), (0, 2, 0, 0, 0), (0, 0, 2, 0, 0), (2, 0, 0, 0, 0)],
    ),
}


@pytest.mark.parametrize(("gold", "predicted", "expected"), CASES.values(), ids=CASES)
def test_outcomes_are_those_worked_out_by_hand(
    gold: list[Mention], predicted: list[Mention], expected: list[tuple[int, ...]]
) -> None:
    assert counted(gold, predicted) == dict(zip(("strict", "exact", "partial", "type"), expected, strict=True))


def test_the_figures_are_those_of_the_task() -> None:
    outcomes = Outcomes(correct=2, incorrect=1, partial=2, missing=3, spurious=1)
    assert (outcomes.possible, outcomes.actual) == (8, 6)
    precision, recall, f1 = outcomes.figures
    assert (precision, recall) == (3 / 6, 3 / 8)
    assert f1 == pytest.approx(2 * precision * recall / (precision + recall))
    assert Outcomes().figures == (0, 0, 0)
    assert Outcomes(missing=1).figures == Outcomes(spurious=1).figures == (0, 0, 0)


def test_documents_add_up_and_one_without_predictions_is_missing() -> None:
    outcomes = count_outcomes({"1": [at(0, 5)], "2": [at(0, 5)], "3": []}, {"1": [at(0, 5)], "3": [at(0, 5)]})
    assert set(outcomes.values()) == {Outcomes(correct=1, missing=1, spurious=1)}


labels = st.sampled_from(["gene", "drug"])
mentions = st.builds(
    lambda start, length, label: at(start, start + length, label), st.integers(0, 9), st.integers(1, 9), labels
)
# At most one gold entity and one prediction in each stretch of the text, so that no choice decides between matchings.
pairs = st.lists(st.tuples(st.none() | mentions, st.none() | mentions), max_size=6)


@given(st.lists(pairs, min_size=1, max_size=3))
def test_counts_and_figures_are_those_of_nervaluate(
    documents: list[list[tuple[Mention | None, Mention | None]]],
) -> None:
    gold, predicted = (
        {
            str(name): [moved(mention, 20 * place) for place, pair in enumerate(listed) if (mention := pair[side])]
            for name, listed in enumerate(documents)
        }
        for side in (0, 1)
    )
    theirs = Evaluator(*map(records, (gold, predicted)), tags=["gene", "drug"], loader="dict").evaluate()["overall"]
    for scheme, outcomes in count_outcomes(gold, predicted).items():
        other = theirs[NAMES[scheme]]
        assert outcomes == Outcomes(other.correct, other.incorrect, other.partial, other.missed, other.spurious)
        assert (outcomes.possible, outcomes.actual) == (other.possible, other.actual)
        assert outcomes.figures == pytest.approx((other.precision, other.recall, other.f1))


@given(st.lists(mentions, max_size=8), st.lists(mentions, max_size=8))
def test_nested_and_repeated_entities_are_matched_one_to_one_and_by_their_spans_first(
    gold: list[Mention], predicted: list[Mention]
) -> None:
    outcomes = count_outcomes({"1": gold}, {"1": predicted})
    assert {(each.possible, each.actual) for each in outcomes.values()} == {(len(gold), len(predicted))}
    assert outcomes["strict"].correct == (Counter(gold) & Counter(predicted)).total()
    spans, others = (Counter((each.start, each.end) for each in listed) for listed in (gold, predicted))
    assert outcomes["exact"].correct == outcomes["partial"].correct == (spans & others).total()
    assert len({(each.missing, each.spurious) for each in outcomes.values()}) == 1
    assert {scheme for scheme in SCHEMES if outcomes[scheme].partial} <= {"partial"}
    assert outcomes["partial"].incorrect == 0


def moved(mention: Mention, distance: int) -> Mention:
    return at(mention.start + distance, mention.end + distance, mention.label)


def records(mentions: dict[str, list[Mention]]) -> list[list[dict[str, object]]]:
    """Return mentions as nervaluate takes them, with inclusive ends."""
    return [
        [{"label": each.label, "start": each.start, "end": each.end - 1} for each in listed]
        for listed in mentions.values()
    ]
