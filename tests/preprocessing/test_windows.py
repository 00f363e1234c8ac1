import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ner.preprocessing.windows import Windows, shapes, split


@st.composite
def splittings(draw: st.DrawFn) -> tuple[int, int, int]:
    """Length, capacity and overlap."""
    capacity = draw(st.integers(1, 60))
    return draw(st.integers(1, 500)), capacity, draw(st.integers(0, capacity - 1))


def split_one(length: int, capacity: int, overlap: int) -> list[tuple[int, int]]:
    found = split(np.array([length]), capacity, overlap)
    return list(zip(found.starts.tolist(), (found.starts + found.lengths).tolist(), strict=True))


def places(found: Windows, length: int) -> list[tuple[int, int]]:
    """For each token of one text the window it is read from, and its position there."""
    windows = np.searchsorted(found.read_from, np.arange(length), "right") - 1
    return list(zip(windows.tolist(), (np.arange(length) - found.starts[windows]).tolist(), strict=True))


@given(splittings())
def test_windows_cover_the_text_within_the_limit_and_overlap_as_asked(splitting: tuple[int, int, int]) -> None:
    length, capacity, overlap = splitting
    windows = split_one(*splitting)
    assert windows[0][0] == 0
    assert windows[-1][1] == length
    assert all(end - start <= capacity for start, end in windows)
    assert all(left[1] - right[0] >= overlap for left, right in itertools.pairwise(windows))
    assert all(left[0] < right[0] for left, right in itertools.pairwise(windows))


@given(splittings())
def test_stitched_emissions_of_an_encoder_without_context_are_the_unsplit_ones(splitting: tuple[int, int, int]) -> None:
    emissions = torch.randn(splitting[0], 3)
    per_window = [emissions[start:end] for start, end in split_one(*splitting)]
    found = split(np.array([splitting[0]]), *splitting[1:])
    stitched = torch.stack([per_window[window][position] for window, position in places(found, splitting[0])])
    assert torch.equal(stitched, emissions)


@given(splittings())
def test_a_token_of_an_overlap_is_read_where_it_has_most_context(splitting: tuple[int, int, int]) -> None:
    windows = split_one(*splitting)

    def context(token: int, window: int) -> int:
        # The borders of the text itself cut nothing off.
        start, end = windows[window]
        left = token - start if window else splitting[0]
        right = end - 1 - token if window < len(windows) - 1 else splitting[0]
        return min(left, right)

    for token, (window, _) in enumerate(places(split(np.array([splitting[0]]), *splitting[1:]), splitting[0])):
        holding = [other for other, (start, end) in enumerate(windows) if start <= token < end]
        assert context(token, window) >= max(context(token, other) for other in holding) - 1


@given(st.lists(st.integers(1, 300), min_size=1, max_size=8), st.integers(20, 60), st.integers(0, 19))
def test_texts_are_split_as_each_alone(lengths: list[int], capacity: int, overlap: int) -> None:
    together = split(np.array(lengths), capacity, overlap)
    counts, widths = shapes(np.array(lengths), capacity, overlap)
    for text, length in enumerate(lengths):
        alone, own = split(np.array([length]), capacity, overlap), together.texts == text
        assert (together.starts[own] == alone.starts).all()
        assert (together.lengths[own] == alone.lengths).all()
        assert (together.read_from[own] == alone.read_from).all()
        assert (counts[text], widths[text]) == (len(alone.starts), alone.lengths[0])


def test_a_text_within_the_limit_is_one_window() -> None:
    assert split_one(10, 10, 3) == [(0, 10)]


@pytest.mark.parametrize(("length", "capacity", "overlap"), [(0, 5, 1), (9, 5, 5), (9, 5, -1)])
def test_windows_that_cannot_advance_are_refused(length: int, capacity: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="cannot split"):
        split(np.array([length]), capacity, overlap)
