"""Texts as tokens, units and tags: flat arrays of a whole pool of texts, with the borders between them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ner.documents import Span
from ner.errors import InputError
from ner.labels import Intervals, LabelSet
from ner.preprocessing.chunking import Chunk
from ner.preprocessing.ragged import Integers, borders_of, ranges
from ner.preprocessing.tokenizer import Tokens

# Larger than any offset: makes offsets of all texts one ascending array.
FAR = np.int64(2**40)


@dataclass(frozen=True, slots=True)
class Texts:
    """N chunks with S tokens, which the encoder reads, and U units, which the CRF tags.

    A unit is a token, or a word, whose emission is that of its first token. Text ``n`` has the tokens
    ``token_borders[n]`` to ``token_borders[n + 1]`` and the units ``unit_borders[n]`` to ``unit_borders[n + 1]``.

    Args:
        chunks: The texts and where they come from, N of them.
        numbers: The place of each chunk's document in the input, (N,).
        ids: Vocabulary ids of the tokens, (S,).
        token_borders: (N + 1,).
        heads: The first token of each unit, counted in its text, (U,).
        offsets: The characters ``[start, end)`` of each unit in its text, (U, 2).
        unit_borders: (N + 1,).
        tags: Tag ids of the units, of which only the annotated ones are to be learned, (U,).
        annotated: Number of leading units of each text whose tags are known, (N,).
        nested: Number of spans of each text that BIO cannot hold beside a longer one, (N,).
        inexact: Number of spans of each text whose borders do not fall between units, (N,).
    """

    chunks: tuple[Chunk, ...]
    numbers: Integers
    ids: Integers
    token_borders: Integers
    heads: Integers
    offsets: Integers
    unit_borders: Integers
    tags: Integers
    annotated: Integers
    nested: Integers
    inexact: Integers

    def __len__(self) -> int:
        return len(self.chunks)

    @property
    def token_counts(self) -> Integers:
        """Tokens of each text, (N,)."""
        return self.token_borders[1:] - self.token_borders[:-1]

    @property
    def unit_counts(self) -> Integers:
        """Units of each text, (N,)."""
        return self.unit_borders[1:] - self.unit_borders[:-1]

    def take(self, indices: Sequence[int] | Integers) -> "Texts":
        """Return some of the texts, in the order of the indices."""
        chosen = np.asarray(indices, np.int64)
        tokens, units = self.token_counts[chosen], self.unit_counts[chosen]
        of_tokens = ranges(self.token_borders[chosen], tokens)
        of_units = ranges(self.unit_borders[chosen], units)
        return Texts(
            tuple(self.chunks[index] for index in chosen),
            self.numbers[chosen],
            self.ids[of_tokens],
            borders_of(tokens),
            self.heads[of_units],
            self.offsets[of_units],
            borders_of(units),
            self.tags[of_units],
            self.annotated[chosen],
            self.nested[chosen],
            self.inexact[chosen],
        )

    def part(self, begin: int, end: int) -> "Texts":
        """Return the texts ``[begin, end)``; their arrays are views of these."""
        tokens, units = (borders[[begin, end]] for borders in (self.token_borders, self.unit_borders))
        own, of_tokens, of_units = slice(begin, end), slice(*tokens), slice(*units)
        return Texts(
            self.chunks[own],
            self.numbers[own],
            self.ids[of_tokens],
            self.token_borders[begin : end + 1] - tokens[0],
            self.heads[of_units],
            self.offsets[of_units],
            self.unit_borders[begin : end + 1] - units[0],
            self.tags[of_units],
            self.annotated[own],
            self.nested[own],
            self.inexact[own],
        )

    def with_tags(self, labels: LabelSet) -> "Texts":
        """Return the texts with the tags of their chunks' spans.

        Raises:
            InputError: if a span's label is not in the label set; it names the document.
        """
        spans = [(index, span) for index, chunk in enumerate(self.chunks) for span in chunk.passage.spans]
        rows = np.array([index for index, _ in spans], np.int64)
        first, last, is_exact = self._align(rows, np.array([(span.start, span.end) for _, span in spans], np.int64))
        aligned: list[list[Span]] = [[] for _ in self.chunks]
        for (row, span), start, end in zip(spans, first.tolist(), last.tolist(), strict=True):
            if start < end:
                aligned[row].append(Span(start, end, span.label))
        tags, nested = np.zeros_like(self.tags), np.zeros_like(self.nested)
        for row in np.unique(rows).tolist():
            begin, end = self.unit_borders[row], self.unit_borders[row + 1]
            try:
                tags[begin:end], dropped = labels.encode(aligned[row], int(end - begin))
            except InputError as error:
                raise InputError(f"document {self.chunks[row].document.id}: {error}") from None
            nested[row] = len(dropped)
        known = np.array([chunk.passage.annotated_length for chunk in self.chunks], np.int64)
        is_known = self.offsets[:, 0] < np.repeat(known, self.unit_counts)
        # Units start in order, so that the known ones are a prefix.
        annotated = np.add.reduceat(is_known, self.unit_borders[:-1], dtype=np.int64) if len(self) else self.annotated
        inexact = np.bincount(rows[~is_exact], minlength=len(self))
        return replace(self, tags=tags, annotated=annotated, nested=nested, inexact=inexact)

    def spans(self, found: Intervals, labels: LabelSet, scores: Sequence[float] | None = None) -> list[list[Span]]:
        """Return intervals of units, in order, as spans of characters of each text that do not overlap.

        Where two entities meet inside one character the earlier keeps it. An interval without characters is left out.
        """
        spans: list[list[Span]] = [[] for _ in self.chunks]
        base = self.unit_borders[found.rows]
        # A lone space has no character, and is no border of an entity.
        visible = np.flatnonzero(self.offsets[:, 0] < self.offsets[:, 1])
        offsets = self.offsets[visible]
        first, beyond = (np.searchsorted(visible, base + border).tolist() for border in (found.starts, found.ends))
        values = scores if scores is not None else [None] * len(first)
        for row, unit, end, label, score in zip(
            found.rows.tolist(), first, beyond, found.labels.tolist(), values, strict=True
        ):
            before = spans[row][-1].end if spans[row] else 0
            begin = unit
            while begin < end and offsets[begin, 0] < before:
                begin += 1
            if begin < end:
                start, stop = int(offsets[begin, 0]), int(offsets[end - 1, 1])
                spans[row].append(Span(start, stop, labels.labels[label], score))
        return spans

    def _align(self, rows: Integers, intervals: Integers) -> tuple[Integers, Integers, Integers]:
        """Return the units that share a character with each of M intervals, as first and last, and who fits exactly."""
        if not len(rows):
            empty = np.zeros(0, np.int64)
            return empty, empty, np.zeros(0, np.bool_)
        far = np.repeat(np.arange(len(self)), self.unit_counts) * FAR
        base = self.unit_borders[rows]
        first = np.searchsorted(self.offsets[:, 1] + far, intervals[:, 0] + rows * FAR, "right")
        last = np.searchsorted(self.offsets[:, 0] + far, intervals[:, 1] + rows * FAR, "left")
        is_found = first < last
        inside = np.minimum(first, len(self.offsets) - 1)
        is_exact = is_found & (self.offsets[inside, 0] == intervals[:, 0])
        is_exact &= self.offsets[np.maximum(last - 1, 0), 1] == intervals[:, 1]
        return first - base, last - base, is_exact


def units_of(tokens: Tokens, chunks: Sequence[Chunk], by_words: bool) -> tuple[Integers, Integers, Integers]:
    """Return the first token, the characters and the borders of each unit: see :class:`Texts`.

    Args:
        tokens: The tokens of the chunks' texts.
        chunks: The chunks. Where a text has tokens of its corpus, these are its words, and so is what stands between
            two of them.
        by_words: Whether units are words, and not tokens.
    """
    counts = np.diff(tokens.borders)
    in_text = ranges(np.zeros_like(counts), counts)
    if not by_words:
        return in_text, tokens.offsets, tokens.borders
    starts_word = tokens.starts_word.copy()
    for row, chunk in enumerate(chunks):
        if chunk.passage.tokens:
            own = slice(tokens.borders[row], tokens.borders[row + 1])
            words = np.searchsorted(np.array(chunk.passage.tokens).ravel(), tokens.offsets[own, 0], "right")
            # A lone space has no character, and is no word.
            visible = np.where(np.diff(tokens.offsets[own]).ravel() > 0, np.arange(len(words)), 0)
            words = words[np.maximum.accumulate(visible)]
            starts_word[own] = np.diff(words, prepend=-1) != 0
    heads = np.flatnonzero(starts_word)
    # A lone space has no character, and is no border of the word that it is in.
    starts, ends = tokens.offsets.T
    is_space = starts == ends
    offsets = np.stack(
        [
            np.minimum.reduceat(np.where(is_space, FAR, starts), heads),
            np.maximum.reduceat(np.where(is_space, 0, ends), heads),
        ],
        1,
    )
    is_blank = offsets[:, 0] == FAR
    offsets[is_blank] = tokens.offsets[heads[is_blank]]
    return in_text[heads], offsets, np.searchsorted(heads, tokens.borders)
