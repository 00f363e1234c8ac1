"""Write documents in another format, and say what it does not hold."""

import logging
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, zip_longest
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import NoReturn

from jsonargparse import ArgumentParser
from rich.console import Console

from ner.cli.parser import program
from ner.corpora import Corpus
from ner.corpora.base import documents_of
from ner.documents import Document
from ner.errors import InputError
from ner.io.files import STANDARD, check_apart, check_writable, kept

DESCRIPTION = """Convert documents from one format to another, and say what of them the other does not hold: what was
written is read again, and compared. A format is a class of ner.corpora, or one of your own as my_module.MyCorpus; its
arguments follow it, as in --from Brat --from.title_line true."""


class _Parser(ArgumentParser):
    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise InputError(f"{' '.join(message.split())}; see {self.prog} --help")


def main(arguments: Sequence[str]) -> int:
    """Convert, and print what was lost.

    Returns:
        The exit code.

    Raises:
        InputError: if the input cannot be read, or the output not written.
    """
    parser = _Parser(prog=f"{program()} convert", description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument("--from", type=Corpus, required=True, help="format of the input")
    parser.add_argument("--to", type=Corpus, required=True, help="format of the output")
    parser.add_argument("input", type=Path, help="file or folder; - is standard input")
    parser.add_argument("output", type=Path, help="file, or folder in formats of many files; - is standard output")
    chosen = parser.instantiate_classes(parser.parse_args(list(arguments)))
    convert(chosen["from"], chosen["to"], chosen["input"], chosen["output"])
    return 0


def convert(source: Corpus, target: Corpus, path: Path, output: Path) -> None:
    """Write the documents of a path in another format, and report on standard error.

    Raises:
        InputError: if the input cannot be read, or the output not written.
    """
    check_apart(path, output, source.suffixes, target.writes_folder)
    check_writable(output, is_folder=target.writes_folder)
    with kept(path) as read, TemporaryDirectory() as folder:
        written = Path(folder) / "output" if output == STANDARD else output
        target.write(documents_of(source, read), written)
        # What is to be said of the input was said when it was written.
        logging.disable(logging.WARNING)
        try:
            lost = losses(documents_of(source, read), documents_of(target, written))
        finally:
            logging.disable(logging.NOTSET)
        if output == STANDARD:
            with written.open("rb") as file:
                copyfileobj(file, sys.stdout.buffer)
            sys.stdout.flush()
    console = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
    console.print(f"{lost.pop('all documents')} documents, {lost.pop('all entities')} entities: {output}")
    for what, count in lost.items():
        console.print(f"not held by {type(target).__name__}: {what}: {count}")


def losses(before: Iterable[Document], after: Iterable[Document]) -> Counter[str]:
    """What differs between documents and what was read again of them, each with its number.

    Entities are compared by their place among the characters that are no white space, so that passages that were
    joined, or blanks that stand for line breaks, do not count as entities lost.
    """
    counts = Counter({"all documents": 0, "all entities": 0})
    for first, second in _pairs(before, after):
        if first is None or second is None:
            counts["documents"] += 1
            continue
        counts["all documents"] += 1
        counts["all entities"] += sum(len(passage.spans) for passage in first.passages)
        counts.update(_text_losses(first, second))
        counts.update(_annotation_losses(first, second))
    return counts


def _pairs(before: Iterable[Document], after: Iterable[Document]) -> Iterator[tuple[Document | None, Document | None]]:
    """Documents of the same identifier, which may come in another order; the others as they come."""
    waiting: tuple[dict[str, list[Document]], dict[str, list[Document]]] = ({}, {})
    for pair in zip_longest(before, after):
        for side, document in enumerate(pair):
            if document is None:
                continue
            if others := waiting[1 - side].get(document.id):
                other = others.pop(0)
                yield (other, document) if side else (document, other)
            else:
                waiting[side].setdefault(document.id, []).append(document)
    left = ((document for documents in side.values() for document in documents) for side in waiting)
    yield from zip_longest(*left)


def _text_losses(first: Document, second: Document) -> Iterator[str]:
    texts, others = ([passage.text for passage in document.passages] for document in (first, second))
    if first.id != second.id:
        yield "identifiers of documents"
    if "".join("".join(texts).split()) != "".join("".join(others).split()):
        yield "characters of documents"
    elif len(texts) != len(others):
        yield "documents' division into passages"
    elif texts != others:
        yield "white space of documents"
    # Sections of passages that were joined are lost along with them.
    elif [passage.section for passage in first.passages] != [passage.section for passage in second.passages]:
        yield "sections of documents"


def _annotation_losses(first: Document, second: Document) -> Iterator[str]:
    if [(first.tier, first.annotator, first.weight)] != [(second.tier, second.annotator, second.weight)]:
        yield "tiers, annotators or weights of documents"
    if first.is_annotated != second.is_annotated:
        yield "whether documents are annotated"
    elif sum(_unknown(first)) != sum(_unknown(second)):
        yield "where the annotation of documents ends"
    entities, others = Counter(_entities(first)), Counter(_entities(second))
    missing = Counter(place for place, _ in (entities - others).elements())
    added = Counter(place for place, _ in (others - entities).elements())
    yield from ["labels of entities"] * (missing & added).total()
    yield from ["entities"] * (missing - added).total()
    yield from ["entities that were not there"] * (added - missing).total()
    scores, kept = (
        sum(span.score is not None for passage in document.passages for span in passage.spans)
        for document in (first, second)
    )
    yield from ["scores of entities"] * (scores - kept)


def _unknown(document: Document) -> Iterator[int]:
    """Number of characters whose annotation is unknown, by passage."""
    for passage in document.passages:
        yield len(passage.text) - passage.annotated_length


def _entities(document: Document) -> Iterator[tuple[tuple[int, int], str]]:
    """Place and label of each entity; places count characters that are no white space."""
    before = 0
    for passage in document.passages:
        places = list(accumulate((not character.isspace() for character in passage.text), initial=before))
        before = places[-1]
        for span in passage.spans:
            yield (places[span.start], places[span.end]), span.label
