"""Emissions to entities, what the tagger finds in each chunk of a batch, and chunks back to documents."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from ner.documents import Document, Span
from ner.labels import LabelSet
from ner.nn.models import Model
from ner.preprocessing.collate import Batch, EncodedChunk


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


def decode(
    tagger: Model, emissions: Tensor, batch: Batch, labels: LabelSet, with_scores: bool = False
) -> list[TaggedChunk]:
    """The best path of each chunk under the CRF, and the entities on it.

    Args:
        tagger: Scores paths.
        emissions: Scores of tags for the batch's tokens, (B, T, K).
        batch: The B chunks.
        labels: Entity types of the K tags.
        with_scores: Whether each entity gets its span marginal: the probability, under the CRF, of all paths that
            hold exactly this entity, whatever they hold elsewhere.
    """
    paths = tagger.decode(emissions, batch.mask)
    found = [labels.decode(path) for path in paths]
    if with_scores:
        found = _scored(found, tagger, emissions, batch, labels)
    return [
        TaggedChunk(chunk, tuple(path), chunk.project(spans))
        for chunk, path, spans in zip(batch.chunks, paths, found, strict=True)
    ]


def _scored(
    found: list[list[Span]], tagger: Model, emissions: Tensor, batch: Batch, labels: LabelSet
) -> list[list[Span]]:
    intervals = [(row, span.start, span.end) for row, spans in enumerate(found) for span in spans]
    tags = [labels.tag_ids(span.label) for spans in found for span in spans]
    marginals = iter(tagger.crf.interval_log_marginals(emissions, batch.mask, intervals, tags).exp().tolist())
    return [[replace(span, score=next(marginals)) for span in spans] for spans in found]


class Assembler:
    """Tagged chunks, in whatever order they come, back to documents."""

    def __init__(self) -> None:
        self._found: dict[int, dict[int, tuple[Span, ...]]] = {}

    def add(self, tagged: Iterable[TaggedChunk]) -> dict[int, Document]:
        """Take in what was found in some chunks.

        Returns:
            The documents all of whose passages are tagged now, with their entities, by their places in the input.
        """
        whole = {}
        for part in tagged:
            document, place = part.chunk.chunk.document, part.chunk.document_number
            entities = self._found.setdefault(place, {})
            entities.update(part.entities)
            if len(entities) < len(document.passages):
                continue
            passages = (
                replace(passage, spans=entities[number], annotated_until=None)
                for number, passage in enumerate(document.passages)
            )
            whole[place] = replace(document, passages=tuple(passages))
            del self._found[place]
        return whole
