"""Command lines with configurations, for the verbs on LightningCLI and for ``check``."""

import os
from inspect import signature
from pathlib import Path
from typing import Any

from jsonargparse import ActionConfigFile, Namespace  # type: ignore[attr-defined]
from lightning.pytorch.cli import LightningArgumentParser

from ner.cli.configs import PARSER_MODE, ConfigFiles, find_config
from ner.cli.messages import PlainParser, check_sections
from ner.cli.parser import program
from ner.corpora.files import FileCorpus
from ner.training.datamodule import NERDataModule


class ConfigFile(ActionConfigFile):
    """An option for a configuration, by its path or by the name under which it ships."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:  # noqa: ANN401
        path = find_config(values)
        settings = parser.files.settings(path)  # names a broken file, which the parser does not
        check_sections(settings, parser.get_defaults().keys(), path)
        self.apply_config(parser, namespace, self.dest, str(path))


class ConfigParser(PlainParser, LightningArgumentParser):
    """A parser of LightningCLI that takes no abbreviated options.

    Args:
        files: The configurations that were read before; jsonargparse makes further parsers of this class, without any.
    """

    def __init__(self, *args: Any, files: ConfigFiles | None = None, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **{"parser_mode": PARSER_MODE, "allow_abbrev": False, **kwargs})
        self.files = files or ConfigFiles()

    def parse_path(self, path: str | os.PathLike[str], *args: Any, **kwargs: Any) -> Namespace:  # noqa: ANN401
        """Parse a configuration, which is not opened again if it was read before."""
        parsed: Namespace = self.parse_string(self.files.text(Path(path)), str(path), *args, **kwargs)
        return parsed


def config_parser(files: ConfigFiles, verb: str = "", description: str = "") -> ConfigParser:
    """Return a parser with the option ``--config``."""
    parser = ConfigParser(files=files, prog=f"{program()} {verb}".strip(), description=description)
    parser.add_argument("-c", "--config", action=ConfigFile, help="Configuration: path or name; may be repeated.")
    return parser


def format_option(data: NERDataModule | None, setting: str) -> str:
    """Return the option of a setting of the format of the files that a data module reads, empty if there is none."""
    if data is None:  # not built yet
        return ""
    if data.predict_path is not None and data.predict_format is not None:
        return f"data.predict_format.{setting}"
    if isinstance(data.corpus, FileCorpus):
        return f"data.corpus.format.{setting}"
    return f"data.corpus.{setting}" if setting in signature(type(data.corpus)).parameters else ""
