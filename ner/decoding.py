"""Emissions to entities, what the tagger finds in each chunk of a batch, and chunks back to documents."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from ner.batches import Batch, EncodedChunk
from ner.documents import Document, Span
from ner.labels import LabelSet
from ner.nn.tagger import Tagger


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
    tagger: Tagger, emissions: Tensor, batch: Batch, labels: LabelSet, with_scores: bool = False
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
    found: list[list[Span]], tagger: Tagger, emissions: Tensor, batch: Batch, labels: LabelSet
) -> list[list[Span]]:
    intervals = [(row, span.start, span.end) for row, spans in enumerate(found) for span in spans]
    tags = [labels.tag_ids(span.label) for spans in found for span in spans]
    marginals = iter(tagger.crf.interval_log_marginals(emissions, batch.mask, intervals, tags).exp().tolist())
    return [[replace(span, score=next(marginals)) for span in spans] for spans in found]


class Assembler:
    """Tagged chunks, in whatever order they come, back to documents in the order of the input.

    Args:
        first: The place in the input of the first document that is due.
        step: How far its successor is behind it: the number of processes that share the input.
    """

    def __init__(self, first: int = 0, step: int = 1) -> None:
        self._next = first
        self._step = step
        self._found: dict[int, tuple[Document, dict[int, tuple[Span, ...]]]] = {}

    def add(self, tagged: Iterable[TaggedChunk]) -> int:
        """Take in what was found in some chunks.

        Returns:
            The number of documents that are whole now.
        """
        finished = 0
        for part in tagged:
            document = part.chunk.chunk.document
            _, entities = self._found.setdefault(part.chunk.document_number, (document, {}))
            entities.update(part.entities)
            finished += _is_whole(document, entities)
        return finished

    def ready(self) -> Iterator[Document]:
        """The documents that are whole, as far as none before them is missing, with their entities; each once."""
        while self._next in self._found and _is_whole(*self._found[self._next]):
            document, entities = self._found.pop(self._next)
            self._next += self._step
            passages = (
                replace(passage, spans=entities[number], annotated_until=None)
                for number, passage in enumerate(document.passages)
            )
            yield replace(document, passages=tuple(passages))


def _is_whole(document: Document, entities: Mapping[int, tuple[Span, ...]]) -> bool:
    """Whether all passages are tagged."""
    return len(entities) == len(document.passages)
