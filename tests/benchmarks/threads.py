"""The CRF with torch's default threads, beside a process that trains with as many: bar 17."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from transformers import BertConfig, BertModel

from ner.nn.models import EncoderCRF
from tests.benchmarks.crf import TAGS, crfs, decoding, entities, gradients, likelihood, sample
from tests.benchmarks.measuring import Bar, at_most, interleaved

# One a core, as torch has it unless it is told otherwise.
DEFAULT = os.cpu_count() or 1
# With threads, pytorch-crf may take a minute for one.
PEERS_ROUNDS = 3


def bars() -> Iterator[Bar]:
    """Default threads over one thread; bars 1 and 3 with default threads on both sides."""
    own = torch.get_num_threads()
    try:
        with neighbour():
            for letter, (what, variant) in zip("abc", work().items(), strict=True):
                variants = {"one": with_threads(1, variant), "default": with_threads(DEFAULT, variant)}
                times = interleaved(variants, rounds=25)
                title = f"{what}, {DEFAULT} threads beside a training; one thread"
                yield at_most(f"17{letter}", title, times["default"], times["one"], 1.5)
            torch.set_num_threads(DEFAULT)
            pair = crfs()
            for number, bar in (
                ("17d", likelihood(*pair, PEERS_ROUNDS)),
                ("17e", next(decoding(*pair, PEERS_ROUNDS))),
            ):
                yield replace(bar, number=number, what=f"{bar.what}, {DEFAULT} threads beside a training")
    finally:
        torch.set_num_threads(own)


def work() -> dict[str, Callable[[], object]]:
    """What a CRF computes."""
    crf, _ = crfs()
    short, (long, _, mask) = sample(8, 300), sample(32, 300)
    emissions = long.detach()
    intervals, tags = entities(32, 300)
    return {
        "CRF loss + gradient, 8 x 300": lambda: gradients(crf, *short),
        "decoding, 32 x 300": lambda: crf.viterbi(emissions, mask),
        "scores of 300 entities, 32 x 300": lambda: crf.interval_log_marginals(emissions, mask, intervals, tags),
    }


def with_threads(count: int, variant: Callable[[], object]) -> Callable[[], object]:
    """Work that is done with a number of torch's threads."""

    def run() -> object:
        torch.set_num_threads(count)
        return variant()

    return run


@contextmanager
def neighbour() -> Iterator[None]:
    """A process that trains meanwhile, with torch's default threads."""
    command = [sys.executable, "-c", f"from {__name__} import train; train()"]
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline(), "the training beside does not start"
            yield
        finally:
            process.kill()


def train() -> None:
    """Steps on one batch, without end; a line tells that they begin."""
    encoder = BertModel(BertConfig(hidden_size=384, num_hidden_layers=6, intermediate_size=1536))
    model = EncoderCRF(encoder, 384, TAGS, dropout=0.1)
    _, tags, mask = sample(8, 300)
    inputs = torch.randint(1000, 30000, tags.shape), mask.long(), torch.arange(8)[:, None], torch.arange(300)[None]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    sys.stdout.write("training\n")
    sys.stdout.flush()
    while True:
        optimizer.zero_grad()
        model.nll(model(*inputs), tags, mask).mean().backward()
        optimizer.step()
