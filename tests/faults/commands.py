"""The commands that are disturbed, a row each, and their inputs."""

import json
import shutil
from pathlib import Path

from ner.corpora import Sample
from ner.documents import Document
from ner.formats.jsonl import JsonLines
from tests.faults.harness import Command

SAMPLE = Path(__file__).parents[2] / "ner" / "corpora" / "sample_data"
# Documents that are read, by verb.
DOCUMENTS = {"predict": 2000, "convert": 500}
TRAINING = ("--config", "quickstart", "--model.encoder", str(SAMPLE / "encoder"), "--trainer.max_epochs", "2")
QUIET = ("--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false")
READ = ("--data.predict_path", "in.jsonl", "--data.predict_format", "JsonLines")
ASKED = ("--query", "gut", "--email", "you@example.org", "--api_key", "a key", "--max", "2000")
COMMANDS = {
    "fit": Command(("fit", *TRAINING, *QUIET), "checkpoints", ("--ckpt_path", "last")),
    "fit-seeds": Command(("fit-seeds", *TRAINING, *QUIET, "--seeds", "1,2"), "checkpoints"),
    "predict": Command(
        ("predict", "--ckpt_path", "best.ckpt", *READ, "--predictions.path", "out.jsonl", *QUIET), "out.jsonl"
    ),
    "fetch-pubmed": Command(("fetch-pubmed", *ASKED, "--exclude", "excluded.json", "--output", "out.json"), "out.json"),
    "convert": Command(("convert", "--from", "JsonLines", "--to", "BioCXML", "in.jsonl", "out.xml"), "out.xml"),
    "export": Command(("export", "--checkpoints", "best.ckpt", "--output", "exported"), "exported", replaces=False),
}
TRAINED = Path("checkpoints") / "quickstart" / "seed=42" / "best.ckpt"


def write_inputs(verb: str, folder: Path, trained: Path | None) -> None:
    """Write what the command of a verb reads.

    Args:
        verb: The verb.
        folder: The working folder.
        trained: The working folder of a `fit`, if the verb needs a checkpoint.
    """
    folder.mkdir()
    if trained is not None:
        shutil.copy(trained / TRAINED, folder)
    if verb in DOCUMENTS:
        articles = list(Sample().read("train"))
        documents = (Document(str(n), articles[n % len(articles)].passages) for n in range(DOCUMENTS[verb]))
        JsonLines().write(documents, folder / "in.jsonl")
    if verb == "fetch-pubmed":
        (folder / "excluded.json").write_text(json.dumps({"10001": {}}), encoding="utf-8")
