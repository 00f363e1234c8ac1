"""Combine the predictions of several taggers by a vote over exact spans."""

from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

from rich.console import Console

from ner.cli.messages import PlainParser
from ner.cli.parser import program
from ner.documents import Document
from ner.errors import InputError
from ner.formats import Format
from ner.formats.base import documents_at, format_options
from ner.inference.voting import vote
from ner.io.files import STANDARD, check_apart, check_writable

JSON_LINES = {"class_path": "ner.formats.JsonLines"}
DESCRIPTION = """Keep the entities that enough taggers have found in the same documents. `predict` averages the seeds of
one encoder exactly; this is for taggers with different tokenizers or of other programs. Formats are given as in
`convert`."""


def main(arguments: Sequence[str]) -> int:
    """Count the votes, and write the documents.

    Returns:
        The exit code.

    Raises:
        InputError: if the predictions are not of the same documents, or a file cannot be read or written.
    """
    parser = PlainParser(prog=f"{program()} vote", description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument("predictions", type=Path, nargs="+", help="files of the same documents in the same order")
    parser.add_argument("--format", type=Format, default=JSON_LINES, help="their format")
    parser.add_argument("--output", type=Path, required=True, help="file to write; - is standard output")
    parser.add_argument("--to", type=Format, default=JSON_LINES, help="its format")
    parser.add_argument("--at_least", type=float | None, default=None, help="least votes; by default the majority")
    parser.add_argument("--by_score", type=bool, default=False, help="count an entity's score as its vote, and not 1")
    chosen = parser.instantiate_classes(parser.parse_args(list(arguments)))
    paths, source, target = chosen["predictions"], chosen["format"], chosen["to"]
    if len(paths) < 2:
        raise InputError("vote needs the predictions of two taggers or more; name their files")
    majority = len(paths) / 2 if chosen["by_score"] else len(paths) // 2 + 1
    at_least = majority if chosen["at_least"] is None else chosen["at_least"]
    if not 0 < at_least <= len(paths):
        raise InputError(f"at_least is {at_least:g}; of {len(paths)} taggers there are 1 to {len(paths)} votes")
    if not target.can_write_entities:
        raise InputError(f"--to {type(target).__name__}: holds no entities; name a format that does, such as JsonLines")
    for path in paths:
        check_apart(path, chosen["output"], source.suffixes, target.writes_folder, source.companions)
    check_writable(chosen["output"], is_folder=target.writes_folder)
    counts = Counter[str]()

    def counted(document: Document) -> Document:
        entities = sum(len(passage.spans) for passage in document.passages)
        counts.update({"documents": 1, "entities": entities, "not tagged": not document.is_annotated})
        return document

    with format_options("to.{}".format):
        # Each reading counts on its own what it leaves out.
        taggings = [documents_at(path, deepcopy(source), "format") for path in paths]
        target.write(map(counted, vote(taggings, at_least, chosen["by_score"])), chosen["output"])
    console = Console(stderr=chosen["output"] == STANDARD, soft_wrap=True, markup=False, highlight=False)
    console.print(f"{counts['documents']} documents, {counts['entities']} entities: {chosen['output']}")
    if counts["not tagged"]:
        console.print(f"without annotation, because not all taggers have tagged them: {counts['not tagged']}")
    return 0
