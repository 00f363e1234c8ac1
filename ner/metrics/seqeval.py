"""Strict scores of BIO tags by seqeval: a cross-check of the spans, and the figures that papers report."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

from ner.documents import Passage, Span
from ner.formats.conll import tag_tokens
from ner.metrics.official import Figures, Score


@dataclass(frozen=True, slots=True)
class TokenReport:
    """The strict score of predictions on the tokens of the gold.

    Args:
        score: The score, without counts.
        tokens: The number of tokens.
        cut: Predictions that begin or end inside a token, which count with the whole of it.
        left_out: Predictions without a tag of their own: a longer one has a token of theirs, or they have none.
    """

    score: Score
    tokens: int
    cut: int
    left_out: int


def score_tokens(predictions: Iterable[tuple[Passage, Sequence[Span]]]) -> TokenReport:
    """Score predictions on the tokens of the gold's passages, as a CoNLL file of the predictions would be scored.

    Args:
        predictions: Passages of the gold that have tokens, each with what is predicted in it. Tokens beyond the end of
            a passage's annotation do not count.
    """
    gold, predicted = [], []
    cut = left_out = 0
    for passage, spans in predictions:
        tokens = tuple(token for token in passage.tokens or () if passage.is_known(token[1]))
        known = replace(passage, tokens=tokens)
        gold.append(tag_tokens(known, passage.known(passage.spans))[1])
        tags = tag_tokens(known, spans)[1]
        predicted.append(tags)
        cut += sum(_cuts_token(span, tokens) for span in spans)
        left_out += len(spans) - sum(tag.startswith("B-") for tag in tags)
    labels = sorted({tag[2:] for tags in (*gold, *predicted) for tag in tags if tag.startswith("B-")})
    return TokenReport(strict_report(gold, predicted, labels), sum(map(len, gold)), cut, left_out)


def _cuts_token(span: Span, tokens: Sequence[tuple[int, int]]) -> bool:
    """Return whether a span begins or ends inside one of the tokens, which are in order."""
    # Of the tokens that begin before a border, the last one.
    befores = ((border, bisect_right(tokens, (border, -1)) - 1) for border in (span.start, span.end))
    return any(place >= 0 and border < tokens[place][1] for border, place in befores)


def strict_report(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], labels: Sequence[str]) -> Score:
    """Score entities that are well formed in IOB2 and agree in both boundaries and the label.

    An ``I-`` that continues no ``B-`` of its label is outside of entities here, unlike in ``LabelSet.decode`` and in
    seqeval's default mode, where it opens one. The averages are over the labels that occur in gold or prediction; the
    score has no counts.

    Args:
        gold: Tag names by sequence, such as ``B-gene``.
        predicted: The same number of sequences, each as long as its gold.
        labels: The labels of the score; one that occurs nowhere scores 0.

    Raises:
        ValueError: if the sequences differ in number or length.
    """
    if [len(tags) for tags in gold] != [len(tags) for tags in predicted]:
        raise ValueError("gold and predicted tags differ in the number of sequences or in the length of one")
    rows: Mapping[str, Mapping[str, float]] = {}
    # seqeval fails where there is no entity on either side.
    if any(tag.startswith("B-") for sequence in (*gold, *predicted) for tag in sequence):
        rows = classification_report(
            [list(tags) for tags in gold],
            [list(tags) for tags in predicted],
            output_dict=True,
            mode="strict",
            scheme=IOB2,
            zero_division=0,
        )
    return Score(
        macro=_figures(rows.get("macro avg")),
        micro=_figures(rows.get("micro avg")),
        labels={label: _figures(rows.get(label)) for label in labels},
        counts={},
    )


def _figures(row: Mapping[str, float] | None) -> Figures:
    if row is None:
        return Figures(0.0, 0.0, 0.0)
    return Figures(float(row["precision"]), float(row["recall"]), float(row["f1-score"]))
