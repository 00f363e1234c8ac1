"""Encoder and linear emissions as a graph, and what cannot become one."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from main import main
from ner.checkpoints.onnx import write_emissions, write_int8
from ner.checkpoints.pretrained import load_encoder
from ner.errors import InputError
from ner.nn.models import EncoderCRF

PATTERN = "checkpoints/quickstart/seed=*/best.ckpt"


def test_an_encoder_with_pretrained_weights_takes_any_number_of_windows_of_any_length(
    minilm: str, tmp_path: Path
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    encoder = load_encoder(minilm)
    tagger = EncoderCRF(encoder, encoder.config.hidden_size, 27, dropout=0.1).eval()
    write_emissions(tagger, tmp_path / "emissions.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(tmp_path / "emissions.onnx", options)
    for count, width in ((1, 1), (1, 2), (3, 7), (2, 64), (1, 512)):
        input_ids = torch.randint(1000, 20000, (count, width))
        mask = torch.arange(width) < torch.tensor([width, (width + 1) // 2, 1][:count])[:, None]
        with torch.no_grad():
            hidden = encoder(input_ids=input_ids, attention_mask=mask.long()).last_hidden_state
            expected = tagger.classifier(hidden)
        fed = {"input_ids": input_ids.numpy(), "attention_mask": mask.long().numpy()}
        [found] = session.run(["emissions"], fed)
        assert found.shape == (count, width, 27)
        assert torch.allclose(torch.from_numpy(found)[mask], expected[mask], rtol=0, atol=1e-4)
        # Padding is not read, whatever it says.
        fed["input_ids"] = input_ids.masked_fill(~mask, 7).numpy()
        assert np.allclose(session.run(["emissions"], fed)[0][mask.numpy()], found[mask.numpy()], rtol=0, atol=1e-5)


def test_in_int8_the_encoder_is_rounded_and_the_linear_layer_is_not(minilm: str, tmp_path: Path) -> None:
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    encoder = load_encoder(minilm)
    tagger = EncoderCRF(encoder, encoder.config.hidden_size, 27, dropout=0.1).eval()
    exact, rounded = tmp_path / "emissions.onnx", tmp_path / "emissions.int8.onnx"
    write_emissions(tagger, exact)
    write_int8(exact, rounded)
    weights = [tensor for tensor in onnx.load(rounded).graph.initializer if len(tensor.dims) == 2]
    types = Counter((*tensor.dims, onnx.TensorProto.DataType.Name(tensor.data_type)) for tensor in weights)
    # Attention, the wide products of the six layers and the narrow ones of the upper three.
    assert (types[384, 384, "INT8"], types[384, 1536, "INT8"], types[1536, 384, "INT8"]) == (24, 6, 3)
    assert (types[1536, 384, "FLOAT"], types[30522, 384, "FLOAT"], types[384, 27, "FLOAT"]) == (3, 1, 1)
    rounded_weights = 24 * 384 * 384 + 9 * 384 * 1536
    assert exact.stat().st_size - rounded.stat().st_size > 0.99 * 3 * rounded_weights
    fed = {"input_ids": torch.randint(1000, 20000, (3, 64)).numpy(), "attention_mask": np.ones((3, 64), np.int64)}
    before, after = (onnxruntime.InferenceSession(path).run(["emissions"], fed)[0] for path in (exact, rounded))
    assert 0 < np.abs(after - before).mean() < 0.3 * np.abs(before).mean()


class Branching(nn.Module):
    """An encoder whose graph depends on what it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 8)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor]:
        hidden = self.embedding(input_ids)
        return (hidden if hidden.sum() > 0 else -hidden,)


def test_an_encoder_that_cannot_be_translated_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written as ONNX") as error:
        write_emissions(EncoderCRF(Branching(), 8, 3, dropout=0.0).eval(), tmp_path / "emissions.onnx")
    assert "\n" not in str(error.value)


def test_a_graph_that_computes_something_else_is_refused_and_leaves_nothing(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    assert main(["export", "--checkpoints", PATTERN, "--output", "exported"]) == 0
    monkeypatch.setattr("ner.checkpoints.onnx.TOLERANCE", -1.0)
    assert main(["export", "--checkpoints", "exported", "--output", "other", "--onnx"]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: member1: its encoder cannot be written as ONNX: emissions differ by ")
    assert captured.err.count("\n") == 1
    assert not list(Path().glob("*other*"))


def test_without_the_extra_export_says_what_to_install_and_writes_nothing(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    monkeypatch.setattr("ner.checkpoints.onnx.find_spec", lambda _: None)
    assert main(["export", "--checkpoints", PATTERN, "--output", "other", "--onnx"]) == 2
    expected = "error: ONNX needs onnx, onnxruntime, onnxscript: pip install -c constraints.txt -e '.[onnx]'\n"
    assert capsys.readouterr().err == expected
    assert not list(Path().glob("*other*"))
