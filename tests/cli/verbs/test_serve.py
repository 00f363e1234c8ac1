"""The verb `serve`: before it serves; tests/integrations/web has the service itself."""

from pathlib import Path

import pytest

from main import main
from ner.cli.verbs import serve
from ner.integrations.web.server import bind

CHECKPOINTS = ["--checkpoints", "nowhere"]


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serve, "PACKAGES", ("fastapi", "no_such_package"))
    assert main(["serve", *CHECKPOINTS]) == 2
    expected = "error: serve needs no_such_package: pip install -c constraints.txt -e '.[serve]'\n"
    assert capsys.readouterr().err == expected


def test_a_port_that_is_taken_is_told_before_the_model_is_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    # As another service has it that still loads its model.
    with bind("127.0.0.1", 0) as other:
        port = other.getsockname()[1]
        assert main(["serve", *CHECKPOINTS, "--port", str(port)]) == 2
    expected = f"cannot listen on 127.0.0.1, port {port} (Address already in use); choose another --host or --port"
    assert capsys.readouterr().err == f"error: {expected}\n"


@pytest.mark.parametrize("token", ["short", "ä" * 16, "two lines\nof a token"])
def test_a_token_that_is_easily_guessed_or_cannot_be_sent_is_refused(
    token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = "a token has at least 16 characters, all of them visible ASCII\n"
    monkeypatch.setenv(serve.TOKEN_VARIABLE, token)
    assert main(["serve", *CHECKPOINTS]) == 2
    assert capsys.readouterr().err == f"error: NER_SERVE_TOKEN: {rule}"
    (tmp_path / "token").write_text(f"{token}\n", encoding="utf-8")
    assert main(["serve", *CHECKPOINTS, "--token_file", str(tmp_path / "token")]) == 2
    assert capsys.readouterr().err == f"error: --token_file {tmp_path / 'token'}: {rule}"
