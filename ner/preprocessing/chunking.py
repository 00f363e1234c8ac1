"""Chunks: the texts that are read and decoded as one, and the way back to the passages they come from."""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import ClassVar

from ner.documents import Document, Passage, Span
from ner.errors import InputError


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters ``[start, end)`` of a chunk's text: the whole of one passage of its document."""

    passage: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A text that the encoder and the CRF read as one.

    Args:
        document: Where the text comes from.
        passage: The text, its section and its spans, with offsets in this text.
        pieces: Where each passage of the document stands in this text, in order.
    """

    document: Document
    passage: Passage
    pieces: tuple[Piece, ...]

    def project(self, spans: Iterable[Span]) -> dict[int, tuple[Span, ...]]:
        """Return spans of this text as spans of the document's passages, by passage index.

        A span that crosses the border of two passages is cut to the one in which it starts; one that covers nothing
        but the separator vanishes.
        """
        projected: dict[int, list[Span]] = {piece.passage: [] for piece in self.pieces}
        ends = [piece.end for piece in self.pieces]
        for span in spans:
            for place in range(bisect_right(ends, span.start), len(ends)):
                piece = self.pieces[place]
                if piece.start >= span.end:
                    break
                start, end = max(span.start, piece.start), min(span.end, piece.end)
                if start < end:
                    found = Span(start - piece.start, end - piece.start, span.label, span.score)
                    projected[piece.passage].append(found)
                    break
        return {passage: tuple(spans) for passage, spans in projected.items()}


@dataclass(frozen=True)
class Chunking(ABC):
    """A way to cut documents into chunks. Every passage lies whole in exactly one chunk.

    A chunking is a frozen dataclass whose fields are texts, numbers, true, false or none, so that a checkpoint can keep
    them.
    """

    @abstractmethod
    def chunks(self, document: Document) -> list[Chunk]:
        """Return the chunks of a document, in reading order."""

    def to_dict(self) -> dict[str, object]:
        """Return class and arguments in the form of a configuration.

        Raises:
            InputError: if an argument is not a plain value.
        """
        kind = type(self)
        arguments = asdict(self)
        for name, value in arguments.items():
            if not isinstance(value, str | int | float | bool | None):
                raise InputError(
                    f"{kind.__qualname__}: a checkpoint cannot keep its argument {name!r}; each has to be a text, a "
                    "number, true, false or none"
                )
        return {"class_path": _path(kind), "init_args": arguments}

    @classmethod
    def from_dict(cls, settings: object) -> "Chunking":
        """Build the chunking that saved settings name. Nothing is imported: it has to be known already.

        Args:
            settings: ``class_path`` and ``init_args``, as :meth:`to_dict` returns them.

        Raises:
            InputError: if no chunking of this name is known, or its arguments do not fit.
        """
        name = settings.get("class_path") if isinstance(settings, Mapping) else None
        arguments = (settings.get("init_args") or {}) if isinstance(settings, Mapping) else {}
        known = {_path(kind): kind for kind in _subclasses(Chunking)}  # type: ignore[type-abstract]
        kind = known.get(str(name))
        if kind is None:
            listed = ", ".join(known)
            raise InputError(f"the chunking {name!r:.100} is unknown; import its module first, or use one of {listed}")
        own = {field.name for field in fields(kind)}
        if not isinstance(arguments, Mapping) or not arguments.keys() <= own:
            raise InputError(f"the chunking {name!r:.100} has other arguments than {arguments!r:.100}")
        return kind(**arguments)


@dataclass(frozen=True)
class SeparatePassages(Chunking):
    """Title and abstract are two texts, in training as in prediction: what the winner of GutBrainIE 2025 did."""

    def chunks(self, document: Document) -> list[Chunk]:
        return [
            Chunk(document, passage, (Piece(index, 0, len(passage.text)),))
            for index, passage in enumerate(document.passages)
        ]


@dataclass(frozen=True)
class JointPassages(Chunking):
    """Title and abstract are one text, joined by one space: the baseline that separate reading is compared with.

    The annotation of the joint text stops where that of a passage first stops before the passage's end.
    """

    SEPARATOR: ClassVar[str] = " "

    def chunks(self, document: Document) -> list[Chunk]:
        pieces: list[Piece] = []
        spans: list[Span] = []
        position = 0
        for index, passage in enumerate(document.passages):
            pieces.append(Piece(index, position, position + len(passage.text)))
            spans += [Span(position + span.start, position + span.end, span.label) for span in passage.spans]
            position += len(passage.text) + len(self.SEPARATOR)
        parts = list(zip(pieces, document.passages, strict=True))
        stops = [
            piece.start + passage.annotated_length
            for piece, passage in parts
            if passage.annotated_length < len(passage.text)
        ]
        tokens = [
            (piece.start + start, piece.start + end) for piece, passage in parts for start, end in passage.tokens or ()
        ]
        joint = Passage(
            self.SEPARATOR.join(passage.text for passage in document.passages),
            spans=tuple(spans),
            annotated_until=stops[0] if stops else None,
            tokens=tuple(tokens) if all(passage.tokens is not None for passage in document.passages) else None,
        )
        return [Chunk(document, joint, tuple(pieces))]


def _path(kind: type[Chunking]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _subclasses(kind: type["Chunking"]) -> list[type["Chunking"]]:
    return [each for child in kind.__subclasses__() for each in (child, *_subclasses(child))]
