"""Sums and maxima over paths, in both ways of passing messages, against pytorch-crf in float64."""

from itertools import product
from typing import Any

import pytest
import torch
import torchcrf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from ner.labels import LabelSet
from ner.nn import linear_chain as chain
from ner.nn.crf import CRF, ILLEGAL

LABELS = LabelSet([str(number) for number in range(13)])
K = len(LABELS.tags)


def crf_of(spread: float, is_constrained: bool, tags: int = K) -> CRF:
    crf = CRF(tags)
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter, std=spread)
    if is_constrained:
        crf.forbid(LABELS.legal_starts(), LABELS.legal_transitions())
    return crf


def theirs(crf: CRF) -> torchcrf.CRF:
    reference = torchcrf.CRF(crf.num_tags, batch_first=True).double()
    reference.load_state_dict(crf.state_dict())
    return reference


def scores_of(reference: torchcrf.CRF, emissions: Tensor, mask: Tensor) -> chain.Scores[Tensor]:
    """Its scores in fp64."""
    names = ("transitions", "start_transitions", "end_transitions")
    transitions, start, end = (reference.get_parameter(name).detach().double() for name in names)
    return chain.Scores(emissions.double().transpose(0, 1), transitions, start, end, mask.T)


def as_arrays(scores: chain.Scores[Tensor]) -> chain.Scores[NDArray[Any]]:
    names = ("emissions", "transitions", "start", "end", "mask")
    emissions, transitions, start, end, mask = (getattr(scores, name).numpy() for name in names)
    return chain.Scores(emissions, transitions, start, end, mask)


def mask_of(lengths: list[int]) -> Tensor:
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


def assert_equals_pytorch_crf(crf: CRF, emissions: Tensor, mask: Tensor, in_parallel: bool) -> None:
    """Value and all gradients within 1e-9, relative to the largest."""
    tags = torch.randint(crf.num_tags, mask.shape)
    reference, ours = theirs(crf), CRF(crf.num_tags).double()
    ours.load_state_dict(crf.state_dict())
    expected_input = emissions.double().requires_grad_()
    expected = -reference(expected_input, tags, mask, reduction="none")
    weights = torch.rand(len(mask), dtype=torch.double)
    (expected * weights).sum().backward()
    found_input = emissions.double().requires_grad_()
    found = ours.nll(found_input, tags, mask, in_parallel)
    (found * weights).sum().backward()
    assert found.isfinite().all()
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    assert found_input.grad is not None
    assert expected_input.grad is not None
    torch.testing.assert_close(found_input.grad, expected_input.grad, rtol=1e-9, atol=1e-9)
    for name, parameter in ours.named_parameters():
        gradient = reference.get_parameter(name).grad
        # pytorch-crf never touches the transitions of single tokens.
        gradient = torch.zeros_like(parameter) if gradient is None else gradient
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-9, atol=1e-9 * max(1, mask.sum().item()))


@pytest.mark.parametrize("in_parallel", [False, True])
@pytest.mark.parametrize("is_constrained", [False, True])
@pytest.mark.parametrize("spread", [1.0, 50.0])
@pytest.mark.parametrize("lengths", [[1], [2], [3, 1], [300, 17, 299], [513, 512]])
def test_it_equals_pytorch_crf(lengths: list[int], spread: float, is_constrained: bool, in_parallel: bool) -> None:
    torch.manual_seed(len(lengths) + lengths[0])
    emissions = spread * torch.randn(len(lengths), max(lengths), K)
    assert_equals_pytorch_crf(crf_of(1.0, is_constrained), emissions, mask_of(lengths), in_parallel)


@pytest.mark.parametrize("in_parallel", [False, True])
def test_three_thousand_tokens_of_wild_emissions_are_finite_and_right(in_parallel: bool) -> None:
    torch.manual_seed(0)
    emissions = 50 * torch.randn(2, 3000, K)
    assert_equals_pytorch_crf(crf_of(2.0, is_constrained=True), emissions, mask_of([3000, 2048]), in_parallel)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.integers(1, 6), st.booleans(), st.integers(0, 99))
