"""The official score: the organisers' numbers, each quirk on its own, and what must hold for any input."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.documents import Passage, Span
from ner.errors import InputError
from ner.metrics.official import (
    Counts,
    Mention,
    Score,
    Version,
    add,
    count_document,
    figures,
    mentions,
    remove_duplicates,
    resolve_overlaps,
    score,
    summarise,
)
from tests.submissions import read_mentions

LABELS = (
    "anatomical location",
    "animal",
    "bacteria",
    "biomedical technique",
    "chemical",
    "DDF",
    "dietary supplement",
    "drug",
    "food",
    "gene",
    "human",
    "microbiome",
    "statistical technique",
)
CASES = Path(os.environ.get("EVAL_CASES_ROOT") or "")
CORPUS = Path(os.environ.get("GUTBRAINIE_ROOT") or "")
VERSIONS: tuple[Version, ...] = ("final", "march2025")

needs_cases = pytest.mark.skipif("EVAL_CASES_ROOT" not in os.environ, reason="EVAL_CASES_ROOT names no cases")
needs_corpus = pytest.mark.skipif("GUTBRAINIE_ROOT" not in os.environ, reason="GUTBRAINIE_ROOT names no corpus")


def at(start: int, end: int, label: str = "gene", location: str = "abstract", text: str = "…") -> Mention:
    return Mention(start, end, location, text, label)


def six_numbers(result: Score) -> dict[str, float]:
    averages = {"macro": result.macro, "micro": result.micro}
    return {
        f"{name}_{field}": getattr(average, field) for name, average in averages.items() for field in average._fields
    }


@needs_cases
def test_all_24_small_cases_are_there() -> None:
    assert len(list(CASES.glob("[0-9]*.json"))) == 24


@needs_cases
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", sorted(CASES.glob("[0-9]*.json")), ids=lambda path: path.stem)
def test_the_score_of_a_case_is_the_organisers(path: Path, version: Version, tmp_path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    for name in ("gold", "predictions"):
        (tmp_path / name).write_text(json.dumps(case[name]), encoding="utf-8")
    expected = case["expected"][version]

    def scored() -> Score:
        return score(read_mentions(tmp_path / "gold"), read_mentions(tmp_path / "predictions"), version, LABELS)

    if "error" in expected:
        with pytest.raises(InputError) as caught:
            scored()
        assert "\n" not in str(caught.value)
    else:
        assert six_numbers(scored()) == pytest.approx(expected, rel=0, abs=1e-12)


@needs_cases
@needs_corpus
@pytest.mark.parametrize("version", VERSIONS)
def test_the_baseline_scores_on_dev_what_the_task_page_says(version: Version) -> None:
    gold = read_mentions(CORPUS / "Annotations" / "Dev" / "json_format" / "dev.json")
    predictions = read_mentions(CASES / "real_dev_baseline_predictions.json")
    found = six_numbers(score(gold, predictions, version, LABELS))
    case = json.loads((CASES / "real_dev_baseline.json").read_text(encoding="utf-8"))
    assert found == pytest.approx(case["expected"][version], rel=0, abs=1e-12)
    assert [f"{value:.4f}" for value in found.values()] == ["0.6627", "0.7473", "0.6917", "0.7561", "0.8272", "0.7901"]


def test_of_the_same_interval_the_first_in_the_list_stays_whatever_its_label_and_text() -> None:
    first, second = at(0, 5, "drug", text="a"), at(0, 5, "gene", text="b")
    assert remove_duplicates([first, second]) == [first]
    assert remove_duplicates([second, first]) == [second]


def test_the_same_interval_in_title_and_abstract_is_no_duplicate_and_no_overlap() -> None:
    both = [at(0, 5, location="title"), at(0, 5, location="abstract")]
    assert resolve_overlaps(remove_duplicates(both)) == both


def test_a_chain_of_overlaps_collapses_to_its_longest_mention() -> None:
    chain = [at(0, 10), at(8, 21), at(18, 28)]
    assert resolve_overlaps(chain) == [at(8, 21)]


def test_sharing_one_character_is_no_overlap_and_sharing_two_is() -> None:
    assert resolve_overlaps([at(0, 10), at(9, 16)]) == [at(0, 10), at(9, 16)]
    assert resolve_overlaps([at(0, 10), at(8, 16)]) == [at(0, 10)]


def test_mentions_that_begin_together_overlap_or_not_by_their_order_in_the_list() -> None:
    character, word = at(5, 6), at(5, 11)
    assert resolve_overlaps([character, word]) == [character, word]
    assert resolve_overlaps([word, character]) == [word]


def test_among_equally_long_mentions_the_earliest_start_stays() -> None:
    assert resolve_overlaps([at(4, 9), at(2, 7)]) == [at(2, 7)]


def test_a_cluster_reaches_to_its_largest_end_not_to_its_last() -> None:
    assert resolve_overlaps([at(0, 20), at(2, 4), at(10, 15)]) == [at(0, 20)]


def test_what_survives_keeps_the_order_of_the_list() -> None:
    listed = [at(30, 35), at(0, 5, location="title"), at(10, 15)]
    assert resolve_overlaps(listed) == listed


def test_gold_counts_as_listed() -> None:
    twice = [at(0, 5), at(0, 5), at(1, 9)]
    assert count_document(twice, [at(0, 5)]) == {"gene": Counts(true_positives=1, predicted=1, gold=3)}


def test_the_first_version_counts_every_repetition_as_predicted_and_correct() -> None:
    repeated = [at(0, 5), at(0, 5)]
    assert count_document([at(0, 5)], repeated, "march2025") == {"gene": Counts(2, 2, 1)}
    assert count_document([at(0, 5)], repeated, "final") == {"gene": Counts(1, 1, 1)}


@pytest.mark.parametrize("wrong", [at(0, 6), at(0, 5, "drug"), at(0, 5, location="title"), at(0, 5, text="X")])
def test_a_mention_is_correct_only_if_all_five_of_its_parts_are(wrong: Mention) -> None:
    assert add([count_document([at(0, 5)], [wrong])])["gene"].true_positives == 0


def test_a_label_that_the_gold_never_uses_is_not_counted() -> None:
    result = score({"1": [at(0, 5)]}, {"1": [at(0, 5), at(10, 15, "drug")]})
    assert list(result.labels) == ["gene"]
    assert result.micro == figures(Counts(1, 1, 1))


def test_a_label_that_occurs_only_in_another_document_of_the_gold_is_counted() -> None:
    result = score({"1": [at(0, 5)], "2": []}, {"2": [at(0, 5)]})
    assert result.counts == {"gene": Counts(0, 1, 1)}


def test_macro_f1_is_the_mean_of_the_labels_f1() -> None:
    result = summarise({"gene": Counts(1, 1, 2), "drug": Counts(1, 2, 1)})
    assert result.macro.precision == pytest.approx(0.75)
    assert result.macro.f1 == pytest.approx(2 / 3)  # the harmonic mean of P and R would be 3/4


def test_without_gold_the_summary_is_zero_and_the_score_an_error() -> None:
    assert set(six_numbers(summarise({"gene": Counts(0, 3, 0)})).values()) == {0.0}
    with pytest.raises(InputError, match="no entity in the gold"):
        score({"1": []}, {"1": [at(0, 5)]})


def test_an_unknown_document_is_an_error_once_it_has_an_entity() -> None:
    assert score({"1": [at(0, 5)]}, {"999": []}).micro.f1 == 0
    with pytest.raises(InputError, match="PMID 999 is predicted but not in the gold"):
        score({"1": [at(0, 5)]}, {"999": [at(0, 5)]})


def test_an_illegal_label_is_an_error_unless_it_was_removed_as_a_duplicate_before() -> None:
    gold = {"1": [at(0, 5)]}
    with pytest.raises(InputError, match=r"PMID 1, '…' at \[0, 5\): label 'GENE' is not one of gene"):
        score(gold, {"1": [at(0, 5, "GENE")]}, legal_labels=["gene"])
    assert score(gold, {"1": [at(0, 5), at(0, 5, "GENE")]}, legal_labels=["gene"]).micro.f1 == pytest.approx(1)


def test_an_illegal_location_is_an_error_in_the_final_version_and_a_false_positive_in_the_first() -> None:
    gold, predictions = {"1": [at(0, 5)]}, {"1": [at(0, 5), at(7, 9, location="body")]}
    with pytest.raises(InputError, match="location 'body' is not one of title, abstract"):
        score(gold, predictions)
    assert score(gold, predictions, "march2025").counts == {"gene": Counts(1, 2, 1)}
    assert score(gold, predictions, legal_locations=None).counts == {"gene": Counts(1, 2, 1)}


def test_spans_of_a_passage_become_mentions_that_quote_it() -> None:
    passage = Passage("Gut microbiota", "title", (Span(4, 14, "microbiome"),))
    assert mentions(passage, passage.spans) == [Mention(4, 14, "title", "microbiota", "microbiome")]


some_mentions = st.lists(
    st.builds(
        lambda start, length, location, label: at(start, start + length, label, location),
        st.integers(0, 12),
        st.integers(1, 6),
        st.sampled_from(["title", "abstract"]),
        st.sampled_from(["gene", "drug", "food"]),
    ),
    max_size=8,
)
collections = st.dictionaries(st.sampled_from("1234"), some_mentions)


@given(some_mentions)
def test_clusters_are_the_connected_components_of_overlap_when_no_mention_is_one_character(
    listed: Sequence[Mention],
) -> None:
    longer = [mention for mention in remove_duplicates(listed) if mention.end - mention.start > 1]
    components: list[list[Mention]] = []
    for mention in longer:
        touching = [component for component in components if any(shares_two(mention, other) for other in component)]
        components = [component for component in components if component not in touching]
        components.append([mention, *(other for component in touching for other in component)])
    longest = [
        min(component, key=lambda mention: (mention.start - mention.end, mention.start)) for component in components
    ]
    assert sorted(map(repr, resolve_overlaps(longer))) == sorted(map(repr, longest))


def shares_two(one: Mention, other: Mention) -> bool:
    return one.location == other.location and min(one.end, other.end) - max(one.start, other.start) >= 2


@given(some_mentions)
def test_resolving_overlaps_again_changes_nothing(listed: Sequence[Mention]) -> None:
    once = resolve_overlaps(remove_duplicates(listed))
    assert resolve_overlaps(once) == once


@given(collections, collections, st.sampled_from(VERSIONS))
def test_counts_add_up_over_documents_to_the_score_of_their_union(
    gold: dict[str, list[Mention]], predictions: dict[str, list[Mention]], version: Version
) -> None:
    gold = {pmid: gold.get(pmid, []) for pmid in "1234"} | {"5": [at(0, 5)]}
    parts = [count_document(gold[pmid], predictions.get(pmid, []), version) for pmid in gold]
    assert summarise(add([add(parts[:2]), add(parts[2:])])) == score(gold, predictions, version)


@given(some_mentions.filter(bool))
def test_a_perfect_prediction_of_gold_without_overlaps_scores_one(listed: list[Mention]) -> None:
    gold = {"1": resolve_overlaps(remove_duplicates(listed))}
    for version in VERSIONS:
        assert list(six_numbers(score(gold, gold, version)).values()) == pytest.approx([1] * 6, abs=1e-9)
