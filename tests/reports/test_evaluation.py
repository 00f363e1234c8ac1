"""Evaluations of prediction files, and the mistakes in those files."""

from pathlib import Path

import pytest

from ner.errors import InputError
from ner.metrics.bootstrap import compare
from ner.metrics.official import Score, Version
from ner.metrics.submissions import read_mentions
from ner.reports.evaluation import Results, Wanted, evaluate_files
from tests.submissions import entity, write

LABELS = ("gene", "drug", "food")


def evaluated(gold: Path, predictions: Path, wanted: Wanted | None = None) -> Results:
    return evaluate_files(gold, predictions, LABELS, wanted=wanted)


def scored(gold: Path, predictions: Path, version: Version = "final") -> Score:
    return evaluate_files(gold, predictions, LABELS, version).score


def test_the_version_decides_what_is_removed(gold: Path, predictions: Path) -> None:
    assert scored(gold, predictions, "march2025").counts["drug"].predicted == 1
    assert scored(gold, predictions, "final").counts["drug"].predicted == 0


def test_the_given_labels_are_legal_and_those_of_the_gold_and_no_others(tmp_path: Path, gold: Path) -> None:
    own = write(tmp_path / "own.json", {"1": {"entities": [entity(0, 3, "virus")]}})
    mixed = write(tmp_path / "mixed.json", {"1": {"entities": [entity(0, 3, "virus"), entity(5, 8, "food")]}})
    assert scored(own, mixed).micro.f1 == pytest.approx(1)
    with pytest.raises(InputError, match=r"own\.json against .*gold\.json: PMID 1, .* label 'virus' is not one of"):
        scored(gold, own)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "broken JSON at column 2: Expecting property name"),
        (b'{"1": "\xff"}', "not UTF-8 (invalid start byte at byte 8 of line 1)"),
        (b"[" * 100_000, "unreadable JSON"),
        (b"[]", "a list is not an object; write it as {...}"),
        (b'{"1": []}', "PMID 1: a list is not an object"),
        (b'{"1": {}}', "PMID 1: `entities` is missing, so it is not annotated; give an empty list"),
        (b'{"1\\n2": {}}', "PMID '1\\n2': `entities` is missing"),
        (b'{"1": {"entities": {}}}', "PMID 1: `entities` is an object, not a list"),
        (b'{"1": {"entities": [null]}}', "PMID 1: entities[0]: null is not an object"),
        (b'{"1": {"entities": [{"start_idx": 0}]}}', "PMID 1: entities[0]: `end_idx` is missing; add it"),
        (b'{"1": {"entities": [{"start_idx": "0"}]}}', "`start_idx` is '0', not an integer"),
        (b'{"1": {"entities": [{"start_idx": true}]}}', "`start_idx` is true, not an integer"),
        (b'{"1": {"entities": [{"start_idx": 1.5}]}}', "`start_idx` is 1.5, not an integer"),
        (
            b'{"1": {"entities": [{"start_idx": 1, "end_idx": 2, "location": 3}]}}',
            "PMID 1: entities[0]: `location` is 3, not a text",
        ),
    ],
)
def test_a_broken_file_is_one_line_that_says_where(content: bytes, message: str, gold: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_bytes(content)
    for files in ((broken, gold), (gold, broken)):
        with pytest.raises(InputError) as caught:
            scored(*files)
        assert str(caught.value).startswith(f"{broken}: ")
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_document_that_stands_there_twice_is_named(gold: Path, tmp_path: Path) -> None:
    twice = tmp_path / "twice.json"
    twice.write_text('{"1": {"entities": []}, "1": {"entities": []}}', encoding="utf-8")
    with pytest.raises(InputError, match=r"twice\.json: .*'1' stands there twice"):
        scored(gold, twice)


def test_a_byte_order_mark_is_no_mistake(gold: Path, predictions: Path) -> None:
    before = scored(gold, predictions)
    predictions.write_bytes(b"\xef\xbb\xbf" + predictions.read_bytes())
    assert scored(gold, predictions) == before


def test_a_missing_file_or_a_folder_is_named(gold: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.json: cannot be read \(No such file or directory\)"):
        scored(gold, tmp_path / "missing.json")
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)"):
        scored(tmp_path, gold)


def test_predictions_for_another_split_name_both_files_and_the_document(gold: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.json", {"999": {"entities": [entity(0, 3, "gene")]}})
    with pytest.raises(
        InputError, match=r"other\.json against .*gold\.json: PMID 999 is predicted but not in the gold"
    ):
        scored(gold, other)


def test_seed_and_number_of_resamples_reach_the_bootstrap(tmp_path: Path) -> None:
    documents = {str(pmid): [entity(10 * place, 10 * place + 2, "gene") for place in range(pmid)] for pmid in range(9)}
    gold, some = (
        write(tmp_path / name, {pmid: {"entities": entities[::step]} for pmid, entities in documents.items()})
        for name, step in (("all.json", 1), ("some.json", 2))
    )
    found = evaluated(gold, some, wanted=Wanted(against=gold, resamples=7, bootstrap_seed=3)).comparison
    assert found == compare(read_mentions(gold), read_mentions(some), read_mentions(gold), "final", 7, 3)
    assert found != evaluated(gold, some, wanted=Wanted(against=gold, resamples=7)).comparison


def test_what_the_script_refuses_in_the_other_predictions_names_their_file(gold: Path, tmp_path: Path) -> None:
    for entities, message in (
        ([entity(0, 3, "virus")], r"PMID 1, .*label 'virus' is not one of"),
        ([{**entity(0, 3, "gene"), "location": "body"}], "location 'body' is not one of"),
    ):
        other = write(tmp_path / "other.json", {"1": {"entities": entities}})
        with pytest.raises(InputError, match=rf"other\.json against .*gold\.json: .*{message}"):
            evaluated(gold, gold, wanted=Wanted(against=other))
    stranger = write(tmp_path / "other.json", {"7": {"entities": [entity(0, 3, "gene")]}})
    with pytest.raises(InputError, match=r"other\.json against .*gold\.json: PMID 7 is predicted but not in the gold"):
        evaluated(gold, gold, wanted=Wanted(against=stranger))
    with pytest.raises(InputError, match=r"missing\.json: cannot be read"):
        evaluated(gold, gold, wanted=Wanted(against=tmp_path / "missing.json"))


def test_a_calibration_without_scores_is_one_line_that_says_how_to_write_them(gold: Path, predictions: Path) -> None:
    with pytest.raises(InputError) as caught:
        evaluated(gold, predictions, wanted=Wanted(calibration=True))
    how = 'no entity carries a "score"; write them with predict --predictions.scores true'
    assert str(caught.value) == f"{predictions}: {how}"


@pytest.mark.parametrize(
    ("score", "message"),
    [
        ("1.5", "1.5"),
        ("-0.1", "-0.1"),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ('"0.5"', "'0.5'"),
        ("null", "null"),
        ("true", "true"),
        ("[]", "a list"),
    ],
)
def test_a_score_that_is_no_probability_names_the_entity_and_matters_to_the_calibration_alone(
    score: str, message: str, gold: Path, tmp_path: Path
) -> None:
    entities = [{**entity(0, 3, "gene"), "score": 0.5}, {**entity(5, 8, "drug"), "score": "HERE"}]
    odd = write(tmp_path / "odd.json", {"1": {"entities": entities}})
    odd.write_text(odd.read_text(encoding="utf-8").replace('"HERE"', score), encoding="utf-8")
    assert scored(gold, odd).micro.f1 == pytest.approx(1)
    with pytest.raises(InputError) as caught:
        evaluated(gold, odd, wanted=Wanted(calibration=True))
    expected = f"{odd}: PMID 1: entities[1]: `score` is {message}, not a number from 0 to 1; correct it"
    assert str(caught.value) == expected
