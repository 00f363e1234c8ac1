"""The metric: what the pure function gives, however the documents reach it."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed, multiprocessing

from ner.errors import InputError
from ner.metrics.official import Mention, Score, Version, score
from ner.metrics.torchmetric import OfficialScore

LABELS = ("gene", "drug", "food", "animal")


def random_mentions(generator: random.Random, labels: Sequence[str]) -> list[Mention]:
    starts = [generator.randrange(40) for _ in range(generator.randrange(12))]
    return [
        Mention(start, start + generator.randint(1, 6), generator.choice(["title", "abstract"]), "…", label)
        for start in starts
        for label in [generator.choice(labels)]
    ]


def random_collection(seed: int, size: int = 20) -> tuple[dict[str, list[Mention]], dict[str, list[Mention]]]:
    """Gold and predictions that share mentions; the prediction alone uses the label ``animal``."""
    generator = random.Random(seed)
    gold = {str(pmid): random_mentions(generator, LABELS[:3]) for pmid in range(size)}
    predictions = {
        pmid: [mention for mention in listed if generator.random() < 0.7] + random_mentions(generator, LABELS)
        for pmid, listed in gold.items()
    }
    return gold, predictions


def assert_same(found: Score, expected: Score) -> None:
    # The metric sums labels in its own order, so that the last bit may differ.
    assert found.counts == expected.counts
    assert found.macro == pytest.approx(expected.macro, abs=1e-14)
    assert found.micro == expected.micro
    assert found.labels == expected.labels


@pytest.mark.parametrize("version", ["final", "march2025"])
@pytest.mark.parametrize("seed", range(5))
def test_the_metric_is_the_pure_function(seed: int, version: Version) -> None:
    gold, predictions = random_collection(seed)
    metric = OfficialScore(LABELS, version)
    for pmid in gold:
        metric.update(gold[pmid], predictions[pmid])
    assert_same(metric.compute(), score(gold, predictions, version))


def test_passages_may_come_one_by_one_because_no_overlap_crosses_them() -> None:
    gold, predictions = random_collection(seed=5)
    metric = OfficialScore(LABELS)
    for pmid in gold:
        for section in ("title", "abstract"):
            metric.update(*([m for m in listed[pmid] if m.location == section] for listed in (gold, predictions)))
    assert_same(metric.compute(), score(gold, predictions))


def test_a_metric_without_gold_is_zero() -> None:
    metric = OfficialScore(LABELS)
    metric.update([], [Mention(0, 5, "title", "…", "gene")])
    assert metric.compute().micro == (0, 0, 0)
    assert metric.compute().macro == (0, 0, 0)


def test_a_reset_forgets_everything() -> None:
    metric = OfficialScore(LABELS)
    mention = Mention(0, 5, "title", "…", "gene")
    metric.update([mention], [mention])
    metric.reset()
    metric.update([mention], [])
    assert metric.compute().counts["gene"] == (0, 0, 1)


def test_a_label_that_the_metric_does_not_know_is_an_error() -> None:
    with pytest.raises(InputError, match=r"unknown labels \['virus'\]; the metric knows: gene, drug"):
        OfficialScore(LABELS).update([Mention(0, 5, "title", "…", "virus")], [])


def test_an_update_in_inference_mode_can_be_followed_by_one_outside() -> None:
    metric = OfficialScore(LABELS)
    mention = Mention(0, 5, "title", "…", "gene")
    with torch.inference_mode():
        metric.update([mention], [mention])
    metric.update([mention], [])
    assert metric.compute().counts["gene"] == (1, 1, 2)


def test_the_states_are_long_and_stay_out_of_checkpoints() -> None:
    metric = OfficialScore(LABELS)
    metric.update([], [])
    assert {state.dtype for state in metric.metric_state.values() if isinstance(state, Tensor)} == {torch.long}
    assert metric.state_dict() == {}


def count_in_one_of_two_processes(rank: int, rendezvous: str) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
    gold, predictions = random_collection(seed=6)
    metric = OfficialScore(LABELS)
    for position, pmid in enumerate(gold):
        if position % 2 == rank:
            metric.update(gold[pmid], predictions[pmid])
    assert_same(metric.compute(), score(gold, predictions))
    distributed.destroy_process_group()


def test_two_processes_that_see_half_of_the_documents_agree_on_the_whole(tmp_path: Path) -> None:
    rendezvous = str(tmp_path / "rendezvous")
    # fork: a spawned child could not import this module under pytest's importlib mode.
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=count_in_one_of_two_processes, args=(rank, rendezvous)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=60)
    assert [process.exitcode for process in processes] == [0, 0]
