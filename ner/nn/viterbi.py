"""The second half of the Viterbi algorithm, which the host walks; numpy alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Tokens after which the scores of partial paths are taken down to their largest. Over thousands of tokens they would
# otherwise grow until fp32 no longer tells neighbouring ones apart.
REBASE = 16

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int64]


def walk_back(states: Floats, transitions: Floats, end: Floats, lengths: Integers) -> list[list[int]]:
    """The tags of the best path of each row.

    The best tag before the one it is at is found again from the states: to keep them all costs more than to find one.

    Args:
        states: Scores of the best path up to each token and tag, (T, K, B); what all of a token share does not matter.
        transitions: ``[i, j]`` scores tag ``j`` behind tag ``i``, (K, K).
        end: Scores of the last tag, (K,).
        lengths: Tokens of each row, at least 1, (B,).

    Source: Viterbi (1967).
    """
    count, _, height = states.shape
    into, last = np.ascontiguousarray(transitions.T), lengths - 1
    tag = (states[last, :, np.arange(height)] + end).argmax(1)
    found = np.empty((height, count), np.int64)
    found[:, -1] = tag
    for position in reversed(range(count - 1)):
        # Behind a row's last token its last tag stays, so that it stands there when the row begins.
        tag = np.where(position < last, (states[position].T + into[tag]).argmax(1), tag)
        found[:, position] = tag
    return [row[:length].tolist() for row, length in zip(found, lengths, strict=True)]
