"""Report on a corpus before training on it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from ner.labels import LabelSet
from ner.preprocessing.ragged import padded
from ner.preprocessing.texts import Texts
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
            texts = data.preprocessor.encode(data.documents(split), data.label_set)
        except InputError as error:
            failures.append(error)
            continue
        splits[split] = {chunk.document.id for chunk in texts.chunks}
        reports |= report(split, texts, data.label_set, data.preprocessor.capacity)
        stops += partial_annotations(split, texts)
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


def report(split: str, texts: Texts, labels: LabelSet, capacity: int) -> dict[str, Report]:
    """Return counts of a split, by its name or, where it has tiers, by name and tier, in the order of the documents.

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
    """Return where the annotation of a text stops before its end, the first few of each tier."""
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
