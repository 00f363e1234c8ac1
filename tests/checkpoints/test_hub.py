"""Names of the hub, and its refusals in one line each; tests/cli/verbs/test_push.py pushes and loads."""

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from ner import Tagger
from ner.checkpoints import hub, runs
from ner.errors import InputError
from tests.hub import READER, TOKEN, Hub, Repository


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub with a repository of another kind, and a private one; the test's folder is empty."""
    server = Hub()
    server.repositories["user/other"] = Repository(is_private=False)
    server.repositories["user/mine"] = Repository(is_private=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(tmp_path / "tokens"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    yield server
    server.stop()


@pytest.mark.parametrize("name", ["user/name", "a/b", "user/name@v1", "user/name@refs/pr/1", "big-org/bert.base_2"])
def test_a_user_and_a_name_can_be_a_repository(name: str) -> None:
    assert hub.is_name(name)


OTHERS = ("name", "./name", "../name", "/user/name", "~/name", "a/b/c", "user/", "user/name@", "user/name.", "")
OTHERS += ("run/best.ckpt", "a/*", "a b/c", "a\\b", f"user/{'x' * 96}", "user/name@../../x")


@pytest.mark.parametrize("name", OTHERS)
def test_anything_else_is_a_path(name: str) -> None:
    assert not hub.is_name(name)


@pytest.mark.parametrize("name", ["user/mine", "user/mine@v1"])
def test_a_path_goes_before_a_repository(server: Hub, name: str) -> None:
    Path(name).mkdir(parents=True)
    assert runs.located(name) == Path(name)
    assert server.requests == []


@pytest.mark.parametrize(("name", "folder"), [("checkpoints/toy", ""), ("data/run1", "data")])
def test_the_hub_is_not_asked_for_runs_of_this_machine(server: Hub, name: str, folder: str) -> None:
    Path(folder).mkdir(exist_ok=True)
    with pytest.raises(InputError, match=f"{name}: no checkpoint matches"):
        runs.find(name)
    assert server.requests == []


@pytest.mark.parametrize(
    ("name", "token", "message"),
    [
        ("user/missing", TOKEN, "no such path, and http://127.* answers 404 for it; correct the name, or log in"),
        ("user/missing", None, "no such path, and http://127.* answers 401 for it; correct the name, or log in"),
        ("user/mine", None, "answers 401 for it; correct the name, or log in with `hf auth login` if it is private"),
        ("user/mine", "hf_tokenThatWasRevoked", "does not accept your token; log in with `hf auth login`, or correct"),
        ("user/mine@v7", READER, "has no such revision of it; name a branch, a tag or a commit"),
        ("user/other", None, "no exported folder lies there on http://127.*, as it has no settings.json; check"),
    ],
)
def test_what_the_hub_does_not_have_costs_one_question_and_is_one_line(
    server: Hub, monkeypatch: pytest.MonkeyPatch, name: str, token: str | None, message: str
) -> None:
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(InputError, match=rf"^{name}: .*{message}") as error:
        runs.find(name)
    assert "\n" not in str(error.value)
    assert "hf_token" not in str(error.value)
    assert len([request for request in server.requests if "/user/" in request]) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_hub_that_is_ill_is_one_line(server: Hub, status: int) -> None:
    server.outage = status
    with pytest.raises(
        InputError, match=r"^user/mine: .*not whole in the hub's cache, and http.* answers \d+; connect, and try again$"
    ):
        runs.find("user/mine")


def test_a_hub_that_is_down_is_one_line(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    server.stop()
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    start = time.perf_counter()
    with pytest.raises(
        InputError, match=r"^user/mine: .*not whole in the hub's cache, and http.* does not answer; con"
    ):
        runs.find("user/mine")
    with pytest.raises(InputError, match=r"^user/mine: http.* does not answer; connect, and try again$"):
        hub.check_login("user/mine")
    assert time.perf_counter() - start < 5


def test_a_hub_that_never_answers_is_waited_for_some_seconds(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hub.PROBE_SECONDS + 1 < 15
    monkeypatch.setattr(hub, "PROBE_SECONDS", 0.3)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.perf_counter()
        with pytest.raises(InputError, match="does not answer"):
            runs.find("user/mine")
        with pytest.raises(InputError, match="does not answer"):
            hub.check_login("user/mine")
        assert time.perf_counter() - start < 5


def test_offline_nobody_is_asked(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with pytest.raises(
        InputError,
        match=r"^user/mine: .*not whole in the hub's cache, and HF_HUB_OFFLINE forbids to ask the hub; unset it$",
    ):
        runs.find("user/mine")
    with pytest.raises(InputError, match=r"^user/mine: HF_HUB_OFFLINE forbids to ask the hub; unset it$"):
        hub.check_login("user/mine")
    assert server.requests == []


@pytest.mark.parametrize(
    ("repo", "token", "message"),
    [
        ("user/mine", None, "user/mine: there is no token to write with; log in with `hf auth login`, or set HF_TOKEN"),
        ("user/mine", "hf_tokenThatWasRevoked", "user/mine: http.* does not accept your token"),
        ("mine", TOKEN, "repo is 'mine'; it should be a user or an organization and a name, as in user/name"),
        ("user/mine@v1", TOKEN, "repo is 'user/mine@v1'; it should be"),
    ],
)
def test_nothing_is_uploaded_by_nobody_or_to_nowhere(
    server: Hub, monkeypatch: pytest.MonkeyPatch, repo: str, token: str | None, message: str
) -> None:
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(InputError, match=f"^{message}"):
        hub.check_login(repo)


def test_a_revision_is_that_of_a_repository(server: Hub) -> None:
    Path("user/mine").mkdir(parents=True)
    for name in ("user/mine", "user/other@v1", "nowhere"):
        with pytest.raises(InputError, match=rf"^{re.escape(name)}: a revision is that of a repository on the hub"):
            Tagger.from_pretrained(name, revision="v2")
    for revision in ("", "a b", "v@1", "../../x"):
        with pytest.raises(InputError, match=r"^user/other: revision is '.*'; it should be a branch, a tag or a com"):
            Tagger.from_pretrained("user/other", revision=revision)
    assert server.requests == []


def test_the_cache_says_which_repository_lies_there(tmp_path: Path) -> None:
    assert hub.repo_of(tmp_path / "models--user--a-b" / "snapshots" / ("0" * 40)) == "user/a-b"
    for name in ("models----etc", "models--..--..--victim", "models--"):
        assert hub.repo_of(tmp_path / name / "snapshots" / "x") == ""
    assert hub.repo_of(tmp_path / "snapshots" / "x") == hub.repo_of(tmp_path) == hub.repo_of(Path("x")) == ""
