"""Who may ask the service, how much, how many at once and for how long; what it logs of that."""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest

from ner.documents import Document
from ner.integrations.web.bounds import Bounds
from ner.integrations.web.guard import HEADERS
from ner.integrations.web.model import ServedModel
from tests.serving import Answer, Client, in_thread

TOKEN = "a token of the tests"
SECRET = "Nobody may read this."
SMALL = Bounds(body_bytes=2_000, texts=3, characters=500, waiting=2, seconds=2)


@dataclass
class Slow:
    """A tagger that waits until it is let go."""

    labels: Sequence[str]
    go: threading.Event

    def tag_documents(self, documents: Sequence[Document]) -> Iterable[Document]:
        assert self.go.wait(20)
        if documents[0].passages[0].text == "fail":
            raise LookupError(SECRET)
        return documents


@pytest.fixture
def go() -> threading.Event:
    return threading.Event()


@pytest.fixture
def slow(served: ServedModel, go: threading.Event) -> Iterator[int]:
    """The port of a service with small bounds whose tagger waits."""
    with in_thread(replace(served, tagger=Slow(served.labels, go)), SMALL) as port:
        yield port
        go.set()


@pytest.fixture(scope="module")
def small(served: ServedModel) -> Iterator[int]:
    """The port of a service with small bounds and a token, under any name."""
    with in_thread(served, SMALL, TOKEN, is_local=False) as port:
        yield port


def send(port: int, text: str = SECRET) -> Answer:
    return Client(port).post("/tag", {"texts": [text]})


def authorized(port: int, body: object, path: str = "/tag") -> Answer:
    return Client(port).post(path, body, Authorization=f"Bearer {TOKEN}")


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_every_answer_has_the_headers_that_keep_browsers_careful(client: Client) -> None:
    for answer in (client.get("/health"), client.get("/nothing"), client.post("/tag", {}), client.get("/")):
        for name, value in HEADERS.items():
            assert name == "Content-Security-Policy" or answer.headers[name] == value
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Server" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "[::2]:80", ""])
def test_a_name_that_somebody_points_to_this_machine_is_refused(client: Client, host: str) -> None:
    answer = client.get("/health", Host=host)
    assert (answer.status, answer.error.partition(" is not called")[0]) == (421, "this service")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:1", "[::1]:80"])
def test_the_names_of_the_loopback_address_are_answered(client: Client, host: str) -> None:
    assert client.get("/health", Host=host).status == 200


def test_pages_of_other_websites_are_refused_and_its_own_is_not(client: Client) -> None:
    host = f"127.0.0.1:{client.connection.port}"
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "http://[", ""):
        assert client.post("/tag", {"texts": []}, Host=host, Origin=origin).status == 403
    assert client.post("/tag", {"texts": []}, Host=host, Origin=f"http://{host}").status == 200


