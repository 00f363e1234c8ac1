"""Probabilities of entities in a linear chain; numpy alone, for taggers without torch."""

import numpy as np
from numpy.typing import NDArray

from ner.nn.viterbi import Floats, Integers, Potentials

Doubles = NDArray[np.float64]


def interval_log_marginals(
    emissions: Floats,
    lengths: Integers,
    crf: Potentials,
    intervals: tuple[Integers, Integers, Integers],
    tags: Integers,
) -> Doubles:
    """Return the log-probability of each of N entities, as :meth:`ner.nn.crf.CRF.interval_log_marginals` does.

    Args:
        emissions: Scores of tags, (B, T, K).
        lengths: Units of each row, at least 1, (B,).
        crf: Scores of the first tag, of the steps and of the last tag.
        intervals: Rows, starts and ends, each (N,).
        tags: The tags ``begin`` and ``inside`` of each, (N, 2).

    Returns:
        Log-probabilities, (N,), computed in fp64.

    Source: Rabiner (1989); Culotta & McCallum (2004).
    """
    chain = _Chain(emissions.astype(np.float64), lengths, crf)
    parts = zip(*(part.tolist() for part in intervals), tags.tolist(), strict=True)
    found = [chain.entity(row, start, end, both) for row, start, end, both in parts]
    return np.minimum(np.array(found, np.float64), 0.0)


class _Chain:
    """The messages of both directions, in log space.

    Args:
        emissions: (B, T, K).
        lengths: (B,).
        crf: The scores of the chain.
    """

    def __init__(self, emissions: Doubles, lengths: Integers, crf: Potentials) -> None:
        self.emissions = emissions
        self.lengths = lengths
        self.transitions, self.start, self.end = (
            scores.astype(np.float64) for scores in (crf.transitions, crf.start, crf.end)
        )
        self.forward, self.backward = np.empty_like(emissions), np.empty_like(emissions)
        count = emissions.shape[1]
        self.forward[:, 0] = self.start + emissions[:, 0]
        for position in range(1, count):
            self.forward[:, position] = _step(self.forward[:, position - 1], self.transitions) + emissions[:, position]
        self.backward[:, -1] = self.end
        for position in reversed(range(count - 1)):
            heard = _step(self.backward[:, position + 1] + emissions[:, position + 1], self.transitions.T)
            self.backward[:, position] = np.where((position < lengths - 1)[:, None], heard, self.end)
        last = self.forward[np.arange(len(lengths)), lengths - 1]
        self.log_partition = np.logaddexp.reduce(last + self.end, axis=1)

    def entity(self, row: int, start: int, end: int, tags: list[int]) -> float:
        """Return the log-probability of one entity, whose tags are ``begin`` and ``inside``."""
        inside, emissions, steps = tags[1], self.emissions[row], self.transitions
        # Up to the entity's first token, which is `begin` or `inside`.
        opened = self.start[tags]
        if start:
            arriving = self.forward[row, start - 1][:, None] + steps[:, tags]
            arriving[tags, 1] = -np.inf
            opened = np.logaddexp.reduce(arriving, axis=0)
        opened = opened + emissions[start, tags]
        # On to its last token, which is `inside` unless it is the first.
        if end - start > 1:
            inner = emissions[start + 1 : end, inside].sum() + (end - start - 2) * steps[inside, inside]
            opened = np.array([-np.inf, np.logaddexp.reduce(opened + steps[tags, inside]) + inner])
        # And on to whatever follows, or to the end.
        closed = self.end[tags]
        if end < self.lengths[row]:
            following = steps[tags] + emissions[end] + self.backward[row, end]
            following[:, inside] = -np.inf
            closed = np.logaddexp.reduce(following, axis=1)
        return float(np.logaddexp.reduce(opened + closed) - self.log_partition[row])


def _step(messages: Doubles, steps: Doubles) -> Doubles:
    """Return what messages (B, K) become on a step of the chain, before the emission."""
    peaks, shift = messages.max(1, keepdims=True), steps.max()
    with np.errstate(divide="ignore"):  # a tag that cannot be reached
        reached: Doubles = np.log(np.exp(messages - peaks) @ np.exp(steps - shift)) + peaks + shift
    return reached
