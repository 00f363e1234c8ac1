"""The client of the E-utilities against a server on the loopback interface, in time that passes only in sleep."""

import socket
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from Bio import Entrez

from ner.corpora.pubmed import client as pubmed
from ner.corpora.pubmed.client import ATTEMPTS, BATCH, EUtilities, Harvest, harvest
from ner.corpora.pubmed.resume import Partial
from ner.corpora.pubmed.xml import Style
from ner.errors import InputError
from tests.corpora.pubmed.eutilities import Clock, EUtilitiesServer, article_xml

QUERY = "gut-brain axis"
EMAIL = "you@example.org"


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


def client(server: EUtilitiesServer, api_key: str | None = None) -> EUtilities:
    return EUtilities(EMAIL, api_key, server.url)


def run(
    server: EUtilitiesServer,
    folder: Path,
    most: int = 5,
    excluded: tuple[str, ...] = (),
    query: str = QUERY,
    style: Style | None = None,
) -> Harvest:
    partial = Partial(folder / "out.partial", query, style or Style())
    return harvest(client(server), partial, most, set(excluded))


def pmids(found: Harvest) -> list[int]:
    return [int(article.pmid) for article in found.articles]


def test_articles_come_in_the_order_of_the_search_and_in_batches(server: EUtilitiesServer, tmp_path: Path) -> None:
    found = run(server, tmp_path, 450)
    assert pmids(found) == list(range(1000, 1450))
    assert [name for name, _ in server.requests] == ["esearch", "efetch", "efetch", "efetch"]
    assert [asked["retmax"] for _, asked in server.requests[1:]] == [str(BATCH), str(BATCH), "50"]
    assert (found.fetched, found.excluded, found.without_abstract, found.absent) == (450, 0, 0, 0)


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
    with pytest.raises(InputError, match=rf"^http://127\.0\.0\.1:{port}/esearch\.fcgi: ConnectionRefusedError: "):
        nobody.search(QUERY)
    assert waits[-1].endswith("; again in 16 s")


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


def test_excluded_articles_and_those_without_abstract_do_not_count(server: EUtilitiesServer, tmp_path: Path) -> None:
    server.articles |= {pmid: article_xml(pmid, abstract="") for pmid in ("1001", "1003", "1004")}
    found = run(server, tmp_path, 30, ("1000", "1002", "1499", "none"))
    assert pmids(found) == list(range(1005, 1035))
    assert (found.excluded, found.without_abstract) == (2, 3)


def test_excluded_articles_at_the_ends_of_a_batch_are_not_fetched(server: EUtilitiesServer, tmp_path: Path) -> None:
    run(server, tmp_path, 499, tuple(str(pmid) for pmid in range(1000, 1490)))
    assert server.served == [str(pmid) for pmid in range(1490, 1500)]


def test_fewer_are_found_than_wanted(server: EUtilitiesServer, tmp_path: Path) -> None:
    server.articles = {pmid: server.articles[pmid] for pmid in ("1000", "1001")}
    found = run(server, tmp_path, 5)
    assert pmids(found) == [1000, 1001]
    assert not found.is_cut


def test_nothing_found_is_one_line_with_what_pubmed_remarks(server: EUtilitiesServer, tmp_path: Path) -> None:
    server.articles = {}
    server.remarks = "<ErrorList><PhraseNotFound>xyzzy</PhraseNotFound></ErrorList>"
    with pytest.raises(InputError, match=r"^--query: PubMed finds no article for 'xyzzy' \(PhraseNotFound: xyzzy\); "):
        run(server, tmp_path, query="xyzzy")
    assert not (tmp_path / "out.partial").exists()


def test_what_pubmed_hands_out_is_less_than_it_has(
    server: EUtilitiesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pubmed, "MOST_ARTICLES", 10)
    found = run(server, tmp_path, 50)
    assert (len(found.articles), found.is_cut) == (10, True)


def test_articles_missing_from_an_answer_are_asked_for_by_number_once(server: EUtilitiesServer, tmp_path: Path) -> None:
    server.listed_only = {"1002", "1003"}
    found = run(server, tmp_path, 5)
    assert pmids(found) == [1000, 1001, 1004, 1005, 1006]
    assert found.absent == 2
    assert [asked["id"] for _, asked in server.requests if "id" in asked] == ["1002,1003"]
    server.requests.clear()
    run(server, tmp_path, 5)
    assert [name for name, _ in server.requests] == ["esearch"]


