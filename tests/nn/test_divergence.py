"""The divergence of two CRFs against enumeration of all paths and against automatic differentiation."""

from itertools import pairwise, product

import pytest
import torch
from torch import Tensor

from ner.nn.crf import CRF
from ner.nn.divergence import divergence

K = 3
LENGTHS = (5, 1, 3)
MASK = torch.arange(5) < torch.tensor(LENGTHS)[:, None]


def crf_of(seed: int) -> CRF:
    torch.manual_seed(seed)
    crf = CRF(K).double()
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    return crf


def emissions_of(seed: int) -> Tensor:
    return 2 * torch.randn(len(LENGTHS), 5, K, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def path_log_probabilities(crf: CRF, emissions: Tensor) -> Tensor:
    """Of all paths of one text, differentiable."""
    scores = []
    for path in product(range(K), repeat=len(emissions)):
        score = crf.start_transitions[path[0]] + crf.end_transitions[path[-1]]
        score = score + sum(emissions[place, tag] for place, tag in enumerate(path))
        scores.append(score + sum(crf.transitions[i, j] for i, j in pairwise(path)))
    return torch.log_softmax(torch.stack(scores), 0)


def enumerated(crf: CRF, emissions: Tensor, teacher: CRF, taught: Tensor) -> Tensor:
    """The definition, summed over the texts."""
    total = emissions.new_zeros(())
    for row, length in enumerate(LENGTHS):
        theirs = path_log_probabilities(teacher, taught[row, :length])
        total = total + (theirs.exp() * (theirs - path_log_probabilities(crf, emissions[row, :length]))).sum()
    return total


@pytest.mark.parametrize("in_parallel", [False, True])
def test_value_and_gradients_are_those_of_all_paths(in_parallel: bool) -> None:
    crf, teacher = crf_of(1), crf_of(2)
    emissions, taught = emissions_of(3).requires_grad_(), emissions_of(4)
    inputs = [emissions, *crf.parameters()]
    found = divergence(crf, emissions, teacher, taught, MASK, in_parallel)
    expected = enumerated(crf, emissions, teacher, taught)
    assert found.shape == ()
    assert found.item() == pytest.approx(expected.item(), abs=1e-10)
    torch.testing.assert_close(torch.autograd.grad(found * 3, inputs), torch.autograd.grad(expected * 3, inputs))
    assert all(part.grad is None for part in teacher.parameters())


@pytest.mark.parametrize("in_parallel", [False, True])
def test_it_is_zero_without_a_gradient_where_the_teacher_is_matched(in_parallel: bool) -> None:
    crf, emissions = crf_of(1), emissions_of(3).requires_grad_()
    # What all tags of a token share changes no path's probability.
    taught = emissions.detach() + torch.arange(5.0)[:, None]
    found = divergence(crf, emissions, crf, taught, MASK, in_parallel)
    assert found.item() == pytest.approx(0, abs=1e-10)
    for gradient in torch.autograd.grad(found, [emissions, *crf.parameters()]):
        assert gradient.abs().max() < 1e-10


@pytest.mark.parametrize("in_parallel", [False, True])
def test_a_teacher_that_is_certain_teaches_as_annotation_does(in_parallel: bool) -> None:
    crf, emissions = crf_of(1), emissions_of(3).requires_grad_()
    tags = torch.tensor([[0, 2, 1, 1, 0], [1, 0, 0, 0, 0], [2, 2, 0, 0, 0]])
    taught = 100.0 * torch.nn.functional.one_hot(tags, K)
    inputs = [emissions, *crf.parameters()]
    found = divergence(crf, emissions, crf_of(2), taught, MASK, in_parallel)
    expected = crf.nll(emissions, tags, MASK).sum()
    assert found.item() == pytest.approx(expected.item(), abs=1e-8)
    torch.testing.assert_close(torch.autograd.grad(found, inputs), torch.autograd.grad(expected, inputs))


@pytest.mark.parametrize("in_parallel", [False, True])
def test_low_precision_of_emissions_is_kept_outside(in_parallel: bool) -> None:
    crf, teacher = crf_of(1).float(), crf_of(2).float()
    emissions, taught = emissions_of(3).bfloat16().requires_grad_(), emissions_of(4).half()
    found = divergence(crf, emissions, teacher, taught, MASK, in_parallel)
    expected = divergence(crf.double(), emissions.double(), teacher.double(), taught.double(), MASK)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    found.backward()
    assert emissions.grad is not None
    assert emissions.grad.dtype == torch.bfloat16
    assert not emissions.grad[~MASK].any()
