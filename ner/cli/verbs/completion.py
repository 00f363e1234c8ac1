"""Print a script with which a shell completes verbs, options and files."""

import re
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from importlib import import_module
from io import StringIO
from pathlib import Path

import shtab

from ner.cli.dispatcher import first_line, verbs
from ner.cli.parser import LightParser

SHELLS = ("bash", "zsh", "fish")
DESCRIPTION = """Print a script for a shell, made of the help of all verbs; make it anew when you upgrade. For bash: ner
completion bash > ~/.local/share/bash-completion/completions/ner, and begin a new shell."""


def main(arguments: Sequence[str]) -> int:
    """Print the script, and return the exit code."""
    parser = LightParser(prog="completion", description=DESCRIPTION)
    parser.add_argument("shell", choices=SHELLS)
    shell = parser.parse_args(list(arguments)).shell
    sys.stdout.write(shtab.complete(_program(), shell=shell))
    return 0


@dataclass(frozen=True)
class Option:
    """An option as the help of its verb lists it.

    Attributes:
        flags: Its spellings.
        values: What it takes: nothing where it is a switch, ``None`` where it is anything.
        help: The first sentence on it.
    """

    flags: tuple[str, ...]
    values: tuple[str, ...] | None
    help: str


def options_of(text: str) -> Iterator[Option]:
    """Yield the options of a verb's help."""
    for lines in re.split(r"^(?=  -)", text, flags=re.M)[1:]:
        call, *rest = re.split(r" {2,}|\n", lines.strip(), maxsplit=1)
        words = " ".join(" ".join(rest).split())
        flags = tuple(re.findall(r"(?<![^\s,])--?[a-zA-Z][\w.-]*(?=[\s,]|$)", call))
        sentence = re.split(r"[.;:] | \(", words)[0].rstrip(".")
        values: tuple[str, ...] | None = None
        if listed := re.search(r"\{(.+?)\}", call):
            values = tuple(listed[1].split(","))
        elif classes := re.search(r"known subclasses: ([\w., ]+)", words):
            values = tuple(name.rpartition(".")[2] for name in classes[1].split(", "))
        elif re.fullmatch(r"-\S+", call.split(", ")[-1]):
            values = ()
        yield Option(flags, values, sentence)


def _program() -> ArgumentParser:
    """Return a parser that has all verbs with their options, which their own parsers are too slow for."""
    program = ArgumentParser(prog="ner")
    program.add_argument("--version", action="store_true", help="show the version")
    parsers = program.add_subparsers()
    for verb, path in verbs().items():
        own = parsers.add_parser(verb, help=first_line(path), add_help=False)
        for option in options_of(_help(verb)):
            text = option.help.replace("%", "%%") or option.flags[-1]
            if option.values == ():
                own.add_argument(*option.flags, action="store_true", help=text)
            else:
                action = own.add_argument(*option.flags, choices=option.values, help=text)
                if option.values is None:
                    action.complete = shtab.FILE  # type: ignore[attr-defined]
        files = own.add_argument("files", nargs="*", help="files", choices=SHELLS if _is_own(verb) else None)
        if files.choices is None:
            files.complete = shtab.FILE  # type: ignore[attr-defined]
    return program


def _is_own(verb: str) -> bool:
    return verb == Path(__file__).stem


def _help(verb: str) -> str:
    if _is_own(verb):
        return ""
    with redirect_stdout(StringIO()) as printed, suppress(SystemExit):
        import_module(f"ner.cli.verbs.{verb.replace('-', '_')}").main(["--help"])
    return printed.getvalue()
