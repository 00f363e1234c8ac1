"""How a document is cut into the texts that the tagger reads, one way a file."""

from ner.chunking.base import Chunk, Chunking, Piece
from ner.chunking.joint import JointPassages
from ner.chunking.separate import SeparatePassages

__all__ = ["Chunk", "Chunking", "JointPassages", "Piece", "SeparatePassages"]
