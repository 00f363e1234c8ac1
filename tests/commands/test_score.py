"""``score``: standard output is the table or one JSON object, and a user's mistake is one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ner.commands.score import main, score_files
from ner.errors import InputError


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
    program = "import sys; from ner.commands.score import main; sys.exit(main(sys.argv[1:]))"
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


def test_help_needs_neither_torch_nor_lightning() -> None:
    program = """if True:
        import sys
        from ner.commands.score import main
        try:
            main(["--help"])
        except SystemExit as finished:
            heavy = {"torch", "lightning", "pytorch_lightning", "torchmetrics", "transformers", "seqeval"}
            loaded = sorted(heavy & set(sys.modules))
            sys.exit(finished.code or (f"loaded {loaded}" if loaded else 0))
    """
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "main.py score" in finished.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: --gold, --predictions"),
        (["--gold", "a", "--predictions", "b", "--version", "2024"], "argument --version: invalid choice: '2024'"),
        (["--gold", "a", "--predictions", "b", "--pred", "c"], "unrecognized arguments: --pred c"),
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
        (b"{", "is not valid JSON: Expecting property name"),
        (b'{"1": "\xff"}', "is not UTF-8 at byte 7"),
        (b"[" * 100_000, "is not valid JSON"),
        (b"[]", "should hold one JSON object"),
        (b'{"1": []}', 'PMID 1: should be an object with a list "entities", not a list'),
        (b'{"1": {}}', 'PMID 1: has no "entities"'),
        (b'{"1\\n2": {}}', "PMID '1\\n2': has no"),
        (b'{"1": {"entities": {}}}', 'PMID 1: "entities" should be a list, not an object'),
        (b'{"1": {"entities": [null]}}', "PMID 1, entities[0]: should be an object, not null"),
        (b'{"1": {"entities": [{"start_idx": 0}]}}', 'PMID 1, entities[0]: has no "end_idx"'),
        (b'{"1": {"entities": [{"start_idx": "0"}]}}', '"start_idx" should be an integer, not a string'),
        (b'{"1": {"entities": [{"start_idx": true}]}}', '"start_idx" should be an integer, not true or false'),
        (b'{"1": {"entities": [{"start_idx": 1.5}]}}', '"start_idx" should be an integer, not the number 1.5'),
        (
            b'{"1": {"entities": [{"start_idx": 1, "end_idx": 2, "location": 3}]}}',
            'PMID 1, entities[0]: "location" should be a string, not the number 3',
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
    with pytest.raises(InputError, match=r"twice\.json: .*1 stands there twice"):
        score_files(gold, twice)


def test_a_byte_order_mark_is_no_mistake(gold: Path, predictions: Path) -> None:
    before = score_files(gold, predictions)
    predictions.write_bytes(b"\xef\xbb\xbf" + predictions.read_bytes())
    assert score_files(gold, predictions) == before


def test_a_missing_file_or_a_folder_is_named(gold: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.json: cannot be read: No such file or directory"):
        score_files(gold, tmp_path / "missing.json")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        score_files(tmp_path, gold)


def test_predictions_for_another_split_name_both_files_and_the_document(gold: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.json", {"999": {"entities": [entity(0, 3, "gene")]}})
    with pytest.raises(
        InputError, match=r"other\.json against .*gold\.json: PMID 999 is predicted but not in the gold"
    ):
        score_files(gold, other)
