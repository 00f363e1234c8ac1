"""A report on a corpus: its documents and entities, and those that the tagger cannot learn or return."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.table import Table

from ner.labels import LabelSet
from ner.preprocessing.ragged import padded
from ner.preprocessing.texts import Texts
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


def report(split: str, texts: Texts, labels: LabelSet, capacity: int) -> dict[str, Report]:
    """Count a split, by its name or, where it has tiers, by name and tier, in the order of the documents.

    Args:
        split: The split's name.
        texts: Its texts, with tags.
        labels: The entity types.
        capacity: Most tokens of a text that the encoder reads at once.
    """
    reports: dict[str, Report] = {}
    given_back = texts.spans(labels.decode(padded(texts.tags, texts.unit_counts)), labels)
    seen: set[int] = set()
    for row, chunk in enumerate(texts.chunks):
        document = chunk.document
        counts = reports.setdefault(f"{split} {document.tier}".strip(), Report())
        if (number := int(texts.numbers[row])) not in seen:
            seen.add(number)
            counts.documents += 1
            counts.unannotated += not document.is_annotated
            if document.is_annotated:
                counts.partly += sum(passage.annotated_until is not None for passage in document.passages)
        spans = chunk.passage.spans
        counts.entities.update(span.label for span in spans)
        counts.inexact += int(texts.inexact[row])
        counts.nested += int(texts.nested[row])
        counts.returned += sum(span in given_back[row] for span in spans)
        own = slice(texts.unit_borders[row], texts.unit_borders[row + 1])
        if texts.token_counts[row] > capacity:
            counts.long += 1
            read = texts.offsets[own][texts.heads[own] < capacity]
            counts.beyond += sum(span.end > read[-1, 1] for span in spans)
    return reports


def partial_annotations(split: str, texts: Texts) -> list[str]:
    """Describe where the annotation of a text stops before its end, the first few of each tier."""
    found: dict[str, list[str]] = {}
    for chunk in texts.chunks:
        passage, document = chunk.passage, chunk.document
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


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "-"
