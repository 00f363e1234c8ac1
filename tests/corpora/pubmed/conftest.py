"""PubMed as a server on the loopback interface, in time that passes only in sleep."""

import threading
from collections.abc import Iterator

import pytest
from Bio import Entrez

from ner.corpora.pubmed import client as pubmed
from tests.corpora.pubmed.eutilities import Clock, EUtilitiesServer, article_xml


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(Entrez, "time", clock)
    monkeypatch.setattr(pubmed, "time", clock)
    monkeypatch.setattr(Entrez._open, "previous", 0)
    monkeypatch.setenv("no_proxy", "*")
    return clock


@pytest.fixture
def server(clock: Clock) -> Iterator[EUtilitiesServer]:
    with EUtilitiesServer(clock) as server:
        server.articles = {str(number): article_xml(str(number)) for number in range(1000, 1500)}
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()
