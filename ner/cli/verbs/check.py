"""Report on a corpus before training on it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import get_args

import yaml
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from ner.cli.config_parser import config_parser
from ner.cli.configs import ConfigFiles
from ner.corpora.base import Split
from ner.errors import InputError
from ner.preprocessing.collate import EncodedChunk, encode
from ner.training.datamodule import NERDataModule

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
        returned: Entities that tags give back exactly.
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


def main(arguments: Sequence[str]) -> int:
    """Print the report of a configuration's corpus.

    Returns:
        The exit code.

    Raises:
        InputError: if the configuration or a split of the corpus cannot be used; readable splits are printed first.
    """
    data = _data_module(arguments)
    reports: dict[str, Report] = {}
    failures: list[InputError] = []
    splits: dict[str, set[str]] = {}
    stops: list[str] = []
    data.prepare_data()
    for split in get_args(Split):
        try:
            chunks = encode(data.documents(split), data.chunking, data.encoder, data.label_set)
        except InputError as error:
            failures.append(error)
            continue
        splits[split] = {chunk.chunk.document.id for chunk in chunks}
        reports |= report(split, chunks, data)
        stops += partial_annotations(split, chunks)
    console = Console(soft_wrap=True)
    if reports:
        table = table_of(reports, data.labels)
        # As wide as the table is: in a file or a pipe it is not to be cut to 80 columns.
        unlimited = console.options.update(width=sum(map(len, reports)) + 200)
        console.width = max(console.width, Measurement.get(console, unlimited, table).maximum)
        console.print(table)
    for line in stops:
        console.print(line, markup=False, highlight=False)
    for first, second in (("train", "dev"), ("train", "test"), ("dev", "test")):
        if shared := sorted(splits.get(first, set()) & splits.get(second, set())):
            console.print(f"{len(shared)} documents stand in {first} and in {second}, the first is {shared[0]}")
    if failures:
        raise failures[0]
    return 0


def report(split: str, chunks: Iterable[EncodedChunk], data: NERDataModule) -> dict[str, Report]:
    """Counts of a split, by its name or, where it has tiers, by name and tier, in the order of the documents."""
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
            _count(counts, chunk, data)
    return reports


def partial_annotations(split: str, chunks: Iterable[EncodedChunk]) -> list[str]:
    """Where the annotation of a text stops before its end, the first few of each tier."""
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


def _count(counts: Report, chunk: EncodedChunk, data: NERDataModule) -> None:
    capacity = data.collator.capacity
    spans = chunk.chunk.passage.spans
    counts.long += len(chunk.tokens) > capacity
    counts.entities.update(span.label for span in spans)
    counts.inexact += len(chunk.inexact)
    counts.nested += len(chunk.nested)
    counts.beyond += sum(span.end > chunk.tokens.offsets[:capacity][-1][1] for span in spans)
    given_back = set(chunk.tokens.characters(data.label_set.decode(chunk.tags)))
    counts.returned += sum(span in given_back for span in spans)


class _DataFiles(ConfigFiles):
    """Configurations of `fit`, without what is not said of the data."""

    def __init__(self) -> None:
        super().__init__()
        self._whole = ConfigFiles()

    def text(self, path: Path) -> str:
        content = self._whole.settings(path)
        model = content.get("model")
        encoder = {"encoder": model["encoder"]} if isinstance(model, dict) and "encoder" in model else {}
        return yaml.safe_dump({"model": encoder, "data": content.get("data") or {}})


def _data_module(arguments: Sequence[str]) -> NERDataModule:
    """Build the data module that ``fit`` would build of the same configurations and ``--data`` arguments."""
    if not arguments:
        raise InputError("check needs a corpus: give --config minilm_crf, say; or see check --help")
    parser = config_parser(_DataFiles(), "check", "Report on a corpus before training on it.")
    parser.add_argument("--model.encoder", type=str, required=True, help="Encoder whose tokenizer is used.")
    parser.add_class_arguments(NERDataModule, "data")
    parser.link_arguments("model.encoder", "data.tokenizer")
    data: NERDataModule = parser.instantiate(parser.parse_args(list(arguments))).data
    return data


def table_of(reports: Mapping[str, Report], labels: Sequence[str]) -> Table:
    """One column a report; its figures and its entities by label in rows."""
    table = Table(title="corpus", title_justify="left")
    table.add_column("", no_wrap=True)
    for name in reports:
        table.add_column(name.replace(" ", "\n"), justify="right")
    columns = reports.values()
    rows: dict[str, list[str]] = {
        "documents": [str(counts.documents) for counts in columns],
        "  without annotation": [str(counts.unannotated) for counts in columns],
        "texts annotated only in part": [str(counts.partly) for counts in columns],
        "texts beyond the encoder's limit": [str(counts.long) for counts in columns],
        "entities": [str(counts.entities.total()) for counts in columns],
        "  that truncation would lose": [str(counts.beyond) for counts in columns],
        "  with a border inside a token": [str(counts.inexact) for counts in columns],
        "  nested in a longer one": [str(counts.nested) for counts in columns],
        "  a perfect tagger returns": [_share(counts.returned, counts.entities.total()) for counts in columns],
    }
    for name, values in rows.items():
        table.add_row(name, *values, end_section=name == list(rows)[-1])
    for label in labels:
        table.add_row(label, *(str(counts.entities[label]) for counts in columns))
    return table


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "-"