@pytest.mark.parametrize("length", ["9" * 19, "9" * 5000, "-1", "1e3"])
def test_a_length_that_is_none_or_too_much_is_refused(client: Client, length: str) -> None:
    with socket.create_connection(("127.0.0.1", client.connection.port), timeout=10) as connection:
        connection.sendall(f"POST /tag HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode())
        assert connection.recv(1000).split(b" ")[1] in (b"400", b"413")


def test_without_the_token_only_the_page_and_the_description_are_given(small: int) -> None:
    client = Client(small)
    for given in ({}, {"Authorization": "Bearer another"}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": "é"}):
        for answer in (client.post("/tag", {"texts": []}, **given), client.get("/labels", **given)):
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
            assert "send it as 'Authorization: Bearer ...'" in answer.error
    for path in ("/", "/health", "/docs", "/openapi.json", "/static/swagger-ui.css"):
        assert client.get(path).status == 200
    assert client.post("/tag", {"texts": []}, Authorization=TOKEN).status == 401
    assert authorized(small, {"texts": []}).status == 200
    assert "HTTPBearer" in client.get("/openapi.json").json["components"]["securitySchemes"]


def test_a_service_for_others_is_called_by_any_name(small: int) -> None:
    assert Client(small).get("/health", Host="ner.example").status == 200


@pytest.mark.parametrize(("body", "error"), [
    ({"texts": ["a" * 500, "b", "c"]}, ""),
    ({"texts": ["a"] * 4}, "4 texts in one request; send 3 at most"),
    ({"documents": [{"id": "1", "passages": [{"text": ""}] * 4}]}, "4 texts in one request; send 3 at most"),
    ({"texts": ["a", "b" * 501]}, "text 1 has 501 characters; split it into parts of 500 at most"),
    ({"texts": ["a" * 2000]}, "the body has more than 2,000 bytes; send less at once"),
    (b"a\n" * 4, "4 texts in one request; send 3 at most"),
])  # fmt: skip
def test_a_request_beyond_the_bounds_is_refused_with_the_bound(small: int, body: object, error: str) -> None:
    answer = authorized(small, body, "/files?name=a.txt" if isinstance(body, bytes) else "/tag")
    assert answer.status == (413 if error else 200)
    assert not error or answer.error == error


@pytest.mark.parametrize(("texts", "section", "error"), [
    (12, "part", ""),
    (13, "part", "13 texts in one request; send 12 at most"),
    (12, "part" * 100, "the body has more than 8,000 bytes; send less at once"),
])  # fmt: skip
def test_an_export_may_be_four_times_as_large(small: int, texts: int, section: str, error: str) -> None:
    passages = [{"text": "a" * 490, "section": f"{section} {number}"} for number in range(texts)]
    answer = authorized(small, {"documents": [{"id": "1", "passages": passages}]}, "/export?format=JsonLines")
    assert answer.status == (413 if error else 200)
    assert not error or answer.error == error


def test_an_export_holds_no_more_than_its_request_may(small: int) -> None:
    spans = [{"start": 0, "end": 490, "label": "a"}] * 17
    body = {"documents": [{"id": "1", "text": "a" * 490, "spans": spans}]}
    answer = authorized(small, body, "/export?format=PubTator")
    assert (answer.status, answer.error) == (413, "entities of 8,330 characters; send entities of 8,000 at most")


def test_a_body_that_does_not_tell_its_length_is_bounded_too(small: int) -> None:
    client = Client(small)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    client.connection.request("POST", "/tag", iter([b" " * 1000] * 3), headers, encode_chunked=True)
    assert client.connection.getresponse().status == 413


def test_requests_beyond_those_that_may_wait_are_sent_away_at_once_and_the_others_are_answered(
    slow: int, go: threading.Event
) -> None:
    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(send, slow) for _ in range(3)]
        until(lambda: any(future.done() for future in futures))
        [refused] = [future.result() for future in futures if future.done()]
        assert refused.status == 503
        assert refused.headers["Retry-After"] == "2"
        assert refused.error == "too many requests are waiting; try again in a moment"
        assert Client(slow).get("/health").status == 200
        go.set()
        assert sorted(future.result().status for future in futures) == [200, 200, 503]
    assert send(slow).status == 200


def test_a_request_that_takes_too_long_is_sent_away_and_makes_room(slow: int, go: threading.Event) -> None:
    start = time.monotonic()
    answer = send(slow)
    assert (answer.status, answer.headers["Retry-After"]) == (504, None)
    assert answer.error == "it took more than 2 s; send less at once"
    assert 2 <= time.monotonic() - start < 4
    go.set()
    assert [send(slow).status for _ in range(3)] == [200] * 3


def test_a_request_that_does_not_arrive_is_given_up(slow: int) -> None:
    with socket.create_connection(("127.0.0.1", slow), timeout=10) as connection:
        connection.sendall(b"POST /tag HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
        connection.sendall(b"Content-Length: 100\r\n\r\n{")
        assert b" 408 " in connection.recv(1000)


def test_a_client_that_leaves_is_not_worked_for(
    slow: int, go: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ner.integrations.web.log")
    with ThreadPoolExecutor() as pool:
        first = pool.submit(send, slow)
        leaving = Client(slow)
        leaving.connection.request("POST", "/tag", '{"texts": ["a"]}', {"Content-Type": "application/json"})
        leaving.connection.close()
        until(lambda: any(json.loads(line)["status"] == 499 for line in caplog.messages))
        go.set()
        assert first.result().status == 200


def test_a_failure_inside_is_told_without_a_reason_and_the_log_says_where(
    slow: int, go: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ner.integrations.web.log")
    go.set()
    answer = send(slow, "fail")
    assert (answer.status, answer.error) == (500, "internal error; the log of the service says where")
    until(lambda: bool(caplog.messages))
    assert json.loads(caplog.messages[-1])["error"].startswith("LookupError at test_guard.py:")
    assert SECRET not in caplog.text


def test_the_log_has_one_line_for_each_request_without_its_text(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ner.integrations.web.log")
    client.post("/tag", {"texts": [SECRET, SECRET]})
    client.post(f"/files?name={SECRET.replace(' ', '')}.txt", SECRET.encode())
    client.get("/nothing%1b")
    until(lambda: len(caplog.messages) == 3)
    lines = [json.loads(line) for line in caplog.messages]
    assert [(line["method"], line["path"], line["status"], line["texts"]) for line in lines] == [
        ("POST", "/tag", 200, 2), ("POST", "/files", 200, 1), ("GET", "/nothing\x1b", 404, 0),
    ]  # fmt: skip
    assert lines[0].keys() == {"time", "method", "path", "status", "ms", "bytes", "texts"}
    assert "Nobody" not in caplog.text
