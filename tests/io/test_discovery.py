"""Classes of a folder are found by its files."""

from pathlib import Path

import pytest

from ner.io.discovery import subclasses


def test_a_class_of_a_new_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "plugins_of_a_test"
    folder.mkdir()
    base = "from abc import ABC, abstractmethod\nclass Base(ABC):\n    @abstractmethod\n    def run(self): ...\n"
    (folder / "__init__.py").write_text("")
    (folder / "base.py").write_text(base)
    own = "from plugins_of_a_test.base import Base\nclass Own(Base):\n    def run(self): ...\nclass _Hidden(Own): ...\n"
    (folder / "own.py").write_text(own + "class Abstract(Base): ...\nclass Other: ...\n")
    (folder / "_private.py").write_text("raise RuntimeError")
    monkeypatch.syspath_prepend(tmp_path)
    from plugins_of_a_test.base import Base

    assert [*subclasses("plugins_of_a_test", [str(folder)], Base)] == ["Own"]
