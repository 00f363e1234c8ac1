"""Ranges of the documents of a file, and sets of them."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

NAME = re.compile(r"([0-9a-f]{20})-(\d+)-(\d+)-(\d+)(-end)?")


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """Documents ``[start, stop)`` of a file.

    Args:
        file: A digest of the file's path.
        size: Its bytes.
        start: The first document, counted from 0.
        stop: The document after the last.
        is_last: The file has no further documents.
    """

    file: str
    size: int
    start: int
    stop: int
    is_last: bool = False

    def __len__(self) -> int:
        return self.stop - self.start

    def __str__(self) -> str:
        return f"{self.file}-{self.size}-{self.start:09}-{self.stop:09}{'-end' if self.is_last else ''}"

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """Return the part of a name, ``None`` if it is none."""
        found = NAME.fullmatch(name)
        return cls(found[1], int(found[2]), int(found[3]), int(found[4]), found[5] is not None) if found else None

    def halves(self) -> tuple["Part", "Part"]:
        """Return both halves of a part of at least two documents."""
        middle = (self.start + self.stop) // 2
        first = Part(self.file, self.size, self.start, middle)
        return first, Part(self.file, self.size, middle, self.stop, self.is_last)


class Ranges:
    """A set of whole numbers, kept as ascending ranges with gaps between them.

    Args:
        ranges: Ranges ``[start, stop)`` that do not overlap.
    """

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._borders: list[tuple[int, int]] = []
        for start, stop in sorted(ranges):
            self.add(start, stop)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self._borders)

    def __len__(self) -> int:
        return sum(stop - start for start, stop in self._borders)

    def __contains__(self, number: int) -> bool:
        index = bisect_right(self._borders, number, key=lambda border: border[0]) - 1
        return index >= 0 and number < self._borders[index][1]

    def overlaps(self, start: int, stop: int) -> bool:
        """Return if some number of a range is in the set."""
        index = bisect_right(self._borders, start, key=lambda border: border[0]) - 1
        near = self._borders[max(index, 0) : index + 2]
        return any(max(start, first) < min(stop, after) for first, after in near)

    def add(self, start: int, stop: int) -> None:
        """Add a range that does not overlap the set."""
        if start == stop:
            return
        index = bisect_right(self._borders, start, key=lambda border: border[0])
        first, last = index, index
        if index and self._borders[index - 1][1] == start:
            first, start = index - 1, self._borders[index - 1][0]
        if index < len(self._borders) and self._borders[index][0] == stop:
            last, stop = index + 1, self._borders[index][1]
        self._borders[first:last] = [(start, stop)]

    def remove(self, start: int, stop: int) -> None:
        """Remove a range."""
        kept: list[tuple[int, int]] = []
        for first, after in self._borders:
            kept += [(first, min(after, start)), (max(first, stop), after)]
        self._borders = [(first, after) for first, after in kept if first < after]

    def gaps(self, end: int) -> list[tuple[int, int]]:
        """Return the ranges below ``end`` that are not in the set."""
        borders = [(0, 0), *self._borders, (end, end)]
        return [(stop, start) for (_, stop), (start, _) in pairwise(borders) if stop < start]
