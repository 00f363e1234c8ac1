"""Evaluations of prediction files, and the mistakes in those files."""

import json
from pathlib import Path

import pytest

from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats import BioCXML, CoNLL, Format, GutBrainIE, JsonLines, PubTator
from ner.metrics.annotation import Annotation, read_annotation
from ner.metrics.bootstrap import compare
from ner.metrics.official import Counts, Score, Version
from ner.metrics.semeval import Outcomes
from ner.reports.evaluation import Coverage, Results, Wanted, evaluate
from tests.metrics.test_official import CASES, CORPUS, VERSIONS, needs_cases, needs_corpus, six_numbers
from tests.metrics.test_official import LABELS as GUTBRAINIE_LABELS
from tests.submissions import entity, read_mentions, write

LABELS = ("gene", "drug", "food")


def annotation(path: Path, with_scores: bool = False) -> Annotation:
    return read_annotation(path, GutBrainIE(), with_scores)


def evaluated(gold: Path, predictions: Path, wanted: Wanted | None = None) -> Results:
    with_scores = wanted is not None and wanted.calibration
    return evaluate(annotation(gold), annotation(predictions, with_scores), LABELS, wanted=wanted)


def scored(gold: Path, predictions: Path, version: Version = "final") -> Score:
    return evaluate(annotation(gold), annotation(predictions), LABELS, version).score


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
        (b'{"1\\n2": {}}', "document '1\\n2': `entities` is missing"),
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
    found = evaluated(gold, some, wanted=Wanted(against=annotation(gold), resamples=7, bootstrap_seed=3)).comparison
    assert found == compare(read_mentions(gold), read_mentions(some), read_mentions(gold), "final", 7, 3)
    assert found != evaluated(gold, some, wanted=Wanted(against=annotation(gold), resamples=7)).comparison


def test_what_the_script_refuses_in_the_other_predictions_names_their_file(gold: Path, tmp_path: Path) -> None:
    for entities, message in (
        ([entity(0, 3, "virus")], r"PMID 1, .*label 'virus' is not one of"),
        ([{**entity(0, 3, "gene"), "location": "body"}], "location 'body' is not one of"),
    ):
        other = write(tmp_path / "other.json", {"1": {"entities": entities}})
        with pytest.raises(InputError, match=rf"other\.json against .*gold\.json: .*{message}"):
            evaluated(gold, gold, wanted=Wanted(against=annotation(other)))
    stranger = write(tmp_path / "other.json", {"7": {"entities": [entity(0, 3, "gene")]}})
    with pytest.raises(InputError, match=r"other\.json against .*gold\.json: PMID 7 is predicted but not in the gold"):
        evaluated(gold, gold, wanted=Wanted(against=annotation(stranger)))
    with pytest.raises(InputError, match=r"missing\.json: cannot be read"):
        evaluated(gold, gold, wanted=Wanted(against=annotation(tmp_path / "missing.json")))


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


