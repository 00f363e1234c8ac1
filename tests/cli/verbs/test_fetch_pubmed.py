"""The verb ``fetch-pubmed`` as on the command line, against a server on the loopback interface."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from Bio import Entrez

from main import main
from ner.corpora import GutBrainIE
from ner.corpora.pubmed import client as pubmed
from ner.corpora.pubmed.resume import FetchJournal
from ner.formats._pubmed import Style
from tests.corpora.pubmed.eutilities import Clock, EUtilitiesServer, article_xml

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[EUtilitiesServer]:
    clock = Clock()
    monkeypatch.setattr(Entrez, "time", clock)
    monkeypatch.setattr(pubmed, "time", clock)
    monkeypatch.setattr(Entrez._open, "previous", 0)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GUTBRAINIE_ROOT", raising=False)
    monkeypatch.delenv("NCBI_API_KEY", raising=False)
    with EUtilitiesServer(clock) as server:
        server.articles = {str(number): article_xml(str(number)) for number in range(100, 150)}
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def command(server: EUtilitiesServer, output: Path, *more: str) -> list[str]:
    asked = ["--query", "gut-brain axis", "--email", "you@example.org", "--base_url", server.url]
    return ["fetch-pubmed", *asked, "--output", str(output), *more]


def texts(path: Path) -> dict[str, list[str]]:
    return {document.id: [p.text for p in document.passages] for document in GutBrainIE.format.read(path)}


def write_corpus(path: Path, *pmids: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({pmid: {"title": "a", "abstract": "b"} for pmid in pmids}), encoding="utf-8")
    return path


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    [line] = capsys.readouterr().err.splitlines()
    return line


def test_the_output_has_the_layout_of_articles_and_reads_back(
    server: EUtilitiesServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.articles["101"] = article_xml("101", "")
    server.articles["102"] = article_xml("102", abstract="")
    sections = '<AbstractText Label="AIM">CO<sub>2</sub>.</AbstractText><AbstractText>β</AbstractText>'
    server.articles["103"] = article_xml("103", "<i>In vivo</i>", sections)
    output = tmp_path / "new" / "pubmed.json"
    assert main(command(server, output, "--max", "3")) == 0
    records = json.loads(output.read_text(encoding="utf-8"))
    assert records["100"] == {
        "title": "On guts",
        "author": "Ada B Doe",
        "journal": "A journal",
        "year": "2021",
        "abstract": "Brains too.",
    }
    assert list(records["100"]) == ["title", "author", "journal", "year", "abstract"]
    assert texts(output) == {
        "100": ["On guts", "Brains too."],
        "101": ["", "Brains too."],
        "103": ["In vivo", "CO2. β"],
    }
    assert [path.name for path in output.parent.iterdir()] == ["pubmed.json"]
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "searched: gut-brain axis[All Fields]"
    assert printed[1].startswith("to exclude: nothing, not even GutBrainIE; ")
    assert printed[2] == f"found 50, fetched 20, excluded 0, without abstract 1, written 3 to {output}"


def test_labels_and_tags_are_written_on_request(server: EUtilitiesServer, tmp_path: Path) -> None:
    sections = '<AbstractText Label="AIM">CO<sub>2</sub>.</AbstractText><AbstractText>β</AbstractText>'
    server.articles = {"100": article_xml("100", "<i>In vivo</i>", sections)}
    output = tmp_path / "pubmed.json"
    assert main(command(server, output, "--sections", "labelled", "--inline_tags", "keep")) == 0
    assert texts(output) == {"100": ["<i>In vivo</i>", "AIM: CO<sub>2</sub>.\nβ"]}


def test_given_files_and_folders_are_excluded(
    server: EUtilitiesServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUTBRAINIE_ROOT", str(tmp_path / "is not looked at"))
    first = write_corpus(tmp_path / "first.json", "100", "7")
    write_corpus(tmp_path / "folder" / "deep" / "second.json", "102")
    write_corpus(tmp_path / "folder" / ".hidden.json", "101")
    output = tmp_path / "pubmed.json"
    assert main(command(server, output, "--max", "2", "--exclude", str(first), str(tmp_path / "folder"))) == 0
    assert list(texts(output)) == ["101", "103"]
    printed = capsys.readouterr().out
    assert "to exclude: 3 PMIDs of first.json, second.json\n" in printed
    assert "excluded 2, " in printed


@pytest.mark.parametrize("place", ["root", "cache"])
def test_train_dev_and_test_of_the_corpus_are_excluded_by_default(
    server: EUtilitiesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    corpus = GutBrainIE(download=True)
    root = tmp_path / "root" if place == "root" else corpus._cache_folder()
    if place == "root":
        monkeypatch.setenv("GUTBRAINIE_ROOT", str(root))
    write_corpus(root / "Annotations/Train/silver_quality/json_format/train_silver_2025.json", "100")
    write_corpus(root / "Annotations/Train/bronze_quality/json_format/train_bronze.json", "101")
    write_corpus(root / "Annotations/Dev/json_format/dev.json", "102")
    write_corpus(root / "TestData/articles_test.json", "103")
    output = tmp_path / "pubmed.json"
    assert main(command(server, output, "--max", "1")) == 0
    assert list(texts(output)) == ["104"]


def test_a_root_without_the_corpus_is_refused(
    server: EUtilitiesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GUTBRAINIE_ROOT", str(tmp_path))
    assert main(command(server, tmp_path / "pubmed.json")) == 2
    assert "no file of a GutBrainIE release in it" in error_of(capsys)
    assert server.requests == []


def test_a_run_that_broke_off_is_finished_by_the_same_command(
    server: EUtilitiesServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.articles = {str(number): article_xml(str(number)) for number in range(1000, 1500)}
    server.mishaps = ["", "", *["drop"] * 9]
    output = tmp_path / "pubmed.json"
    assert main(command(server, output, "--max", "500")) == 2
    *waits, error = capsys.readouterr().err.splitlines()
    assert f"kept in {output}.partial; run the same command again to resume" in error
    assert [wait.partition("; ")[2] for wait in waits] == [
        f"attempt {attempt} of 6 in {2 ** (attempt - 2)} s" for attempt in range(2, 7)
    ]
    assert all(wait.startswith(f"127.0.0.1:{server.server_port}: RemoteDisconnected: ") for wait in waits)
    assert not output.exists()
    server.mishaps.clear()
    assert main(command(server, output, "--max", "500")) == 0
    assert len(server.served) == 500
    assert list(texts(output)) == [str(number) for number in range(1000, 1500)]
    assert not Path(f"{output}.partial").exists()


def test_a_name_that_leads_nowhere_is_told_at_once_and_given_up_in_the_end(
    server: EUtilitiesServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert main(command(server, tmp_path / "pubmed.json", "--base_url", "http://name.invalid/")) == 2
    first, *_, error = capsys.readouterr().err.splitlines()
    assert first == "name.invalid: Name or service not known; attempt 2 of 6 in 1 s"
    what = "Name or service not known, at attempt 6; check the connection, or try again later"
    assert error == f"error: http://name.invalid/esearch.fcgi: {what}"
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_says_nothing_is_told_soon(
    server: EUtilitiesServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("TIMEOUT_SECONDS", 0.5), ("PATIENCE_SECONDS", 0.05), ("ATTEMPTS", 1)):
        monkeypatch.setattr(pubmed, name, value)
    silence = threading.Event()
    server.before_answer = lambda _: silence.wait(5) and None
    assert main(command(server, tmp_path / "pubmed.json")) == 2
    silence.set()
    first, error = capsys.readouterr().err.splitlines()
    assert first == f"127.0.0.1:{server.server_port}: no answer yet; attempt 1 of 1 waits 0.5 s"
    what = "no answer within 0.5 seconds, at attempt 1; check the connection, or try again later"
    assert error == f"error: {server.url}esearch.fcgi: {what}"


def test_a_killed_run_is_finished_by_the_same_command(server: EUtilitiesServer, tmp_path: Path) -> None:
    server.articles = {str(number): article_xml(str(number)) for number in range(1000, 1500)}
    output = tmp_path / "pubmed.json"
    reached, released = threading.Event(), threading.Event()

    def hold_the_second_batch(utility: str) -> None:
        if len(server.requests) == 3:
            reached.set()
            released.wait(10)
            server.mishaps = ["drop"]

    server.before_answer = hold_the_second_batch
    process = subprocess.Popen(
        [sys.executable, REPOSITORY / "main.py", *command(server, output)],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.PIPE,
    )
    try:
        assert reached.wait(20)
    finally:
        process.kill()
        process.communicate()
        released.set()
    fetched = list(server.served)
    assert len(fetched) == 200
    assert not output.exists()
    server.before_answer = lambda _: None
    server.mishaps.clear()
    assert main(command(server, output)) == 0
    assert len(server.served) == len(set(server.served)) == 500
    assert len(texts(output)) == 500


def test_an_interrupted_run_says_how_to_go_on(
    server: EUtilitiesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ner.cli.verbs.fetch_pubmed.harvest", interrupt)
    assert main(command(server, tmp_path / "pubmed.json")) == 130
    assert error_of(capsys) == "interrupted; the same command resumes after what was fetched"


def test_the_partial_file_of_another_query_is_refused(
    server: EUtilitiesServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "pubmed.json"
    with FetchJournal(Path(f"{output}.partial"), "another", Style()) as journal:
        journal.add([], ["1"])
    assert main(command(server, output)) == 2
    assert "holds what was fetched for the query 'another'" in error_of(capsys)


def test_less_than_wanted_is_explained(
    server: EUtilitiesServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "pubmed.json"
    assert main(command(server, output)) == 0
    assert "these are fewer than --max 500: there are no more for this query" in capsys.readouterr().out
    monkeypatch.setattr("ner.corpora.pubmed.client.MOST_ARTICLES", 10)
    server.remarks = "<WarningList><PhraseIgnored>axis</PhraseIgnored></WarningList>"
    assert main(command(server, output)) == 0
    printed = capsys.readouterr().out
    assert "PubMed returns the first 10 only; split the query, say by year" in printed
    assert "PubMed remarks: PhraseIgnored: axis" in printed


def test_the_key_comes_from_the_environment_too(
    server: EUtilitiesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NCBI_API_KEY", "FROM-THERE")
    main(command(server, tmp_path / "pubmed.json"))
    main(command(server, tmp_path / "pubmed.json", "--api_key", "GIVEN"))
    assert [asked["api_key"] for name, asked in server.requests if name == "esearch"] == ["FROM-THERE", "GIVEN"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--query", "  "], "--query: is empty"),
        (["--email", "you"], "--email: 'you' is not an e-mail address"),
        (["--base_url", "mirror"], "--base_url: 'mirror' is not a web address"),
        (["--max", "0"], "argument --max: should be a whole number from 1 to 9999"),
        (["--max", "10000"], "argument --max: should be a whole number from 1 to 9999"),
        (["--exclude", "no-such"], "--exclude: no file or folder no-such"),
        (["--exclude"], "argument --exclude: expected at least one argument"),
        (["--exclude", str(REPOSITORY / "README.md")], "README.md: broken JSON at line 1"),
        (["--exclude", str(REPOSITORY / "configs")], "--exclude: no *.json file in "),
        (["--output", str(REPOSITORY)], "it is a folder"),
        (["--output", "-"], "name a file"),
        (["--quary", "x"], "unrecognized arguments: --quary x"),
    ],
)
def test_a_wrong_argument_is_one_line_and_asks_nobody(
    server: EUtilitiesServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    assert main(command(server, tmp_path / "pubmed.json", *more)) == 2
    assert message in error_of(capsys)
    assert server.requests == []
    assert list(tmp_path.iterdir()) == []


def test_nothing_found_is_one_line_and_writes_nothing(
    server: EUtilitiesServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.articles = {}
    assert main(command(server, tmp_path / "pubmed.json")) == 2
    assert "--query: PubMed finds no article for 'gut-brain axis'" in error_of(capsys)
    assert list(tmp_path.iterdir()) == []


def test_help_needs_neither_torch_nor_biopython() -> None:
    code = (
        "import sys; sys.modules['Bio'] = None\nfrom main import main\n"
        "try: main(['fetch-pubmed', '--help'])\n"
        "except SystemExit: sys.exit(bool({'torch', 'lightning', 'transformers', 'numpy'} & set(sys.modules)))"
    )
    outcome = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    assert "goes on past those that are left out" in " ".join(outcome.stdout.split())


def test_a_file_whose_keys_are_no_pmids_is_refused(
    server: EUtilitiesServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "bioc.json"
    other.write_text('{"source": "", "documents": []}', encoding="utf-8")
    assert main(command(server, tmp_path / "pubmed.json", "--exclude", str(other))) == 2
    assert "bioc.json: 'source' is no PMID; name files in GutBrainIE's layout" in error_of(capsys)
    assert main(command(server, tmp_path / "pubmed.json", "--query", "gut \udcff")) == 2
    assert "--query: is not UTF-8" in error_of(capsys)
    assert server.requests == []
