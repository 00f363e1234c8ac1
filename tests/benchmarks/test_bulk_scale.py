"""The arithmetic of the tables for all of PubMed; the figures themselves are for a quiet machine."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertModel

from tests.benchmarks import bulk_scale
from tests.benchmarks.bulk_scale import H100_PEAK, Parts, flops, on_cores, on_gpus
from tests.formats.pubmed_files import article

PARTS = Parts(
    documents=10,
    tokens=400,
    text_bytes=1600,
    read_bytes=1000,
    written_bytes=500,
    entities=9,
    read_ms=0.5,
    tokenize_ms=1.0,
    encode_ms=90.0,
    decode_ms=6.0,
    assemble_ms=2.0,
    write_ms=0.5,
    flops=1e9,
    base_flops=1e10,
)


def test_operations_are_those_that_torch_counts() -> None:
    config = BertConfig(hidden_size=32, num_hidden_layers=3, num_attention_heads=2, intermediate_size=64)
    config._attn_implementation = "eager"
    model = BertModel(config, add_pooling_layer=False).eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        for length in (7, 20):
            model(input_ids=torch.ones(1, length, dtype=torch.long))
    assert flops(config, [7, 20]) == counter.get_total_flops()


def test_cores_give_documents_by_what_one_costs() -> None:
    assert PARTS.base_encode_ms == 900
    assert PARTS.beside_ms == 4
    count, speed, time, limit, share, read, written = on_cores(PARTS, 1000, 90.0, 1e9)
    assert (count, speed, limit, share, read, written) == ("1,000", "10,000", "cores", "90%", "10.0", "5.0")
    assert time == "1.0 h"
    assert on_cores(PARTS, 100, 90.0, 1e9)[2] == "10.3 h"
    assert on_cores(PARTS, 10_000, 90.0, 5e7)[1:4] == ("50,000", "12.3 min", "storage, reading")
    assert on_cores(replace(PARTS, written_bytes=2000), 10_000, 90.0, 5e7)[3] == "storage, writing"
    assert on_cores(replace(PARTS, read_ms=50.0), 10**7, 1.0, 1e12)[3] == "files"


def test_gpus_wait_for_what_limits_them() -> None:
    share = 1e14 / H100_PEAK
    row = on_gpus(PARTS, 2, share, 40, 1e9)
    assert row[:2] == ("2", "20,000")
    assert row[3:7] == ("10.0", "20.0", "40.0", "10.0")
    assert row[7:] == ("20,000", "30.8 min", "GPUs", "20.0", "10.0")
    assert on_gpus(PARTS, 2, share, 20, 1e9)[7:10] == ("10,000", "1.0 h", "cores")
    assert on_gpus(PARTS, 64, share, 64, 1e8)[7:10] == ("100,000", "6.2 min", "storage, reading")
    assert bulk_scale.duration(90_000) == "1 d 1.0 h"


def test_the_tables_are_printed_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bulk.json").write_text(json.dumps({"machine": {}, "figures": asdict(PARTS)}))
    monkeypatch.setattr("sys.argv", ["bulk_scale", str(tmp_path / "bulk.json"), "--share", "0.5"])
    bulk_scale.main()
    printed = capsys.readouterr().out
    assert "37,000,000 abstracts" in printed
    assert "H100 at 50%" in printed
    assert "10,000" in printed


def test_parts_are_measured_on_articles(minilm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"title": "Kimchi lowers cortisol.", "abstract": "Probiotics reduced anxiety in mice.", "year": "2020"}
    (tmp_path / "articles.json").write_text(json.dumps({"1": texts, "2": texts}))
    monkeypatch.setenv(bulk_scale.ROOT_VARIABLE, str(tmp_path))
    parts = bulk_scale.measure(minilm)
    assert parts.documents == 2
    assert parts.text_bytes == len(texts["title"] + texts["abstract"])
    assert 4 < parts.tokens < 40
    assert 0 < parts.read_bytes < 2 * len(article(1))
    assert all(value > 0 for name, value in asdict(parts).items() if name != "entities")
