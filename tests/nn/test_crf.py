"""The CRF against enumeration of all paths and against pytorch-crf in float64."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import torch
import torchcrf
from torch import Tensor

from ner.labels import LabelSet
from ner.nn.crf import CRF
from ner.nn.linear_chain import SERIAL_PRODUCT

B, T, K = 3, 5, 3
LENGTHS = (5, 1, 3)


@pytest.fixture
def crf() -> CRF:
    torch.manual_seed(0)
    crf = CRF(K)
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    return crf


@pytest.fixture
def emissions() -> Tensor:
    return torch.randn(B, T, K, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def mask() -> Tensor:
    return torch.arange(T) < torch.tensor(LENGTHS)[:, None]


def path_score(crf: CRF, emissions: Tensor, path: tuple[int, ...]) -> float:
    """The definition: start, emissions, transitions, end."""
    score = crf.start_transitions[path[0]] + crf.end_transitions[path[-1]]
    score = score + sum(emissions[position, tag] for position, tag in enumerate(path))
    return float((score + sum(crf.transitions[i, j] for i, j in pairwise(path))).detach())


def test_the_nll_is_that_of_all_paths(crf: CRF, emissions: Tensor, mask: Tensor) -> None:
    tags = torch.randint(K, (B, T), generator=torch.Generator().manual_seed(2))
    found = crf.nll(emissions, tags, mask).detach()
    for row, length in enumerate(LENGTHS):
        scores = torch.tensor([path_score(crf, emissions[row], path) for path in product(range(K), repeat=length)])
        gold = path_score(crf, emissions[row], tuple(tags[row, :length].tolist()))
        assert float(found[row]) == pytest.approx(float(torch.logsumexp(scores, 0)) - gold, abs=1e-4)


def test_the_decoded_path_is_the_best_of_all(crf: CRF, emissions: Tensor, mask: Tensor) -> None:
    for row, (length, found) in enumerate(zip(LENGTHS, crf.viterbi(emissions, mask), strict=True)):
        paths = list(product(range(K), repeat=length))
        assert tuple(found[:length].tolist()) == max(paths, key=lambda path: path_score(crf, emissions[row], path))
        assert not found[length:].any()


def test_gradients_are_those_of_pytorch_crf_in_float64() -> None:
    torch.manual_seed(3)
    ours = CRF(27)
    theirs = torchcrf.CRF(27, batch_first=True).double()
    theirs.load_state_dict(ours.state_dict())
    emissions, tags = torch.randn(4, 60, 27), torch.randint(27, (4, 60))
    mask = torch.arange(60) < torch.tensor([60, 1, 33, 59])[:, None]
    single, double = emissions.clone().requires_grad_(), emissions.double().requires_grad_()
    loss = ours.nll(single, tags, mask).sum()
    expected = -theirs(double, tags, mask, reduction="sum")
    loss.backward()
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert single.grad is not None
    assert double.grad is not None
    torch.testing.assert_close(single.grad.double(), double.grad, atol=1e-6, rtol=1e-6)
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(
            parameter.grad.double(), theirs.get_parameter(name).grad, atol=1e-5, rtol=1e-5, msg=name
        )


def test_padding_behind_the_mask_changes_nothing(crf: CRF, emissions: Tensor, mask: Tensor) -> None:
    tags = torch.zeros(B, T, dtype=torch.long)
    other = torch.where(mask[..., None], emissions, torch.full_like(emissions, 9.0))
    torch.testing.assert_close(crf.nll(other, tags, mask), crf.nll(emissions, tags, mask))
    assert (crf.viterbi(other, mask) == crf.viterbi(emissions, mask)).all()


@pytest.mark.parametrize("in_parallel", [False, True])
def test_it_computes_exactly_under_autocast(crf: CRF, emissions: Tensor, mask: Tensor, in_parallel: bool) -> None:
    tags = torch.zeros(B, T, dtype=torch.long)
    rounded = emissions.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = crf.nll(rounded, tags, mask, in_parallel)
    assert found.dtype == torch.float32
    assert torch.equal(found, crf.nll(rounded.float(), tags, mask, in_parallel))


def test_constraints_make_illegal_paths_impossible_and_stay_put() -> None:
    labels = LabelSet(["gene", "drug"])
    torch.manual_seed(4)
    crf = CRF(len(labels.tags))
    crf.forbid(labels.legal_starts(), labels.legal_transitions())
    before = crf.transitions.detach().clone()
    emissions = 20 * torch.randn(50, 12, 5)
    mask = torch.ones(50, 12, dtype=torch.bool)
    paths = torch.from_numpy(crf.viterbi(emissions, mask))
    legal = torch.tensor(labels.legal_transitions())
    assert torch.tensor(labels.legal_starts())[paths[:, 0]].all()
    assert legal[paths[:, :-1], paths[:, 1:]].all()
    crf.nll(emissions, paths, mask).sum().backward()
    illegal = ~torch.tensor(labels.legal_transitions())
    assert crf.transitions.grad is not None
    assert not crf.transitions.grad[illegal].any()
    assert torch.equal(crf.transitions.detach(), before)


def test_the_state_dict_is_that_of_pytorch_crf() -> None:
    assert CRF(K).state_dict().keys() == torchcrf.CRF(K).state_dict().keys()


@pytest.mark.parametrize("in_parallel", [False, True])
def test_interval_marginals_are_those_of_all_paths(in_parallel: bool) -> None:
    labels = LabelSet(["gene", "drug"])
    torch.manual_seed(7)
    crf = CRF(len(labels.tags))
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter, std=2.0)
    lengths = (5, 3, 1)
    emissions, mask = 2 * torch.randn(3, 5, 5), torch.arange(5) < torch.tensor(lengths)[:, None]
    for row, length in enumerate(lengths):
        paths = list(product(range(5), repeat=length))
        scores = torch.tensor([path_score(crf, emissions[row], path) for path in paths], dtype=torch.double)
        probabilities = torch.softmax(scores, 0).tolist()
        expected: dict[tuple[int, ...], float] = {}
        for path, starts, ends, label in zip(*labels.decode(np.array(paths)), strict=True):
            expected[starts, ends, label] = expected.get((starts, ends, label), 0.0) + probabilities[path]
        # Every interval under every label: enumeration meets them all.
        assert len(expected) == length * (length + 1)
        starts, ends, label = np.array(list(expected)).T
        intervals, tags = (np.full_like(starts, row), starts, ends), np.stack([1 + 2 * label, 2 + 2 * label], 1)
        found = crf.interval_log_marginals(emissions, mask, intervals, tags, in_parallel)
        assert found.exp().tolist() == pytest.approx(list(expected.values()), abs=1e-5)


@pytest.mark.parametrize("in_parallel", [False, True])
def test_interval_marginals_are_certain_where_the_emissions_are(crf: CRF, in_parallel: bool) -> None:
    emissions = torch.zeros(1, 2000, 3)
    emissions[0, :, 0] = 100.0
    emissions[0, 1000, 1], emissions[0, 1001:1003, 2] = 200.0, 200.0
    mask = torch.ones(1, 2000, dtype=torch.bool)
    intervals = (np.array([0, 0]), np.array([1000, 1000]), np.array([1003, 1002]))
    found = crf.interval_log_marginals(emissions, mask, intervals, np.array([[1, 2], [1, 2]]), in_parallel).exp()
    assert found.tolist() == pytest.approx([1.0, 0.0])


def test_without_intervals_there_are_no_marginals(crf: CRF, emissions: Tensor, mask: Tensor) -> None:
    none = np.zeros(0, np.int64)
    assert crf.interval_log_marginals(emissions, mask, (none, none, none), np.zeros((0, 2), np.int64)).shape == (0,)


# Torch and BLAS start their threads at the first computation that they share out.
ONE_THREAD = """
import os, numpy as np, torch
from ner.nn.crf import CRF
from ner.nn.linear_chain import SERIAL_PRODUCT

