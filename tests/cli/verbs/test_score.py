"""``score``: standard output is the table or one JSON object, and a user's mistake is one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ner.cli.verbs.score import Wanted, evaluate_files, main, score_files
from ner.errors import InputError
from ner.metrics.bootstrap import compare
from ner.metrics.submissions import read_mentions


def entity(start: int, end: int, label: str) -> dict[str, object]:
    return {"start_idx": start, "end_idx": end, "location": "title", "text_span": "…", "label": label}


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    return write(tmp_path / "gold.json", {"1": {"entities": [entity(0, 3, "gene"), entity(5, 8, "drug")]}})


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    return write(tmp_path / "predictions.json", {"1": {"entities": [entity(0, 3, "gene"), entity(0, 3, "drug")]}})


def verb(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from ner.cli.verbs.score import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)


def test_json_is_the_only_thing_on_standard_output_and_is_not_rounded(gold: Path, predictions: Path) -> None:
    finished = verb("--gold", str(gold), "--predictions", str(predictions), "--json")
    assert (finished.returncode, finished.stderr) == (0, "")
    written = json.loads(finished.stdout)
    assert list(written) == ["macro", "micro", "labels"]
    assert written["micro"] == {"p": 1 / (1 + 1e-10), "r": 1 / (2 + 1e-10), "f1": pytest.approx(2 / 3)}
    assert written["labels"]["drug"] == {"p": 0, "r": 0, "f1": 0}


def test_the_table_names_the_score_and_counts_by_label(
    gold: Path, predictions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--gold", str(gold), "--predictions", str(predictions)]) == 0
    table = capsys.readouterr().out
    assert max(map(len, table.splitlines())) <= 80
    assert "official GutBrainIE score (final version)" in table
    rows = [line.split() for line in table.splitlines()]
    assert ["gene", "1", "1", "1", "1.0000", "1.0000", "1.0000"] in rows
    assert ["drug", "1", "0", "0", "0.0000", "0.0000", "0.0000"] in rows
    assert ["micro", "2", "1", "1", "1.0000", "0.5000", "0.6667"] in rows
    assert ["macro", "0.5000", "0.5000", "0.5000"] in rows


def test_the_version_decides_what_is_removed(gold: Path, predictions: Path) -> None:
    assert score_files(gold, predictions, "march2025").counts["drug"].predicted == 1
    assert score_files(gold, predictions, "final").counts["drug"].predicted == 0


def test_a_label_with_brackets_is_printed_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "own.json", {"1": {"entities": [entity(0, 3, "[bold]:dna:")]}})
    main(["--gold", str(path), "--predictions", str(path)])
    assert "[bold]:dna:" in capsys.readouterr().out


def test_labels_of_gutbrainie_are_legal_and_those_of_the_gold_and_no_others(tmp_path: Path, gold: Path) -> None:
    own = write(tmp_path / "own.json", {"1": {"entities": [entity(0, 3, "virus")]}})
    mixed = write(tmp_path / "mixed.json", {"1": {"entities": [entity(0, 3, "virus"), entity(5, 8, "food")]}})
    assert score_files(own, mixed).micro.f1 == pytest.approx(1)
    with pytest.raises(InputError, match=r"own\.json against .*gold\.json: PMID 1, .* label 'virus' is not one of"):
        score_files(gold, own)


def test_help_needs_neither_torch_nor_lightning_nor_numpy() -> None:
    program = """if True:
        import sys
        from ner.cli.verbs.score import main
        try:
            main(["--help"])
        except SystemExit as finished:
            heavy = {"torch", "lightning", "pytorch_lightning", "torchmetrics", "transformers", "seqeval", "numpy"}
            loaded = sorted(heavy & set(sys.modules))
            sys.exit(finished.code or (f"loaded {loaded}" if loaded else 0))
    """
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "ner score" in finished.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: --gold, --predictions"),
        (["--gold", "a", "--predictions", "b", "--version", "2024"], "argument --version: invalid choice: '2024'"),
        (["--gold", "a", "--predictions", "b", "--pred", "c"], "unrecognized arguments: --pred c"),
        (
            ["--gold", "a", "--predictions", "b", "--against", "c", "--resamples", "0"],
            "argument --resamples: should be a whole number from 1 to 1000000, not '0'",
        ),
        (
            ["--gold", "a", "--predictions", "b", "--against", "c", "--resamples", "1000001"],
            "argument --resamples: should be a whole number from 1 to 1000000, not '1000001'",
        ),
        (
            ["--gold", "a", "--predictions", "b", "--against", "c", "--bootstrap_seed=-1"],
            "argument --bootstrap_seed: should be a whole number from 0 on, not '-1'",
        ),
        (
            ["--gold", "a", "--predictions", "b", "--errors", "--examples", "1_0"],
            "argument --examples: should be a whole number from 0 on, not '1_0'",
        ),
        (["--gold", "a", "--predictions", "b", "--resamples", "5"], "argument --resamples: it changes nothing without"),
        (
            ["--gold", "a", "--predictions", "b", "--bootstrap_seed", "5"],
            "argument --bootstrap_seed: it changes nothing",
        ),
        (
            ["--gold", "a", "--predictions", "b", "--examples", "5"],
            "argument --examples: it changes nothing without --errors; give both or neither",
        ),
        (["--gold", "a", "--predictions", "b", "--against"], "argument --against: expected one argument"),
    ],
)
def test_a_wrong_argument_is_one_line_without_the_usage(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError) as caught:
        main(arguments)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert capsys.readouterr() == ("", "")


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
            score_files(*files)
        assert str(caught.value).startswith(f"{broken}: ")
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_document_that_stands_there_twice_is_named(gold: Path, tmp_path: Path) -> None:
    twice = tmp_path / "twice.json"
    twice.write_text('{"1": {"entities": []}, "1": {"entities": []}}', encoding="utf-8")
    with pytest.raises(InputError, match=r"twice\.json: .*'1' stands there twice"):
        score_files(gold, twice)


def test_a_byte_order_mark_is_no_mistake(gold: Path, predictions: Path) -> None:
    before = score_files(gold, predictions)
    predictions.write_bytes(b"\xef\xbb\xbf" + predictions.read_bytes())
    assert score_files(gold, predictions) == before


def test_a_missing_file_or_a_folder_is_named(gold: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.json: cannot be read \(No such file or directory\)"):
        score_files(gold, tmp_path / "missing.json")
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)"):
        score_files(tmp_path, gold)


def test_predictions_for_another_split_name_both_files_and_the_document(gold: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.json", {"999": {"entities": [entity(0, 3, "gene")]}})
    with pytest.raises(
        InputError, match=r"other\.json against .*gold\.json: PMID 999 is predicted but not in the gold"
    ):
        score_files(gold, other)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Gold with a text, and an entity of each error that the ``tagged`` predictions make."""
    title = "Gut microbiota and GABA in old mice; [b]\u001b:smile:"
    entities = [
        quoted(title, "Gut microbiota", "microbiome"),
        quoted(title, "GABA", "chemical"),
        quoted(title, "old mice", "animal"),
    ]
    return write(tmp_path / "corpus.json", {"1": {"metadata": {"title": title}, "entities": entities}})


