"""The way from texts to tensors as one value: the same in training, in a checkpoint and in prediction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from ner.documents import Document
from ner.errors import InputError
from ner.labels import LabelSet
from ner.preprocessing import windows
from ner.preprocessing.chunking import Chunking, SeparatePassages
from ner.preprocessing.ragged import Integers, prefixes, ranges, spread
from ner.preprocessing.texts import Texts, units_of
from ner.preprocessing.tokenizer import TextTokenizer

T = TypeVar("T")
# No encoder reads more tokens at once.
LARGEST_SIZE = 10_000_000
Units = Literal["subwords", "words"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """The input of a model for B texts, in W windows of at most L tokens; T is the largest number of units of a text.

    Args:
        input_ids: What the encoder reads, (W, L).
        attention_mask: 1 on its tokens, 0 on padding, (W, L).
        rows: The window from which each unit is read, (B, T).
        positions: The position of its first token in that window, (B, T).
        mask: True on the units of a text, (B, T).
    """

    input_ids: Integers
    attention_mask: Integers
    rows: Integers
    positions: Integers
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class Preprocessor:
    """The settings of reading texts. Members of an ensemble agree on all but the windows: see :meth:`differences`.

    Args:
        tokenizer: The JSON of a fast tokenizer, whose padding entry names the padding token.
        chunking: What is read as one text.
        markers: Whether ``[TITLE]`` or ``[ABSTRACT]`` precedes each text.
        window_tokens: Most tokens that the encoder reads at once, special tokens and marker included.
        overlap_tokens: Fewest tokens that neighbouring windows share.
        units: What the CRF tags: all subword tokens, or the first one of each word. A word is a token of the corpus,
            where the corpus has tokens, else one of the tokenizer's pre-tokenization.

    Raises:
        InputError: if the window leaves no room beside the overlap, or there is no such unit.
    """

    tokenizer: str = field(repr=False)
    chunking: Chunking = field(default_factory=SeparatePassages)
    markers: bool = True
    window_tokens: int = 512
    overlap_tokens: int = 128
    units: Units = "subwords"

    def __post_init__(self) -> None:
        if self.units not in get_args(Units):
            raise InputError(f"data.units is {self.units!r:.50}; use one of {', '.join(get_args(Units))}")
        if not 0 <= self.overlap_tokens < self.capacity:
            raise InputError(
                f"windows of {self.window_tokens} tokens hold {max(self.capacity, 0)} of the text: too few for an "
                f"overlap of {self.overlap_tokens}; make data.window_tokens larger or data.overlap_tokens smaller"
            )

    @classmethod
    def from_dict(cls, settings: Mapping[str, object]) -> "Preprocessor":
        """Build the preprocessor that a checkpoint or an export holds.

        Raises:
            InputError: if a setting is missing or of another type.
        """
        if unknown := sorted(settings.keys() - {setting.name for setting in fields(cls)}):
            listed = ", ".join(unknown)[:100]
            raise InputError(f"it reads texts with settings that this version does not know: {listed}")
        try:
            return cls(
                _typed(settings, "tokenizer", str),
                Chunking.from_dict(settings["chunking"]),
                _typed(settings, "markers", bool),
                _size(settings, "window_tokens"),
                _size(settings, "overlap_tokens"),
                settings.get("units", "subwords"),  # type: ignore[arg-type]  # checked by the class
            )
        except KeyError as error:
            raise InputError(f"it does not say how texts are read: {error} is missing") from None

    def to_dict(self) -> dict[str, object]:
        """Return the settings as plain types, for a checkpoint."""
        return {
            "tokenizer": self.tokenizer,
            "chunking": self.chunking.to_dict(),
            "markers": self.markers,
            "window_tokens": self.window_tokens,
            "overlap_tokens": self.overlap_tokens,
            "units": self.units,
        }

    def differences(self, other: "Preprocessor") -> list[str]:
        """Return the settings for which two preprocessors give a text other units; windows do not count."""
        decisive = ("tokenizer", "chunking", "markers", "units")
        return [name for name in decisive if getattr(self, name) != getattr(other, name)]

    @cached_property
    def text_tokenizer(self) -> TextTokenizer:
        """The tokenizer, ready for use."""
        return TextTokenizer(self.tokenizer, self.markers)

    @property
    def vocabulary_size(self) -> int:
        """Rows that an encoder's embedding needs, markers included."""
        return self.text_tokenizer.vocabulary_size

    @property
    def capacity(self) -> int:
        """Most tokens of a text that a window holds."""
        return self.window_tokens - self.text_tokenizer.overhead

    def encode(
        self, documents: Iterable[Document], labels: LabelSet | None = None, numbers: Iterable[int] | None = None
    ) -> Texts:
        """Return the chunks of documents with their tokens and units, in the order of the documents.

        Args:
            documents: The documents.
            labels: The entity types that the documents are annotated with; without any there are no tags.
            numbers: The places of the documents in the input, where they do not simply follow each other.

        Raises:
            InputError: if a span's label is not in the label set; it names the document. Or if words are tagged, and
                neither the corpus nor the tokenizer has any.
        """
        pairs = enumerate(documents) if numbers is None else zip(numbers, documents, strict=False)
        numbered = [(number, chunk) for number, document in pairs for chunk in self.chunking.chunks(document)]
        chunks = tuple(chunk for _, chunk in numbered)
        by_words = self.units == "words"
        has_words = all(chunk.passage.tokens or not chunk.passage.text for chunk in chunks)
        if by_words and not has_words and not self.text_tokenizer.splits_words:
            raise InputError(
                "data.units is words, but neither corpus nor tokenizer divides the texts into words; use subwords"
            )
        tokens = self.text_tokenizer.tokens([chunk.passage.text for chunk in chunks], by_words)
        heads, offsets, borders = units_of(tokens, chunks, by_words)
        none = np.zeros(len(chunks), np.int64)
        texts = Texts(
            chunks,
            np.array([number for number, _ in numbered], np.int64),
            tokens.ids,
            tokens.borders,
            heads,
            offsets,
            borders,
            np.zeros(len(heads), np.int64),
            none,
            none,
            none,
        )
        return texts if labels is None else texts.with_tags(labels)

    def shapes(self, texts: Texts) -> tuple[Integers, Integers]:
        """Return the number and the width of the windows of each text."""
        counts, widths = windows.shapes(texts.token_counts, self.capacity, self.overlap_tokens)
        return counts, widths + self.text_tokenizer.overhead

    def inputs(self, texts: Texts) -> Inputs:
        """Return what a model reads of some texts, and where each of their units stands in it."""
        found = windows.split(texts.token_counts, self.capacity, self.overlap_tokens)
        tokenizer, rows = self.text_tokenizer, np.arange(len(found.texts))
        first, after = tokenizer.start, tokenizer.after
        widths = found.lengths + tokenizer.overhead
        input_ids = np.full((len(rows), int(widths.max())), tokenizer.padding_id, np.int64)
        input_ids[:, :first] = tokenizer.before([texts.chunks[text].passage.section for text in found.texts])
        body = input_ids[:, first : first + int(found.lengths.max())]
        of_windows = ranges(texts.token_borders[found.texts] + found.starts, found.lengths)
        body[prefixes(found.lengths)] = texts.ids[of_windows]
        for place, token in enumerate(after):
            input_ids[rows, first + found.lengths + place] = token
        # Of all texts one after the other: where each unit stands, and from where on each window is read.
        heads = texts.heads + np.repeat(texts.token_borders[:-1], texts.unit_counts)
        window = np.searchsorted(texts.token_borders[found.texts] + found.read_from, heads, "right") - 1
        mask = prefixes(texts.unit_counts)
        return Inputs(
            input_ids,
            prefixes(widths).astype(np.int64),
            spread(window, mask),
            spread(first + texts.heads - found.starts[window], mask),
            mask,
        )


def _size(settings: Mapping[str, object], key: str) -> int:
    size = _typed(settings, key, int)
    if not 0 <= size <= LARGEST_SIZE:
        raise InputError(f"{key} is {size}; it should lie between 0 and {LARGEST_SIZE}")
    return size


def _typed(settings: Mapping[str, object], key: str, kind: type[T]) -> T:
    value = settings[key]
    if type(value) is not kind:
        raise InputError(f"{key} is {value!r:.50}, and not of type {kind.__name__}")
    return value
