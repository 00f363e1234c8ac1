"""``score``: standard output is the table or one JSON object, and a user's mistake is one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ner.cli.verbs.score import main
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats import JsonLines, Parquet
from tests.submissions import entity, write


def verb(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from ner.cli.verbs.score import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)


def test_json_is_the_only_thing_on_standard_output_and_is_not_rounded(gold: Path, predictions: Path) -> None:
    finished = verb("--gold", str(gold), "--predictions", str(predictions), "--json")
    assert (finished.returncode, finished.stderr) == (0, "")
    written = json.loads(finished.stdout)
    assert list(written) == ["macro", "micro", "labels", "coverage", "semeval"]
    assert written["micro"] == {"p": 1 / (1 + 1e-10), "r": 1 / (2 + 1e-10), "f1": pytest.approx(2 / 3)}
    assert written["labels"]["drug"] == {"p": 0, "r": 0, "f1": 0}


def test_the_table_names_the_score_and_counts_by_label(
    gold: Path, predictions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--gold", str(gold), "--predictions", str(predictions)]) == 0
    table = capsys.readouterr().out
    assert max(map(len, table.splitlines())) <= 80
    assert "official GutBrainIE score (editions 2025 and 2026)" in table
    rows = [line.split() for line in table.splitlines()]
    assert ["gene", "1", "1", "1", "1.0000", "1.0000", "1.0000"] in rows
    assert ["drug", "1", "0", "0", "0.0000", "0.0000", "0.0000"] in rows
    assert ["micro", "2", "1", "1", "1.0000", "0.5000", "0.6667"] in rows
    assert ["macro", "0.5000", "0.5000", "0.5000"] in rows


def test_the_labels_of_the_golds_format_are_those_of_the_predictions_too(
    gold: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = write(tmp_path / "own.json", {"1": {"entities": [entity(0, 3, "food")]}})
    arguments = ["--gold", str(gold), "--predictions", str(own), "--gold_format", "GutBrainIE", "--gold_format.labels"]
    assert main([*arguments, "[gene, drug, food]"]) == 0
    with pytest.raises(InputError, match="label 'food' is not one of virus, gene, drug"):
        main([*arguments, "[virus]"])


def test_a_label_with_brackets_is_printed_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "own.json", {"1": {"entities": [entity(0, 3, "[bold]:dna:")]}})
    main(["--gold", str(path), "--predictions", str(path)])
    assert "[bold]:dna:" in capsys.readouterr().out


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
        ([], "gold, predictions: missing; give a value to each"),
        (
            ["--gold", "a", "--predictions", "b", "--version", "2024"],
            "version is '2024'; it should be one of final, march",
        ),
        (["--gold", "a", "--predictions", "b", "--pred", "c"], "there is no --pred; "),
        (
            ["--gold", "a", "--predictions", "b", "--against", "c", "--resamples", "0"],
            "resamples is '0'; it should be a whole number from 1 to 1000000",
        ),
        (
            ["--gold", "a", "--predictions", "b", "--against", "c", "--resamples", "1000001"],
            "resamples is '1000001'; it should be a whole number from 1 to 1000000",
        ),
        (
            ["--gold", "a", "--predictions", "b", "--against", "c", "--bootstrap_seed=-1"],
            "bootstrap_seed is '-1'; it should be a whole number from 0 on",
        ),
        (
            ["--gold", "a", "--predictions", "b", "--errors", "--examples", "1.5"],
            "examples is '1.5'; it should be a whole number from 0 on",
        ),
        (["--gold", "a", "--predictions", "b", "--resamples", "5"], "--resamples changes nothing without --against"),
        (
            ["--gold", "a", "--predictions", "b", "--bootstrap_seed", "5"],
            "--bootstrap_seed changes nothing without --against; give both or neither",
        ),
        (
            ["--gold", "a", "--predictions", "b", "--examples", "5"],
            "--examples changes nothing without --errors; give both or neither",
        ),
        (["--gold", "a", "--predictions", "b", "--against"], "--against has no value; give it one"),
        (
            ["--gold", "a", "--predictions", "b", "--gold_format", "Pubtator"],
            "gold_format is 'Pubtator', which is no format; do you mean PubTator?",
        ),
        (
            ["--gold", "a", "--predictions", "b", "--format", "CoNLL", "--format.column", "1"],
            "format.column: CoNLL has no such option; do you mean --format.tag_column?",
        ),
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
    assert list(extended) == [*plain, "against", "errors", "calibration"]
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


@pytest.fixture
def columns(tmp_path: Path) -> tuple[Path, Path]:
    """Gold in columns, the tag in the second of three, and predictions for its texts, one of which cuts a token."""
    gold, found = tmp_path / "gold.conll", tmp_path / "found.jsonl"
    sentences = ["IL-2\tB-gene\tx\nand\tO\tx\nGABA\tB-chemical\tx\n", "old\tO\tx\nmice\tB-animal\tx\n"]
    gold.write_text("\n".join(sentences), encoding="utf-8")
    documents = [
        Document("a", (Passage("IL-2 and GABA", spans=(Span(0, 2, "gene", 0.5), Span(9, 13, "gene", 0.5))),)),
        Document("b", (Passage("old mice", spans=(Span(0, 8, "animal", 0.5), Span(0, 3, "word", 0.5))),)),
    ]
    JsonLines().write(documents, found)
    return gold, found


IN_COLUMNS = ("--gold_format", "CoNLL", "--gold_format.tag_column", "1", "--predictions_format", "JsonLines")


def test_columns_are_scored_on_their_own_tokens_too(
    columns: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    gold, found = columns
    out = written(capsys, "--gold", gold, "--predictions", found, *IN_COLUMNS)
    rows = [line.split() for line in out.splitlines()]
    assert [line.strip() for line in out.splitlines() if line.startswith(("off", "Sem", "seq"))] == [
        "official GutBrainIE score (editions 2025 and 2026)",
        "SemEval-2013, all predictions",
        "seqeval, strict IOB2",
    ]
    assert ["correct", "0", "1", "1", "2"] in rows
    assert ["incorrect", "3", "2", "0", "1"] in rows
    assert ["partial", "0", "0", "2", "0"] in rows
    assert ["spurious", "1", "1", "1", "1"] in rows
    assert ["precision", "0.0000", "0.2500", "0.5000", "0.5000"] in rows
    assert ["gene", "0.5000", "1.0000", "0.6667"] in rows
    assert "tokens of the gold: 5\n" in out
    assert "predictions that cut a token, counted with the whole of it: 1\n" in out
    assert "predictions left out, as they share tokens with longer ones or have none: 1\n" in out
    assert "labels that the gold never uses, ignored by the official score: word 1\n" in out


def test_json_holds_every_score(columns: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    gold, found = columns
    options = ("--against", found, "--calibration", "--errors", "--json")
    results = json.loads(written(capsys, "--gold", gold, "--predictions", found, *IN_COLUMNS, *options))
    assert list(results) == [
        *("macro", "micro", "labels", "coverage", "semeval", "tokens"),
        *("against", "errors", "calibration"),
    ]
    assert results["coverage"] == {"documents": 2, "missing": 0, "left_out": 0, "unused_labels": {"word": 1}}
    assert list(results["semeval"]) == ["strict", "exact", "partial", "type"]
    assert results["semeval"]["partial"] == {
        "correct": 1,
        "incorrect": 0,
        "partial": 2,
        "missing": 0,
        "spurious": 1,
        "possible": 3,
        "actual": 4,
        "p": 2 / 4,
        "r": 2 / 3,
        "f1": pytest.approx(4 / 7),
    }
    tokens = results["tokens"]
    assert (tokens["tokens"], tokens["cut"], tokens["left_out"]) == (5, 1, 1)
    assert tokens["labels"]["gene"] == {"p": 1 / 2, "r": 1, "f1": pytest.approx(2 / 3)}
    assert results["against"]["micro"]["difference"] == 0
    assert results["calibration"]["entities"] == 3


def test_parquet_is_scored_as_json_lines(columns: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    gold, found = columns
    rows = found.with_suffix(".parquet")
    Parquet().write(JsonLines().read(found), rows)
    options = (*IN_COLUMNS[:-1], "Parquet", "--json")
    again = written(capsys, "--gold", gold, "--predictions", rows, *options)
    assert json.loads(again) == json.loads(
        written(capsys, "--gold", gold, "--predictions", found, *IN_COLUMNS, "--json")
    )


def test_one_format_may_be_that_of_all_files_and_missing_documents_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    block = "{0}|t|Mice\n{0}|a|ate.\n{0}\t0\t4\tMice\tanimal\n\n"
    gold, some, empty = (tmp_path / f"{name}.txt" for name in ("gold", "some", "empty"))
    gold.write_text(block.format(1) + block.format(2), encoding="utf-8")
    some.write_text(block.format(2), encoding="utf-8")
    empty.touch()
    files = ("--gold", gold, "--predictions", some, "--against", empty)
    out = written(capsys, *files, "--format", "PubTator", "--resamples", "1")
    assert "documents without predictions, counted as predicted empty: 1 of 2\n" in out
    assert f"B: {empty}\n" in out
    assert "seqeval" not in out
