"""Downloads against a server on the loopback interface that behaves as badly as it is told to."""

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ner.corpora.gutbrainie.corpus import BLOB_IDS, DEV_FILE, TEST_FILE, TIER_FILES, GutBrainIE
from ner.errors import InputError
from ner.io.download import blob_id, fetch

CONTENT = b"gut and brain " * 20_000
FILE = "Annotations/Dev/a file.json"


def git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves ``contents``, after the misbehaviours in ``mishaps``, one a request; remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.contents: dict[str, bytes] = {"/Annotations/Dev/a%20file.json": CONTENT}
        self.mishaps: list[str] = []
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        content = self.server.contents[self.path]
        mishap = self.server.mishaps.pop(0) if self.server.mishaps else ""
        if mishap == "drop":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if mishap == "hang":
            time.sleep(1)
            return
        self.send_response(404 if mishap == "404" else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if mishap == "stall":
            self.wfile.write(content[:1000])
            time.sleep(1)
        elif mishap != "404":
            self.wfile.write({"truncate": content[:-1000], "lie": b"x" * len(content)}.get(mishap, content))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Keep quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with Server() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_file_is_fetched_into_its_folder(server: Server, tmp_path: Path) -> None:
    fetch(server.url + "/", {FILE: git_id(CONTENT)}, tmp_path / "new")
    assert files_in(tmp_path / "new") == [FILE]
    assert (tmp_path / "new" / FILE).read_bytes() == CONTENT


def test_the_blob_id_is_the_one_git_gives(tmp_path: Path) -> None:
    (tmp_path / "hello").write_bytes(b"hello world\n")  # git hash-object of that
    assert blob_id(tmp_path / "hello") == "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"


def test_a_right_file_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    for _ in range(2):
        fetch(server.url, {FILE: git_id(CONTENT)}, tmp_path)
    assert len(server.requests) == 1


def test_a_broken_file_on_disk_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / FILE).parent.mkdir(parents=True)
    (tmp_path / FILE).write_bytes(CONTENT[:100])
    fetch(server.url, {FILE: git_id(CONTENT)}, tmp_path)
    assert (tmp_path / FILE).read_bytes() == CONTENT


@pytest.mark.parametrize("mishap", ["truncate", "lie", "drop", "404"])
def test_a_mishap_is_mended_by_the_second_attempt(server: Server, tmp_path: Path, mishap: str) -> None:
    server.mishaps = [mishap]
    fetch(server.url, {FILE: git_id(CONTENT)}, tmp_path)
    assert len(server.requests) == 2
    assert (tmp_path / FILE).read_bytes() == CONTENT
    assert files_in(tmp_path) == [FILE]


@pytest.mark.parametrize(
    ("mishap", "parts"),
    [
        ("truncate", [git_id(CONTENT), git_id(CONTENT[:-1000])]),
        ("lie", [git_id(CONTENT), git_id(b"x" * len(CONTENT))]),
        ("drop", ["RemoteDisconnected", "check the connection"]),
        ("404", ["404 Not Found", "check the connection"]),
    ],
)
def test_a_lasting_mishap_is_one_line_and_leaves_no_file(
    server: Server, tmp_path: Path, mishap: str, parts: list[str]
) -> None:
    server.mishaps = [mishap] * 9
    with pytest.raises(InputError) as caught:
        fetch(server.url, {FILE: git_id(CONTENT)}, tmp_path)
    assert len(server.requests) == 2
    assert "\n" not in str(caught.value)
    assert all(part in str(caught.value) for part in [f"{server.url}/Annotations/Dev/a%20file.json: ", *parts])
    assert files_in(tmp_path) == []


def test_a_failed_download_leaves_the_old_file_as_it_was(server: Server, tmp_path: Path) -> None:
    (tmp_path / FILE).parent.mkdir(parents=True)
    (tmp_path / FILE).write_bytes(b"old")
    server.mishaps = ["lie"] * 2
    with pytest.raises(InputError):
        fetch(server.url, {FILE: git_id(CONTENT)}, tmp_path)
    assert (tmp_path / FILE).read_bytes() == b"old"


@pytest.mark.parametrize("mishap", ["hang", "stall"])
def test_silence_is_waited_for_once(server: Server, tmp_path: Path, mishap: str) -> None:
    server.mishaps = [mishap] * 2
    with pytest.raises(InputError, match=r"no answer within 0\.2 seconds; check the connection"):
        fetch(server.url, {FILE: git_id(CONTENT)}, tmp_path, timeout=0.2)
    assert len(server.requests) == 1
    assert files_in(tmp_path) == []


