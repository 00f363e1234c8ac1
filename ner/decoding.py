"""Emissions to entities: what the tagger finds in each chunk of a batch."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ner.batches import Batch, EncodedChunk
from ner.documents import Span
from ner.labels import LabelSet
from ner.nn.tagger import CrfTagger


@dataclass(frozen=True, slots=True)
class TaggedChunk:
    """A chunk with what was found in it.

    Args:
        chunk: What was read.
        tags: The best tag path, one id a token.
        entities: Its entities, by passage of the chunk's document; a passage without any has an empty tuple.
    """

    chunk: EncodedChunk
    tags: tuple[int, ...]
    entities: Mapping[int, tuple[Span, ...]]


def decode(tagger: CrfTagger, emissions: Tensor, batch: Batch, labels: LabelSet) -> list[TaggedChunk]:
    """The best path of each chunk under the CRF, and the entities on it.

    Args:
        tagger: Scores paths.
        emissions: Scores of tags for the batch's tokens, (B, T, K).
        batch: The B chunks.
        labels: Entity types of the K tags.
    """
    paths = tagger.decode(emissions, batch.mask)
    return [
        TaggedChunk(chunk, tuple(path), chunk.entities(path, labels))
        for chunk, path in zip(batch.chunks, paths, strict=True)
    ]
