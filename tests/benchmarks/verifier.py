"""A span verifier, tried on a frozen encoder: does a second opinion on candidate spans raise F1 on held-out documents?

    python -m tests.benchmarks.verifier --checkpoint 'checkpoints/plain-f0/seed=11/last.ckpt' --fold 0

Candidates are the entities of the best path and all intervals with a span marginal above 0.05. A small network reads
the encoder's states of each, pooled, and answers one of the labels or "none". It learns on a part of the fold's
documents, which the tagger was not trained on, and answers for the others, in turn. Its probabilities are averaged with
the marginals, and what has less than half of the best path's F1 is left out. A control corrects the marginals by label
and width and never sees a state: what it gains is calibration.
"""

from argparse import ArgumentParser
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor, nn

from ner.checkpoints.checkpoint import read_checkpoint
from ner.checkpoints.ensemble import build_model
from ner.corpora import GutBrainIE
from ner.documents import Span
from ner.labels import LabelSet
from ner.metrics.bootstrap import compare
from ner.metrics.official import Mention, mentions, score
from ner.preprocessing.ragged import Integers, padded
from ner.reports.tables import build_table
from tests.benchmarks.candidates import LEAST, Floats, Held, Spans, read_held

WIDTHS = 20
WEIGHTS = (0.0, 0.25, 0.5, 0.75)
SHOWN = 0.5
Choice = Literal["keep", "label", "all"]
CHOICES: tuple[Choice, ...] = ("keep", "label", "all")
HEADINGS = ("choice", *map(str, WEIGHTS), "- marginals", "95 % interval", "- control", "95 % interval")


@dataclass(frozen=True)
class Variant:
    """A way to verify spans.

    Args:
        pooling: Which states of a span are read: of its ``start``, its ``end``, its units' ``mean``, its ``context``.
        has_width: Whether its width is read too.
        least: Marginal above which an interval is a candidate.
        negatives: Random intervals of 1 to 5 words to learn "none" from, for each annotated entity.
        from_marginals: Let the network learn a correction of the marginals, from none at first.
        hidden: Width of the hidden layer; 0 for a linear network.
        dropout: Rate before each layer.
        weight_decay: Of AdamW.
        epochs: Passes over the spans to learn from.
    """

    pooling: tuple[str, ...] = ("start", "end", "mean")
    has_width: bool = True
    least: float = LEAST
    negatives: float = 1.0
    from_marginals: bool = False
    hidden: int = 128
    dropout: float = 0.3
    weight_decay: float = 0.05
    epochs: int = 8


class SpanVerifier(nn.Module):
    """Pooled states of spans to scores of K labels and none.

    Args:
        size: Numbers that are pooled from the states of a span.
        labels: K.
        variant: How it is built.
    """

    def __init__(self, size: int, labels: int, variant: Variant) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size) if size else nn.Identity()
        self.width = nn.Embedding(WIDTHS + 1, 16)
        self.variant = variant
        size += 16 * variant.has_width
        inner = [nn.Linear(size, variant.hidden), nn.GELU(), nn.Dropout(variant.dropout)] if variant.hidden else []
        self.layers = nn.Sequential(nn.Dropout(variant.dropout), *inner, nn.Linear(variant.hidden or size, labels + 1))
        if variant.from_marginals:
            nn.init.zeros_(self.layers[-1].weight)
            nn.init.zeros_(self.layers[-1].bias)

    def forward(self, pooled: Tensor, widths: Tensor, log_marginals: Tensor) -> Tensor:
        """Return scores of N spans, (N, K + 1)."""
        read = self.norm(pooled)
        if self.variant.has_width:
            read = torch.cat([read, self.width(widths.clamp(max=WIDTHS))], 1)
        scores: Tensor = self.layers(read)
        return scores + log_marginals if self.variant.from_marginals else scores


def inputs(held: Held, spans: Spans, variant: Variant) -> tuple[Tensor, Tensor, Tensor]:
    """Return the arguments of a verifier for some spans."""
    borders = held.texts.unit_borders
    first, last = borders[spans.texts] + spans.starts, borders[spans.texts] + spans.ends - 1
    parts = [np.zeros((len(first), 0), np.float32)]
    for name in variant.pooling:
        match name:
            case "start":
                parts.append(held.states[first])
            case "end":
                parts.append(held.states[last])
            case "mean":
                parts.append(np.stack([held.states[a : b + 1].mean(0) for a, b in zip(first, last, strict=True)]))
            case "context":
                parts.append(held.states[np.maximum(first - 1, borders[spans.texts])])
                parts.append(held.states[np.minimum(last + 1, borders[spans.texts + 1] - 1)])
    none = 1 - spans.marginals.sum(1, keepdims=True)
    marginals = np.concatenate([spans.marginals, none], 1).clip(1e-4, 1)
    return (
        torch.from_numpy(np.concatenate(parts, 1)),
        torch.from_numpy(spans.ends - spans.starts),
        torch.from_numpy(np.log(marginals)).float(),
    )


