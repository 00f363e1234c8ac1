"""Verbs are found in their folder, however the program is called."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ner
from ner.cli import dispatcher
from ner.cli.dispatcher import CLOSED_PIPE, main, verbs

REPOSITORY = Path(__file__).parents[2]
QUICKSTART = REPOSITORY / "configs" / "quickstart.yaml"


def test_a_verb_is_one_file_and_its_help_the_first_line_of_its_docstring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "say_hello.py").write_text('"""Say hello.\n\nTo you."""\nraise RuntimeError\n', encoding="utf-8")
    (tmp_path / "__init__.py").touch()
    monkeypatch.setattr(dispatcher, "VERBS", tmp_path)
    assert list(verbs()) == ["say-hello"]
    assert main(["--help"]) == 0
    assert "\n  say-hello     Say hello\n" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], []])
def test_help_has_a_line_for_every_verb(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == (0 if arguments else 2)
    usage, _, *lines = capsys.readouterr().out.splitlines()
    assert usage.startswith("usage: ner VERB ")
    assert [line.split()[0] for line in lines] == list(verbs())
    assert {"fit", "fit-seeds", "predict", "validate", "test", "score"} <= verbs().keys()
    assert all(len(line.split()) > 3 and len(line) <= 120 for line in lines)


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ner {ner.__version__}\n"


@pytest.mark.parametrize("verb", ["frobnicate", "../fit", "fit_seeds", "__init__"])
def test_an_unknown_verb_is_one_line(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb]) == 2
    assert capsys.readouterr().err.startswith(f"error: unknown verb '{verb}'; one of: bulk, check, ")


def test_an_error_holds_no_control_characters_of_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "\x1b]52;c;eA==\x07.json", "--format", "GutBrainIE"]) == 2
    assert capsys.readouterr().err.startswith("error: \ufffd]52;c;eA==\ufffd.json: cannot be read")


@pytest.mark.parametrize(
    ("program", "called"), [([str(REPOSITORY / "main.py")], "python main.py"), (["-m", "ner"], "python -m ner")]
)
def test_usage_names_the_program_as_it_was_called(program: list[str], called: str) -> None:
    command = [sys.executable, *program]
    for arguments, usage in ((["--help"], called), (["score", "--help"], f"{called} score")):
        finished = subprocess.run([*command, *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=True)
        assert finished.stdout.startswith(f"usage: {usage} ")
    finished = subprocess.run([*command, "score", "--x"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert finished.stderr.rstrip().endswith(f"; {called} score --help lists what there is")
    assert finished.returncode == 2


LENIENT = "--data.corpus FileCorpus --data.corpus.format PubTator --data.corpus.format.on_bad_span skip"


@pytest.mark.parametrize(
    "line",
    [
        "convert --from PubTator --from.on_bad_span skip --to JsonLines in.txt out.jsonl",
        f"check --config {QUICKSTART} {LENIENT} --data.corpus.labels [animal] --data.corpus.train in.txt",
    ],
)
def test_an_error_stands_last_and_alone_after_warnings(tmp_path: Path, line: str) -> None:
    document = "1|t|Mice\n1|a|ate.\n1\t0\t4\tMouse\tanimal\n"
    (tmp_path / "in.txt").write_text(f"{document}\n{document}", encoding="utf-8")
    command = [sys.executable, REPOSITORY / "main.py", *line.split()]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    warning, error = finished.stderr.splitlines()[-2:]
    assert finished.returncode == 2
    assert warning.startswith("in.txt, line 3: left out: ")
    assert error.startswith("error: in.txt, line 5: '1' has come before")
    assert finished.stderr.count("error: ") == 1
    assert "Traceback" not in finished.stderr


def test_a_reader_that_has_enough_ends_it_in_silence(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("Mice ate rats.\n" * 20_000, encoding="utf-8")
    line = "convert --from PlainText --to JsonLines in.txt -"
    command = [sys.executable, REPOSITORY / "main.py", *line.split()]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline()
        running.stdout.close()
        assert running.stderr is not None
        assert running.stderr.read() == b""
    assert running.returncode == CLOSED_PIPE


@pytest.mark.parametrize(("redirection", "code"), [("> /dev/full", 2), (">&-", 0)])
def test_an_output_that_is_full_is_one_line_and_one_that_is_closed_is_none(redirection: str, code: int) -> None:
    dev = REPOSITORY / "ner" / "corpora" / "sample_data" / "dev.json"
    line = f"{sys.executable} {REPOSITORY / 'main.py'} score --gold {dev} --predictions {dev} {redirection}"
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == code
    found = done.stderr.splitlines()
    assert len(found) == (code == 2)
    assert all(text.startswith("error: the output cannot be written (No space left on device)") for text in found)


@pytest.mark.parametrize("arguments", [["--help"], ["score", "--help"]])
def test_light_help_answers_in_a_second(arguments: list[str]) -> None:
    def seconds() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, REPOSITORY / "main.py", *arguments], check=True, capture_output=True)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(3)) < 1


@pytest.mark.parametrize(("own", "used"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_without_work_sleep_unless_the_user_says_otherwise(
    own: str | None, used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", own or "")
    if own is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    main(["score"])
    assert os.environ["OMP_WAIT_POLICY"] == used


def test_the_dispatcher_is_there_before_torch() -> None:
    command = "import sys, ner.cli.dispatcher; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-P", "-c", command], check=True)
