"""The verb ``pseudo-label``: articles with the entities that an ensemble finds, as a collection to train on."""

from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from rich.console import Console

from ner.cli import CommandLine, guarded
from ner.commands.parser import LightParser
from ner.corpora.gutbrainie import write_documents
from ner.datamodule import NERDataModule
from ner.documents import Document, Span
from ner.files import check_writable
from ner.metrics.entities import confidences_in, mentions_in, read_content
from ner.selection import with_checkpoints

ANNOTATOR = "pseudo-label"
HELP = """Tag articles with trained checkpoints, and write them as an annotated collection.

Train on it with --data.corpus.augmented FILE and `augmented` among --data.corpus.tiers. Text in which no entity is
written counts as text without one, so what --min_score leaves out is learned as no entity; --min_document_score leaves
out whole documents instead. Every other flag of `predict` passes through."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Which entities and documents are kept.

    Args:
        min_score: The least score of an entity.
        min_document_score: The least mean score of a document's kept entities; without any it is 0.
    """

    min_score: float = 0.0
    min_document_score: float = 0.0


def main(arguments: Sequence[str]) -> int:
    """Tag the input, and write what is kept.

    Returns:
        The exit code.

    Raises:
        InputError: if the user has to mend something.
    """
    parser = LightParser(
        prog="main.py pseudo-label", description=HELP, formatter_class=RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--checkpoints", nargs="+", required=True, metavar="PATTERN", help="members of the ensemble")
    parser.add_argument("--input", type=Path, required=True, metavar="PATH", help="articles that the corpus can read")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="annotated JSON file to write")
    parser.add_argument("--min_score", type=_probability, default=0.0, metavar="P", help="of an entity (default: 0)")
    parser.add_argument(
        "--min_document_score", type=_probability, default=0.0, metavar="P", help="mean of a document (default: 0)"
    )
    chosen, rest = parser.parse_known_args(list(arguments))
    check_writable(chosen.output)
    predictions = chosen.output.with_name(f".{chosen.output.name}.predictions.json")
    try:
        data = _predict(chosen.checkpoints, chosen.input, predictions, rest)
        spans = _spans(predictions)
    finally:
        with suppress(OSError):
            predictions.unlink(missing_ok=True)
    cut = Cut(chosen.min_score, chosen.min_document_score)
    documents = list(data.documents(None))
    kept = list(label(documents, spans, cut))
    write_documents(kept, chosen.output)
    entities = sum(len(passage.spans) for document in kept for passage in document.passages)
    found = sum(len(of_passage) for of_document in spans.values() for of_passage in of_document.values())
    Console(soft_wrap=True).print(
        f"{len(kept)} of {len(documents)} documents, {entities} of {found} entities: {chosen.output}",
        markup=False,
        highlight=False,
    )
    return 0


def label(
    documents: Iterable[Document], spans: Mapping[str, Mapping[str, Sequence[Span]]], cut: Cut
) -> Iterator[Document]:
    """Documents with other entities in place of theirs, without those that a cut leaves out.

    Args:
        documents: The documents.
        spans: Scored entities by document and section.
        cut: Which to keep.
    """
    for document in documents:
        passages = tuple(
            replace(
                passage,
                spans=tuple(
                    span
                    for span in spans.get(document.id, {}).get(passage.section, ())
                    if (span.score or 0.0) >= cut.min_score
                ),
                annotated_until=None,
            )
            for passage in document.passages
        )
        scores = [span.score or 0.0 for passage in passages for span in passage.spans]
        if (fmean(scores) if scores else 0.0) >= cut.min_document_score:
            yield replace(document, passages=passages, annotator=ANNOTATOR)


def _predict(checkpoints: Sequence[str], source: Path, predictions: Path, rest: Sequence[str]) -> NERDataModule:
    """Let ``predict`` write scored entities, and return the data module that read the input."""
    options = [f"--data.predict_path={source}", f"--predictions.path={predictions}", "--predictions.scores=true"]
    arguments = [*rest, *options, f"--ensemble.checkpoints={list(checkpoints)}"]
    # The line that says where the predictions are would name a file that is gone.
    line = guarded(lambda: CommandLine(["predict", *with_checkpoints(arguments)], "run", is_reporting=False))
    data: NERDataModule = line.datamodule
    return data


def _spans(predictions: Path) -> dict[str, dict[str, list[Span]]]:
    content = read_content(predictions)
    confidences = confidences_in(content, predictions)
    spans: dict[str, dict[str, list[Span]]] = {}
    for pmid, mentions in mentions_in(content, predictions).items():
        for mention, score in zip(mentions, confidences[pmid], strict=True):
            span = Span(mention.start, mention.end, mention.label, score)
            spans.setdefault(pmid, {}).setdefault(mention.location, []).append(span)
    return spans


def _probability(text: str) -> float:
    with suppress(ValueError):
        if 0 <= float(text) <= 1:
            return float(text)
    raise ArgumentTypeError(f"should be a number from 0 to 1, not {text!r}")