@pytest.fixture
def tagged(corpus: Path, tmp_path: Path) -> Path:
    title = json.loads(corpus.read_text(encoding="utf-8"))["1"]["metadata"]["title"]
    entities = [
        {**quoted(title, "Gut microbiota", "microbiome"), "score": 0.95},
        {**quoted(title, "GABA", "gene"), "score": 0.55},
        {**quoted(title, "mice", "animal"), "score": 1},
        {**quoted(title, "[b]", "food"), "score": 0},
    ]
    return write(tmp_path / "tagged.json", {"1": {"entities": entities}})


def quoted(text: str, mention: str, label: str) -> dict[str, object]:
    start = text.index(mention)
    return {**entity(start, start + len(mention) - 1, label), "text_span": mention}


def written(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out


def test_new_options_add_keys_to_the_json_and_leave_those_that_were_there(
    corpus: Path, tagged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ("--gold", corpus, "--predictions", tagged, "--json")
    plain = json.loads(written(capsys, *files))
    extended = json.loads(written(capsys, *files, "--against", corpus, "--errors", "--calibration"))
    assert list(plain) == ["macro", "micro", "labels"]
    assert list(extended) == ["macro", "micro", "labels", "against", "errors", "calibration"]
    assert {key: extended[key] for key in plain} == plain


def test_json_tells_how_two_predictions_differ(
    gold: Path, predictions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--against", gold, "--resamples", "20", "--bootstrap_seed", "0", "--json")
    against = json.loads(written(capsys, "--gold", gold, "--predictions", predictions, *options))["against"]
    head = {"predictions": str(gold), "documents": 1, "resamples": 20, "seed": 0}
    assert {key: against[key] for key in head} == head
    micro = against["micro"]
    assert (micro["a"], micro["b"]) == (pytest.approx(2 / 3), pytest.approx(1))
    assert micro["difference"] == pytest.approx(-1 / 3)
    assert micro["interval"] == pytest.approx([-1 / 3, -1 / 3])
    assert micro["win_probability"] == against["macro"]["win_probability"] == 0


def test_seed_and_number_of_resamples_reach_the_bootstrap(tmp_path: Path) -> None:
    documents = {str(pmid): [entity(10 * place, 10 * place + 2, "gene") for place in range(pmid)] for pmid in range(9)}
    gold, some = (
        write(tmp_path / name, {pmid: {"entities": entities[::step]} for pmid, entities in documents.items()})
        for name, step in (("all.json", 1), ("some.json", 2))
    )
    found = evaluate_files(gold, some, wanted=Wanted(against=gold, resamples=7, bootstrap_seed=3)).comparison
    assert found == compare(read_mentions(gold), read_mentions(some), read_mentions(gold), "final", 7, 3)
    assert found != evaluate_files(gold, some, wanted=Wanted(against=gold, resamples=7)).comparison


def test_the_table_of_two_predictions_names_both(
    gold: Path, predictions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = written(capsys, "--gold", gold, "--predictions", gold, "--against", predictions)
    lines = out.splitlines()
    assert f"A: {gold}" in lines
    assert f"B: {predictions}" in lines
    assert "paired bootstrap: 10000 resamples of 1 documents, seed 42" in lines
    row = next(line for line in lines if "micro F1" in line)
    assert row.split() == ["micro", "F1", "1.0000", "0.6667", "+0.3333", "+0.3333", "to", "+0.3333", "100.0", "%"]


def test_what_the_script_refuses_in_the_other_predictions_names_their_file(gold: Path, tmp_path: Path) -> None:
    for entities, message in (
        ([entity(0, 3, "virus")], r"PMID 1, .*label 'virus' is not one of"),
        ([{**entity(0, 3, "gene"), "location": "body"}], "location 'body' is not one of"),
    ):
        other = write(tmp_path / "other.json", {"1": {"entities": entities}})
        with pytest.raises(InputError, match=rf"other\.json against .*gold\.json: .*{message}"):
            evaluate_files(gold, gold, wanted=Wanted(against=other))
    stranger = write(tmp_path / "other.json", {"7": {"entities": [entity(0, 3, "gene")]}})
    with pytest.raises(InputError, match=r"other\.json against .*gold\.json: PMID 7 is predicted but not in the gold"):
        evaluate_files(gold, gold, wanted=Wanted(against=stranger))
    with pytest.raises(InputError, match=r"missing\.json: cannot be read"):
        evaluate_files(gold, gold, wanted=Wanted(against=tmp_path / "missing.json"))


def test_json_holds_each_error_with_the_offsets_of_the_files(
    corpus: Path, tagged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    errors = json.loads(written(capsys, "--gold", corpus, "--predictions", tagged, "--errors", "--json"))["errors"]
    labels = errors["labels"]
    assert list(labels) == ["animal", "chemical", "food", "gene", "microbiome"]
    assert labels["microbiome"]["found"] == labels["microbiome"]["gold"] == labels["microbiome"]["predicted"] == 1
    assert (labels["chemical"]["confusions"], labels["chemical"]["wrong_label"]) == ({"gene": 1}, 1)
    assert (labels["gene"]["predicted"], labels["gene"]["wrong_label_predicted"]) == (1, 1)
    assert (labels["animal"]["too_short"], labels["animal"]["wrong_boundary"]) == (1, 1)
    assert (labels["food"]["spurious"], labels["food"]["gold"]) == (1, 0)
    assert [example["kind"] for example in errors["examples"]] == ["too_short", "wrong_label", "spurious"]
    example = errors["examples"][0]
    assert example["gold"] == {
        "location": "title",
        "start_idx": 27,
        "end_idx": 34,
        "text_span": "old mice",
        "label": "animal",
    }
    assert example["predicted"] == {**example["gold"], "start_idx": 31, "text_span": "mice"}
    assert (example["before"], example["text"]) == ("Gut microbiota and GABA in ", "old mice")
    assert errors["examples"][2]["gold"] is None


def test_errors_are_shown_in_tables_and_in_context_as_the_text_stands_there(
    corpus: Path, tagged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = written(capsys, "--gold", corpus, "--predictions", tagged, "--errors")
    lines = out.splitlines()
    rows = [line.split() for line in lines]
    assert ["animal", "1", "0", "0", "0", "1", "0", "0", "0"] in rows
    assert ["all", "3", "1", "1", "0", "1", "0", "0", "0"] in rows
    assert ["gene", "1", "0", "1", "0", "0"] in rows
    assert ["all", "4", "1", "1", "1", "1"] in rows
    assert ["chemical", "1", "gene"] in rows
    assert "  wrong label gene, PMID 1, title: Gut microbiota and [GABA] in old mice; [b] :smile:" in lines
    assert "  spurious, PMID 1, title: …robiota and GABA in old mice; [[b]] :smile:" in lines
    shown = "Gut microbiota and GABA in [old mice]; [b] :smile:; gold 'old mice', predicted 'mice'"
    assert f"  too short, PMID 1, title: {shown}" in lines


def test_tables_of_errors_fit_into_80_columns_with_the_longest_label_of_gutbrainie(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entities = [entity(10 * place, 10 * place + 2, "statistical technique") for place in range(1000)]
    path = write(tmp_path / "gold.json", {"1": {"entities": entities}})
    empty = write(tmp_path / "empty.json", {})
    out = written(capsys, "--gold", path, "--predictions", empty, "--errors", "--examples", "0")
    assert max(map(len, out.splitlines())) <= 80
    assert ["statistical", "technique", "1000", *"0000000"[:6], "1000"] in [line.split() for line in out.splitlines()]


@pytest.mark.parametrize("number", [0, 2])
def test_as_many_examples_are_shown_as_asked_for(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "many.json", {"1": {"entities": [entity(10 * n, 10 * n + 2, "gene") for n in range(9)]}})
    empty = write(tmp_path / "empty.json", {"1": {"entities": []}})
    files = ("--gold", path, "--predictions", empty, "--errors")
    assert written(capsys, *files, "--examples", str(number)).count("missed, PMID 1") == number
    assert written(capsys, *files).count("missed, PMID 1") == 3


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"metadata": None},
        {"metadata": []},
        {"metadata": {"title": None}},
        {"metadata": {"title": 3, "abstract": "x"}},
    ],
)
def test_without_a_text_in_the_gold_an_example_is_the_mention(
    metadata: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(
        tmp_path / "gold.json", {"1": {**metadata, "entities": [{**entity(0, 3, "gene"), "text_span": "BDNF"}]}}
    )
    empty = write(tmp_path / "empty.json", {})
    assert "missed, PMID 1, title: [BDNF]\n" in written(capsys, "--gold", path, "--predictions", empty, "--errors")


def test_a_text_that_the_output_cannot_hold_is_no_traceback(tmp_path: Path) -> None:
    content = {
        "1": {"metadata": {"title": "α-Syn \ud800"}, "entities": [{**entity(0, 4, "gene"), "text_span": "α-Syn"}]}
    }
    path, empty = write(tmp_path / "gold.json", content), write(tmp_path / "empty.json", {})
    program = "import sys; from ner.cli.verbs.score import main; sys.exit(main(sys.argv[1:]))"
    arguments = ["--gold", str(path), "--predictions", str(empty), "--errors"]
    for encoding, shown in (("ascii", "[?-Syn]"), ("utf-8", "[α-Syn]")):
        finished = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONIOENCODING": encoding},
        )
        assert (finished.returncode, finished.stderr) == (0, b"")
        assert f"title: {shown}" in finished.stdout.decode("utf-8")


def test_the_calibration_is_a_table_of_ten_bins_and_one_error(
    corpus: Path, tagged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = written(capsys, "--gold", corpus, "--predictions", tagged, "--calibration").splitlines()
    rows = [line.split() for line in lines]
    assert ["0.0", "to", "0.1", "1", "0.0000", "0.0000"] in rows
    assert ["0.1", "to", "0.2", "0", "-", "-"] in rows
    assert ["0.9", "to", "1.0", "2", "0.9750", "0.5000"] in rows
    assert ["all", "4", "0.6250", "0.2500"] in rows
    assert "expected calibration error: 0.3750" in lines


def test_json_holds_the_calibration(corpus: Path, tagged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--calibration", "--json")
    calibration = json.loads(written(capsys, "--gold", corpus, "--predictions", tagged, *options))["calibration"]
    assert len(calibration["bins"]) == 10
    assert calibration["bins"][5] == {"low": 0.5, "high": 0.6, "entities": 1, "confidence": 0.55, "correct": 0}
    assert calibration["bins"][1]["confidence"] is None
    assert (calibration["entities"], calibration["without_score"]) == (4, 0)
    assert calibration["expected_calibration_error"] == pytest.approx((0.0 + 0.55 + 2 * (0.975 - 0.5)) / 4)


def test_some_entities_without_a_score_are_left_out_and_the_table_says_so(
    gold: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entities = [{**entity(0, 3, "gene"), "score": 0.5}, entity(5, 8, "drug")]
    some = write(tmp_path / "some.json", {"1": {"entities": entities}})
    out = written(capsys, "--gold", gold, "--predictions", some, "--calibration")
    assert "entities without a score, left out: 1\n" in out


def test_a_calibration_without_scores_is_one_line_that_says_how_to_write_them(gold: Path, predictions: Path) -> None:
    with pytest.raises(InputError) as caught:
        evaluate_files(gold, predictions, wanted=Wanted(calibration=True))
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
    assert score_files(gold, odd).micro.f1 == pytest.approx(1)
    with pytest.raises(InputError) as caught:
        evaluate_files(gold, odd, wanted=Wanted(calibration=True))
    assert (
        str(caught.value) == f"{odd}: PMID 1: entities[1]: `score` is {message}, not a number from 0 to 1; correct it"
    )
