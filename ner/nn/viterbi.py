"""The best tag path of a linear chain; numpy alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Tokens after which the scores of partial paths are taken down to their largest. Over thousands of tokens they would
# otherwise grow until fp32 no longer tells neighbouring ones apart.
REBASE = 16

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Potentials:
    """The scores of a CRF over K tags.

    Args:
        transitions: ``[i, j]`` scores tag ``j`` after tag ``i``, (K, K).
        start: Scores of the first tag, (K,).
        end: Scores of the last tag, (K,).

    Raises:
        ValueError: if their shapes do not fit together.
    """

    transitions: Floats
    start: Floats
    end: Floats

    def __post_init__(self) -> None:
        shapes = [scores.shape for scores in (self.transitions, self.start, self.end)]
        if shapes != [(len(self.end), len(self.end)), (len(self.end),), (len(self.end),)]:
            raise ValueError(f"transitions, start and end scores of a CRF cannot have the shapes {shapes}")


def viterbi(emissions: Floats, lengths: Integers, crf: Potentials) -> Integers:
    """Return the tags of the best path of each row, as :meth:`ner.nn.crf.CRF.viterbi` does.

    Args:
        emissions: Scores of tags, (B, T, K).
        lengths: Units of each row, at least 1, (B,).
        crf: Scores of the first tag, of the steps and of the last tag.

    Returns:
        Tag ids, 0 after a row's last unit, (B, T).

    Source: Viterbi (1967).
    """
    # Rows come last: a maximum over the first axis is taken for many of them at once.
    emissions = np.ascontiguousarray(emissions.transpose(1, 2, 0))
    states = np.empty_like(emissions)
    states[0] = crf.start[:, None] + emissions[0]
    for position in range(1, len(states)):
        np.max(states[position - 1][:, None] + crf.transitions[:, :, None], axis=0, out=states[position])
        states[position] += emissions[position]
        if position % REBASE == 0:
            states[position] -= states[position].max(0)
    return walk_back(states, crf.transitions, crf.end, lengths)


def walk_back(states: Floats, transitions: Floats, end: Floats, lengths: Integers) -> Integers:
    """Return the tags of the best path of each row: the second half of the Viterbi algorithm.

    The best tag before the current one is found again from the states: to keep them all costs more than to find one.

    Args:
        states: Scores of the best path up to each unit and tag, but for what all tags of a unit share, (T, K, B).
        transitions: ``[i, j]`` scores tag ``j`` after tag ``i``, (K, K).
        end: Scores of the last tag, (K,).
        lengths: Units of each row, at least 1, (B,).

    Returns:
        Tag ids, 0 after a row's last unit, (B, T).
    """
    count, _, height = states.shape
    into, last = np.ascontiguousarray(transitions.T), lengths - 1
    tag = (states[last, :, np.arange(height)] + end).argmax(1)
    found = np.empty((height, count), np.int64)
    found[:, -1] = tag
    for position in reversed(range(count - 1)):
        # After a row's last unit its last tag stays, so that it is there when the row begins.
        tag = np.where(position < last, (states[position].T + into[tag]).argmax(1), tag)
        found[:, position] = tag
    return np.where(np.arange(count) < lengths[:, None], found, 0)
