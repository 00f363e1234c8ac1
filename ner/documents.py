"""Documents, their passages, and the spans of characters that are annotated in them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from math import inf
from operator import eq


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """An entity mention: characters ``[start, end)`` of one passage.

    Offsets count Unicode code points, as Python's ``str`` does.

    Args:
        start: The first character.
        end: The character after the last.
        label: The entity type.
        score: A tagger's confidence, in [0, 1]; ``None`` in gold annotation and where none was asked for. Spans that
            differ only in their scores are equal.
        identifiers: The concepts that it names, such as ``("MESH:D003920",)``, as the file writes them. They do not
            count when spans are compared.

    Raises:
        ValueError: if the interval is empty or starts before the passage.
    """

    start: int
    end: int
    label: str
    score: float | None = field(default=None, compare=False)
    identifiers: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        if self.start < 0 or self.end <= self.start:
            raise ValueError(f"a span needs 0 <= start < end, not [{self.start}, {self.end})")

    def __len__(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of text that is annotated on its own, such as a title or an abstract.

    Args:
        text: The text, to which all offsets refer.
        section: Its role in the document (``"title"``, ``"abstract"``), empty where there is none.
        spans: The annotated mentions, in the order of the file.
        annotated_until: The character at which the annotation stops; ``None`` where it covers the whole text, 0 where
            there is none. Text after it is unknown, not negative.
        tokens: Characters ``[start, end)`` of each token, where the corpus comes with tokens of its own, in order and
            without overlap; ``None`` elsewhere.

    Raises:
        ValueError: if a span, a token or the annotation ends beyond the text, or the tokens are out of order.
    """

    text: str
    section: str = ""
    spans: tuple[Span, ...] = ()
    annotated_until: int | None = None
    tokens: tuple[tuple[int, int], ...] | None = None

    def __post_init__(self) -> None:
        if self.annotated_until is not None and not 0 <= self.annotated_until <= len(self.text):
            raise ValueError(f"annotated_until must lie in [0, {len(self.text)}], not at {self.annotated_until}")
        for span in self.spans:
            if span.end > len(self.text):
                raise ValueError(f"span [{span.start}, {span.end}) ends beyond a text of {len(self.text)} characters")
        borders = [0, *chain.from_iterable(self.tokens or ()), len(self.text)]
        if borders != sorted(borders) or any(map(eq, borders[1:-1:2], borders[2:-1:2])):
            raise ValueError(f"tokens must be intervals of [0, {len(self.text)}), in order and without overlap")

    @property
    def annotated_length(self) -> int:
        """Number of characters, from the start, whose annotation is known."""
        return len(self.text) if self.annotated_until is None else self.annotated_until

    def is_known(self, end: int) -> bool:
        """Return whether the annotation says if there is an entity that ends there: after its end nobody has looked."""
        return self.annotated_until is None or end <= self.annotated_until

    def known(self, spans: Iterable[Span]) -> list[Span]:
        """Return the spans, annotated or found, within the annotation: beyond it they are neither right nor wrong."""
        return [span for span in spans if self.is_known(span.end)]

    def mention(self, span: Span) -> str:
        """Return the characters that a span covers."""
        return self.text[span.start : span.end]


@dataclass(frozen=True, slots=True)
class Document:
    """Passages under one identifier, with the provenance and the weight of their annotation.

    Args:
        id: Unique in its corpus, such as a PMID.
        passages: At least one, in reading order.
        tier: Quality level of the annotation, empty where the corpus has none.
        annotator: Who annotated, empty where unknown.
        weight: Factor of the document in the training loss.
        year: The year of publication, ``None`` where unknown.

    Raises:
        ValueError: if there is no passage, the weight is negative or not finite, or the year has not one to four
            digits.
    """

    id: str
    passages: tuple[Passage, ...]
    tier: str = ""
    annotator: str = ""
    weight: float = 1.0
    year: int | None = None

    def __post_init__(self) -> None:
        if not self.passages:
            raise ValueError(f"document {self.id} has no passage")
        if not 0 <= self.weight < inf:
            raise ValueError(f"the weight of a document is a number from 0, not {self.weight}")
        if self.year is not None and not 0 < self.year < 10_000:
            raise ValueError(f"a year has one to four digits, unlike {self.year}")

    @property
    def is_annotated(self) -> bool:
        """True if any part of the document carries annotation (which may find no entity)."""
        return any(passage.annotated_until != 0 for passage in self.passages)
