"""Sums over all tag paths of a linear chain, which a CRF computes.

Sums are computed in probability space and fp64, which holds what scores of tokens can differ by (fp32 underflows where
emissions have a standard deviation of 50), with one rescaling a token. How the messages travel along the chain depends
on the arrays: numpy's go token after token, tensors in a tree over the tokens.

Token after token, the operations are tiny. Torch gives some of them to all its threads, which then wait for each other
at every token; numpy computes in the thread that calls, whatever torch's setting is. So the formulas around the
messages are written for both, in the functions that the two share.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # arrays need no torch
    from torch import Tensor

# Numbers or booleans, all of a chain in one of the two libraries.
Array = TypeVar("Array", NDArray[Any], "Tensor")

# Multiplications up to which BLAS computes a product in the thread that asks for it.
SERIAL_PRODUCT = 2**18


@dataclass(frozen=True, slots=True)
class Scores(Generic[Array]):
    """Log-potentials of B chains over K tags, tokens first, in fp64; for best paths fp32 is enough.

    Args:
        emissions: Scores of tags, (T, B, K).
        transitions: ``[i, j]`` scores tag ``j`` after tag ``i``, (K, K).
        start: Scores of the first tag, (K,).
        end: Scores of the last tag, (K,).
        mask: True on the tokens of each chain, which are its first ones, at least one, (T, B).
    """

    emissions: Array
    transitions: Array
    start: Array
    end: Array
    mask: Array

    @property
    def parts(self) -> tuple[Array, Array, Array, Array]:
        """Emissions, transitions, start and end scores."""
        return self.emissions, self.transitions, self.start, self.end


@dataclass(frozen=True, slots=True)
class Messages(Generic[Array]):
    """Messages of both directions for each token, each scaled by a factor of its own; after a chain's end, anything.

    Args:
        forward: Of all paths up to a token, with its emission, (T, B, K).
        backward: Of all paths after a token, without its emission, (T, B, K).
        arriving: The same with its emission, as the token before receives it, (T, B, K).
        forward_scales: Log-factors by which ``forward`` was divided, (T, B).
        backward_scales: Log-factors by which ``backward`` was divided, (T, B).
        log_partition: Log-sum of the scores of all paths, (B,).
    """

    forward: Array
    backward: Array
    arriving: Array
    forward_scales: Array
    backward_scales: Array
    log_partition: Array


# Of weights that are 0 numpy would tell.
@np.errstate(divide="ignore", invalid="ignore")
def messages(scores: Scores[Array]) -> Messages[Array]:
    """Return the messages of both directions.

    Numpy's go token after token. Those of tensors go in a tree: about 15 operations a doubling of T instead of 4 a
    token, for T more products of K x K.

    Source: Rabiner (1989), with its scaling; Blelloch (1990) for the tree.
    """
    xp = _library(scores.emissions)
    emissions, counts = scores.emissions, scores.mask.sum(0)
    # The backward direction is the forward one of the reversed row, which begins at its last token.
    reversal = counts - scores.mask.cumsum(0)
    peaks = xp.amax(emissions, 2)
    weights = xp.exp(emissions - peaks[..., None])
    weights = xp.stack([weights, _at(weights, reversal)], 1)
    peaks = xp.stack([peaks, _at(peaks, reversal)], 1)
    shift = scores.transitions.max()
    steps = xp.exp(scores.transitions - shift)
    borders = xp.stack([scores.start, scores.end])
    border_shifts = xp.amax(borders, 1)[:, None]
    borders = xp.exp(borders - border_shifts)[:, None]
    first = borders * weights[0]
    opening = first.sum(2)
    both_steps: Array = xp.stack([steps, steps.T])
    states, heard, sums = _propagated(first / opening[..., None], weights[1:], both_steps)
    opening_scales = (xp.log(opening) + border_shifts)[None]
    scales = (xp.concatenate([opening_scales, xp.log(sums) + shift]) + peaks).cumsum(0)
    # Without its emission, a backward message is the one that the reversed row receives from its neighbour.
    ends = xp.zeros_like(first[1]) + borders[1]
    end_scales = xp.zeros_like(scales[:1, 1]) + border_shifts[1]
    backward: Array = xp.concatenate([ends[None], heard[:, 1]])
    backward_scales: Array = xp.concatenate([end_scales, scales[:-1, 1] + shift])
    last = counts[None] - 1
    total = (_at(states[:, 0], last)[0] * ends).sum(1)
    return Messages(
        states[:, 0],
        _at(backward, reversal),
        _at(states[:, 1], reversal),
        scales[:, 0],
        _at(backward_scales, reversal),
        xp.log(total) + border_shifts[1] + _at(scales[:, 0], last)[0],
    )


def _propagated(first: Array, weights: Array, steps: Array) -> tuple[Array, Array, Array]:
    """Return the messages along the chains of both directions.

    Args:
        first: Those of the first tokens, (2, B, K).
        weights: Exponentiated emissions of the following tokens, (T - 1, 2, B, K).
        steps: Exponentiated transitions, (2, K, K).

    Returns:
        Those of all tokens, each scaled to sum to 1, (T, 2, B, K); of all but the first, what arrives there before its
        weights, (T - 1, 2, B, K), and the sum of their product, (T - 1, 2, B).
    """
    if isinstance(first, np.ndarray):
        return _token_by_token(first, weights, steps)
    return _in_tree(first, weights, steps)


def _token_by_token(
    first: NDArray[Any], weights: NDArray[Any], steps: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return them along the chains."""
    states = np.empty((len(weights) + 1, *first.shape))
    states[0] = first
    heard, sums = np.empty_like(weights), np.empty((*weights.shape[:3], 1))
    blocks = _blocks(*first.shape[1:])
    for before, arrived, weight, state, total in zip(states[:-1], heard, weights, states[1:], sums, strict=True):
        for block in blocks:
            np.matmul(before[:, block], steps, out=arrived[:, block])
        np.multiply(arrived, weight, out=state)
        np.add.reduce(state, 2, keepdims=True, out=total)
        np.divide(state, total, out=state)
    return states, heard, sums[..., 0]