def threads():
    return len(os.listdir("/proc/self/task"))

torch.set_num_threads(4)
crf, emissions = CRF(27), torch.randn(64, 300, 27, requires_grad=True)
tags, mask = torch.randint(27, (64, 300)), torch.ones(64, 300, dtype=torch.bool)
starts = np.arange(3000) % 290
intervals, begin_inside = (starts % 64, starts, starts + 2), np.tile([1, 2], (3000, 1))
before = threads()
torch.autograd.grad(crf.nll(emissions, tags, mask).sum(), [emissions, *crf.parameters()])
crf.viterbi(emissions, mask)
crf.interval_log_marginals(emissions, mask, intervals, begin_inside)
assert threads() == before
emissions.exp()
assert threads() == before + 3
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts the threads that Linux lists")
def test_everything_is_computed_in_one_thread() -> None:
    subprocess.run([sys.executable, "-P", "-c", ONE_THREAD], check=True)


def test_several_threads_compute_at_once_and_an_error_harms_none(crf: CRF, emissions: Tensor, mask: Tensor) -> None:
    def loss(row: int) -> Tensor:
        return crf.nll(emissions, torch.full((B, T), row), mask)

    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(loss, number % (K + 1)) for number in range(40)]
    for number, future in enumerate(found):
        if number % (K + 1) == K:
            assert isinstance(future.exception(), IndexError)
        else:
            assert torch.equal(future.result(), loss(number % (K + 1)))


def test_many_tags_and_rows_are_multiplied_in_parts_with_the_same_result() -> None:
    torch.manual_seed(9)
    crf, emissions, tags = CRF(101), torch.randn(60, 4, 101, requires_grad=True), torch.randint(101, (60, 4))
    assert 2 * SERIAL_PRODUCT < 60 * 101**2
    mask = torch.ones(60, 4, dtype=torch.bool)
    inputs = [emissions, *crf.parameters()]
    found, expected = (
        torch.autograd.grad(crf.nll(emissions, tags, mask, tree).sum(), inputs) for tree in (False, True)
    )
    torch.testing.assert_close(found, expected)