def test_an_answer_that_lacks_articles_by_mistake_is_made_whole(server: EUtilitiesServer, tmp_path: Path) -> None:
    server.mishaps = ["", "empty"]
    assert pmids(run(server, tmp_path, 5)) == list(range(1000, 1005))


def test_answers_without_any_article_are_an_error(server: EUtilitiesServer, tmp_path: Path) -> None:
    server.listed_only = set(server.articles)
    with pytest.raises(InputError, match="none of the 20 articles asked for is in the answers; try again later"):
        run(server, tmp_path, 5)


def test_a_run_that_broke_off_fetches_nothing_again(server: EUtilitiesServer, tmp_path: Path) -> None:
    server.mishaps = ["", "", "400"]
    with pytest.raises(InputError):
        run(server, tmp_path, 500)
    assert len(server.served) == BATCH
    found = run(server, tmp_path, 500)
    assert pmids(found) == list(range(1000, 1500))
    assert len(server.served) == len(set(server.served)) == 500


def test_articles_that_are_new_since_come_first_and_alone(server: EUtilitiesServer, tmp_path: Path) -> None:
    run(server, tmp_path, 300)
    server.served.clear()
    server.articles = {"9": article_xml("9"), "8": article_xml("8")} | server.articles
    assert pmids(run(server, tmp_path, 302)) == [9, 8, *range(1000, 1300)]
    assert server.served == ["9", "8"]


def test_a_line_cut_off_by_a_crash_is_fetched_again(server: EUtilitiesServer, tmp_path: Path) -> None:
    run(server, tmp_path, 30)
    path = tmp_path / "out.partial"
    path.write_bytes(path.read_bytes()[:-5])
    server.served.clear()
    assert pmids(run(server, tmp_path, 30)) == list(range(1000, 1030))
    assert server.served[0] == "1029"
    assert len(path.read_text(encoding="utf-8").splitlines()) == 1 + 29 + len(server.served)


@pytest.mark.parametrize("length", [0, 5])
def test_a_partial_file_cut_off_in_its_first_line_is_begun_anew(
    server: EUtilitiesServer, tmp_path: Path, length: int
) -> None:
    run(server, tmp_path)
    path = tmp_path / "out.partial"
    path.write_bytes(path.read_bytes()[:length])
    assert pmids(run(server, tmp_path)) == list(range(1000, 1005))


@pytest.mark.parametrize(
    ("query", "style"), [("another", Style()), (QUERY, Style(sections="labelled")), (QUERY, Style(inline_tags="keep"))]
)
def test_what_was_fetched_for_another_query_or_style_is_refused(
    server: EUtilitiesServer, tmp_path: Path, query: str, style: Style
) -> None:
    run(server, tmp_path)
    with pytest.raises(InputError, match=r"out\.partial: holds what was fetched for the query 'gut-brain axis' \(sec"):
        run(server, tmp_path, query=query, style=style)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a file\nof somebody\n", "holds what was fetched for something else"),
        ("no line", "holds what was fetched for something else"),
        ("HEADER{]\n", "line 2 is damaged"),
        ('HEADER{"pmid": "1"}\n', "line 2 is damaged"),
        ('HEADER{"absent": 1}\n', "line 2 is damaged"),
    ],
)
def test_a_damaged_or_foreign_partial_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "out.partial"
    partial = Partial(path, QUERY, Style())
    partial.add([], ["1"])
    header = path.read_text(encoding="utf-8").splitlines(keepends=True)[0]
    path.write_text(content.replace("HEADER", header), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        Partial(path, QUERY, Style())


def test_a_text_with_line_separators_survives_the_partial_file(tmp_path: Path, server: EUtilitiesServer) -> None:
    server.articles["1000"] = article_xml("1000", abstract="<AbstractText>a\u2028b\u0085c</AbstractText>")
    run(server, tmp_path, 1)
    assert run(server, tmp_path, 1).articles[0].abstract == "a\u2028b\u0085c"


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
