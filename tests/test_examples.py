"""What docs/examples shows, run as it stands."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


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
