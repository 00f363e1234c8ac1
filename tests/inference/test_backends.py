"""A backend is found by its name alone."""

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from ner.errors import InputError
from ner.inference.backends import load_backend


def test_a_backend_is_a_module_of_its_name_with_a_function(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("ner.inference.own_backend")
    module.__spec__ = ModuleSpec(module.__name__, None)
    module.load = lambda *arguments: arguments  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert load_backend("own", Path("a"), "cpu", "bf16", 0.5) == (Path("a"), "cpu", "bf16", 0.5)


@pytest.mark.parametrize("name", ["tensorflow", "../torch", "", "torch.nn"])
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"backend is .*; use one of torch, onnx"):
        load_backend(name, Path("a"), None, "32")
