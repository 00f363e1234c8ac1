"""What docs/examples and the blocks of Python in the guide show, run as they stand."""

import re
import runpy
from pathlib import Path

import pytest

from main import main

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = DOCS / "examples"


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
        "json": "an answer, not a command",
        "sql": "by test_bulk_queries.py",
        "py": "other libraries' code, which is not installed here",
    }
    for page in DOCS.glob("*.md"):
        opened = re.findall(r"^```(\w*)$", page.read_text(encoding="utf-8"), re.M)[::2]
        assert set(opened) <= run.keys(), page.name
