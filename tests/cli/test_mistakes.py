"""Wrong command lines of all verbs: each is answered soon, by one line, with exit code 2.

The command lines and their answers stand in ``mistakes.txt``, as a terminal shows them.
"""

import json
import re
import shlex
import time
from pathlib import Path

import pytest

from main import main
from ner.cli.dispatcher import verbs
from ner.corpora.gutbrainie.corpus import TIER_FILES

REPOSITORY = Path(__file__).parents[2]
TRANSCRIPT = Path(__file__).with_name("mistakes.txt").read_text(encoding="utf-8")
MISTAKES = re.findall(r"^\$ ner (.*)\n(error: .*)$", TRANSCRIPT, re.M)
CONFIGS = {
    "twice.yaml": "trainer: {max_epochs: 1}\nmodel: {dropout: 0.1}\ntrainer: {max_epochs: 2}\n",
    "nested.yaml": "max_epochs: 3\n",
    "nested2.yaml": "model: {batch_size: 3}\n",
    "str.yaml": "trainer: {max_epochs: three}\n",
    "list.yaml": "trainer: [1]\n",
    "strsec.yaml": "trainer: 5\n",
    "corp.yaml": "data: {corpus: {class_path: FileCorpus, init_args: {format: Plaintext, labels: [a]}}}\n",
    "corp2.yaml": "data: {corpus: {class_path: FileCorpus, init_args: {formt: PlainText, labels: [a]}}}\n",
    "corp3.yaml": "data: {corpus: {class_path: FileCorpus, init_args: {format: PlainText, labels: a}}}\n",
}
CONFIGS["misquoted.txt"] = "1|t|Mice\n1|a|ate.\n1\t0\t4\tMouse\tanimal\n"
CONFIGS["labelled.txt"] = "1|t|Mice\n1|a|ate.\n1\t0\t4\tMice\tanimal\n1\t5\t8\tate\tverb\n"
CONFIGS["another.txt"] = "1|t|Mice\n1|a|slept.\n1\t0\t4\tMice\tanimal\n"
CONFIGS["misnamed.json"] = json.dumps(
    {
        "1": {
            "metadata": {"title": "Mice ate.", "abstract": ""},
            "entities": [
                {"start_idx": start, "end_idx": end, "location": "title", "text_span": text, "label": label}
                for start, end, text, label in [(0, 3, "Mice", "animal"), (5, 7, "ate", "verb"), (5, 6, "at", "verb")]
            ],
        }
    }
)
CONFIGS[f"release/{TIER_FILES['gold']}"] = CONFIGS["misnamed.json"]
SECONDS = 15


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with wrong configurations, an empty folder, and the sample."""
    folder = tmp_path_factory.mktemp("mistakes")
    for name, text in CONFIGS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "folder").mkdir()
    (folder / "ner").symlink_to(REPOSITORY / "ner")
    return folder


def test_there_are_many_mistakes_over_all_verbs() -> None:
    assert len(MISTAKES) == TRANSCRIPT.count("\n$ ") >= 160
    assert verbs().keys() <= {line.split()[0] for line, _ in MISTAKES}


@pytest.mark.parametrize(("line", "answer"), MISTAKES)
def test_a_mistake_is_answered_by_one_line(
    line: str, answer: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", ["ner"])
    before, start = sorted(folder.iterdir()), time.perf_counter()
    assert main(shlex.split(line)) == 2
    assert time.perf_counter() - start < SECONDS
    [error] = capsys.readouterr().err.splitlines()
    if answer.endswith("..."):
        assert error.startswith(answer.removesuffix("..."))
    else:
        assert error == answer
    assert sorted(folder.iterdir()) == before
