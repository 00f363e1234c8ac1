"""Report on a corpus before training on it."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import yaml
from rich.console import Console
from rich.measure import Measurement

from ner.cli.config_parser import config_parser, format_option
from ner.cli.configs import ConfigFiles
from ner.cli.messages import format_options
from ner.corpora.base import Split
from ner.errors import InputError
from ner.reports.corpus import Report, corpus_table, partial_annotations, report
from ner.training.datamodule import NERDataModule


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
            with format_options(lambda: format_option(data)):
                texts = data.preprocessor.encode(data.documents(split), data.label_set)
        except InputError as error:
            failures.append(error)
            continue
        splits[split] = {chunk.document.id for chunk in texts.chunks}
        reports |= report(split, texts, data.label_set, data.preprocessor.capacity)
        stops += partial_annotations(split, texts)
    console = Console(soft_wrap=True)
    if reports:
        table = corpus_table(reports, data.labels)
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
