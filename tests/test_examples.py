"""What docs/examples and the blocks of the guide show, run as they stand."""

import json
import re
import runpy
import shlex
import shutil
from pathlib import Path

import pytest

from main import main
from ner.corpora.files import FileCorpus
from ner.corpora.sample import Sample
from ner.formats.label_studio import LabelStudio

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = DOCS / "examples"
CONFIGS = DOCS.parent / "configs"


def test_a_module_of_ones_own_learns_from_the_data_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    train = runpy.run_path(str(EXAMPLES / "softmax_tagger.py"))["main"]
    assert train() < 2.0  # 27 tags at random have a loss of 3.3
    assert not list(tmp_path.iterdir())


def test_the_notebook_runs(trained: Path) -> None:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    notebook = nbformat.read(EXAMPLES / "quickstart.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(trained)}}).execute()
    outputs = [str(output) for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("<mark" in output for output in outputs)
    assert any("micro F1 0." in output for output in outputs)


@pytest.mark.parametrize("page", ["spacy.md", "annotate.md"])
def test_snippets_of_a_page_run(
    page: str, trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip(
        "spacy" if page == "spacy.md" else "pandas", reason="the extras of this page are not installed (extra `test`)"
    )
    if page == "spacy.md":
        pytest.importorskip("ner.integrations.spacy")  # where the entry point is older than this test
    monkeypatch.chdir(trained)
    snippets = re.findall(r"^```python\n(.*?)^```$", (DOCS / page).read_text("utf-8"), re.M | re.S)
    assert snippets
    for snippet in snippets:
        exec(snippet, {})
    assert "mice" in capsys.readouterr().out


@pytest.mark.parametrize("page", ["spacy.md", "annotate.md"])
def test_commands_of_a_page_run(page: str, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    if not Path("configs").exists():
        Path("configs").symlink_to(CONFIGS)
    shutil.rmtree("build", ignore_errors=True)
    blocks = re.findall(r"^```console\n(.*?)^```$", (DOCS / page).read_text("utf-8"), re.M | re.S)
    exports = {"admin.jsonl": "build/doccano.jsonl", "corrected.jsonl": "build/prodigy.jsonl"}
    for command in "".join(blocks).splitlines():
        for export, written in exports.items():
            if f" {export} " in command:
                shutil.copy(written, export)
        assert main(shlex.split(command)[2:]) == 0, command
    assert len(list(Path("build").iterdir())) >= 2


def test_what_is_corrected_in_label_studio_is_learned(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    predict = ["predict", "--config", str(CONFIGS / "quickstart.yaml"), "--run", "quickstart"]
    predict += ["--data.predict_path", "ner/corpora/sample_data/train.json", "--predictions.scores", "true"]
    assert main([*predict, "--predictions.format", "LabelStudio", "--predictions.path", "tasks.json"]) == 0
    tasks = json.loads(Path("tasks.json").read_text("utf-8"))
    assert all(0 <= task["predictions"][0]["score"] <= 1 for task in tasks if task["predictions"][0]["result"])
    for number, task in enumerate(tasks):
        # As the tool exports them: some are annotated, and the others are not looked at.
        regions = task["predictions"][0]["result"]
        task |= {
            "id": number,
            "predictions": [number],
            "annotations": [{"id": number, "result": regions}] * (number % 2),
        }
    Path("export.json").write_text(json.dumps(tasks), "utf-8")
    [settings] = re.findall(r"^```yaml\n(.*?)^```$", (DOCS / "annotate.md").read_text("utf-8"), re.M | re.S)
    labels = ", ".join(Sample.labels)
    Path("mine.yaml").write_text(settings.replace("[bacteria, food]", f"[{labels}]"), "utf-8")
    fit = ["fit", "--config", str(CONFIGS / "quickstart.yaml"), "--config", "mine.yaml"]
    fit += ["--run", "corrected", "--data.corpus.dev", "export.json", "--trainer.max_epochs", "1"]
    assert main([*fit, "--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]) == 0
    corpus = FileCorpus(LabelStudio(layer="annotations"), Sample.labels, train="export.json")
    annotated = [document.is_annotated for document in corpus.read("train")]
    assert annotated == [bool(number % 2) for number in range(len(tasks))]


@pytest.mark.parametrize("page", ["python.md", "migrate.md"])
def test_the_blocks_of_a_page_run(page: str, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    Path("texts").write_text("1|t|Probiotics reduced anxiety in mice.\n1|a|\n", encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", (DOCS / page).read_text(encoding="utf-8"), re.M | re.S)
    assert blocks
    exec("\n".join(blocks), {})
    written = Path("tagged.txt" if page == "python.md" else "train.jsonl").read_text(encoding="utf-8")
    assert "Probiotics" in written


@pytest.mark.parametrize("page", ["corpora.md", "migrate.md"])
def test_the_configuration_of_a_page_is_understood(
    page: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [settings] = re.findall(r"^```yaml\n(.*?)^```$", (DOCS / page).read_text(encoding="utf-8"), re.M | re.S)
    (tmp_path / "own.yaml").write_text(settings, encoding="utf-8")
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--config", str(tmp_path / "own.yaml"), "--print_config"])
    assert stop.value.code == 0
    assert "FileCorpus" in capsys.readouterr().out


def test_every_block_of_the_guide_is_run_or_says_why_not() -> None:
    """Blocks are run here or in the tests named below; `py` marks other libraries' code."""
    run = {
        "bash": "by .ci/run readme",
        "console": "by test_configs.py",
        "python": "above, in test_readme.py, test_configs.py or test_bulk_queries.py",
        "yaml": "above",
        "xml": "settings of Label Studio, which is not installed here",
        "json": "an answer, not a command",
        "sql": "by test_bulk_queries.py",
        "py": "other libraries' code, which is not installed here",
    }
    for page in DOCS.glob("*.md"):
        opened = re.findall(r"^```(\w*)$", page.read_text(encoding="utf-8"), re.M)[::2]
        assert set(opened) <= run.keys(), page.name
