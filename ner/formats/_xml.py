"""XML from its own text alone: nothing external is read, and a small file takes no large memory."""

from collections.abc import Iterator
from typing import BinaryIO
from xml.etree import ElementTree as ET
from xml.parsers import expat

BLOCK_BYTES = 1 << 16


class XMLError(ValueError):
    """Text that is no XML, or uses what no file of a corpus needs."""


def new_parser(builder: ET.TreeBuilder) -> expat.XMLParserType:
    """Return a parser of text into a tree; it refuses attributes with a default, which each element would copy."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data

    def refuse(element: str, name: str, _: str, default: str | None, __: bool) -> None:
        if default:
            raise XMLError(f"the attribute {name!r:.40} of <{element:.40}> has a default; leave it out")

    parser.AttlistDeclHandler = refuse
    return parser


def elements(file: BinaryIO) -> Iterator[tuple[bool, ET.Element]]:
    """Yield the elements of a file, each where it starts and where it has ended (true).

    Raises:
        XMLError: if it is no XML, or has an unknown entity.
    """
    builder = ET.TreeBuilder()
    parser = new_parser(builder)
    found: list[tuple[bool, ET.Element]] = []

    def skipped(name: str, is_parameter: bool) -> None:
        if not is_parameter:
            raise XMLError(f"undefined entity &{name:.40};: line {parser.CurrentLineNumber}")

    def external(name: str, *_: str | None) -> int:
        skipped(name, is_parameter=False)
        return 0

    parser.StartElementHandler = lambda tag, attributes: found.append((False, builder.start(tag, attributes)))
    parser.EndElementHandler = lambda tag: found.append((True, builder.end(tag)))
    parser.SkippedEntityHandler = skipped
    parser.ExternalEntityRefHandler = external
    try:
        while block := file.read(BLOCK_BYTES):
            parser.Parse(block, False)
            yield from found
            found.clear()
        parser.Parse(b"", True)
        yield from found  # what a parser has waited with until the end
    except (expat.ExpatError, LookupError) as error:
        raise XMLError(str(error)) from None
