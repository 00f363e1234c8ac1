"""The paired bootstrap: the official score of documents that are really repeated is the oracle."""

import time
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner.metrics.bootstrap import TIE, compare, draws, figures_of, intervals
from ner.metrics.official import Counts, Figures, Mention, Version, score, summarise

Documents = Mapping[str, Sequence[Mention]]

LABELS = ("gene", "drug", "food", "animal", "human")


def at(start: int, label: str) -> Mention:
    return Mention(start, start + 3, "abstract", "…", label)


def some_gold(seed: int, documents: int = 12, labels: Sequence[str] = LABELS) -> dict[str, list[Mention]]:
    """Documents that use different labels each, so that resamples lack some."""
    generator = np.random.default_rng(seed)
    return {
        str(pmid): [
            at(10 * place, labels[generator.integers(len(labels))]) for place in range(generator.integers(1, 9))
        ]
        for pmid in range(documents)
    }


def some_predictions(gold: Documents, seed: int, recall: float, noise: float = 0.3) -> dict[str, list[Mention]]:
    """What a system of a certain recall finds; as much as ``noise`` says is wrong besides."""
    generator = np.random.default_rng(seed)
    return {
        pmid: [mention for mention in mentions if generator.random() < recall]
        + [at(1000 + 10 * place, mention.label) for place, mention in enumerate(mentions) if generator.random() < noise]
        for pmid, mentions in gold.items()
    }


def repeated(documents: Documents, pmids: Sequence[str], times: Sequence[float]) -> dict[str, Sequence[Mention]]:
    return {
        f"{pmid} #{copy}": documents.get(pmid, ())
        for pmid, count in zip(pmids, times, strict=True)
        for copy in range(int(count))
    }


@pytest.mark.parametrize("version", ["final", "march2025"])
def test_each_resample_is_scored_as_the_official_score_of_repeated_documents(version: Version) -> None:
    gold = {**some_gold(1), "unannotated": []}
    a, b = some_predictions(gold, 2, 0.8), some_predictions(gold, 3, 0.7)
    del b["4"]  # a document may be missing
    differences = []
    for times in np.concatenate(list(draws(len(gold), 60, seed=7))):
        resampled = repeated(gold, list(gold), times)
        of_a = score(resampled, repeated(a, list(gold), times), version)
        of_b = score(resampled, repeated(b, list(gold), times), version)
        differences.append((of_a.micro.f1 - of_b.micro.f1, of_a.macro.f1 - of_b.macro.f1))
    comparison = compare(gold, a, b, version, resamples=60, seed=7)
    for column, average in enumerate((comparison.micro, comparison.macro)):
        of_average = [pair[column] for pair in differences]
        wins = sum(1 if difference > TIE else 0.5 if difference >= -TIE else 0 for difference in of_average)
        assert average.win_probability == pytest.approx(wins / 60)
        assert average.interval == pytest.approx(np.percentile(of_average, [2.5, 97.5]), abs=1e-12)


def test_intervals_are_those_of_the_scores_of_repeated_documents() -> None:
    gold = some_gold(1)
    found = some_predictions(gold, 2, 0.8)
    drawn = np.concatenate(list(draws(len(gold), 60, seed=7)))
    scores = [score(repeated(gold, list(gold), times), repeated(found, list(gold), times)) for times in drawn]
    result = intervals(gold, found, resamples=60, seed=7)
    for bounds, figures in (
        (result.micro, [each.micro for each in scores]),
        (result.macro, [each.macro for each in scores]),
        # A label counts in the resamples whose gold has it.
        (result.labels["drug"], [each.labels["drug"] for each in scores if "drug" in each.labels]),
    ):
        assert bounds == pytest.approx(np.percentile(figures, [2.5, 97.5], axis=0), abs=1e-12)


def test_the_difference_is_that_of_the_whole() -> None:
    gold = some_gold(1)
    a, b = some_predictions(gold, 2, 0.8), some_predictions(gold, 3, 0.7)
    comparison, of_a, of_b = compare(gold, a, b, resamples=10), score(gold, a), score(gold, b)
    assert (comparison.micro.a, comparison.micro.b) == (of_a.micro.f1, of_b.micro.f1)
    assert (comparison.macro.a, comparison.macro.b) == (of_a.macro.f1, of_b.macro.f1)
    assert {label: each.a for label, each in comparison.labels.items()} == {
        label: figures.f1 for label, figures in of_a.labels.items()
    }
    assert comparison.macro.difference == of_a.macro.f1 - of_b.macro.f1


counts = st.builds(
    lambda true_positives, more_predicted, more_gold: Counts(
        true_positives, true_positives + more_predicted, true_positives + more_gold
    ),
    st.integers(0, 5),
    st.integers(0, 5),
    st.integers(0, 5),
)


@given(st.lists(st.lists(counts, min_size=4, max_size=4), min_size=1, max_size=5))
def test_many_collections_are_summarised_at_once_as_one_by_one(collections: list[list[Counts]]) -> None:
    summaries = [summarise(dict(zip("abcd", collection, strict=True))) for collection in collections]
    undefined = Figures(0, 0, 0)
    rows = [[each.micro, each.macro, *(each.labels.get(label, undefined) for label in "abcd")] for each in summaries]
    assert figures_of(np.array(collections, dtype=float)) == pytest.approx(np.array(rows), abs=1e-12)