def _in_tree(first: "Tensor", weights: "Tensor", steps: "Tensor") -> tuple["Tensor", "Tensor", "Tensor"]:
    """Return them from products of neighbours, of neighbours of neighbours and so on, and back to the tokens."""
    torch = _library(first)
    count, _, height, tags = weights.shape
    depth = max(count - 1, 0).bit_length()
    identity = torch.eye(tags, dtype=steps.dtype, device=steps.device)
    padding = identity.expand(2**depth - count, 2, height, -1, -1)
    product = torch.cat([steps[:, None] * weights[:, :, :, None, :], padding])
    lefts = []
    for _ in range(depth):
        left, right = product[::2], product[1::2]
        lefts.append(left)
        product = left @ right
        product = product / product.amax((3, 4), keepdim=True)
    # From the root down, the message at the left border of each stretch of tokens.
    borders = first[None]
    for left in reversed(lefts):
        middle = (borders[:, :, :, None] @ left)[:, :, :, 0]
        borders = torch.stack([borders, middle / middle.sum(3, keepdim=True)], 1).flatten(0, 1)
    heard = borders[:count] @ steps
    arrived = heard * weights
    sums = arrived.sum(3)
    return torch.cat([first[None], arrived / sums[..., None]]), heard, sums


def path_scores(scores: Scores[Array], tags: Array) -> Array:
    """Return the score of one path of each chain, (B,); tags are (T, B) and arbitrary after the chain's end."""
    emitted = _chosen(scores.emissions, tags) * scores.mask
    moved = scores.transitions[tags[:-1], tags[1:]] * scores.mask[1:]
    last = scores.mask.sum(0)[None] - 1
    found: Array = emitted.sum(0) + moved.sum(0) + scores.start[tags[0]] + scores.end[_at(tags, last)[0]]
    return found


def expected_use(scores: Scores[Array], found: Messages[Array], weights: Array) -> tuple[Array, ...]:
    """Return how often paths are expected to use each score: a weighted sum over the chains, but for emissions.

    Args:
        scores: The chains.
        found: Their messages.
        weights: One a chain, (B,).

    Returns:
        Of emissions (T, B, K), transitions, start and end scores.
    """
    return _with_borders(*_expected(scores, found, weights), scores.mask)


def gradients(scores: Scores[Array], found: Messages[Array], tags: Array, weights: Array) -> tuple[Array, ...]:
    """Return the gradient of the weighted sum of the chains' negative log-likelihoods.

    It is what the paths are expected to use, less what the given path uses.

    Args:
        scores: The chains.
        found: Their messages.
        tags: The given paths, (T, B).
        weights: One a chain, (B,).

    Returns:
        Of emissions, transitions, start and end scores.

    Source: Sutton & McCallum (2012), "An introduction to conditional random fields", section 4.
    """
    xp = _library(scores.emissions)
    marginals, expected = _expected(scores, found, weights)
    used = xp.diag(xp.ones_like(scores.start))[tags] * scores.mask[..., None]
    weighted = used * weights[:, None]
    observed = _pair_sums(weighted[:-1], used[1:])
    return _with_borders(marginals - weighted, expected - observed, scores.mask)


def _expected(scores: Scores[Array], found: Messages[Array], weights: Array) -> tuple[Array, Array]:
    """Return the expected use of emissions and of transitions."""
    xp = _library(scores.emissions)
    transitions, mask = scores.transitions, scores.mask
    both = found.forward * found.backward
    factors = mask * weights / xp.where(mask, both.sum(2), 1.0)
    follows = mask[1:, :, None]
    moved = _pair_sums(found.forward[:-1] * factors[:-1, :, None] * follows, found.arriving[1:])
    return both * factors[..., None], moved * xp.exp(transitions - transitions.max())


