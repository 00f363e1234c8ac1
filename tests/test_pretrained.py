import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from ner.errors import InputError
from ner.pretrained import build_encoder, load_encoder, load_encoder_config, plain_config, tokenizer_json


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """A hub on this machine that knows no model, and the paths that it was asked for."""
    asked: list[str] = []

    class Empty(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Empty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    yield asked
    server.shutdown()
    server.server_close()


def test_a_model_that_the_hub_lacks_costs_one_question(hub: list[str]) -> None:
    with pytest.raises(InputError, match=r"no/such-model: http://127.* answers 404 for it; check the name"):
        load_encoder("no/such-model")
    assert hub == ["/no/such-model/resolve/main/config.json"]


def test_a_folder_is_read_without_asking_anyone(hub: list[str], minilm: str) -> None:
    assert load_encoder(minilm).config.hidden_size == 384
    assert tokenizer_json(minilm)
    assert hub == []


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "three/part/name"])
def test_a_path_that_is_missing_is_not_taken_for_a_model(hub: list[str], name: str) -> None:
    with pytest.raises(InputError, match="no such folder"):
        load_encoder(name)
    assert hub == []


def test_a_folder_without_weights_is_one_line(tiny_encoder: str) -> None:
    with pytest.raises(InputError, match="cannot read the encoder") as error:
        load_encoder(tiny_encoder)
    assert "\n" not in str(error.value)


def test_a_folder_with_a_broken_configuration_is_one_line(tmp_path: Path, tiny_encoder: str) -> None:
    broken = Path(shutil.copytree(tiny_encoder, tmp_path / "broken"))
    (broken / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="cannot read the encoder configuration") as error:
        load_encoder_config(str(broken))
    assert "\n" not in str(error.value)


def test_a_configuration_of_plain_types_rebuilds_its_encoder(tiny_encoder: str) -> None:
    config = load_encoder_config(tiny_encoder)
    assert json.loads(json.dumps(config)) == config
    encoder = build_encoder(config)
    assert encoder.training
    assert encoder.pooler is None
    assert plain_config(encoder.config) == plain_config(build_encoder(plain_config(encoder.config)).config)


def test_the_serialised_tokenizer_names_its_padding(minilm: str) -> None:
    serialised = tokenizer_json(minilm)
    assert json.loads(serialised)["padding"]["pad_token"] == "[PAD]"
    assert tokenizer_json(serialised) == serialised
