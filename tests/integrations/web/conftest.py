"""The quickstart's tagger, served in a thread."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

from ner.integrations.web.model import ServedModel, load_model
from tests.serving import Client, in_thread


@pytest.fixture(scope="session")
def served(quickstart: Path) -> ServedModel:
    """The ensemble of the quickstart's two seeds."""
    return load_model([str(quickstart / "checkpoints" / "quickstart")])


@pytest.fixture(scope="module")
def client(served: ServedModel) -> Iterator[Client]:
    """A client of the service with its default bounds."""
    with in_thread(served) as port:
        yield Client(port)
