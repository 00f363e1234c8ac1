"""All passages of a document are read as one text."""

from ner.chunking.base import Chunk, Chunking, Piece
from ner.documents import Document, Passage, Span


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
