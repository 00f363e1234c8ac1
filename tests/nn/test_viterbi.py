"""The Viterbi algorithm in numpy against the CRF's own."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ner.nn.crf import CRF, ILLEGAL
from ner.nn.viterbi import Potentials, viterbi


@given(
    seed=st.integers(0, 2**32 - 1),
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    tags=st.integers(1, 6),
    is_constrained=st.booleans(),
)
def test_paths_are_those_of_the_crf(seed: int, lengths: list[int], tags: int, is_constrained: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    crf = CRF(tags)
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
        if is_constrained and tags > 1:
            crf.start_transitions[-1] = ILLEGAL
            crf.transitions[0, -1] = ILLEGAL
    emissions = 3 * torch.randn(len(lengths), max(lengths), tags, generator=generator)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    found = viterbi(emissions.numpy(), np.array(lengths), potentials_of(crf))
    assert (found == crf.viterbi(emissions, mask)).all()


def test_paths_of_three_thousand_tokens_are_those_of_fp64() -> None:
    torch.manual_seed(0)
    crf, emissions, mask = CRF(27), 50 * torch.randn(2, 3000, 27), torch.ones(2, 3000, dtype=torch.bool)
    found = viterbi(emissions.numpy(), np.array([3000, 3000]), potentials_of(crf))
    assert (found == crf.viterbi(emissions.double(), mask)).all()


def potentials_of(crf: CRF) -> Potentials:
    scores = (crf.transitions, crf.start_transitions, crf.end_transitions)
    return Potentials(*(score.detach().numpy() for score in scores))


def test_scores_of_different_numbers_of_tags_are_refused() -> None:
    scores = np.zeros(3, np.float32)
    with pytest.raises(ValueError, match="cannot have the shapes"):
        Potentials(np.zeros((2, 2), np.float32), scores, scores)
