"""Entities and their scores against all paths, enumerated."""

from functools import cache
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ner.documents import Document, Passage, Span
from ner.inference.decoding import decode
from ner.labels import LabelSet
from ner.nn.models import EncoderCRF
from ner.preprocessing.collate import Batch, collate
from ner.preprocessing.preprocessor import Preprocessor

LABELS = LabelSet(["animal", "food"])
TEXTS = ("mice ate the food", "rats", "gut of mice")


def batch_of(preprocessor: Preprocessor) -> Batch:
    texts = preprocessor.encode([Document(text, (Passage(text),)) for text in TEXTS])
    assert texts.unit_counts.tolist() == [len(text.split()) for text in TEXTS]
    return collate(texts, preprocessor)


def random_model(seed: int) -> EncoderCRF:
    torch.manual_seed(seed)
    model = EncoderCRF(nn.Identity(), 1, len(LABELS.tags), dropout=0.0)
    for parameter in model.crf.parameters():
        nn.init.normal_(parameter)
    return model


def probabilities(model: EncoderCRF, emissions: torch.Tensor) -> dict[tuple[int, ...], float]:
    """The probability of each of the K^T paths of one text, from the definition of a CRF."""
    crf = model.crf
    parts = (emissions, crf.transitions, crf.start_transitions, crf.end_transitions)
    emitted, transitions, start, end = (part.tolist() for part in parts)
    scores = {}
    for path in product(range(len(LABELS.tags)), repeat=len(emissions)):
        steps = sum(transitions[i][j] for i, j in pairwise(path))
        scores[path] = start[path[0]] + steps + end[path[-1]] + sum(map(list.__getitem__, emitted, path))
    values = torch.tensor(list(scores.values()), dtype=torch.float64).softmax(0).tolist()
    return dict(zip(scores, values, strict=True))


@cache
def entities(path: tuple[int, ...]) -> set[tuple[int, int, int]]:
    found = LABELS.decode(np.array([path], np.int64))
    return set(zip(found.starts.tolist(), found.ends.tolist(), found.labels.tolist(), strict=True))


def in_characters(text: str, unit: int, end: int, label: int) -> Span:
    borders = [text.index(word) for word in text.split()]
    return Span(borders[unit], borders[end - 1] + len(text.split()[end - 1]), LABELS.labels[label])


@torch.no_grad()
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_best_path_is_found_and_scores_sum_over_all_that_hold_the_entity(
    preprocessor: Preprocessor, seed: int
) -> None:
    model, batch = random_model(seed), batch_of(preprocessor)
    emissions = 2 * torch.randn(*batch.mask.shape, len(LABELS.tags))
    tagged = decode(model, emissions, batch, LABELS, with_scores=True)
    for row, text in enumerate(TEXTS):
        paths = probabilities(model, emissions[row, : len(text.split())])
        best = max(paths, key=paths.__getitem__)
        assert tuple(tagged.paths[row, : len(best)].tolist()) == best
        assert not tagged.paths[row, len(best) :].any()
        expected = {
            in_characters(text, *entity): sum(value for path, value in paths.items() if entity in entities(path))
            for entity in entities(best)
        }
        assert set(tagged.spans[row]) == expected.keys()
        for span in tagged.spans[row]:
            assert span.score == pytest.approx(expected[span], abs=1e-5)


@torch.no_grad()
def test_scores_are_left_out_unless_they_are_asked_for(preprocessor: Preprocessor) -> None:
    model, batch = random_model(0), batch_of(preprocessor)
    emissions = torch.full((*batch.mask.shape, len(LABELS.tags)), -9.0)
    emissions[:, :, 1] = 9
    plain, scored = (decode(model, emissions, batch, LABELS, with_scores) for with_scores in (False, True))
    assert plain.spans == scored.spans
    assert [len(spans) for spans in plain.spans] == [len(text.split()) for text in TEXTS]
    assert {span.score for spans in plain.spans for span in spans} == {None}
    assert None not in {span.score for spans in scored.spans for span in spans}
