"""The client of the E-utilities against a server on the loopback interface, in time that passes only in sleep."""

import socket
import sys
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from Bio import Entrez

from ner.corpora.pubmed import client as pubmed
from ner.corpora.pubmed.client import ATTEMPTS, EUtilities
from ner.errors import InputError
from tests.corpora.pubmed.eutilities import EMAIL, QUERY, Clock, EUtilitiesServer, article_xml, client, pmids, run


def test_every_request_says_who_asks(server: EUtilitiesServer, tmp_path: Path) -> None:
    run(server, tmp_path)
    client(server, "KEY").search(QUERY)
    for _, asked in server.requests:
        assert (asked["email"], asked["tool"], asked["db"]) == (EMAIL, "ner-fetch-pubmed", "pubmed")
    assert ["api_key" in asked for _, asked in server.requests] == [False, False, True]
    assert server.requests[0][1]["term"] == QUERY


def test_a_long_query_is_posted_whole(server: EUtilitiesServer) -> None:
    query = " OR ".join(f"word{number}" for number in range(1000))
    assert client(server).search(query).translation == f"{query}[All Fields]"


@pytest.mark.parametrize(("api_key", "limit"), [(None, 3), ("KEY", 10)])
def test_no_second_sees_more_requests_than_allowed(server: EUtilitiesServer, api_key: str | None, limit: int) -> None:
    server.mishaps = ["", "", "broken"] * 2
    for _ in range(30):
        client(server, api_key).search(QUERY)
    for first in server.times:
        assert sum(first <= moment < first + 0.999 for moment in server.times) <= limit


def test_biopython_is_left_as_it_was(server: EUtilitiesServer) -> None:
    names = ("email", "api_key", "tool", "max_tries", "sleep_between_tries", "urlopen")
    before = [getattr(Entrez, name) for name in names]
    client(server, "KEY").search(QUERY)
    server.mishaps = ["400"]
    with pytest.raises(InputError):
        client(server).search(QUERY)
    assert [getattr(Entrez, name) for name in names] == before


@pytest.mark.parametrize("mishap", ["429", "500", "503", "drop", "truncate", "broken", "refused", "nothing"])
def test_a_mishap_is_waited_out_longer_each_time(server: EUtilitiesServer, tmp_path: Path, mishap: str) -> None:
    server.mishaps = ["", mishap, mishap, mishap]
    assert pmids(run(server, tmp_path)) == list(range(1000, 1005))
    assert [wait for wait in server.clock.sleeps if wait >= 1] == [1, 2, 4]
    assert [name for name, _ in server.requests] == ["esearch", *["efetch"] * 4]


@pytest.mark.parametrize(
    ("mishap", "reason"),
    [
        ("429", r"the server answers 429 .* \(API rate limit exceeded\)"),
        ("500", "the server answers 500 Internal Server Error"),
        ("drop", "RemoteDisconnected: "),
        ("truncate", "IncompleteRead: "),
        ("broken", r"broken XML \("),
        ("refused", "PubMed refuses: Unable to obtain query #1"),
    ],
)
def test_a_lasting_mishap_is_one_line_after_a_bounded_time(
    server: EUtilitiesServer, tmp_path: Path, mishap: str, reason: str
) -> None:
    server.mishaps = ["", *[mishap] * 99]
    with pytest.raises(InputError, match=rf"^{server.url}efetch\.fcgi: {reason}.*, at attempt 6; .*later$") as caught:
        run(server, tmp_path)
    assert "\n" not in str(caught.value)
    assert len(server.requests) == 1 + ATTEMPTS
    assert [wait for wait in server.clock.sleeps if wait >= 1] == [1, 2, 4, 8, 16]


def test_the_wait_that_the_server_asks_for_is_kept(server: EUtilitiesServer, tmp_path: Path) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60))
    server.mishaps = ["429 7", "503 0", "429 soon", f"503 {date}"]
    run(server, tmp_path)
    first, second, third, fourth = (wait for wait in server.clock.sleeps if wait >= 1)
    assert (first, second, third) == (7, 2, 4)
    assert 50 < fourth <= 60


def test_an_endless_wait_is_refused(server: EUtilitiesServer, tmp_path: Path) -> None:
    server.mishaps = ["429 3600"]
    with pytest.raises(InputError, match=r"at attempt 1; .*try again in 3600 seconds"):
        run(server, tmp_path)
    assert len(server.requests) == 1


def test_a_refused_request_is_not_repeated_and_tells_no_key(server: EUtilitiesServer) -> None:
    server.mishaps = ["400"]
    with pytest.raises(
        InputError, match=r"answers 400 .*exceeded\); check --base_url, --email and --api_key"
    ) as caught:
        client(server, "SECRET").search(QUERY)
    assert "SECRET" not in str(caught.value)
    assert len(server.requests) == 1


def test_a_refused_connection_is_one_line(clock: Clock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    waits: list[str] = []
    nobody = EUtilities(EMAIL, None, f"http://127.0.0.1:{port}", waits.append)
    with pytest.raises(InputError, match=rf"^http://127\.0\.0\.1:{port}/esearch\.fcgi: Connection refused, "):
        nobody.search(QUERY)
    assert waits[-1].endswith("; attempt 6 of 6 in 16 s")


def test_silence_is_bounded(server: EUtilitiesServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pubmed, "TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(pubmed, "ATTEMPTS", 2)
    silence = threading.Event()
    server.before_answer = lambda _: silence.wait(5) and None
    with pytest.raises(InputError, match=r"no answer within 0\.05 seconds"):
        client(server).search(QUERY)
    silence.set()


def test_plain_text_is_read_like_xml(server: EUtilitiesServer, tmp_path: Path) -> None:
    server.articles["1000"] = article_xml("1000", "α")
    server.mishaps = ["plain", "plain"]
    assert run(server, tmp_path, 1).articles[0].title == "α"


@pytest.mark.parametrize("email", ["", "you", "you@example", "you@@example.org", "y ou@example.org", "a@b.c\n"])
def test_a_wrong_email_address_is_refused(email: str) -> None:
    with pytest.raises(InputError, match=r"^--email: "):
        EUtilities(email)


@pytest.mark.parametrize("address", ["", "file:///etc", "example.org", "http://", "http://host:port/", "http://a b/\n"])
def test_an_address_that_is_not_of_the_web_is_refused(address: str) -> None:
    with pytest.raises(InputError, match=r"^--base_url: "):
        EUtilities(EMAIL, base_url=address)


def test_without_biopython_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "Bio.Entrez", None)
    with pytest.raises(InputError, match="the extra `pubmed`: pip install"):
        EUtilities(EMAIL)
