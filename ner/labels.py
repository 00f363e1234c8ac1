"""Entity types and their BIO tags: the only place that knows ``B-`` and ``I-``."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ner.documents import Span
from ner.errors import InputError

OUTSIDE = "O"
Integers = NDArray[np.int64]


class Intervals(NamedTuple):
    """N entities in units of B texts: ``[start, end)`` of a row, and the index of a label; each (N,)."""

    rows: Integers
    starts: Integers
    ends: Integers
    labels: Integers

    @property
    def begin_inside(self) -> Integers:
        """The ids of the tags ``B-`` and ``I-`` of each entity, (N, 2)."""
        begin = 1 + 2 * self.labels
        return np.stack([begin, begin + 1], 1)


@dataclass(frozen=True, slots=True)
class LabelSet:
    """Entity types in a fixed order, and the tags ``O, B-first, I-first, B-second, ...`` made of them.

    The spans of this class count units (tokens or words), not characters: ``Span(0, 2, "gene")`` is the first two.

    Args:
        labels: The entity types; their order decides the tag ids, so a checkpoint fixes it.

    Raises:
        InputError: if there are no labels, or one is empty or named twice.

    Source: Ramshaw & Marcus (1995), in the IOB2 form, where every entity begins with ``B-``.
    """

    labels: tuple[str, ...]

    def __init__(self, labels: Iterable[str]) -> None:
        object.__setattr__(self, "labels", tuple(labels))
        if not self.labels or "" in self.labels:
            raise InputError(f"a label set needs labels, each with a name: {list(self.labels)}")
        if twice := sorted({label for label in self.labels if self.labels.count(label) > 1}):
            raise InputError(f"labels named twice: {', '.join(twice)}")

    @property
    def tags(self) -> tuple[str, ...]:
        """Tag names by tag id, ``2 * len(labels) + 1`` of them."""
        return (OUTSIDE, *(f"{prefix}-{label}" for label in self.labels for prefix in "BI"))

    def encode(self, spans: Iterable[Span], length: int) -> tuple[Integers, list[Span]]:
        """Return the tag ids of ``length`` units, and the spans that BIO cannot hold.

        Of spans that share a unit the longest is kept, the earliest among equals.

        Raises:
            InputError: if a span's label is not in the set.
            ValueError: if a span ends beyond the units.
        """
        tags = np.zeros(length, np.int64)
        dropped = []
        for span in sorted(spans, key=lambda span: (-len(span), span)):
            if span.label not in self.labels:
                raise InputError(f"unknown label {span.label!r}; the labels are: {', '.join(self.labels)}")
            if span.end > length:
                raise ValueError(f"span [{span.start}, {span.end}) ends beyond {length} units")
            if tags[span.start : span.end].any():
                dropped.append(span)
                continue
            begin, inside = self.tag_ids(span.label)
            tags[span.start] = begin
            tags[span.start + 1 : span.end] = inside
        return tags, dropped

    def decode(self, paths: Integers) -> Intervals:
        """Return the entities of tag paths, row by row, in order.

        Every ``B-`` closes what is open. An ``I-`` that continues nothing of its own label opens an entity, as in
        conlleval: a free CRF may emit one, and its text is more often an entity than not.

        Args:
            paths: Tag ids, 0 after a row's last unit, (B, T).
        """
        # A column of ``O`` at each end, so that every entity begins and ends within its row.
        tags = np.pad(paths, ((0, 0), (1, 1)))
        labels = (tags - 1) // 2
        before, after = labels[:, :-1], labels[:, 1:]
        is_new = (tags[:, 1:] % 2 == 1) | (before != after)
        rows, starts = np.nonzero(is_new & (after >= 0))
        _, ends = np.nonzero(is_new & (before >= 0))
        return Intervals(rows, starts, ends, after[rows, starts])

    def tag_ids(self, label: str) -> tuple[int, int]:
        """Return the ids of a label's ``B-`` and ``I-``."""
        begin = 1 + 2 * self.labels.index(label)
        return begin, begin + 1

    def legal_starts(self) -> list[bool]:
        """Return for each tag if a path may start with it: all but ``I-``. Shape (K,)."""
        return [tag == 0 or tag % 2 == 1 for tag in range(len(self.tags))]

    def legal_transitions(self) -> list[list[bool]]:
        """Return for each tag which may follow: ``I-x`` follows ``B-x`` and ``I-x`` alone. Shape (K, K)."""
        tags = range(len(self.tags))
        return [[j == 0 or j % 2 == 1 or i in (j - 1, j) for j in tags] for i in tags]