def test_a_look_up_that_hangs_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(2) or [])
    begin = time.monotonic()
    with pytest.raises(InputError, match=r"^http://nowhere\.invalid/a: no answer within 0\.2 seconds"):
        fetch("http://nowhere.invalid", {"a": "0"}, tmp_path, timeout=0.2)
    assert time.monotonic() - begin < 1.5


def test_a_refused_connection_is_one_line(server: Server, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(InputError, match=rf"^http://127\.0\.0\.1:{port}/a: ConnectionRefusedError.*set data\.corpus"):
        fetch(f"http://127.0.0.1:{port}", {"a": "0"}, tmp_path)


def test_a_password_in_the_address_is_refused_without_repeating_it() -> None:
    with pytest.raises(InputError, match=r"^data\.corpus\.base_url: holds a name or password, .*; leave it out$"):
        GutBrainIE(base_url="https://alice:secret@example.org/x")
    assert GutBrainIE(base_url="https://example.org/x@v1").base_url


@pytest.mark.parametrize("base_url", ["file:///etc", "mirror", ""])
def test_an_address_that_is_not_of_the_web_is_refused(tmp_path: Path, base_url: str) -> None:
    with pytest.raises(InputError, match=r"^data\.corpus\.base_url: "):
        fetch(base_url, {"a": "0"}, tmp_path)


def test_a_folder_that_cannot_be_written_is_one_line(server: Server, tmp_path: Path) -> None:
    (tmp_path / "Annotations").write_text("a file where a folder should be")
    with pytest.raises(InputError, match=r"cannot hold the download \(.+\); .*data\.corpus\.cache"):
        fetch(server.url, {FILE: git_id(CONTENT)}, tmp_path)


def test_prepare_fetches_the_tiers_asked_for_and_dev_and_test(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GUTBRAINIE_ROOT", raising=False)
    names = [TIER_FILES["gold"], DEV_FILE, TEST_FILE]
    for number, name in enumerate(names):
        content = b'{"%d": {"title": "a", "abstract": "b"}}' % number
        server.contents[f"/{name}"] = content
        monkeypatch.setitem(BLOB_IDS, name, git_id(content))
    corpus = GutBrainIE(tiers=["gold"], download=True, cache=str(tmp_path), base_url=server.url)
    corpus.prepare()
    assert server.requests == [f"/{name}" for name in names]
    assert [document.id for split in ("train", "dev", "test") for document in corpus.read(split)] == ["0", "1", "2"]
    corpus.prepare()
    assert len(server.requests) == 3


def test_prepare_fetches_all_that_a_fold_is_drawn_from(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GUTBRAINIE_ROOT", raising=False)
    names = [TIER_FILES[tier] for tier in ("silver", "platinum", "gold")]
    for number, name in enumerate([*names, DEV_FILE, TEST_FILE]):
        server.contents[f"/{name}"] = b'{"%d": {"title": "a", "abstract": "b"}}' % number
        monkeypatch.setitem(BLOB_IDS, name, git_id(server.contents[f"/{name}"]))
    GutBrainIE(tiers=["silver"], fold=0, download=True, cache=str(tmp_path), base_url=server.url).prepare()
    assert {f"/{name}" for name in names} < set(server.requests)


def test_prepare_fetches_nothing_where_a_folder_is_given(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GUTBRAINIE_ROOT", raising=False)
    GutBrainIE(base_url=server.url, cache=str(tmp_path)).prepare()
    GutBrainIE(root=str(tmp_path), download=True, base_url=server.url, cache=str(tmp_path)).prepare()
    monkeypatch.setenv("GUTBRAINIE_ROOT", str(tmp_path))
    GutBrainIE(download=True, base_url=server.url, cache=str(tmp_path)).prepare()
    assert server.requests == []


def test_the_cache_is_named_after_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GUTBRAINIE_ROOT", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    message = rf"^data\.corpus\.download: no folder {tmp_path}/gutbrainie/61b284b8c7444e26a4f65a2716cc7d69945e04c2; "
    with pytest.raises(InputError, match=message):
        list(GutBrainIE(download=True).read("train"))


def test_a_tier_that_cannot_be_downloaded_is_refused_before_anything_is(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GUTBRAINIE_ROOT", raising=False)
    corpus = GutBrainIE(tiers=["gold", "silver_2025"], download=True, cache=str(tmp_path), base_url=server.url)
    with pytest.raises(InputError, match="has no tier 'silver_2025'"):
        corpus.prepare()
    assert server.requests == []
