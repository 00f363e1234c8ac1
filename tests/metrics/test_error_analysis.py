"""Errors: each kind on its own, and the sums that must agree with the official counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.metrics.error_analysis import CONTEXT, KINDS, Example, LabelErrors, Pair, count_errors, find_errors, match
from ner.metrics.official import Counts, Mention, Version, add, count_document, retained


def at(start: int, end: int, label: str = "gene", location: str = "abstract", text: str = "…") -> Mention:
    return Mention(start, end, location, text, label)


@pytest.mark.parametrize(
    ("predicted", "kind"),
    [
        (at(10, 20), "found"),
        (at(10, 20, "drug"), "wrong_label"),
        (at(10, 20, "drug", text="X"), "wrong_label"),
        (at(10, 21), "too_long"),
        (at(9, 20), "too_long"),
        (at(9, 21), "too_long"),
        (at(10, 19), "too_short"),
        (at(11, 20), "too_short"),
        (at(11, 19), "too_short"),
        (at(9, 19), "shifted"),
        (at(19, 30), "shifted"),
        (at(10, 20, text="X"), "other_text"),
    ],
)
def test_a_prediction_beside_a_gold_entity_is_an_error_of_one_kind(predicted: Mention, kind: str) -> None:
    (pair,) = match([at(10, 20)], [predicted])
    assert (pair.gold, pair.predicted, pair.kind) == (at(10, 20), predicted, kind)


@pytest.mark.parametrize("stranger", [at(20, 30), at(0, 10), at(10, 20, location="title"), at(11, 20, "drug")])
def test_what_touches_stands_elsewhere_or_has_another_span_and_label_is_missed_and_spurious(stranger: Mention) -> None:
    assert [pair.kind for pair in match([at(10, 20)], [stranger])] == ["missed", "spurious"]


def test_equal_mentions_find_each_other_before_others_of_the_same_span() -> None:
    gold = [at(0, 5, "drug"), at(0, 5, "gene")]
    assert match(gold, [at(0, 5, "gene")]) == [Pair(gold[0], None), Pair(gold[1], at(0, 5, "gene"))]


def test_the_same_span_and_label_come_before_the_same_span_alone() -> None:
    gold, predicted = [at(0, 5, "drug"), at(0, 5, "gene")], at(0, 5, "gene", text="X")
    assert [pair.kind for pair in match(gold, [predicted])] == ["missed", "other_text"]


def test_the_same_span_comes_before_a_mere_overlap_of_the_same_label() -> None:
    gold, predicted = [at(0, 9, "gene"), at(2, 9, "drug")], at(2, 9, "gene")
    assert [pair.kind for pair in match(gold, [predicted])] == ["missed", "wrong_label"]


def test_the_largest_overlap_is_matched_first() -> None:
    gold, predicted = [at(0, 10), at(10, 30)], [at(5, 25)]
    assert match(gold, predicted) == [Pair(gold[0], None), Pair(gold[1], predicted[0])]


def test_one_prediction_over_two_gold_entities_is_meant_for_one_of_them() -> None:
    kinds = [pair.kind for pair in match([at(0, 5), at(6, 11)], [at(0, 11)])]
    assert kinds == ["too_long", "missed"]


def test_gold_that_is_listed_twice_is_found_once_and_missed_once() -> None:
    assert [pair.kind for pair in match([at(0, 5), at(0, 5)], [at(0, 5)])] == ["found", "missed"]


@pytest.mark.parametrize("empty", [at(5, 5), at(5, 3), at(5, -20)])
def test_an_interval_without_characters_is_found_by_its_equal(empty: Mention) -> None:
    pairs = match([empty, at(0, 30)], [at(30, 1), at(0, 2, "drug"), empty])
    assert [pair.kind for pair in pairs] == ["found", "missed", "spurious", "spurious"]


def test_confusions_count_for_the_label_of_the_gold_and_the_prediction_for_its_own() -> None:
    pairs = [Pair(at(0, 5), at(0, 5, "drug")), Pair(at(6, 9), at(6, 9, "food")), Pair(at(10, 15), at(10, 15, "food"))]
    errors = count_errors(pairs)
    assert errors["gene"] == LabelErrors(confusions={"food": 2, "drug": 1})
    assert errors["gene"].wrong_label == errors["gene"].gold == 3
    assert errors["food"] == LabelErrors(wrong_label_predicted=2)
    assert (errors["food"].gold, errors["food"].predicted) == (0, 2)
    assert list(errors) == ["drug", "food", "gene"]


def test_predictions_are_those_that_the_version_retains() -> None:
    gold, predictions = {"1": [at(0, 5)]}, {"1": [at(0, 5), at(0, 5, "drug"), at(2, 4)]}
    assert find_errors(gold, predictions).labels == {"gene": LabelErrors(found=1)}
    everything = find_errors(gold, predictions, "march2025").labels
    assert (everything["gene"].spurious, everything["drug"].spurious) == (1, 1)


def test_a_document_without_predictions_is_missed_and_one_without_gold_left_out() -> None:
    report = find_errors({"1": [at(0, 5)]}, {"2": []})
    assert report.labels == {"gene": LabelErrors(missed=1)}
    assert [example.pmid for example in report.examples] == ["1"]


def test_an_example_shows_the_text_around_gold_and_prediction() -> None:
    text = "x" * 50 + " the gut microbiota of " + "y" * 50
    gold, predicted = at(55, 69, text="gut microbiota"), at(59, 69, text="microbiota")
    report = find_errors({"1": [gold]}, {"1": [predicted]}, texts={"1": {"abstract": text}})
    (example,) = report.examples
    assert example.pair == Pair(gold, predicted)
    assert (example.before, example.text, example.after) == (text[25:55], "gut microbiota", text[69:99])
    assert len(example.before) == len(example.after) == CONTEXT


def test_an_example_covers_both_intervals_and_stops_at_the_ends_of_the_text() -> None:
    texts = {"1": {"title": "gut microbiota"}}
    gold, predicted = at(0, 6, location="title"), at(4, 14, location="title")
    (example,) = find_errors({"1": [gold]}, {"1": [predicted]}, texts=texts).examples
    assert example == Example("1", Pair(gold, predicted), "", "gut microbiota", "")


@pytest.mark.parametrize("texts", [None, {}, {"1": {}}, {"1": {"title": "other"}}, {"2": {"abstract": "other"}}])
def test_without_the_text_an_example_is_what_the_mention_quotes(texts: dict[str, dict[str, str]] | None) -> None:
    (example,) = find_errors({"1": [at(0, 5, text="quoted")]}, {}, texts=texts).examples
    assert (example.before, example.text, example.after) == ("", "quoted", "")


def test_offsets_beyond_the_text_give_what_there_is() -> None:
    gold, texts = {"1": [at(0, 1)]}, {"1": {"abstract": "text"}}
    report = find_errors(
        gold, {"1": [at(-9, -5, "drug"), at(2, 30, "drug"), at(10**30, 10**30 - 9, "drug")]}, texts=texts
    )
    assert [(example.before, example.text, example.after) for example in report.examples if not example.pair.gold] == [
        ("", "", "text"),
        ("te", "xt", ""),
        ("", "", ""),
    ]


def test_examples_are_the_first_of_each_label_and_kind() -> None:
    gold = {str(pmid): [at(0, 5), at(10, 15), at(20, 25, "drug")] for pmid in range(3)}
    predictions = {str(pmid): [at(0, 5, "drug")] for pmid in range(3)}
    shown = [
        (example.pair.mention.label, example.pair.kind, example.pmid)
        for example in find_errors(gold, predictions, examples=2).examples
    ]
    assert shown == [
        ("drug", "missed", "0"),
        ("drug", "missed", "1"),
        ("gene", "wrong_label", "0"),
        ("gene", "wrong_label", "1"),
        ("gene", "missed", "0"),
        ("gene", "missed", "1"),
    ]
    assert find_errors(gold, predictions, examples=0).examples == ()


def test_a_pair_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="a gold entity or a prediction"):
        Pair(None, None)


some_mentions = st.lists(
    st.builds(
        lambda start, length, location, label, text: at(start, start + length, label, location, text),
        st.integers(0, 12),
        st.integers(1, 6),
        st.sampled_from(["title", "abstract"]),
        st.sampled_from(["gene", "drug", "food"]),
        st.sampled_from(["…", "…", "…", "X"]),
    ),
    max_size=8,
)
collections = st.dictionaries(st.sampled_from("123"), some_mentions)


@given(collections, collections)
def test_gold_predicted_and_found_are_those_of_the_official_score(
    gold: dict[str, list[Mention]], predictions: dict[str, list[Mention]]
) -> None:
    counts = add(count_document(listed, predictions.get(pmid, ())) for pmid, listed in gold.items())
    errors = find_errors(gold, predictions).labels
    assert {label: Counts(each.found, each.predicted, each.gold) for label, each in errors.items()} == counts


@given(collections, collections, st.sampled_from(["final", "march2025"]))
def test_gold_and_predictions_add_up_in_every_version(
    gold: dict[str, list[Mention]], predictions: dict[str, list[Mention]], version: Version
) -> None:
    errors = find_errors(gold, predictions, version).labels
    kept = [mention for pmid in gold for mention in retained(predictions.get(pmid, ()), version)]
    for label, each in errors.items():
        listed = [mention for mentions in gold.values() for mention in mentions if mention.label == label]
        assert each.found + each.wrong_label + each.wrong_boundary + each.missed == len(listed)
        of_label = [mention for mention in kept if mention.label == label]
        assert each.found + each.wrong_label_predicted + each.wrong_boundary + each.spurious == len(of_label)
    assert sum(each.wrong_label for each in errors.values()) == sum(
        each.wrong_label_predicted for each in errors.values()
    )


@given(some_mentions, some_mentions)
def test_matching_is_one_to_one_and_loses_nothing(gold: list[Mention], predicted: list[Mention]) -> None:
    pairs = match(gold, predicted)
    assert [pair.gold for pair in pairs if pair.gold] == gold
    assert sorted(map(repr, (pair.predicted for pair in pairs if pair.predicted))) == sorted(map(repr, predicted))
    assert all(pair.kind in KINDS for pair in pairs)
    assert all(pair.gold.location == pair.predicted.location for pair in pairs if pair.gold and pair.predicted)


@given(some_mentions, some_mentions)
def test_nothing_that_could_be_matched_is_left(gold: list[Mention], predicted: list[Mention]) -> None:
    pairs = match(gold, predicted)
    missed = [pair.mention for pair in pairs if pair.kind == "missed"]
    spurious = [pair.mention for pair in pairs if pair.kind == "spurious"]
    for mention in missed:
        assert next(pair.kind for pair in match([mention], spurious)) == "missed"


@given(some_mentions)
def test_gold_as_its_own_prediction_is_found(gold: list[Mention]) -> None:
    assert {pair.kind for pair in match(gold, gold)} <= {"found"}
