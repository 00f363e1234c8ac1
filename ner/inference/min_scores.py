"""The least score of an entity, by label: where it comes from, and what it leaves out; needs no torch."""

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ner.errors import InputError
from ner.labels import Intervals, LabelSet
from ner.preprocessing.ragged import Integers

# One probability for all labels; `auto` stands for what the checkpoint says.
MinScore: TypeAlias = float | Literal["auto"]


def check_min_score(value: MinScore) -> None:
    """Refuse a least score that is no probability.

    Raises:
        InputError: if it is none.
    """
    if isinstance(value, str) and value != "auto":
        raise InputError(f"min_score is {value!r}; it should be a number from 0 to 1, or auto")
    if not isinstance(value, str) and not 0 <= value <= 1:
        raise InputError(f"min_score is {value}; a probability lies between 0 and 1")


def resolve(value: MinScore, stored: Mapping[str, float], labels: Iterable[str]) -> dict[str, float]:
    """Return the least score of each label, nothing where none is left out.

    Args:
        value: The user's choice.
        stored: What the checkpoint says.
        labels: The entity types.

    Raises:
        InputError: if the choice is no probability.
    """
    check_min_score(value)
    if isinstance(value, str):
        return dict(stored)
    return dict.fromkeys(labels, value) if value else {}


def leave_out(
    paths: Integers, found: Intervals, scores: NDArray[np.float64], labels: LabelSet, min_scores: Mapping[str, float]
) -> tuple[Integers, Intervals, NDArray[np.float64]]:
    """Return tag paths, the N entities on them and their scores, without entities of too low a score.

    Args:
        paths: Tag ids, (B, T).
        found: The entities.
        scores: Of each entity, (N,).
        labels: The entity types.
        min_scores: The least score of each, 0 where none is named.
    """
    if not min_scores:
        return paths, found, scores
    is_kept = scores >= np.array([min_scores.get(label, 0.0) for label in labels.labels])[found.labels]
    paths = paths.copy()
    for row, start, end in zip(*(part[~is_kept].tolist() for part in found[:3]), strict=True):
        paths[row, start:end] = 0
    return paths, Intervals(*(part[is_kept] for part in found)), scores[is_kept]
