"""A chunk: the text that is read and decoded as one, and the way back to the passages it came from."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from ner.documents import Document, Passage, Span


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
        """Spans of this text as spans of the document's passages, by passage index.

        A span that runs over the border of two passages is cut to the one in which it starts; one that covers nothing
        but the separator vanishes.
        """
        projected: dict[int, list[Span]] = {piece.passage: [] for piece in self.pieces}
        for span in spans:
            for piece in self.pieces:
                start, end = max(span.start, piece.start), min(span.end, piece.end)
                if start < end:
                    found = Span(start - piece.start, end - piece.start, span.label, span.score)
                    projected[piece.passage].append(found)
                    break
        return {passage: tuple(spans) for passage, spans in projected.items()}


class Chunking(ABC):
    """A way to cut documents into chunks. Every passage lies whole in exactly one chunk."""

    @abstractmethod
    def chunks(self, document: Document) -> list[Chunk]:
        """The chunks of a document, in reading order."""


class SeparatePassages(Chunking):
    """Title and abstract are two texts, in training as in prediction: what the winner of GutBrainIE 2025 did."""

    def chunks(self, document: Document) -> list[Chunk]:
        return [
            Chunk(document, passage, (Piece(index, 0, len(passage.text)),))
            for index, passage in enumerate(document.passages)
        ]


class JointPassages(Chunking):
    """Title and abstract are one text, joined by one space: the baseline that separate reading is compared with.

    The annotation of the joint text stops where that of a passage first stops before the passage's end.
    """

    SEPARATOR = " "

    def chunks(self, document: Document) -> list[Chunk]:
        pieces: list[Piece] = []
        spans: list[Span] = []
        texts: list[str] = []
        position = 0
        for index, passage in enumerate(document.passages):
            pieces.append(Piece(index, position, position + len(passage.text)))
            spans += [Span(position + span.start, position + span.end, span.label) for span in passage.spans]
            texts.append(passage.text)
            position += len(passage.text) + len(self.SEPARATOR)
        stops = [
            piece.start + passage.annotated_length
            for piece, passage in zip(pieces, document.passages, strict=True)
            if passage.annotated_length < len(passage.text)
        ]
        text = self.SEPARATOR.join(texts)
        joint = Passage(text, spans=tuple(spans), annotated_until=stops[0] if stops else None)
        return [Chunk(document, joint, tuple(pieces))]
