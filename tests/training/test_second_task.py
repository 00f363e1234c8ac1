"""A task that is no GutBrainIE: a YAML file and JSON Lines, and no line of Python."""

import json
import re
from pathlib import Path

import pytest
import yaml

from main import main
from ner.corpora.sample import FOLDER
from ner.formats.jsonl import JsonLines
from ner.formats.pubtator import PubTator

REPOSITORY = Path(__file__).parents[2]
SENTENCES = [
    ("A daily dose of {0} mg was given to patients with {1}.", "dose", "symptom"),
    ("Patients with {1} took {0} mg.", "dose", "symptom"),
    ("After {0} mg the {1} was gone.", "dose", "symptom"),
]
WORDS = [("20", "nausea"), ("350", "chronic headache"), ("5", "insomnia"), ("75", "fatigue")]
CONFIG = {
    "model": {"encoder": str(FOLDER / "encoder"), "pretrained": False, "encoder_lr": 1e-3, "crf_lr": 1e-2},
    "data": {
        "corpus": {
            "class_path": "FileCorpus",
            "init_args": {
                "format": "JsonLines",
                "labels": ["dose", "symptom"],
                "train": "train.jsonl",
                "dev": "dev.jsonl",
                "test": "dev.jsonl",
            },
        },
        "window_tokens": 128,
        "overlap_tokens": 32,
    },
    "trainer": {"max_epochs": 12, "accelerator": "cpu", "enable_progress_bar": False},
}


def write(path: Path, repeats: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        for number in range(repeats):
            sentence, *labels = SENTENCES[number % len(SENTENCES)]
            words = WORDS[number % len(WORDS)]
            text = sentence.format(*words)
            spans = [
                {"start": text.index(word), "end": text.index(word) + len(word), "label": label}
                for word, label in zip(words, labels, strict=True)
            ]
            file.write(json.dumps({"id": str(number), "text": text, "spans": spans}) + "\n")


def test_it_is_trained_scored_and_tagged_from_yaml_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "train.jsonl", 120)
    write(tmp_path / "dev.jsonl", 12)
    (tmp_path / "doses.yaml").write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    assert main(["fit", "--config", "doses.yaml"]) == 0
    assert main(["test", "--config", "doses.yaml"]) == 0
    printed = capsys.readouterr().out
    assert "test: strict spans of characters" in printed
    assert "GutBrainIE" not in printed
    assert main(["predict", "--config", "doses.yaml"]) == 0
    folder = tmp_path / "checkpoints" / "doses" / "seed=42"
    assert "12 documents" in capsys.readouterr().out
    found = list(JsonLines().read(folder / "predictions.jsonl"))
    gold = list(JsonLines().read(tmp_path / "dev.jsonl"))
    assert sum(mine == theirs for mine, theirs in zip(found, gold, strict=True)) > 6


def test_the_configuration_of_bc5cdr_names_five_tags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    config = str(REPOSITORY / "configs" / "bc5cdr.yaml")
    text = "1|t|Naloxone in mice\n1|a|No pain.\n1\t0\t8\tNaloxone\tChemical\tD1\n1\t20\t24\tpain\tDisease\tD2\n\n"
    (tmp_path / "bc5cdr").mkdir()
    for number, name in enumerate(("Training", "Development", "Test"), 1):
        own = re.sub(r"^1", str(number), text, flags=re.MULTILINE)
        (tmp_path / "bc5cdr" / f"CDR_{name}Set.PubTator.txt").write_text(own, encoding="utf-8")
    options = ["--model.encoder", str(FOLDER / "encoder"), "--model.pretrained", "false"]
    options += ["--data.window_tokens", "128", "--data.overlap_tokens", "32", "--trainer.accelerator", "cpu"]
    assert main(["fit", "--config", config, *options]) == 0
    assert main(["test", "--config", config, *options]) == 0
    printed = capsys.readouterr().out
    assert "Chemical" in printed
    assert "GutBrainIE" not in printed
    assert len(list(PubTator().read(tmp_path / "bc5cdr"))) == 3
