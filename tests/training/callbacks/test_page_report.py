"""The report that a training and a test leave."""

import re
from pathlib import Path

import pytest

from main import main
from ner.corpora.sample import FOLDER
from ner.documents import Document, Passage, Span
from ner.integrations.web.model import load_model
from ner.training.callbacks.page_report import _named_apart, _whole
from tests.cli.verbs.test_report import written

DEV = str(FOLDER / "dev.json")
RUN = Path("checkpoints") / "quickstart"


@pytest.mark.parametrize("seed", [42, None])
def test_it_shows_what_report_shows_of_the_predictions_of_predict(
    trained: Path, monkeypatch: pytest.MonkeyPatch, seed: int | None
) -> None:
    monkeypatch.chdir(trained)
    folder = RUN if seed is None else RUN / f"seed={seed}"
    single = [] if seed is None else ["--ckpt_path", str(folder / "best.ckpt")]
    tagged = ["--data.predict_path", DEV, "--predictions.path", "found.json", "--predictions.scores", "true"]
    assert main(["predict", "--run", "quickstart", *single, *tagged]) == 0
    files = ["--gold", DEV, "--predictions", "found.json"]
    assert main(["report", *files, "--run", str(folder), "--output", "report.html"]) == 0
    first, second = written(folder / "report.html"), written(Path("report.html"))
    assert first == second
    assert any(entity[4] is not None for document in first["documents"] for entity in document[3])  # type: ignore[attr-defined]
    texts = [path.read_text(encoding="utf-8") for path in (folder / "report.html", Path("report.html"))]
    facts = [
        dict(re.findall("<dt>(encoder|members|seeds|epochs|digest)</dt><dd><bdi>(.*?)</bdi>", text)) for text in texts
    ]
    assert facts[0] == facts[1]
    assert facts[0].pop("digest") == load_model([str(folder)]).digest
    seeds, epochs, members = ("42", "4", "1") if seed else ("11, 42", "4, 4", "2")
    encoder = "ner/corpora/sample_data/encoder"
    assert facts[0] == {"encoder": encoder, "members": members, "seeds": seeds, "epochs": epochs}
    assert all('id="training"' in text and 'id="scores"' in text for text in texts)


def test_none_is_written_where_none_is_wanted_and_none_is_missed_where_it_cannot_be(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    page = RUN / "seed=42" / "report.html"
    page.unlink()
    command = ["fit-seeds", "--config", "quickstart", "--seeds", "42", "--trainer.max_epochs", "4"]
    command += ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]
    assert main([*command, "--report", "false"]) == 0
    assert not page.exists()
    page.mkdir()
    assert main(command) == 0
    assert f"no report: {page}" in " ".join(capsys.readouterr().out.split())


def test_documents_are_put_together_from_the_processes_that_tagged_them() -> None:
    documents = [Document(name, (Passage("a gene"), Passage("a drug"))) for name in ("1", "1", "2")]
    gene, drug = Span(2, 6, "gene", 0.5), Span(2, 6, "drug", 0.75)
    parts = [
        {1: (documents[1], {1: (drug,)}), 0: (documents[0], {0: ()})},
        {0: (documents[0], {1: ()}), 2: (documents[2], {0: (gene,)}), 1: (documents[1], {0: (gene,)})},
    ]
    found = list(_named_apart(_whole(parts)))
    assert [(gold.id, tagged.id) for gold, tagged in found] == [("1", "1"), ("1 (2)", "1 (2)")]
    assert [passage.spans for passage in found[1][1].passages] == [(gene,), (drug,)]
    assert not any(passage.spans for passage in found[1][0].passages)