def test_any_prefix_mask_and_number_of_tags(lengths: list[int], tags: int, in_parallel: bool, seed: int) -> None:
    torch.manual_seed(seed)
    emissions = torch.randn(len(lengths), max(lengths), tags)
    assert_equals_pytorch_crf(crf_of(1.0, False, tags), emissions, mask_of(lengths), in_parallel)


@pytest.mark.parametrize("in_parallel", [False, True])
def test_messages_are_the_marginals_of_all_paths(in_parallel: bool) -> None:
    torch.manual_seed(5)
    crf, lengths = crf_of(2.0, False, 3), [5, 1, 3]
    emissions, mask = torch.randn(3, 5, 3, dtype=torch.double), mask_of([5, 1, 3])
    reference = theirs(crf)
    scores = scores_of(reference, emissions, mask)
    found = chain.messages(scores) if in_parallel else chain.messages(as_arrays(scores))
    forward, backward, forward_scales, backward_scales, log_partition = (
        torch.as_tensor(part)
        for part in (found.forward, found.backward, found.forward_scales, found.backward_scales, found.log_partition)
    )
    for row, length in enumerate(lengths):
        paths = torch.tensor(list(product(range(3), repeat=length)))
        copies, is_token = emissions[row, :length].expand(len(paths), -1, -1), mask[row, :length].expand(len(paths), -1)
        probabilities = chain.path_scores(scores_of(reference, copies, is_token), paths.T).softmax(0)
        for position in range(length):
            expected = torch.zeros(3, dtype=torch.double).index_add(0, paths[:, position], probabilities)
            log_marginals = (forward[position, row] * backward[position, row]).log()
            scales = forward_scales[position, row] + backward_scales[position, row]
            marginals = (log_marginals + scales - log_partition[row]).exp()
            torch.testing.assert_close(marginals, expected)


@pytest.mark.parametrize("spread", [1.0, 50.0])
@pytest.mark.parametrize("is_constrained", [False, True])
def test_decoded_paths_score_as_those_of_pytorch_crf(spread: float, is_constrained: bool) -> None:
    torch.manual_seed(6)
    crf, mask = crf_of(1.0, is_constrained), mask_of([200, 1, 57, 199])
    emissions = spread * torch.randn(4, 200, K)
    found, expected = crf.decode(emissions, mask), theirs(crf).decode(emissions.double(), mask)
    scores = scores_of(theirs(crf), emissions.double(), mask)
    values = [
        chain.path_scores(scores, torch.tensor([[*path, *[0] * (200 - len(path))] for path in paths]).T)
        for paths in (found, expected)
    ]
    torch.testing.assert_close(*values, rtol=1e-6, atol=1e-6)
    # Random scores have no ties.
    assert found == expected


@pytest.mark.parametrize("spread", [1.0, 50.0])
@pytest.mark.parametrize("is_constrained", [False, True])
def test_paths_of_three_thousand_tokens_are_the_same_in_fp32_as_in_fp64(spread: float, is_constrained: bool) -> None:
    torch.manual_seed(1)
    crf, emissions, mask = crf_of(0.1, is_constrained), spread * torch.randn(8, 3000, K), mask_of([3000] * 7 + [2999])
    assert (crf.viterbi(emissions, mask) == crf.viterbi(emissions.double(), mask)).all()


def test_constrained_paths_never_use_what_is_forbidden() -> None:
    torch.manual_seed(7)
    crf = crf_of(1.0, is_constrained=True)
    emissions, mask = torch.randn(8, 50, K, requires_grad=True), torch.ones(8, 50, dtype=torch.bool)
    tags = torch.zeros(8, 50, dtype=torch.long)
    crf.nll(emissions, tags, mask).sum().backward()
    assert crf.transitions.grad is not None
    assert not crf.transitions.grad[crf.transitions == ILLEGAL].any()


def test_pytorch_crfs_own_methods_use_these_kernels() -> None:
    torch.manual_seed(8)
    crf, mask = crf_of(1.0, False), mask_of([9, 4])
    emissions, tags = torch.randn(2, 9, K), torch.randint(K, (2, 9))
    torch.testing.assert_close(-crf(emissions, tags, mask, reduction="none"), crf.nll(emissions, tags, mask))
    full, part = crf.viterbi(emissions, mask).tolist()
    assert crf.decode(emissions, mask) == [full, part[:4]]