def _with_borders(emissions: Array, transitions: Array, mask: Array) -> tuple[Array, ...]:
    """Return the use of emissions and transitions, and that of start and end scores, which follows."""
    last = mask.sum(0)[None] - 1
    return emissions, transitions, emissions[0].sum(0), _at(emissions, last)[0].sum(0)


@np.errstate(divide="ignore", invalid="ignore")
def interval_log_marginals(scores: Scores[Array], intervals: Sequence[Array], begin_inside: Array) -> Array:
    """Return the log-probability that a path reads each of N intervals as one entity, neither longer nor shorter.

    Args:
        scores: The chains.
        intervals: Their numbers, starts and ends, each (N,).
        begin_inside: The tags ``begin`` and ``inside`` of each, (N, 2).

    Source: Rabiner (1989) for the forward and backward scores; Culotta & McCallum (2004) for their constraint.
    """
    xp = _library(scores.emissions)
    found = messages(scores)
    emissions, transitions = scores.emissions, scores.transitions
    rows, starts, ends = intervals
    begin, inside = begin_inside[:, 0], begin_inside[:, 1]
    tags = xp.ones_like(scores.start)[None].cumsum(1) - 1
    is_inside = tags == inside[:, None]
    continues = is_inside | (tags == begin[:, None])
    # Up to the entity's first token, which is `begin` or `inside`: (N, 2).
    before = (starts - 1).clip(0)
    paths = xp.log(found.forward[before, rows]) + found.forward_scales[before, rows][:, None]
    arriving = paths[:, None] + transitions.T[begin_inside]
    barred = xp.stack([xp.zeros_like(continues), continues], 1)
    arriving = _log_sum(xp.where(barred, -np.inf, arriving))
    opened = xp.where((starts > 0)[:, None], arriving, scores.start[begin_inside])
    opened = opened + emissions[starts[:, None], rows[:, None], begin_inside]
    # On to its last token, which is `inside` unless it is the first.
    sums = emissions.cumsum(0)
    steps = sums[ends - 1, rows, inside] - sums[starts, rows, inside]
    steps = steps + (ends - starts - 2).clip(0) * transitions[inside, inside]
    longer = _log_sum(opened + transitions[begin_inside, inside[:, None]]) + steps
    longer = xp.stack([xp.zeros_like(longer) - np.inf, longer], 1)
    inner = xp.where((ends - starts > 1)[:, None], longer, opened)
    # And on to whatever follows, or to the end.
    after = ends.clip(None, len(emissions) - 1)
    paths = xp.log(found.backward[after, rows]) + found.backward_scales[after, rows][:, None]
    following = xp.where(is_inside, -np.inf, emissions[after, rows] + paths)
    following = _log_sum(transitions[begin_inside] + following[:, None])
    is_last = ends == scores.mask.sum(0)[rows]
    closed = xp.where(is_last[:, None], scores.end[begin_inside], following)
    # Rounding may lift a certainty above 1.
    certain: Array = (_log_sum(inner + closed) - found.log_partition[rows]).clip(None, 0.0)
    return certain


def _library(array: "NDArray[Any] | Tensor") -> Any:  # noqa: ANN401 - a module
    """Return the library of an array; functions and arguments that both have are used of it."""
    return np if isinstance(array, np.ndarray) else sys.modules["torch"]


def _at(array: Array, positions: Array) -> Array:
    """Return what each chain has at positions of its own: (T, B, ...) and (S, B) to (S, B, ...)."""
    if isinstance(array, np.ndarray):
        found: NDArray[Any] = array[positions, np.arange(array.shape[1])]
        return found
    return array.take_along_dim(positions.reshape(*positions.shape, *[1] * (array.ndim - 2)), 0)


def _chosen(array: Array, tags: Array) -> Array:
    """Return the values at tags: (T, B, K) and (T, B) to (T, B)."""
    if isinstance(array, np.ndarray):
        return np.take_along_axis(array, tags[..., None], 2)[..., 0]
    return array.take_along_dim(tags[..., None], 2)[..., 0]


def _log_sum(array: Array) -> Array:
    """Return the logarithm of the sum of exponentials over the last axis, of which not all need be finite."""
    xp = _library(array)
    peaks = xp.amax(array, -1).clip(-1e300)[..., None]
    found: Array = xp.log(xp.exp(array - peaks).sum(-1)) + peaks[..., 0]
    return found


def _pair_sums(left: Array, right: Array) -> Array:
    """Return the sum of the outer products of two (N, B, K): (K, K)."""
    if not isinstance(left, np.ndarray):
        return left.flatten(0, 1).T @ right.flatten(0, 1)
    found = np.zeros((left.shape[2], right.shape[2]))
    for block in _blocks(*left.shape[1:]):
        found += (left[:, block].swapaxes(1, 2) @ right[:, block]).sum(0)
    return found


def _blocks(height: int, tags: int) -> list[slice]:
    """Return the rows in blocks whose product with (K, K) BLAS does not share out to threads."""
    size = max(SERIAL_PRODUCT // tags**2, 1)
    return [slice(start, start + size) for start in range(0, height, size)]
