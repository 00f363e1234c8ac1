"""Command lines of the verbs that need no LightningCLI."""

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from typing import NoReturn

from ner.errors import InputError


class LightParser(ArgumentParser):
    """Reports a wrong argument like every other mistake of a user: one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see python {self.prog} --help")

    def add_number(self, name: str, what: str, default: int, least: int = 0, most: int | None = None) -> None:
        """Add an option for a whole number, which is absent where it is not given: the default is only stated."""

        def number(text: str) -> int:
            # Neither signs nor the underscores, blanks and digits of other scripts that Python takes.
            if not (text.isascii() and text.isdecimal() and least <= int(text) <= (most or int(text))):
                bounds = f"from {least} to {most}" if most else f"from {least} on"
                raise ArgumentTypeError(f"should be a whole number {bounds}, not {text!r}")
            return int(text)

        self.add_argument(name, type=number, default=SUPPRESS, metavar="N", help=f"{what} (default: {default})")
