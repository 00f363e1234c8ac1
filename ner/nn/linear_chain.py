"""Sums and maxima over all tag paths of a linear chain, which a CRF computes.

Sums are computed in probability space and fp64, which holds what scores of tokens can differ by (fp32 underflows where
emissions have a standard deviation of 50), with one rescaling a token. How the messages travel along the chain depends
on the device: token after token where starting an operation costs little, in a tree over the tokens on CUDA.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ner.nn.viterbi import REBASE, Integers, walk_back


@dataclass(frozen=True, slots=True)
class Scores:
    """Log-potentials of a chain over K tags, in fp64; for best paths fp32 is enough.

    Args:
        emissions: Scores of tags, (B, T, K).
        transitions: ``[i, j]`` scores tag ``j`` after tag ``i``, (K, K).
        start: Scores of the first tag, (K,).
        end: Scores of the last tag, (K,).
        lengths: Tokens of each row, at least 1, (B,).
    """

    emissions: Tensor
    transitions: Tensor
    start: Tensor
    end: Tensor
    lengths: Tensor


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages of both directions for each token, scaled to sum to 1 over the tags.

    Args:
        forward: Of all paths up to a token, with its emission, (B, T, K).
        backward: Of all paths after a token, without its emission, (B, T, K).
        arriving: The same with its emission, as the token before receives it, (B, T, K).
        forward_scales: Log-factors by which ``forward`` was divided, (B, T).
        backward_scales: Log-factors by which ``backward`` was divided, (B, T).
        log_partition: Log-sum of the scores of all paths, (B,).
    """

    forward: Tensor
    backward: Tensor
    arriving: Tensor
    forward_scales: Tensor
    backward_scales: Tensor
    log_partition: Tensor


def exact(tensor: Tensor) -> Tensor:
    """Return a tensor in fp64, in main memory where its device has none."""
    return tensor.to("cpu" if tensor.device.type == "mps" else tensor.device, torch.double)


@torch.no_grad()
def messages(scores: Scores, in_tree: bool) -> Messages:
    """Return the messages of both directions; after a row's length they mean nothing.

    Args:
        scores: The chain.
        in_tree: Pass messages in a tree over the tokens: about 15 operations a doubling of T instead of 4 a token, for
            T more products of K x K.

    Source: Rabiner (1989), with its scaling; Blelloch (1990) for the tree.
    """
    emissions, last = scores.emissions, scores.lengths[:, None] - 1
    height, width = emissions.shape[:2]
    # The backward direction is the forward one of the reversed row, which begins at its last token.
    reversal = (last - torch.arange(width, device=emissions.device)).clamp(min=0)
    peaks = emissions.amax(2)
    weights = (emissions - peaks[..., None]).exp()
    weights = torch.stack([weights, weights.take_along_dim(reversal[..., None], 1)])
    shift = scores.transitions.max()
    steps = (scores.transitions - shift).exp()
    steps = torch.stack([steps, steps.T])
    border_shifts = torch.stack([scores.start.max(), scores.end.max()])[:, None, None]
    borders = (torch.stack([scores.start, scores.end])[:, None] - border_shifts).exp()
    first = borders * weights[:, :, 0]
    states = (_in_tree if in_tree else _token_by_token)(_scaled(first), weights[:, :, 1:], steps)
    # The divisor of a message follows from its neighbour.
    heard = states[:, :, :-1] @ steps[:, None]
    factors = (heard * weights[:, :, 1:]).sum(3).log() + shift
    opening = first.sum(2, keepdim=True).log() + border_shifts
    both_peaks = torch.stack([peaks, peaks.take_along_dim(reversal, 1)])
    scales, mirrored_scales = (torch.cat([opening, factors], 2) + both_peaks).cumsum(2)
    at_last = states[0].take_along_dim(last[..., None], 1)[:, 0]
    end = borders[1].expand(height, -1)
    log_partition = (at_last * end).sum(1).log() + border_shifts[1, 0] + scales.take_along_dim(last, 1)[:, 0]
    # Without its emission, a backward message is the one that the reversed row receives from its neighbour.
    silent = torch.cat([end[:, None], heard[1]], 1)
    sums = silent.sum(2)
    silent_scales = torch.cat([border_shifts[1].expand(height, 1), mirrored_scales[:, :-1] + shift], 1) + sums.log()
    return Messages(
        states[0],
        (silent / sums[..., None]).take_along_dim(reversal[..., None], 1),
        states[1].take_along_dim(reversal[..., None], 1),
        scales,
        silent_scales.take_along_dim(reversal, 1),
        log_partition,
    )


def _token_by_token(first: Tensor, weights: Tensor, steps: Tensor) -> Tensor:
    """Return the messages along the chains of both directions.

    Args:
        first: Those of the first tokens, (2, B, K).
        weights: Exponentiated emissions of the following tokens, (2, B, T - 1, K).
        steps: Exponentiated transitions, (2, K, K).

    Returns:
        Those of all tokens, each scaled to sum to 1, (2, B, T, K).
    """
    tokens = weights.permute(2, 0, 1, 3).contiguous()
    states = tokens.new_empty((len(tokens) + 1, *first.shape))
    states[0] = first
    for before, token, state in zip(states.unbind(0), tokens.unbind(0), states.unbind(0)[1:], strict=False):
        torch.bmm(before, steps, out=state)
        state.mul_(token)
        state.div_(state.sum(2, keepdim=True))
    return states.permute(1, 2, 0, 3)


