"""Undisturbed runs of the commands, each made once."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.corpora.pubmed.eutilities import Clock, EUtilitiesServer, article_xml
from tests.faults.commands import COMMANDS, write_inputs
from tests.faults.harness import Undisturbed, run_undisturbed


@pytest.fixture(scope="package")
def server() -> Iterator[EUtilitiesServer]:
    """PubMed on the loopback interface, with 2,000 articles."""
    with EUtilitiesServer(Clock()) as server, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("no_proxy", "*")
        server.articles = {str(number): article_xml(str(number)) for number in range(10_000, 12_000)}
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="package")
def undisturbed(server: EUtilitiesServer, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Undisturbed]:
    """The undisturbed run of a verb."""
    folder = tmp_path_factory.mktemp("undisturbed")
    runs: dict[str, Undisturbed] = {}

    def run(verb: str) -> Undisturbed:
        if verb not in runs:
            trained: Path | None = None
            if verb in ("predict", "export"):
                run("fit")
                trained = folder / "fit"
            inputs = folder / f"{verb} inputs"
            write_inputs(verb, inputs, trained)
            command = COMMANDS[verb]
            if verb == "fetch-pubmed":
                command = replace(command, arguments=(*command.arguments, "--base_url", server.url))
            runs[verb] = run_undisturbed(command, inputs, folder / verb)
        return runs[verb]

    return run