@needs_cases
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", sorted(CASES.glob("[0-9]*.json")), ids=lambda path: path.stem)
def test_files_of_gutbrainie_score_as_the_organisers_score_them(path: Path, version: Version, tmp_path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    gold, predictions = (write(tmp_path / f"{name}.json", case[name]) for name in ("gold", "predictions"))
    expected = case["expected"][version]
    if "error" in expected:
        with pytest.raises(InputError):
            evaluate(annotation(gold), annotation(predictions), GUTBRAINIE_LABELS, version)
    else:
        found = evaluate(annotation(gold), annotation(predictions), GUTBRAINIE_LABELS, version).score
        assert six_numbers(found) == pytest.approx(expected, rel=0, abs=1e-12)


@needs_cases
@needs_corpus
@pytest.mark.parametrize(
    "source", [GutBrainIE(), JsonLines(), PubTator(), BioCXML()], ids=lambda each: type(each).__name__
)
def test_dev_in_any_format_scores_the_baseline_as_the_task_page_does(source: Format, tmp_path: Path) -> None:
    source.write(GutBrainIE().read(CORPUS / "Annotations" / "Dev" / "json_format" / "dev.json"), tmp_path / "gold")
    predictions = annotation(CASES / "real_dev_baseline_predictions.json")
    results = evaluate(read_annotation(tmp_path / "gold", source), predictions, GUTBRAINIE_LABELS)
    case = json.loads((CASES / "real_dev_baseline.json").read_text(encoding="utf-8"))
    assert six_numbers(results.score) == pytest.approx(case["expected"]["final"], rel=0, abs=1e-12)
    assert results.coverage == Coverage(40)
    # One prediction quotes another text than stands at its offsets, which SemEval's schemes do not compare.
    assert results.semeval["strict"] == Outcomes(correct=925, incorrect=100, missing=92, spurious=197)


def lines(path: Path, *documents: Document) -> Annotation:
    JsonLines().write(documents, path)
    return read_annotation(path, JsonLines())


def tagged(name: str, *spans: Span, until: int | None = None) -> Document:
    return Document(name, (Passage("mice and rice", spans=spans, annotated_until=until),))


MICE, RICE = Span(0, 4, "animal"), Span(9, 13, "food")


def test_the_coverage_counts_what_could_not_be_compared(tmp_path: Path) -> None:
    gold = lines(
        tmp_path / "gold.jsonl",
        tagged("1", MICE),
        tagged("2", MICE),
        tagged("3", MICE),
        tagged("4", MICE, until=4),
        tagged("5", until=0),
    )
    predictions = lines(
        tmp_path / "a.jsonl", tagged("2"), tagged("3", until=0), tagged("4", MICE, RICE), tagged("5", MICE, RICE, RICE)
    )
    results = evaluate(gold, predictions, ())
    assert results.coverage == Coverage(documents=5, missing=2, left_out=4)
    assert results.score.counts == {"animal": Counts(1, 1, 4)}
    assert results.semeval["strict"] == Outcomes(correct=1, missing=3)


def test_gold_after_the_end_of_the_annotation_is_as_unknown_as_what_is_found_there(tmp_path: Path) -> None:
    gold = lines(tmp_path / "gold.jsonl", tagged("1", MICE, RICE, until=8))
    results = evaluate(gold, lines(tmp_path / "a.jsonl", tagged("1", MICE, RICE)), ())
    assert results.score.counts == {"animal": Counts(1, 1, 1)}
    assert results.semeval["strict"] == Outcomes(correct=1)


def test_labels_that_the_gold_never_uses_are_counted_and_any_is_legal_beyond_gutbrainie(tmp_path: Path) -> None:
    gold = lines(tmp_path / "gold.jsonl", tagged("1", MICE), tagged("2"))
    spans = (MICE, RICE, Span(5, 8, "word"))
    predictions = lines(tmp_path / "a.jsonl", tagged("1", *spans), tagged("2", RICE))
    results = evaluate(gold, predictions, ("animal",))
    assert results.coverage.unused_labels == {"food": 2, "word": 1}
    assert results.score.micro.f1 == pytest.approx(1)
    assert results.semeval["strict"] == Outcomes(correct=1, spurious=3)


def test_a_format_of_gutbrainie_may_name_the_legal_labels(gold: Path, tmp_path: Path) -> None:
    own = write(tmp_path / "own.json", {"1": {"entities": [entity(0, 3, "virus")]}})
    predictions = read_annotation(own, GutBrainIE(labels=("virus",)))
    assert evaluate(annotation(gold), predictions, LABELS).coverage.unused_labels == {"virus": 1}
    lined = lines(tmp_path / "a.jsonl", Document("1", (Passage("virus", "title", (Span(0, 5, "virus"),)),)))
    with pytest.raises(InputError, match="label 'virus' is not one of gene, drug, food"):
        evaluate(annotation(gold), lined, LABELS)


def test_predictions_without_any_annotation_are_refused(tmp_path: Path) -> None:
    gold = lines(tmp_path / "gold.jsonl", tagged("1", MICE))
    with pytest.raises(InputError, match=r"a\.jsonl: no document is annotated; tag it first"):
        evaluate(gold, lines(tmp_path / "a.jsonl", tagged("1", until=0)), ())
    assert evaluate(gold, lines(tmp_path / "a.jsonl"), ()).coverage == Coverage(1, missing=1)


def test_only_gold_with_tokens_is_scored_on_them(tmp_path: Path) -> None:
    columns = tmp_path / "gold.conll"
    columns.write_text("-DOCSTART- (1)\n\nmice\tB-animal\nand\tO\nrice\tB-food\n", encoding="utf-8")
    gold = read_annotation(columns, CoNLL())
    predictions = lines(tmp_path / "a.jsonl", tagged("1", MICE, Span(10, 13, "food")))
    tokens = evaluate(gold, predictions, ()).tokens
    assert tokens is not None
    assert (tokens.tokens, tokens.cut, tokens.left_out, tokens.score.micro) == (3, 1, 0, (1, 1, 1))
    assert evaluate(predictions, gold, ()).tokens is None


def test_intervals_without_characters_have_no_tokens(tmp_path: Path) -> None:
    gold = lines(tmp_path / "gold.jsonl", Document("1", (Passage("mice", "title", (MICE,), tokens=((0, 4),)),)))
    odd = write(tmp_path / "odd.json", {"1": {"entities": [entity(3, 1, "animal"), entity(-9, 2, "animal")]}})
    tokens = evaluate(gold, annotation(odd), ()).tokens
    assert tokens is not None
    assert tokens.score.micro == (0, 0, 0)
