"""A report on a corpus: its documents and entities, and those that the tagger cannot learn or return."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from rich.table import Table

from ner.labels import LabelSet
from ner.preprocessing.collate import EncodedChunk
from ner.reports.tables import Row, build_table

SHOWN_STOPS = 3


@dataclass
class Report:
    """Counts over the documents of one tier of a split.

    Args:
        documents: Documents.
        unannotated: Documents without any annotation.
        partly: Texts whose annotation stops before their end.
        long: Texts beyond the encoder's limit, read in several windows.
        entities: Entities by label.
        beyond: Entities that truncation at the limit would lose.
        inexact: Entities with a border inside a token.
        nested: Entities that share tokens with a longer one.
        returned: Entities that are the same after the way to tags and back.
    """

    documents: int = 0
    unannotated: int = 0
    partly: int = 0
    long: int = 0
    entities: Counter[str] = field(default_factory=Counter)
    beyond: int = 0
    inexact: int = 0
    nested: int = 0
    returned: int = 0


def report(split: str, chunks: Iterable[EncodedChunk], labels: LabelSet, capacity: int) -> dict[str, Report]:
    """Count a split, by its name or, where it has tiers, by name and tier, in the order of the documents.

    Args:
        split: The name of the split.
        chunks: Its texts with their tags, those of a document in a row.
        labels: The entity types.
        capacity: The number of tokens of a text that the encoder reads at once.
    """
    reports: dict[str, Report] = {}
    for _, group in groupby(chunks, key=lambda chunk: chunk.document_number):
        of_document = list(group)
        document = of_document[0].chunk.document
        counts = reports.setdefault(f"{split} {document.tier}".strip(), Report())
        counts.documents += 1
        counts.unannotated += not document.is_annotated
        counts.partly += document.is_annotated and sum(
            passage.annotated_until is not None for passage in document.passages
        )
        for chunk in of_document:
            _count(counts, chunk, labels, capacity)
    return reports


def partial_annotations(split: str, chunks: Iterable[EncodedChunk]) -> list[str]:
    """Describe where the annotation of a text stops before its end, the first few of each tier."""
    found: dict[str, list[str]] = {}
    for chunk in chunks:
        passage, document = chunk.chunk.passage, chunk.chunk.document
        if document.is_annotated and passage.annotated_length < len(passage.text):
            where = f"{document.id} {passage.section}".strip()
            stop = f"{where}, annotated to character {passage.annotated_length} of {len(passage.text)}"
            found.setdefault(f"{split} {document.tier}".strip(), []).append(stop)
    return [
        f"{name}: {stop}" if number < SHOWN_STOPS else f"{name}: and {len(stops) - SHOWN_STOPS} more texts in part"
        for name, stops in found.items()
        for number, stop in enumerate(stops[: SHOWN_STOPS + 1])
    ]


def corpus_table(reports: Mapping[str, Report], labels: Sequence[str]) -> Table:
    """Build a table with a column for each report: its counts, then its entities by label."""
    counts = reports.values()
    rows: list[Row] = [
        ("documents", *(each.documents for each in counts)),
        ("  without annotation", *(each.unannotated for each in counts)),
        ("texts annotated only in part", *(each.partly for each in counts)),
        ("texts beyond the encoder's limit", *(each.long for each in counts)),
        ("entities", *(each.entities.total() for each in counts)),
        ("  that truncation would lose", *(each.beyond for each in counts)),
        ("  with a border inside a token", *(each.inexact for each in counts)),
        ("  nested in a longer one", *(each.nested for each in counts)),
        ("  a perfect tagger returns", *(_share(each.returned, each.entities.total()) for each in counts)),
    ]
    by_label: list[Row] = [(label, *(each.entities[label] for each in counts)) for label in labels]
    return build_table("corpus", ["", *(name.replace(" ", "\n") for name in reports)], rows, by_label)


def _count(counts: Report, chunk: EncodedChunk, labels: LabelSet, capacity: int) -> None:
    spans = chunk.chunk.passage.spans
    counts.long += len(chunk.tokens) > capacity
    counts.entities.update(span.label for span in spans)
    counts.inexact += len(chunk.inexact)
    counts.nested += len(chunk.nested)
    counts.beyond += sum(span.end > chunk.tokens.offsets[:capacity][-1][1] for span in spans)
    given_back = set(chunk.tokens.characters(labels.decode(chunk.tags)))
    counts.returned += sum(span in given_back for span in spans)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "-"