def test_identical_predictions_never_differ() -> None:
    gold = some_gold(1)
    same = some_predictions(gold, 2, 0.7)
    comparison = compare(gold, same, dict(same), resamples=500)
    for average in (comparison.micro, comparison.macro):
        assert (average.difference, average.win_probability, average.interval) == (0, 0.5, (0, 0))


def test_scores_that_only_rounding_moves_apart_are_a_tie() -> None:
    # Both have F1 of 1/2 in micro average, but the script's epsilon weighs differently on 1/(1 + 3) and 3/(9 + 3).
    gold = {"1": [at(place, "gene") for place in range(0, 30, 10)]}
    a = {"1": [at(0, "gene")]}
    b = {"1": [*gold["1"], *(at(place, "gene") for place in range(100, 160, 10))]}
    assert 0 < abs(score(gold, a).micro.f1 - score(gold, b).micro.f1) < TIE
    assert compare(gold, a, b, resamples=20).micro.win_probability == 0.5


def test_without_gold_entities_nothing_differs() -> None:
    comparison = compare({"1": []}, {"1": [at(0, "gene")]}, {}, resamples=5)
    assert (comparison.micro.win_probability, comparison.macro.interval) == (0.5, (0, 0))


def test_swapping_the_predictions_turns_everything_round() -> None:
    gold = some_gold(1)
    a, b = some_predictions(gold, 2, 0.8), some_predictions(gold, 3, 0.75)
    one, other = compare(gold, a, b, resamples=999), compare(gold, b, a, resamples=999)
    for forth, back in ((one.micro, other.micro), (one.macro, other.macro)):
        assert forth.difference == -back.difference
        assert forth.win_probability == pytest.approx(1 - back.win_probability)
        assert forth.interval == pytest.approx((-back.interval[1], -back.interval[0]))


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_result(seed: int) -> None:
    gold = some_gold(1)
    a, b = some_predictions(gold, 2, 0.8), some_predictions(gold, 3, 0.7)
    assert compare(gold, a, b, resamples=50, seed=seed) == compare(gold, a, b, resamples=50, seed=seed)


def test_a_label_counts_in_the_resamples_whose_gold_has_it() -> None:
    gold = {str(number): [at(0, "gene")] for number in range(20)}
    gold["0"].append(at(10, "drug"))
    b = {pmid: mentions[:1] for pmid, mentions in gold.items()}
    found = compare(gold, gold, b, resamples=500).labels["drug"]
    assert found.win_probability == 1
    assert found.interval == pytest.approx((1, 1))


def test_another_seed_draws_other_documents() -> None:
    first, second = (np.concatenate(list(draws(9, 20, seed))) for seed in (1, 2))
    assert (first != second).any()


def test_each_resample_is_as_large_as_the_gold_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = np.concatenate(list(draws(9, 100, seed=3)))
    assert at_once.shape == (100, 9)
    assert set(at_once.sum(axis=1)) == {9}
    monkeypatch.setattr("ner.metrics.bootstrap.BLOCK", 9 * 7)
    blocks = list(draws(9, 100, seed=3))
    assert [len(block) for block in blocks] == [7] * 14 + [2]
    assert (np.concatenate(blocks) == at_once).all()


def test_a_better_system_wins() -> None:
    gold = some_gold(1, documents=40)
    comparison = compare(gold, some_predictions(gold, 2, 0.9, 0.1), some_predictions(gold, 3, 0.5, 0.5))
    for average in (comparison.micro, comparison.macro):
        assert average.difference > 0.2
        assert average.win_probability == 1
        assert 0 < average.interval[0] < average.difference < average.interval[1]


def test_the_interval_covers_the_true_difference_about_as_often_as_it_says() -> None:
    # Without false positives F1 is 2r / (1 + r), whatever the documents, for a label that is found with probability r.
    truth = 2 * 0.8 / 1.8 - 2 * 0.7 / 1.7
    covered = 0
    for trial in range(150):
        gold = {str(pmid): [at(10 * place, "gene") for place in range(6)] for pmid in range(30)}
        a, b = (some_predictions(gold, 2 * trial + system, recall, 0) for system, recall in enumerate((0.8, 0.7)))
        low, high = compare(gold, a, b, resamples=400, seed=trial).micro.interval
        covered += low <= truth <= high
    assert 0.88 <= covered / 150 <= 1


def test_ten_thousand_resamples_of_a_dev_set_take_little_time() -> None:
    labels = [f"label {number}" for number in range(13)]
    gold = some_gold(1, 40, labels)
    a, b = some_predictions(gold, 2, 0.8), some_predictions(gold, 3, 0.7)
    begun = time.process_time()
    assert compare(gold, a, b).resamples == 10_000
    assert time.process_time() - begun < 3


@pytest.mark.parametrize(("documents", "resamples", "seed"), [(0, 10, 1), (3, 0, 1), (3, 10, -1)])
def test_a_bootstrap_of_nothing_is_refused(documents: int, resamples: int, seed: int) -> None:
    with pytest.raises(ValueError, match=r"a bootstrap needs documents and resamples|non-negative"):
        list(draws(documents, resamples, seed))
