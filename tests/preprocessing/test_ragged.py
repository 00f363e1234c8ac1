"""Ragged arrays against plain lists."""

from itertools import accumulate, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ner.preprocessing.ragged import Integers, borders_of, padded, prefixes, ranges

ROWS = st.lists(st.lists(st.integers(1, 99), max_size=5), max_size=6)


def lengths_of(rows: list[list[int]]) -> Integers:
    return np.array([len(row) for row in rows], np.int64)


@given(rows=ROWS)
def test_rows_lie_between_their_borders(rows: list[list[int]]) -> None:
    flat, borders = [value for row in rows for value in row], borders_of(lengths_of(rows)).tolist()
    assert borders == list(accumulate(map(len, rows), initial=0))
    assert [flat[start:end] for start, end in pairwise(borders)] == rows


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 5)), max_size=6))
def test_ranges_are_those_of_python(pairs: list[tuple[int, int]]) -> None:
    starts, lengths = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    expected = [value for start, length in pairs for value in range(start, start + length)]
    assert ranges(starts, lengths).tolist() == expected


@given(rows=ROWS)
def test_padded_rows_are_as_wide_as_the_longest(rows: list[list[int]]) -> None:
    flat, width = np.array([value for row in rows for value in row], np.int32), max(map(len, rows), default=0)
    found = padded(flat, lengths_of(rows))
    assert (found.shape, found.dtype) == ((len(rows), width), np.int32)
    assert found.tolist() == [row + [0] * (width - len(row)) for row in rows]


@given(rows=ROWS)
def test_a_mask_holds_the_values_of_its_row_and_no_padding(rows: list[list[int]]) -> None:
    width = max(map(len, rows), default=0)
    assert prefixes(lengths_of(rows)).tolist() == [[column < len(row) for column in range(width)] for row in rows]
