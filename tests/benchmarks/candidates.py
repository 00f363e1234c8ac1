"""Candidate spans of a tagger in documents that it was not trained on, with the encoder's states."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ner.documents import Document
from ner.labels import LabelSet
from ner.nn.models import EncoderCRF
from ner.preprocessing.bucketing import BATCH_SIZE, CPU_TOKENS, length_batches
from ner.preprocessing.collate import Batch, collate
from ner.preprocessing.preprocessor import Preprocessor
from ner.preprocessing.ragged import Integers
from ner.preprocessing.texts import Texts

Floats = NDArray[np.float32]
# Span marginal above which an interval is found, and the most units that it has.
LEAST = 0.05
LONGEST = 40


class Spans(NamedTuple):
    """N intervals ``[start, end)`` of units.

    Args:
        texts: The text of each, (N,).
        starts: (N,).
        ends: (N,).
        marginals: The span marginal of each label, 0 where it is below the least, (N, K).
        path: The label on the best path, -1 for none, (N,).
        truth: The annotated label, K for none, (N,).
    """

    texts: Integers
    starts: Integers
    ends: Integers
    marginals: Floats
    path: Integers
    truth: Integers

    def take(self, chosen: NDArray[np.generic]) -> "Spans":
        """Return some of them."""
        return Spans(*(part[chosen] for part in self))


@dataclass(frozen=True)
class Held:
    """Documents that a tagger was not trained on, and what it makes of them.

    Args:
        labels: The tagger's.
        texts: Their texts, with tags.
        words: The first unit of each word of each text.
        states: Of the encoder, for all units, (U, H).
        spans: The candidates.
    """

    labels: LabelSet
    texts: Texts
    words: list[Integers]
    states: Floats
    spans: Spans


def read_held(model: EncoderCRF, preprocessor: Preprocessor, labels: LabelSet, documents: Iterable[Document]) -> Held:
    """Read annotated documents once with the encoder, and find the candidates."""
    documents = list(documents)
    texts = preprocessor.encode(documents, labels)
    words = replace(preprocessor, units="words").encode(documents)
    states = np.zeros((len(texts.offsets), model.classifier.in_features), np.float32)
    found = []
    for chosen in length_batches(*preprocessor.shapes(texts), BATCH_SIZE, CPU_TOKENS):
        batch = collate(texts.take(chosen), preprocessor)
        with torch.no_grad():
            hidden = model.encoder(input_ids=batch.input_ids, attention_mask=batch.attention_mask).last_hidden_state
            of_units = hidden[batch.rows, batch.positions]
            emissions = model.classifier(of_units)
        for row, text in enumerate(chosen.tolist()):
            own = slice(*texts.unit_borders[text : text + 2])
            states[own] = of_units[row, : own.stop - own.start].numpy()
        spans = candidates(model, emissions, batch, labels)
        found.append(spans._replace(texts=chosen[spans.texts]))
    spans = Spans(*map(np.concatenate, zip(*found, strict=True)))
    starts = (np.split(each.offsets[:, 0], each.unit_borders[1:-1]) for each in (texts, words))
    return Held(labels, texts, [np.flatnonzero(np.isin(*both)) for both in zip(*starts, strict=True)], states, spans)


def candidates(model: EncoderCRF, emissions: Tensor, batch: Batch, labels: LabelSet) -> Spans:
    """Return the entities of the best paths, and the intervals with a marginal above the least."""
    marginals = unit_marginals(model, emissions, batch, labels)
    path = labels.decode(model.decode(emissions, batch.mask))
    on_path = {place[:3]: place[3] for place in zip(*(part.tolist() for part in path), strict=True)}
    # The marginal of an interval is none of its units' above: (row, start, end, label).
    places = {
        (row, start, end, label)
        for row, of_text in enumerate(marginals)
        for label in range(of_text.shape[1])
        for first, last in _stretches(of_text[:, label] > LEAST)
        for start in range(first, last)
        for end in range(start + 1, min(last, start + LONGEST) + 1)
    } | {(*place, label) for place, label in on_path.items()}
    rows, starts, ends, of_labels = np.array(sorted(places), np.int64).reshape(-1, 4).T
    tags = np.stack([1 + 2 * of_labels, 2 + 2 * of_labels], 1)
    scores = model.crf.interval_log_marginals(emissions, batch.mask, (rows, starts, ends), tags).exp().numpy()
    intervals, index = np.unique(np.stack([rows, starts, ends], 1), axis=0, return_inverse=True)
    of_intervals = np.zeros((len(intervals), len(labels.labels)), np.float32)
    of_intervals[index, of_labels] = scores
    labels_on_path = np.array([on_path.get(tuple(place), -1) for place in intervals.tolist()], np.int64)
    truth = _truth(batch.texts, intervals, labels)
    spans = Spans(*intervals.T, of_intervals, labels_on_path, truth)
    return spans.take((of_intervals.max(1) > LEAST) | (labels_on_path >= 0))


def unit_marginals(model: EncoderCRF, emissions: Tensor, batch: Batch, labels: LabelSet) -> list[Floats]:
    """Return the probability of each label at each unit of the texts: T x K a text."""
    # The gradient of a path's loss is the tags' marginals, less 1 at its own tags, which are 0 here.
    leaf = emissions.detach().requires_grad_()
    [gradient] = torch.autograd.grad(model.nll(leaf, torch.zeros_like(batch.tags), batch.mask).sum(), leaf)
    by_tag = gradient[..., 1:].unflatten(2, (len(labels.labels), 2)).sum(3).numpy()
    return [of_text[:count] for of_text, count in zip(by_tag, batch.mask.sum(1).tolist(), strict=True)]


def _stretches(is_inside: NDArray[np.bool_]) -> list[list[int]]:
    """Return where values are true, as [first, last) pairs."""
    stretches: list[list[int]] = np.flatnonzero(np.diff(is_inside, prepend=False, append=False)).reshape(-1, 2).tolist()
    return stretches


def _truth(texts: Texts, intervals: Integers, labels: LabelSet) -> Integers:
    """Return the annotated label of each interval (text, start, end), the number of labels for none."""
    gold = [{(span.start, span.end): span.label for span in chunk.passage.spans} for chunk in texts.chunks]
    base = texts.unit_borders[intervals[:, 0]]
    starts, ends = texts.offsets[base + intervals[:, 1], 0], texts.offsets[base + intervals[:, 2] - 1, 1]
    places = zip(intervals[:, 0].tolist(), starts.tolist(), ends.tolist(), strict=True)
    names = [gold[text].get((start, end)) for text, start, end in places]
    return np.array([len(labels.labels) if name is None else labels.labels.index(name) for name in names], np.int64)
