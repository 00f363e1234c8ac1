"""Subword tokens of texts, and the special tokens and section markers around them."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from math import ceil, prod
from typing import Any
from unicodedata import category

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Encoding, Tokenizer

from ner.errors import InputError, one_line
from ner.preprocessing.ragged import Integers, borders_of

MARKERS = {"title": "[TITLE]", "abstract": "[ABSTRACT]"}
DEFAULT_SECTION = "abstract"
# Half of a surrogate pair is no character, and tokenizers refuse it. Its replacement has the same length.
SURROGATE = re.compile("[\ud800-\udfff]")
# Of a stranger's tokenizer: two characters in place of one, thirty times, would fill any memory.
MOST_GROWTH = 1 << 14
SPACES = np.array([chr(code).isspace() for code in range(0x3002)])


@dataclass(frozen=True, slots=True)
class Tokens:
    """The subword tokens of N texts, without special tokens: S of them, one text after the other.

    Args:
        ids: Vocabulary ids, (S,).
        offsets: The characters ``[start, end)`` of each token in its own text, without surrounding white space, (S, 2).
            Tokens may share characters (the bytes of one emoji) or have none (a lone space).
        starts_word: True on the first token of each word of the tokenizer's pre-tokenization, (S,).
        borders: Where each text starts, and where the last one ends, (N + 1,).
    """

    ids: Integers
    offsets: Integers
    starts_word: NDArray[np.bool_]
    borders: Integers


class TextTokenizer:
    """A fast tokenizer that truncates nothing, pads nothing and reads special tokens in a text as plain letters.

    Args:
        serialised: The JSON of the tokenizer, whose padding entry names the padding token. Truncation and padding that
            it carries are switched off.
        markers: Whether ``[TITLE]`` or ``[ABSTRACT]`` precedes the text. A text of any other section gets the
            abstract's.
    """

    def __init__(self, serialised: str, markers: bool = True) -> None:
        self.serialised = serialised
        self.markers = markers

    def __reduce__(self) -> tuple[type["TextTokenizer"], tuple[str, bool]]:
        # A copy that the library makes of its tokenizer reads special tokens in a text as such.
        return TextTokenizer, (self.serialised, self.markers)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        tokenizer, _ = _parsed(self.serialised, self.markers)
        return tokenizer

    @cached_property
    def _frame(self) -> tuple[list[int], list[int]]:
        """The special tokens before and after a text, read off an encoded letter, so for any model's template."""
        [letter] = self._encode(["a"], add_special_tokens=True)
        special = letter.special_tokens_mask
        if 0 not in special:
            raise InputError("the tokenizer's JSON is damaged: it finds no token in a letter")
        first, last = special.index(0), len(special) - special[::-1].index(0)
        return letter.ids[:first], letter.ids[last:]

    def _encode(self, texts: list[str], add_special_tokens: bool) -> list[Encoding]:
        try:
            return self._tokenizer.encode_batch(texts, add_special_tokens=add_special_tokens)
        except Exception as error:  # the library raises no narrower one
            raise InputError(f"the tokenizer cannot read a text: {one_line(error)}") from error

    @cached_property
    def _marker_ids(self) -> dict[str, int]:
        vocabulary = self._tokenizer.get_vocab(with_added_tokens=True)
        return {section: vocabulary[marker] for section, marker in MARKERS.items()}

    @cached_property
    def splits_words(self) -> bool:
        """Whether it divides a text into words, so that the first token of each is known."""
        [encoding] = self._encode(["a a"], add_special_tokens=False)
        return len(set(encoding.word_ids)) > 1

    @cached_property
    def padding_id(self) -> int:
        """The id that fills up short rows of a batch."""
        _, padding_id = _parsed(self.serialised, self.markers)
        return padding_id

    @cached_property
    def vocabulary_size(self) -> int:
        """Rows that the encoder's embedding needs, markers included."""
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values()) + 1

    @property
    def overhead(self) -> int:
        """Number of tokens that the input has in addition to the text's own."""
        return self.start + len(self._frame[1])

    @property
    def start(self) -> int:
        """Position of the text's first token in the input."""
        return len(self._frame[0]) + self.markers

    def before(self, sections: Sequence[str]) -> Integers:
        """Return the special tokens and the marker that precede texts of some sections, (N, start)."""
        first, _ = self._frame
        frame = np.empty((len(sections), self.start), np.int64)
        frame[:, : len(first)] = first
        if self.markers:
            default = self._marker_ids[DEFAULT_SECTION]
            frame[:, -1] = [self._marker_ids.get(section, default) for section in sections]
        return frame

    @property
    def after(self) -> list[int]:
        """The special tokens that follow a text."""
        return self._frame[1]

    def tokens(self, texts: Sequence[str], with_words: bool = True) -> Tokens:
        """Return the tokens of texts, all of them: nothing is truncated.

        A text without tokens (empty, or control characters only) is read as one special token without characters, so
        that every text passes the same way and yields no entity. Without words every token starts one.
        """
        texts = [text if text.isascii() else SURROGATE.sub("\ufffd", text) for text in texts]
        encodings: list[Encoding | _Placeholder] = [*self._encode(texts, add_special_tokens=False)]
        lengths = np.array([len(encoding) for encoding in encodings], np.int64)
        if not lengths.all():
            encodings = [encoding if len(encoding) else self._placeholder for encoding in encodings]
            lengths = np.maximum(lengths, 1)
        borders = borders_of(lengths)
        count = int(borders[-1])
        ids = np.fromiter(chain.from_iterable(encoding.ids for encoding in encodings), np.int64, count)
        pairs = chain.from_iterable(chain.from_iterable(encoding.offsets for encoding in encodings))
        offsets = np.fromiter(pairs, np.int64, 2 * count).reshape(count, 2)
        starts_word = np.ones(count, np.bool_)
        if with_words:
            words = np.fromiter(chain.from_iterable(encoding.word_ids for encoding in encodings), np.int64, count)
            starts_word[1:] = words[1:] != words[:-1]
            starts_word[borders[:-1]] = True
        return Tokens(ids, _trimmed(texts, offsets, lengths), starts_word, borders)

    @cached_property
    def _placeholder(self) -> "_Placeholder":
        return _Placeholder(self.after[-1] if self.after else self.padding_id)


