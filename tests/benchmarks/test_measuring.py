"""The benchmark's arithmetic, its verdict and its files; the figures themselves are for a quiet machine."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from ner.corpora import Sample
from ner.nn.models import EncoderCRF
from ner.training.datamodule import NERDataModule
from ner.training.module import NERModule
from tests.benchmarks import __main__ as benchmark
from tests.benchmarks import crf
from tests.benchmarks.growth import Point, plot
from tests.benchmarks.inference import tag, tag_as_winner
from tests.benchmarks.measuring import Bar, Seconds, at_most, faster, interleaved
from tests.benchmarks.texts import Setting, random_batches


def test_bars_hold_on_their_side() -> None:
    assert faster("1", "", Seconds(1.0, 1.0), Seconds(3.0, 2.0), 3.0).holds
    assert not faster("1", "", Seconds(1.0, 1.0), Seconds(2.9, 9.0), 3.0).holds
    assert at_most("1", "", Seconds(3.0, 1.0), Seconds(1.0, 1.0), 3.0).holds
    assert not at_most("1", "", Seconds(3.1, 1.0), Seconds(1.0, 1.0), 3.0).holds
    for is_least in (True, False):
        assert not Bar("1", "", "", "", float("nan"), 1.0, is_least).holds


def test_variants_take_turns_and_the_first_round_does_not_count() -> None:
    order = []
    times = interleaved({name: lambda name=name: order.append(name) for name in "ab"}, rounds=2)  # type: ignore[misc]
    assert order == ["a", "b"] * 3
    assert set(times) == {"a", "b"}


def test_the_crf_is_right_before_it_is_timed() -> None:
    ours, theirs = crf.crfs()
    own, other = crf.errors(ours, theirs)
    assert own < 1e-5
    assert other > own
    for few, many in zip(crf.launch_bars(ours, 64), crf.launch_bars(ours, 512), strict=True):
        assert 50 < few.value < many.value
        assert many.holds


def test_the_winners_procedure_finds_what_ours_does(tiny_encoder: str) -> None:
    data = NERDataModule(Sample(), tiny_encoder, window_tokens=128, overlap_tokens=32)
    data.setup("validate")
    module = NERModule(data.labels, data.vocabulary_size, tiny_encoder, pretrained=False)
    assert isinstance(module.model, EncoderCRF)
    used = Setting(data, tiny_encoder)
    documents = list(data.documents("dev"))
    found = tag(used, module.model.eval(), [documents])
    entities = sum(len(spans) for tagged in found for spans in tagged.spans)
    # Weights are random, and a near tie may go either way.
    assert entities == pytest.approx(tag_as_winner(used, [module.model, module.model], documents), rel=0.01)
    assert {batch.input_ids.shape[1] for batch in random_batches(found[0].texts, data.preprocessor)} == {128}


@pytest.mark.parametrize(("figure", "code"), [(2.0, 0), (0.5, 1)])
def test_a_bar_that_falls_is_an_exit_code(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    figure: float,
    code: int,
) -> None:
    def bars(*arguments: object) -> Iterator[Bar]:
        yield Bar("1", "something", "1 ms", "2 ms", figure, 1.0)

    monkeypatch.setattr(benchmark, "_bars", bars)
    monkeypatch.setattr(benchmark, "setting", lambda _: None)
    threads = str(torch.get_num_threads())  # as they are: later tests compare weights bit by bit
    monkeypatch.setattr("sys.argv", ["benchmarks", "--output", str(tmp_path), "--threads", threads])
    assert benchmark.main() == code
    assert "something" in capsys.readouterr().out
    [bar] = json.loads((tmp_path / "bars.json").read_text(encoding="utf-8"))["figures"]
    assert bar["holds"] is (code == 0)
    assert bar["value"] == figure


def test_growth_is_drawn(tmp_path: Path) -> None:
    plot([Point(10, 1.0, 2**28), Point(100, 9.0, 2**28)], [Point(64, 0.1), Point(128, 0.2)], tmp_path / "growth.png")
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")
