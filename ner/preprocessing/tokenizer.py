"""Characters and subword tokens of one text: encoding, alignment of spans, and the input the encoder reads."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from tokenizers import AddedToken, Tokenizer

from ner.documents import Span

MARKERS = {"title": "[TITLE]", "abstract": "[ABSTRACT]"}
DEFAULT_SECTION = "abstract"


@dataclass(frozen=True, slots=True)
class Tokens:
    """The subword tokens of a text, without special tokens.

    Args:
        ids: Vocabulary ids, T of them.
        offsets: The characters ``[start, end)`` of each token, without surrounding white space. Tokens may share
            characters (the bytes of one emoji) or have none (a lone space).
    """

    ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return len(self.ids)

    def before(self, character: int) -> int:
        """Number of leading tokens that start before a character."""
        return sum(start < character for start, _ in self.offsets)

    def align(self, spans: Sequence[Span]) -> tuple[list[Span], list[Span]]:
        """Spans of characters as spans of tokens: all tokens that share a character with them.

        Returns:
            The spans of tokens, and the spans of characters that :meth:`characters` would not give back (a border
            inside a token, or no token at all). The former are still aligned, as well as tokens can.
        """
        starts = [start for start, _ in self.offsets]
        ends = [end for _, end in self.offsets]
        aligned, inexact = [], []
        for span in spans:
            first, last = bisect_right(ends, span.start), bisect_left(starts, span.end)
            if first >= last:
                inexact.append(span)
                continue
            if (starts[first], ends[last - 1]) != (span.start, span.end):
                inexact.append(span)
            aligned.append(Span(first, last, span.label))
        return aligned, inexact

    def characters(self, spans: Sequence[Span]) -> tuple[Span, ...]:
        """Spans of tokens, in order, as spans of characters that do not overlap.

        Where two entities meet inside one character's tokens the earlier keeps the character.
        """
        found: list[Span] = []
        for span in spans:
            covered = [(start, end) for start, end in self.offsets[span.start : span.end] if start < end]
            if not covered:
                continue
            start = max(covered[0][0], found[-1].end if found else 0)
            if start < covered[-1][1]:
                found.append(Span(start, covered[-1][1], span.label, span.score))
        return tuple(found)


class TextEncoder:
    """Turns texts into tokens, and tokens into what the encoder reads; the same in training and in prediction.

    Args:
        serialised: The JSON of a fast tokenizer, whose padding entry names the padding token. Truncation and padding
            that it carries are switched off.
        markers: Whether ``[TITLE]`` or ``[ABSTRACT]`` stands before the text. A text without a section of these two
            gets the abstract's.
    """

    def __init__(self, serialised: str, markers: bool = True) -> None:
        self.serialised = serialised
        self.markers = markers

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        tokenizer = Tokenizer.from_str(self.serialised)
        tokenizer.no_truncation()
        tokenizer.no_padding()
        # A text that quotes "[SEP]" or "[TITLE]" means these letters, not the special token.
        tokenizer.encode_special_tokens = True
        if self.markers:
            tokenizer.add_special_tokens([AddedToken(marker, special=True) for marker in MARKERS.values()])
        return tokenizer

    @cached_property
    def _frame(self) -> tuple[list[int], list[int]]:
        """The special tokens before and behind a text, read off an encoded letter, so for any model's template."""
        letter = self._tokenizer.encode("a")
        special = letter.special_tokens_mask
        first, last = special.index(0), len(special) - special[::-1].index(0)
        return letter.ids[:first], letter.ids[last:]

    @cached_property
    def _marker_ids(self) -> dict[str, int]:
        vocabulary = self._tokenizer.get_vocab(with_added_tokens=True)
        return {section: vocabulary[marker] for section, marker in MARKERS.items()}

    @cached_property
    def padding_id(self) -> int:
        """The id that fills short rows of a batch."""
        padding = Tokenizer.from_str(self.serialised).padding
        return int(padding["pad_id"]) if padding else 0

    @property
    def vocabulary_size(self) -> int:
        """Rows that the encoder's embedding needs, markers included."""
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values()) + 1

    @property
    def overhead(self) -> int:
        """Number of tokens that the input has beyond the text's own."""
        before, behind = self._frame
        return len(before) + len(behind) + self.markers

    @property
    def start(self) -> int:
        """Position of the text's first token in the input."""
        return len(self._frame[0]) + self.markers

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of each text, all of them: nothing is truncated.

        A text without tokens (empty, or control characters only) reads as one special token without characters, so
        that every text passes the same way and yields no entity.
        """
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [
            Tokens(tuple(encoding.ids), tuple(_trim(text, *offset) for offset in encoding.offsets))
            if encoding.ids
            else Tokens((self._frame[1][-1] if self._frame[1] else self.padding_id,), ((0, 0),))
            for text, encoding in zip(texts, encodings, strict=True)
        ]

    def input_ids(self, ids: Sequence[int], section: str) -> list[int]:
        """What the encoder reads for some tokens of a text: special tokens, section marker, tokens, special tokens."""
        before, behind = self._frame
        marker = [self._marker_ids.get(section, self._marker_ids[DEFAULT_SECTION])] if self.markers else []
        return [*before, *marker, *ids, *behind]


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """An interval without the white space at its borders, which byte-level tokenizers count to the token."""
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end