def lessons(held: Held, documents: Integers, variant: Variant, seed: int) -> Spans:
    """Return what a verifier learns from: candidates, annotated intervals that are none, and random intervals."""
    spans, none = held.spans, held.spans.marginals.shape[1]
    is_own = np.isin(held.texts.numbers[spans.texts], documents)
    own = spans.take(is_own & is_candidate(spans, variant))
    known = set(zip(*(part.tolist() for part in own[:3]), strict=True))
    gold = held.labels.decode(padded(held.texts.tags, held.texts.unit_counts))
    places = [
        (*place, label)
        for *place, label in zip(*(part.tolist() for part in gold), strict=True)
        if held.texts.numbers[place[0]] in documents and tuple(place) not in known
    ]
    known |= {place[:3] for place in places}
    generator = np.random.default_rng(seed)
    texts = np.flatnonzero(np.isin(held.texts.numbers, documents))
    missing = int(variant.negatives * ((own.truth < none).sum() + len(places)))
    while missing:
        text = int(generator.choice(texts))
        heads = [*held.words[text].tolist(), int(held.texts.unit_counts[text])]
        word, words = int(generator.integers(len(heads))), int(generator.integers(1, 6))
        if word + words < len(heads) and (place := (text, heads[word], heads[word + words])) not in known:
            known.add(place)
            places.append((*place, none))
            missing -= 1
    rows, starts, ends, truth = np.array(places, np.int64).reshape(-1, 4).T
    more = Spans(rows, starts, ends, np.zeros((len(rows), none), np.float32), np.full(len(rows), -1), truth)
    return Spans(*map(np.concatenate, zip(own, more, strict=True)))


def is_candidate(spans: Spans, variant: Variant) -> NDArray[np.bool_]:
    """Return which intervals a variant verifies, (N,)."""
    found: NDArray[np.bool_] = (spans.marginals.max(1) > variant.least) | (spans.path >= 0)
    return found


def learn(held: Held, spans: Spans, variant: Variant, seed: int) -> SpanVerifier:
    """Train a verifier on some spans."""
    torch.manual_seed(seed)
    arguments, truth = inputs(held, spans, variant), torch.from_numpy(spans.truth)
    verifier = SpanVerifier(arguments[0].shape[1], spans.marginals.shape[1], variant)
    optimizer = torch.optim.AdamW(verifier.parameters(), 1e-3, weight_decay=variant.weight_decay)
    parts = [part for _ in range(variant.epochs) for part in torch.randperm(len(truth)).split(64)]
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, len(parts))
    for part in parts:
        loss = nn.functional.cross_entropy(verifier(*(each[part] for each in arguments)), truth[part])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return verifier.eval()


@torch.no_grad()
def answers(held: Held, variant: Variant, folds: int, seed: int) -> Floats:
    """Return the probabilities of labels and none for the candidates, from verifiers that have not seen them."""
    spans = held.spans.take(is_candidate(held.spans, variant))
    of_spans = held.texts.numbers[spans.texts]
    order = np.random.default_rng(seed).permutation(int(held.texts.numbers.max()) + 1)
    found = np.zeros((len(of_spans), spans.marginals.shape[1] + 1), np.float32)
    for fold in range(folds):
        test = order[fold::folds]
        with torch.enable_grad():
            verifier = learn(held, lessons(held, np.setdiff1d(order, test), variant, seed), variant, seed)
        chosen = np.isin(of_spans, test)
        found[chosen] = verifier(*inputs(held, spans.take(chosen), variant)).softmax(1).numpy()
    return found


def predictions(
    held: Held, spans: Spans, scores: Floats, choice: Choice, least: float = 0.0
) -> dict[str, list[Mention]]:
    """Return the mentions of each document.

    Args:
        held: The documents.
        spans: N candidates.
        scores: How probable each label is, (N, K).
        choice: ``keep`` the entities of the best path or leave them out, choose another ``label`` for them too, or take
            the disjoint ones with the highest sum of ``score - least`` of ``all`` candidates.
        least: The least score. An entity is worth keeping if its probability is above half of the F1 that is reached
            (Lipton, Elkan & Naryanaswamy, 2014).
    """
    labels = np.where(choice == "keep", spans.path, scores.argmax(1))
    values = scores[np.arange(len(labels)), labels]
    kept = np.flatnonzero((values > least) & ((spans.path >= 0) | (choice == "all")))
    found: dict[str, list[Mention]] = {chunk.document.id: [] for chunk in held.texts.chunks}
    for text, of_text in groupby(kept.tolist(), lambda place: int(spans.texts[place])):
        places, chunk = list(of_text), held.texts.chunks[text]
        offsets = held.texts.offsets[held.texts.unit_borders[text] :]
        if choice == "all":
            gains = [(int(spans.starts[at]), int(spans.ends[at]), float(values[at]) - least) for at in places]
            places = [places[number] for number in disjoint(gains)]
        for at in places:
            name = held.labels.labels[labels[at]]
            span = Span(int(offsets[spans.starts[at], 0]), int(offsets[spans.ends[at] - 1, 1]), name)
            for passage, projected in chunk.project([span]).items():
                found[chunk.document.id] += mentions(chunk.document.passages[passage], projected)
    return found


