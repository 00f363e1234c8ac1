"""Command lines of the verbs that need no LightningCLI."""

import sys
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, HelpFormatter
from pathlib import Path
from typing import NoReturn

from ner.errors import InputError

# How the program is called, by the name of the file that was started; that of the console script is its own.
CALLS = {"main.py": "python main.py", "__main__.py": "python -m ner"}


def program() -> str:
    """Return what this program was called by, as its user types it."""
    return CALLS.get(Path(sys.argv[0]).name, "ner")


class LightParser(ArgumentParser):
    """A parser that takes no abbreviated options, and reports a mistake in one line, without the usage.

    Args:
        prog: The name of the verb.
        description: The first paragraph of its help.
        formatter_class: How its help is laid out.
        add_help: Give it ``--help``.
    """

    def __init__(
        self,
        prog: str = "",
        description: str | None = None,
        formatter_class: type[HelpFormatter] = HelpFormatter,
        add_help: bool = True,
    ) -> None:
        super().__init__(
            prog=f"{program()} {prog}".strip(),
            description=description,
            formatter_class=formatter_class,
            add_help=add_help,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see {self.prog} --help")

    def add_checkpoints(self) -> None:
        """Add the option for the model."""
        self.add_argument(
            "--checkpoints",
            nargs="+",
            required=True,
            metavar="PATTERN",
            help="a run's folder, checkpoints or an exported folder; several models are one ensemble",
        )

    def add_number(self, name: str, what: str, default: int, least: int = 0, most: int | None = None) -> None:
        """Add an option for a whole number, which is absent where it is not given: the default is only stated."""

        def number(text: str) -> int:
            # Neither signs nor the underscores, blanks and digits of other scripts that Python takes.
            if not (text.isascii() and text.isdecimal() and least <= int(text) <= (most or int(text))):
                bounds = f"from {least} to {most}" if most else f"from {least} on"
                raise ArgumentTypeError(f"should be a whole number {bounds}, not {text!r}")
            return int(text)

        self.add_argument(name, type=number, default=SUPPRESS, metavar="N", help=f"{what} (default: {default})")
