from itertools import combinations, product

import numpy as np
import pytest
import torch

from ner.documents import Document, Passage, Span
from ner.labels import LabelSet
from ner.nn.models import EncoderCRF
from ner.preprocessing.collate import collate
from ner.preprocessing.preprocessor import Preprocessor
from tests.benchmarks.candidates import LEAST, candidates, unit_marginals
from tests.benchmarks.verifier import disjoint

LABELS = LabelSet(["animal", "food"])
TEXTS = [Document(str(number), (Passage(text, "title"),)) for number, text in enumerate(["mice ate food", "mice"])]


@pytest.fixture
def model() -> EncoderCRF:
    torch.manual_seed(7)
    return EncoderCRF(torch.nn.Identity(), 4, len(LABELS.tags), 0.0)


def test_the_marginals_of_units_are_those_of_all_paths(model: EncoderCRF, preprocessor: Preprocessor) -> None:
    batch = collate(preprocessor.encode(TEXTS), preprocessor)
    emissions = torch.randn(*batch.mask.shape, len(LABELS.tags))
    for row, found in enumerate(unit_marginals(model, emissions, batch, LABELS)):
        count = int(batch.mask[row].sum())
        paths = torch.tensor(list(product(range(len(LABELS.tags)), repeat=count)))
        own = emissions[row, :count].expand(len(paths), -1, -1)
        weights = (-model.nll(own, paths, torch.ones_like(paths, dtype=torch.bool))).exp().detach()
        expected = [
            [float(weights[(paths[:, unit] + 1) // 2 == label].sum()) for label in (1, 2)] for unit in range(count)
        ]
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_no_interval_above_the_least_marginal_is_overlooked(model: EncoderCRF, preprocessor: Preprocessor) -> None:
    batch = collate(preprocessor.encode(TEXTS, LABELS), preprocessor)
    emissions = 2 * torch.randn(*batch.mask.shape, len(LABELS.tags))
    found = candidates(model, emissions, batch, LABELS)
    places = [
        (row, start, end)
        for row, count in enumerate(batch.mask.sum(1).tolist())
        for start, end in combinations(range(count + 1), 2)
    ]
    rows = np.array(places)
    marginals = np.stack(
        [
            model.crf.interval_log_marginals(emissions, batch.mask, tuple(rows.T), np.tile(tags, (len(rows), 1))).exp()
            for tags in ([1, 2], [3, 4])
        ],
        1,
    )
    expected = {place for place, each in zip(places, marginals, strict=True) if each.max() > LEAST}
    entities = LABELS.decode(model.decode(emissions, batch.mask))
    expected |= set(zip(*(part.tolist() for part in entities[:3]), strict=True))
    assert set(zip(*(part.tolist() for part in found[:3]), strict=True)) == expected
    assert len(expected) < len(places)


def test_an_interval_has_the_label_that_is_annotated_there(model: EncoderCRF, preprocessor: Preprocessor) -> None:
    annotated = [Document("1", (Passage("mice ate food", "title", (Span(9, 13, "food"),)),))]
    batch = collate(preprocessor.encode(annotated, LABELS), preprocessor)
    found = candidates(model, torch.zeros(*batch.mask.shape, len(LABELS.tags)), batch, LABELS)
    texts = {
        (int(start), int(end)): int(truth)
        for start, end, truth in zip(found.starts, found.ends, found.truth, strict=True)
    }
    offsets = batch.texts.offsets
    [[start, end]] = [place for place, truth in texts.items() if truth < 2]
    assert (offsets[start, 0], offsets[end - 1, 1], texts[start, end]) == (9, 13, 1)


def test_disjoint_intervals_gain_as_much_as_any_choice() -> None:
    generator = np.random.default_rng(3)
    for _ in range(50):
        starts, lengths = generator.integers(0, 10, 7), generator.integers(1, 5, 7)
        gains = [
            (int(a), int(a + b), float(gain)) for a, b, gain in zip(starts, lengths, generator.random(7), strict=True)
        ]
        legal = [
            chosen
            for size in range(8)
            for chosen in combinations(range(7), size)
            if all(gains[a][1] <= gains[b][0] or gains[b][1] <= gains[a][0] for a, b in combinations(chosen, 2))
        ]
        found = disjoint(gains)
        assert tuple(found) in legal
        assert sum(gains[place][2] for place in found) == pytest.approx(
            max(sum(gains[place][2] for place in chosen) for chosen in legal)
        )