class _Placeholder:
    """The encoding of a text that has no token."""

    offsets = ((0, 0),)
    word_ids = (0,)

    def __init__(self, token: int) -> None:
        self.ids = (token,)

    def __len__(self) -> int:
        return 1


# The tokenizer of a checkpoint is that of its data module, and of the other members.
@lru_cache(maxsize=4)
def _parsed(serialised: str, markers: bool) -> tuple[Tokenizer, int]:
    """Return the tokenizer that some JSON describes, and the id of its padding."""
    try:
        tokenizer = Tokenizer.from_str(serialised)
    except Exception as error:  # the library raises no narrower one
        raise InputError(f"the tokenizer's JSON is damaged: {one_line(error)}") from error
    parts = [part for part in (tokenizer.normalizer, tokenizer.pre_tokenizer) if part is not None]
    if prod(_growth(json.loads(part.__getstate__())) for part in parts) > MOST_GROWTH:
        raise InputError(f"the tokenizer's JSON is damaged: it makes a text more than {MOST_GROWTH} times as long")
    padding = tokenizer.padding
    tokenizer.no_truncation()
    tokenizer.no_padding()
    # A text that quotes "[SEP]" or "[TITLE]" means these letters, not the special token.
    tokenizer.encode_special_tokens = True
    if markers:
        tokenizer.add_special_tokens([AddedToken(marker, special=True) for marker in MARKERS.values()])
    return tokenizer, int(padding["pad_id"]) if padding else 0


def _growth(part: dict[str, Any]) -> int:
    """Return how many times as long a normalizer or a pre-tokenizer can make a text, roughly and at most."""
    inner = [*part.get("normalizers", ()), *part.get("pretokenizers", ())]
    if inner:
        return prod(map(_growth, inner))
    if part.get("type") == "Replace":
        # A regular expression may find nothing at every place.
        if "Regex" in part["pattern"]:
            return len(part["content"]) + 1
        return max(ceil(len(part["content"]) / max(len(part["pattern"]["String"]), 1)), 1)
    if part.get("type") == "Prepend":
        return 1 + len(part["prepend"])
    # Others give a character for a character, or the bytes of one, or what Unicode says.
    return {"ByteLevel": 4, "Precompiled": 16}.get(str(part.get("type")), 1)


def _dropped_marks(codes: NDArray[np.uint32], bases: Integers, starts: Integers, ends: Integers) -> NDArray[np.bool_]:
    """Return which characters are combining marks that belong to no token, and follow another one of their text."""
    present = np.flatnonzero(np.bincount(codes)).tolist()
    marks = [code for code in present if category(chr(code)).startswith("M")]
    if not marks:
        return np.zeros(len(codes), np.bool_)
    steps = np.bincount(starts, minlength=len(codes)) - np.bincount(ends, minlength=len(codes))
    is_mark: NDArray[np.bool_] = np.isin(codes, marks) & (np.cumsum(steps) == 0)
    is_mark[bases] = False
    return is_mark


def _trimmed(texts: Sequence[str], offsets: Integers, lengths: Integers) -> Integers:
    """Return offsets without the white space at their borders, which byte-level tokenizers count to the token, and with
    the combining marks behind them, which others drop."""
    # A sentinel at each end, so that there is a character at every offset.
    codes = np.frombuffer("".join(("a", *texts, "a")).encode("utf-32-le"), np.uint32)
    is_space = SPACES[np.minimum(codes, len(SPACES) - 1)]
    bases = borders_of(np.array([len(text) for text in texts], np.int64))[:-1] + 1
    starts, ends = (offsets + np.repeat(bases, lengths)[:, None]).T
    while (at := np.flatnonzero((starts < ends) & is_space[starts])).size:
        starts[at] += 1
    while (at := np.flatnonzero((starts < ends) & is_space[ends - 1])).size:
        ends[at] -= 1
    if (is_mark := _dropped_marks(codes, bases, starts, ends)).any():
        after = np.where(is_mark, len(codes), np.arange(len(codes)))
        after = np.minimum.accumulate(after[::-1])[::-1]
        ends = np.where(starts < ends, after[ends], ends)
    return np.stack([starts, ends], 1) - np.repeat(bases, lengths)[:, None]