def disjoint(gains: Sequence[tuple[int, int, float]]) -> list[int]:
    """Return which of some (start, end, gain) to take, so that none overlap and the sum of gains is largest."""
    order = sorted(range(len(gains)), key=lambda number: gains[number][1])
    ends = [gains[number][1] for number in order]
    best: list[tuple[float, list[int]]] = [(0.0, [])]
    for count, number in enumerate(order):
        start, _, gain = gains[number]
        total, taken = best[bisect_right(ends, start, 0, count)]
        best.append(max(best[-1], (total + gain, [*taken, number]), key=lambda way: way[0]))
    return sorted(best[-1][1])


CONTROL = Variant(pooling=(), from_marginals=True)
VARIANTS = {
    "control: no states": CONTROL,
    "start, end, mean, width": Variant(),
    "correction of marginals": Variant(from_marginals=True),
    "the same, regularised": Variant(from_marginals=True, dropout=0.6, weight_decay=0.5),
    "start, end, mean, width, neighbours": Variant(pooling=("start", "end", "mean", "context")),
    "mean, width": Variant(pooling=("mean",)),
    "without width": Variant(has_width=False),
    "no random negatives": Variant(negatives=0.0),
    "candidates above 0.15": Variant(least=0.15),
    "linear": Variant(hidden=0, dropout=0.5, weight_decay=0.3),
}


def main() -> None:
    """Compare the variants with the marginals alone."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.verifier", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--checkpoint", type=Path, required=True, help="trained with --data.corpus.fold")
    parser.add_argument("--fold", type=int, required=True, help="the fold that it was not trained on")
    parser.add_argument("--parts", type=int, default=2, help="of the fold's documents; it learns on all but one")
    parser.add_argument("--seeds", type=int, default=3, help="verifiers of a variant")
    options = parser.parse_args()
    member = read_checkpoint(options.checkpoint)
    labels = LabelSet(member.labels)
    held = read_held(build_model(member), member.preprocessor, labels, GutBrainIE(fold=options.fold).read("dev"))
    console = Console(soft_wrap=True, highlight=False, markup=False)
    gold, ones = annotation(held), np.eye(len(labels.labels) + 1, dtype=np.float32)[:, :-1]
    spans = held.spans.take(is_candidate(held.spans, Variant()))
    best = predictions(held, spans, ones[spans.path], "keep")
    reached = f1(gold, best)
    console.print(f"best path {reached:.4f}, {len(spans.path)} candidates")
    alone = {choice: predictions(held, spans, spans.marginals, choice, reached / 2) for choice in CHOICES}
    for choice in CHOICES:
        figures = f"{f1(gold, alone[choice]):.4f}, {' '.join(_difference(gold, alone[choice], best))}"
        bound = f1(gold, predictions(held, spans, ones[spans.truth], choice))
        console.print(f"{choice}: marginals alone {figures}; a verifier without errors {bound:.4f}")
    control: dict[Choice, dict[str, list[Mention]]] = {}
    for name, variant in VARIANTS.items():
        spans = held.spans.take(is_candidate(held.spans, variant))
        found = [answers(held, variant, options.parts, seed)[:, :-1] for seed in range(options.seeds)]
        rows = []
        for choice in CHOICES:
            mixed = {
                weight: [
                    predictions(held, spans, (1 - weight) * own + weight * spans.marginals, choice, reached / 2)
                    for own in found
                ]
                for weight in WEIGHTS
            }
            means = [float(np.mean([f1(gold, one) for one in mixed[weight]])) for weight in WEIGHTS]
            shown = mixed[SHOWN][0]
            others = (alone["keep"], control.setdefault(choice, shown))
            rows.append((choice, *means, *chain.from_iterable(_difference(gold, shown, other) for other in others)))
        console.print(build_table(f"{name}: weights of the marginals, and the first seed at {SHOWN}", HEADINGS, rows))


def f1(gold: Mapping[str, Sequence[Mention]], found: Mapping[str, Sequence[Mention]]) -> float:
    """Return the official micro-F1."""
    return score(gold, found).micro.f1


def annotation(held: Held) -> dict[str, list[Mention]]:
    """Return the annotated mentions of each document."""
    gold: dict[str, list[Mention]] = {}
    for chunk in held.texts.chunks:
        for passage, spans in chunk.project(chunk.passage.spans).items():
            gold.setdefault(chunk.document.id, []).extend(mentions(chunk.document.passages[passage], spans))
    return gold


def _difference(
    gold: Mapping[str, Sequence[Mention]],
    found: Mapping[str, Sequence[Mention]],
    other: Mapping[str, Sequence[Mention]],
) -> tuple[str, str]:
    micro = compare(gold, found, other).micro
    return f"{micro.difference:+.4f}", f"{micro.interval[0]:+.4f} to {micro.interval[1]:+.4f}"


if __name__ == "__main__":
    main()
