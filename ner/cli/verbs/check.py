"""Report on a corpus before training on it."""

import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import get_args

import yaml
from rich.console import Console
from rich.measure import Measurement

from ner.cli.config_parser import config_parser, format_option
from ner.cli.configs import ConfigFiles
from ner.cli.messages import PlainParser
from ner.cli.parser import program
from ner.corpora.base import Split
from ner.errors import InputError
from ner.formats import Format
from ner.formats._quoting import shown_name
from ner.formats.base import documents_at, format_options
from ner.io.files import kept
from ner.reports.corpus import Report, corpus_table, count_documents, file_table, partial_annotations, report
from ner.training.datamodule import NERDataModule

DESCRIPTION = """Report on a corpus before training on it, or on one file: check FILE --format PubTator needs no
configuration."""


def main(arguments: Sequence[str]) -> int:
    """Print the report of a configuration's corpus or, with ``--format``, of a file.

    Returns:
        The exit code.

    Raises:
        InputError: if the configuration, a split of the corpus or the file cannot be used; readable splits are printed
            first.
    """
    if any(argument.partition("=")[0] == "--format" for argument in arguments):
        _check_file(arguments)
    else:
        _check_corpus(arguments)
    return 0


def _check_file(arguments: Sequence[str]) -> None:
    parser = PlainParser(prog=f"{program()} check", description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument("file", type=Path, help="file or folder; - is standard input")
    parser.add_argument("--format", type=Format, required=True, help="its format")
    parser.add_argument("--json", action="store_true", help="write one JSON object instead of a table")
    chosen = parser.instantiate_classes(parser.parse_args(list(arguments)))
    with format_options("format.{}".format), kept(chosen.file) as path:
        counts = count_documents(documents_at(path, chosen.format))
    if chosen.json:
        content = {"documents": counts.documents, "unannotated": counts.unannotated, "entities": counts.entities}
        sys.stdout.write(json.dumps(content) + "\n")
    else:
        Console(soft_wrap=True).print(file_table(str(chosen.file), counts))


def _check_corpus(arguments: Sequence[str]) -> None:
    data, is_json = _data_module(arguments)
    reports: dict[str, Report] = {}
    failures: list[InputError] = []
    splits: dict[str, set[str]] = {}
    stops: list[str] = []
    data.prepare_data()
    for split in get_args(Split):
        try:
            with format_options(partial(format_option, data)):
                texts = data.preprocessor.encode(data.documents(split), data.label_set)
        except InputError as error:
            failures.append(error)
            continue
        splits[split] = {chunk.document.id for chunk in texts.chunks}
        reports |= report(split, texts, data.label_set, data.preprocessor.capacity)
        stops += partial_annotations(split, texts)
    shared = {
        (first, second): sorted(splits.get(first, set()) & splits.get(second, set()))
        for first, second in (("train", "dev"), ("train", "test"), ("dev", "test"))
    }
    if is_json:
        sys.stdout.write(json.dumps({name: vars(counts) for name, counts in reports.items()}) + "\n")
    else:
        _print(reports, data.labels, stops, shared)
    if failures:
        raise failures[0]


def _print(
    reports: Mapping[str, Report],
    labels: Sequence[str],
    stops: Sequence[str],
    shared: Mapping[tuple[str, str], Sequence[str]],
) -> None:
    console = Console(soft_wrap=True)
    if reports:
        table = corpus_table(reports, labels)
        # As wide as the table is: in a file or a pipe it is not to be cut to 80 columns.
        unlimited = console.options.update(width=sum(map(len, reports)) + 200)
        console.width = max(console.width, Measurement.get(console, unlimited, table).maximum)
        console.print(table)
    for line in stops:
        console.print(line, markup=False, highlight=False)
    for (first, second), names in shared.items():
        if names:
            line = f"{len(names)} documents stand in {first} and in {second}, the first is {shown_name(names[0])}"
            console.print(line, markup=False, highlight=False)


class _DataFiles(ConfigFiles):
    """Configurations of `fit`, reduced to what they say of the data."""

    def __init__(self) -> None:
        super().__init__()
        self._whole = ConfigFiles()

    def text(self, path: Path) -> str:
        content = self._whole.settings(path)
        model = content.get("model")
        encoder = {"encoder": model["encoder"]} if isinstance(model, dict) and "encoder" in model else {}
        return yaml.safe_dump({"model": encoder, "data": content.get("data") or {}})


def _data_module(arguments: Sequence[str]) -> tuple[NERDataModule, bool]:
    """Build the data module that ``fit`` would build of the same arguments; return also if JSON is wanted."""
    if not arguments:
        raise InputError("check needs a corpus: give --config minilm_crf, say; or see check --help")
    parser = config_parser(_DataFiles(), "check", DESCRIPTION)
    parser.add_argument("--model.encoder", type=str, required=True, help="Encoder whose tokenizer is used.")
    parser.add_argument("--json", action="store_true", help="Write one JSON object, with a report for each column.")
    parser.add_class_arguments(NERDataModule, "data")
    parser.link_arguments("model.encoder", "data.tokenizer")
    chosen = parser.instantiate(parser.parse_args(list(arguments)))
    return chosen.data, chosen.json
