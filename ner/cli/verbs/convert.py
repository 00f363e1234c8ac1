"""Write documents in another format, and say what it does not hold."""

from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory

from rich.console import Console

from ner.cli.messages import PlainParser, warned_before
from ner.cli.parser import program
from ner.formats import Format
from ner.formats.base import documents_at, format_options
from ner.formats.comparison import losses
from ner.io.files import STANDARD, check_apart, check_writable, is_stream, kept, writing_bytes

DESCRIPTION = """Convert documents from one format to another, and report what the other format does not hold: the
output is read again and compared. What the input holds beyond documents and entities is counted. A format is a class of
ner.formats, or one of your own as my_module.MyFormat; its options follow it, as in --from Brat --from.title_line
true."""


def main(arguments: Sequence[str]) -> int:
    """Convert, and print the losses.

    Returns:
        The exit code.

    Raises:
        InputError: if the input cannot be read, or the output not written.
    """
    parser = PlainParser(prog=f"{program()} convert", description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument("--from", type=Format, required=True, help="format of the input")
    parser.add_argument("--to", type=Format, required=True, help="format of the output")
    parser.add_argument("input", type=Path, help="file or folder; - is standard input")
    parser.add_argument("output", type=Path, help="file, or folder in formats of many files; - is standard output")
    chosen = parser.instantiate_classes(parser.parse_args(list(arguments)))
    convert(chosen["from"], chosen["to"], chosen["input"], chosen["output"])
    return 0


def convert(source: Format, target: Format, path: Path, output: Path) -> None:
    """Write the documents of a path in another format, and report on standard error.

    Raises:
        InputError: if the input cannot be read, or the output not written.
    """
    check_apart(path, output, source.suffixes, target.writes_folder, source.companions)
    check_writable(output, is_folder=target.writes_folder)
    with kept(path) as read, TemporaryDirectory() as folder, format_options("to.{}".format):
        is_streamed = output == STANDARD or is_stream(output)
        written = Path(folder) / output.name if is_streamed else output
        target.write(documents_at(read, source, "from"), written)
        not_read = +source.not_read
        with warned_before():
            # A format that cannot be read, as an empty folder, loses what it loses; the documents are still counted.
            is_read = target.can_read and (written.is_file() or any(written.iterdir()))
            after = documents_at(written, target) if is_read else documents_at(read, deepcopy(source), "from")
            lost = losses(documents_at(read, source, "from"), after, target.keeps_identifiers)
        if is_streamed:
            with written.open("rb") as file, writing_bytes(output) as stream:
                copyfileobj(file, stream)
    _report(not_read, lost, target, output)


def _report(not_read: Counter[str], lost: Counter[str], target: Format, output: Path) -> None:
    console = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
    console.print(f"{lost.pop('all documents')} documents, {lost.pop('all entities')} entities: {output}")
    if not_read:
        console.print(f"not read: {', '.join(f'{count:,} {what}' for what, count in sorted(not_read.items()))}")
    if not target.can_read:
        console.print(f"not compared with the input, because {type(target).__name__} cannot be read again")
    for what, count in lost.items():
        console.print(f"not held by {type(target).__name__}: {what}: {count}")