def _in_tree(first: Tensor, weights: Tensor, steps: Tensor) -> Tensor:
    """Return the same from products of neighbours, of neighbours of neighbours and so on, and back to the tokens."""
    height, count, tags = weights.shape[1:]
    depth = max(count - 1, 0).bit_length()
    identity = torch.eye(tags, dtype=steps.dtype, device=steps.device)
    padding = identity.expand(2, height, 2**depth - count, -1, -1)
    product = torch.cat([steps[:, None, None] * weights[:, :, :, None, :], padding], 2)
    lefts = []
    for _ in range(depth):
        left, right = product[:, :, ::2], product[:, :, 1::2]
        lefts.append(left)
        product = left @ right
        product = product / product.amax((3, 4), keepdim=True)
    # From the root down, the message at the left border of each stretch of tokens.
    borders = first[:, :, None]
    for left in reversed(lefts):
        middle = _scaled((borders[:, :, :, None] @ left)[:, :, :, 0])
        borders = torch.stack([borders, middle], 3).flatten(2, 3)
    heard = borders[:, :, :count] @ steps[:, None]
    return torch.cat([first[:, :, None], _scaled(heard * weights)], 2)


def _scaled(weights: Tensor) -> Tensor:
    return weights / weights.sum(-1, keepdim=True)


class _LogPartition(torch.autograd.Function):
    """The log-sum of the scores of all paths, (B,), with its gradient in closed form: the marginals.

    Source: Sutton & McCallum (2012), "An introduction to conditional random fields", section 4.
    """

    @staticmethod
    def forward(ctx: Any, scores: Scores, in_tree: bool, *_: Tensor) -> Tensor:  # noqa: ANN401 - torch passes anything
        found = messages(scores, in_tree)
        ctx.save_for_backward(scores.transitions, scores.lengths, found.forward, found.backward, found.arriving)
        return found.log_partition

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        transitions, lengths, forward, backward, arriving = ctx.saved_tensors
        last = lengths[:, None] - 1
        positions = torch.arange(forward.shape[1], device=forward.device)
        both = forward * backward
        factors = torch.where(positions <= last, gradient[:, None] / both.sum(2), 0.0)
        marginals = both * factors[..., None]
        # Pairwise marginals, normalised.
        steps = (transitions - transitions.max()).exp()
        sums = (arriving[:, 1:] @ steps.T).sum(2)
        pairs = torch.where(positions[:-1] < last, factors[:, :-1] / sums, 0.0)
        left = (forward[:, :-1] * pairs[..., None]).flatten(0, 1)
        expected = left.T @ arriving[:, 1:].flatten(0, 1) * steps
        ends = marginals.take_along_dim(last[..., None], 1)[:, 0]
        return None, None, marginals, expected, marginals[:, 0].sum(0), ends.sum(0)


def log_partition(scores: Scores, in_tree: bool) -> Tensor:
    """Return the log-sum of the scores of all paths of each row, differentiable once, (B,)."""
    # Autograd follows tensors that are arguments themselves.
    inputs = (scores.emissions, scores.transitions, scores.start, scores.end)
    found: Tensor = _LogPartition.apply(scores, in_tree, *inputs)  # type: ignore[no-untyped-call]
    return found


def path_score(scores: Scores, tags: Tensor) -> Tensor:
    """Return the score of one path of each row, (B,); tags are (B, T) and arbitrary after the row's length."""
    last = scores.lengths[:, None] - 1
    positions = torch.arange(tags.shape[1], device=tags.device)
    emitted = scores.emissions.take_along_dim(tags[..., None], 2)[..., 0]
    moved = scores.transitions[tags[:, :-1], tags[:, 1:]]
    inner = torch.where(positions <= last, emitted, 0.0).sum(1) + torch.where(positions[1:] <= last, moved, 0.0).sum(1)
    return inner + scores.start[tags[:, 0]] + scores.end[tags.take_along_dim(last, 1)[:, 0]]


@torch.no_grad()
def best_paths(scores: Scores) -> Integers:
    """Return the tags of the best path of each row, 0 after its last token, (B, T).

    The recursion stays on the scores' device; the host walks back, which is a chain of look-ups.

    Source: Viterbi (1967).
    """
    # Rows come last: a maximum over the first axis is taken for many of them at once.
    emissions, steps = scores.emissions.permute(1, 2, 0).contiguous(), scores.transitions[:, :, None]
    _, tags, height = emissions.shape
    states = torch.empty_like(emissions)
    states[0] = scores.start[:, None] + emissions[0]
    paths = states.new_empty((tags, tags, height))
    tokens = zip(states.unbind(0), emissions.unbind(0)[1:], states.unbind(0)[1:], strict=False)
    for number, (before, token, state) in enumerate(tokens, start=1):
        torch.add(before[:, None], steps, out=paths)
        torch.amax(paths, 0, out=state)
        state.add_(token)
        if number % REBASE == 0:
            state.sub_(state.amax(0))
    # One transfer, so that the host waits for the device once.
    parts = (states, scores.transitions, scores.end, scores.lengths.to(states.dtype))
    packed = torch.cat([part.flatten() for part in parts]).numpy(force=True)
    reached, transitions, end, lengths = np.split(packed, np.cumsum([part.numel() for part in parts[:-1]]))
    return walk_back(reached.reshape(states.shape), transitions.reshape(tags, tags), end, lengths.astype(np.int64))
