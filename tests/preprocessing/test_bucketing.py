"""Batches of texts of about the same length."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ner.preprocessing.bucketing import BATCH_COST, batch_sizes, length_batches
from ner.preprocessing.ragged import Integers

SHAPES = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 30)), max_size=30)


def arrays(shapes: list[tuple[int, int]]) -> tuple[Integers, Integers]:
    counts, widths = (np.array([shape[side] for shape in shapes], np.int64) for side in (0, 1))
    return counts, widths


def tokens(shapes: list[tuple[int, int]], batch: list[int]) -> int:
    """Tokens of a batch with its padding."""
    return sum(shapes[index][0] for index in batch) * max(shapes[index][1] for index in batch)


def padding(shapes: list[tuple[int, int]], batch: list[int], index: int) -> int:
    """Tokens that one more text would have a batch padded with."""
    return sum(shapes[other][0] for other in batch) * (shapes[index][1] - max(shapes[other][1] for other in batch))


@given(shapes=SHAPES, batch_size=st.integers(1, 8), batch_tokens=st.integers(1, 200))
def test_every_text_is_in_one_batch_and_batches_keep_their_bounds(
    shapes: list[tuple[int, int]], batch_size: int, batch_tokens: int
) -> None:
    batches = [batch.tolist() for batch in length_batches(*arrays(shapes), batch_size, batch_tokens)]
    order = [index for batch in batches for index in batch]
    assert sorted(order) == list(range(len(shapes)))
    assert [shapes[index][1] for index in order] == sorted(width for _, width in shapes)
    assert all(1 <= len(batch) <= batch_size for batch in batches)
    assert all(tokens(shapes, batch) <= batch_tokens for batch in batches if len(batch) > 1)


@given(shapes=SHAPES, batch_size=st.integers(1, 8), batch_tokens=st.integers(1, 200))
def test_a_batch_ends_only_where_the_next_text_does_not_fit_or_pads_the_others_much(
    shapes: list[tuple[int, int]], batch_size: int, batch_tokens: int
) -> None:
    batches = [batch.tolist() for batch in length_batches(*arrays(shapes), batch_size, batch_tokens)]
    for batch, following in pairwise(batches):
        is_full = len(batch) == batch_size or tokens(shapes, [*batch, following[0]]) > batch_tokens
        assert is_full or padding(shapes, batch, following[0]) > BATCH_COST * batch_tokens


@given(shapes=SHAPES, batch_tokens=st.integers(1, 200))
def test_no_text_pads_the_others_much(shapes: list[tuple[int, int]], batch_tokens: int) -> None:
    for batch in length_batches(*arrays(shapes), 8, batch_tokens):
        for place in range(1, len(batch)):
            before, index = batch[:place].tolist(), int(batch[place])
            assert padding(shapes, before, index) <= BATCH_COST * batch_tokens


def test_the_title_and_the_abstract_of_a_document_are_not_padded_to_one_width() -> None:
    assert [batch.tolist() for batch in length_batches(*arrays([(1, 340), (1, 20)]), 64, 1024)] == [[1], [0]]


@given(shapes=SHAPES, batch_size=st.integers(1, 8))
def test_without_a_bound_of_tokens_all_batches_but_the_last_are_full(
    shapes: list[tuple[int, int]], batch_size: int
) -> None:
    full, rest = divmod(len(shapes), batch_size)
    found = list(batch_sizes(*arrays(shapes), batch_size, None))
    assert found == [batch_size] * full + [rest] * bool(rest)
