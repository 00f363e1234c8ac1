"""Probabilities of entities in numpy against the CRF's own."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from ner.labels import LabelSet
from ner.nn.crf import CRF
from ner.nn.marginals import interval_log_marginals
from ner.nn.viterbi import Potentials

LABELS = LabelSet(["gene", "drug"])


@given(
    seed=st.integers(0, 2**32 - 1),
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    scale=st.sampled_from([1.0, 50.0]),
    is_constrained=st.booleans(),
)
def test_every_interval_is_as_probable_as_under_the_crf(
    seed: int, lengths: list[int], scale: float, is_constrained: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)
    crf = CRF(len(LABELS.tags))
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    if is_constrained:
        crf.forbid(LABELS.legal_starts(), LABELS.legal_transitions())
    emissions = scale * torch.randn(len(lengths), max(lengths), len(LABELS.tags), generator=generator)
    intervals, tags = every_interval(lengths)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    expected = crf.interval_log_marginals(emissions, mask, intervals, tags).exp().numpy()
    parts = (crf.transitions, crf.start_transitions, crf.end_transitions)
    potentials = Potentials(*(part.detach().numpy() for part in parts))
    found = np.exp(interval_log_marginals(emissions.numpy(), np.array(lengths), potentials, intervals, tags))
    assert np.allclose(found, expected, rtol=1e-9, atol=1e-12)


def every_interval(lengths: list[int]) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """All entities that some rows can hold."""
    found = [
        (row, start, end, *LABELS.tag_ids(label))
        for row, length in enumerate(lengths)
        for start in range(length)
        for end in range(start + 1, length + 1)
        for label in LABELS.labels
    ]
    rows, starts, ends, begin, inside = np.array(found).T
    return (rows, starts, ends), np.stack([begin, inside], 1)


def test_no_entity_has_no_probability() -> None:
    none = np.zeros(0, np.int64)
    potentials = Potentials(np.zeros((5, 5)), np.zeros(5), np.zeros(5))
    found = interval_log_marginals(np.zeros((1, 2, 5)), np.array([2]), potentials, (none,) * 3, np.zeros((0, 2), int))
    assert found.shape == (0,)
