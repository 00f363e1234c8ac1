from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.corpora import GutBrainIE
from ner.errors import InputError
from ner.preprocessing.preprocessor import Preprocessor
from ner.preprocessing.ragged import Integers
from ner.training.sampler import LengthBatchSampler


def columns(shapes: list[tuple[int, int]]) -> tuple[Integers, Integers]:
    """Number and width of windows, apart."""
    counts, widths = np.array(shapes).T
    return counts, widths


SHAPES = st.lists(st.tuples(st.integers(1, 4), st.integers(4, 512)), min_size=1, max_size=80)


@given(SHAPES, st.integers(1, 9), st.none() | st.integers(50, 3000), st.booleans(), st.integers(0, 3))
def test_every_chunk_comes_once_in_an_epoch(
    shapes: list[tuple[int, int]], batch_size: int, batch_tokens: int | None, shuffle: bool, epoch: int
) -> None:
    sampler = LengthBatchSampler(*columns(shapes), batch_size, batch_tokens, shuffle)
    sampler.set_epoch(epoch)
    batches = list(sampler)
    assert Counter(number for batch in batches for number in batch) == Counter(range(len(shapes)))
    assert len(batches) == len(sampler)
    assert all(len(batch) <= batch_size for batch in batches)


def test_epochs_differ_and_repeat_by_seed() -> None:
    shapes = [(1, 10 + number % 40) for number in range(200)]

    def epoch(seed: int, number: int) -> list[list[int]]:
        sampler = LengthBatchSampler(*columns(shapes), 8, shuffle=True, seed=seed)
        sampler.set_epoch(number)
        return list(sampler)

    assert epoch(1, 0) == epoch(1, 0)
    assert epoch(1, 0) != epoch(1, 1)
    assert epoch(1, 0) != epoch(2, 0)
    assert epoch(1, 1) != epoch(2, 0)


def test_evaluation_keeps_the_order_of_lengths() -> None:
    assert list(LengthBatchSampler(*columns([(1, 30), (1, 10), (1, 20)]), 2)) == [[1, 2], [0]]


@pytest.mark.parametrize("shuffle", [True, False])
def test_ranks_share_the_batches(shuffle: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = LengthBatchSampler(*columns([(1, 10 + number) for number in range(19)]), 4, shuffle=shuffle)
    shares = []
    for rank in range(2):
        monkeypatch.setattr("ner.runtime.rank", lambda rank=rank: (rank, 2))
        shares.append(list(sampler))
        assert len(shares[-1]) == len(sampler)
    seen = Counter(number for share in shares for batch in share for number in batch)
    assert set(seen) == set(range(19))
    if shuffle:
        assert len(shares[0]) == len(shares[1])
    else:
        assert max(seen.values()) == 1


def test_padding_of_the_real_corpus_is_small(gutbrainie: GutBrainIE, preprocessor: Preprocessor) -> None:
    corpus = GutBrainIE(gutbrainie.root, ["platinum", "gold"])
    texts = preprocessor.encode(corpus.read("train"))
    padded = real = 0
    for indices in LengthBatchSampler(*preprocessor.shapes(texts), 8, shuffle=True):
        mask = preprocessor.inputs(texts.take(indices)).attention_mask
        padded += mask.size
        real += int(mask.sum())
    # The project's bar for a whole epoch is 1.05; a fifth of the corpus has fewer neighbours in length.
    assert padded / real <= 1.06


def test_in_evaluation_no_rank_is_left_without_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = []
    for rank in range(3):
        monkeypatch.setattr("ner.runtime.rank", lambda rank=rank: (rank, 3))
        shares.append(list(LengthBatchSampler(*columns([(1, 10)] * 7), 32)))
    assert all(shares)
    assert sorted(number for share in shares for batch in share for number in batch) == list(range(7))


def test_in_training_every_rank_takes_equally_many_steps_however_few_batches_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for rank in range(4):
        monkeypatch.setattr("ner.runtime.rank", lambda rank=rank: (rank, 4))
        sampler = LengthBatchSampler(*columns([(1, 10)] * 3), 8, shuffle=True)
        assert [sorted(batch) for batch in sampler] == [[0, 1, 2]]
        assert len(sampler) == 1


def test_more_processes_than_texts_to_evaluate_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ner.runtime.rank", lambda: (0, 4))
    with pytest.raises(InputError, match="4 processes cannot share 3 texts"):
        LengthBatchSampler(*columns([(1, 10)] * 3), 8)
