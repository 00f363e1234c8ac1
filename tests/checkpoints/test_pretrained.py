import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModel

from ner.checkpoints.pretrained import (
    AFTER_PADDING,
    FULL_ATTENTION,
    build_encoder,
    load_encoder,
    load_encoder_config,
    max_positions,
    plain_config,
    tokenizer_json,
)
from ner.errors import InputError


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """A hub on this machine that knows no model, and the paths that it was asked for."""
    asked: list[str] = []
    tokens: list[str | None] = []
    monkeypatch.setenv("HF_TOKEN", "hf_secret")

    class Empty(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            tokens.append(self.headers.get("Authorization"))
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
    assert set(tokens) <= {"Bearer hf_secret"}
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


def test_a_folder_without_tokenizer_files_is_refused(tmp_path: Path, minilm: str) -> None:
    shutil.copy(Path(minilm) / "config.json", tmp_path)
    with pytest.raises(InputError, match="cannot read the tokenizer: there are no tokenizer files"):
        tokenizer_json(str(tmp_path))


def test_weights_of_another_network_are_refused(tmp_path: Path, minilm: str) -> None:
    folder = Path(shutil.copytree(minilm, tmp_path / "renamed"))
    weights = {f"other.{name}": tensor for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=r"its weights lack \d+ of the encoder's tensors, such as embeddings"):
        load_encoder(str(folder))


def test_weights_that_were_cut_off_are_one_line(tmp_path: Path, minilm: str) -> None:
    folder = Path(shutil.copytree(minilm, tmp_path / "cut"))
    with (folder / "model.safetensors").open("r+b") as weights:
        weights.truncate(1_000_000)
    with pytest.raises(InputError, match="cannot read the encoder") as error:
        load_encoder(str(folder))
    assert "\n" not in str(error.value)


def test_the_attention_has_the_dropout_that_was_asked_for(minilm: str, tmp_path: Path) -> None:
    assert load_encoder_config(minilm)["attention_probs_dropout_prob"] == 0.1
    assert load_encoder_config(minilm, 0.3)["attention_probs_dropout_prob"] == 0.3
    encoder = load_encoder(minilm, 0.0)
    assert {part.dropout.p for part in encoder.modules() if hasattr(part, "dropout") and hasattr(part, "query")} == {0}
    own = load_encoder(minilm)
    assert all(torch.equal(a, b) for a, b in zip(encoder.parameters(), own.parameters(), strict=True))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "fnet"}))
    with pytest.raises(InputError, match=r"no dropout in its attention; leave out model\.attention_dropout"):
        load_encoder_config(str(tmp_path), 0.0)


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


@pytest.mark.parametrize("config", [{}, {"model_type": "nothing"}, {"model_type": "bert", "hidden_size": -1}])
def test_a_configuration_that_builds_nothing_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(InputError, match="cannot build the encoder"):
        build_encoder(config)


@pytest.mark.parametrize("kind", [*AFTER_PADDING, "bert"])
def test_an_encoder_reads_as_many_tokens_as_its_limit_and_no_more(kind: str) -> None:
    settings = {"hidden_size": 24, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 32}
    settings |= {"vocab_size": 99, "max_position_embeddings": 34, "pad_token_id": 1}
    own: dict[str, dict[str, object]] = {
        "layoutlmv3": {"coordinate_size": 4, "shape_size": 4, "visual_embed": False},
        "longformer": {"attention_window": 8},
        "xmod": {"default_language": "en_XX"},
    }
    encoder = build_encoder({"model_type": kind, **settings, **own.get(kind, {})}).eval()
    limit = max_positions(encoder.config)
    assert limit == (34 if kind == "bert" else 32)
    encoder(input_ids=torch.full((1, limit), 5))
    with pytest.raises((IndexError, RuntimeError)):
        encoder(input_ids=torch.full((1, limit + 1), 5))


@pytest.mark.parametrize("kind", FULL_ATTENTION)
@pytest.mark.parametrize("is_training", [False, True])
def test_the_mask_is_not_copied_and_means_the_same(kind: str, is_training: bool) -> None:
    settings = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 32}
    settings |= {"vocab_size": 99, "hidden_dropout_prob": 0, "attention_probs_dropout_prob": 0}
    encoder = build_encoder({"model_type": kind, **settings}).train(is_training)
    plain = AutoModel.from_config(encoder.config)
    plain.load_state_dict(encoder.state_dict(), strict=False)
    ids, mask = torch.randint(5, 99, (3, 9)), torch.arange(9) < torch.tensor([[9], [1], [6]])
    for given in (mask, mask.long(), torch.ones_like(ids)):
        found, expected = (
            network(input_ids=ids, attention_mask=given).last_hidden_state
            for network in (encoder, plain.train(is_training))
        )
        torch.testing.assert_close(found[mask], expected[mask])
    shapes = []
    attention = torch.nn.functional.scaled_dot_product_attention

    def watched(*tensors: Tensor, attn_mask: Tensor, **options: Any) -> Tensor:  # noqa: ANN401 - passed on
        shapes.append((attn_mask.shape, attn_mask.stride(2)))
        return attention(*tensors, attn_mask=attn_mask, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.functional, "scaled_dot_product_attention", watched)
        encoder(input_ids=ids, attention_mask=mask)
    assert shapes == [((3, 1, 9, 9), 0)] * 2
