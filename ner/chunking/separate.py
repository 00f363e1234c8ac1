"""Each passage is read on its own."""

from ner.chunking.base import Chunk, Chunking, Piece
from ner.documents import Document


class SeparatePassages(Chunking):
    """Title and abstract are two texts, in training as in prediction: what the winner of GutBrainIE 2025 did."""

    def chunks(self, document: Document) -> list[Chunk]:
        return [
            Chunk(document, passage, (Piece(index, 0, len(passage.text)),))
            for index, passage in enumerate(document.passages)
        ]
