"""Tag articles to train on, with trained checkpoints."""

from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

from lightning.pytorch import Trainer
from rich.console import Console

from ner.checkpoints import runs
from ner.cli.lightning import CommandLine, check_use
from ner.cli.parser import LightParser
from ner.cli.selection import RunSelection, read_selection
from ner.documents import Document
from ner.errors import InputError
from ner.formats.base import Format, format_options
from ner.io.files import STANDARD, check_writable
from ner.training.datamodule import NERDataModule
from ner.training.trainer import is_first_process

RESUME = "the same command resumes after what was tagged"
ANNOTATOR = "pseudo-label"
HELP = """Tag articles with trained checkpoints, and write them as an annotated collection.

Train on it with --data.corpus.augmented FILE and `augmented` among --data.corpus.tiers. Text in which no entity is
written counts as text without one, so what --min_score leaves out is learned as no entity; --min_document_score leaves
out whole documents instead. Every other flag of `predict` passes through."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The scores below which entities and documents are left out.

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
        InputError: if the arguments cannot be used, or nothing is kept.
    """
    parser = LightParser(prog="pseudo-label", description=HELP, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoints", nargs="+", required=True, metavar="PATTERN", help="members of the ensemble")
    parser.add_argument("--input", type=Path, required=True, metavar="PATH", help="articles that the corpus can read")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="annotated file to write, in the corpus's format"
    )
    parser.add_argument("--min_score", type=_probability, default=0.0, metavar="P", help="of an entity (default: 0)")
    parser.add_argument(
        "--min_document_score", type=_probability, default=0.0, metavar="P", help="mean of a document (default: 0)"
    )
    chosen, rest = parser.parse_known_args(list(arguments))
    if chosen.output == STANDARD:
        raise InputError("--output -: what is tagged is kept beside the output; name a file")
    check_writable(chosen.output)
    # Scores decide what is kept of all that was found.
    settings: dict[str, dict[str, object]] = {
        "data": {"predict_path": str(chosen.input)},
        "predictions": {"path": str(chosen.output), "format": "JsonLines", "scores": True, "min_score": 0.0},
    }
    selection = read_selection(rest)
    own = [f"{part}.{name}" for part, values in settings.items() for name in values]
    own += ["ckpt_path", "ensemble.checkpoints", "data.predict_split"]
    if taken := [name for name in own if selection.has_option(name)]:
        raise InputError(f"pseudo-label takes no --{taken[0]}; it has --checkpoints, --input, --output and --min_score")
    check_use("predict", selection.options, "pseudo-label")
    selection = selection.with_checkpoints(runs.find(chosen.checkpoints))
    line = _Tagging(selection, settings, Cut(chosen.min_score, chosen.min_document_score))
    Console(soft_wrap=True, quiet=not is_first_process()).print(
        f"{line.counts['kept documents']} of {line.document_count} documents, "
        f"{line.counts['kept entities']} of {line.counts['entities']} entities: {chosen.output}",
        markup=False,
        highlight=False,
    )
    return 0


class _Tagging(CommandLine):
    """`predict`, which writes what is kept as annotation, unless the corpus's format cannot hold such documents.

    Args:
        selection: The command line and the checkpoints.
        settings: Settings that override the command line.
        cut: What to keep.

    Attributes:
        document_count: Documents of the input.
        counts: Those of :func:`label`.
    """

    def __init__(self, selection: RunSelection, settings: Mapping[str, object], cut: Cut) -> None:
        self._cut = cut
        self.document_count = 0
        self.counts = Counter[str]()
        super().__init__("predict", selection, settings, is_reporting=False)

    def instantiate_trainer(self, **kwargs: object) -> Trainer:
        data, predictions = self.datamodule, self.config_init["predict"].predictions
        target = format_of(data)
        # Before the work, not after it: can the corpus hold such documents?
        with TemporaryDirectory() as folder:
            target.write(self._counted(data.documents(None)), Path(folder) / Path(predictions.path).name)
        predictions.format = _Annotated(target, self._cut, self.counts)
        return super().instantiate_trainer(**kwargs)

    def _counted(self, documents: Iterable[Document]) -> Iterator[Document]:
        for document in documents:
            self.document_count += 1
            yield _without_entities(document)


class _Annotated(Format):
    """The format of a corpus, in which what is kept of tagged documents is written as annotation."""

    can_write_entities = True

    def __init__(self, target: Format, cut: Cut, counts: Counter[str]) -> None:
        super().__init__()
        self._target = target
        self._cut = cut
        self._counts = counts

    def read(self, path: Path) -> Iterator[Document]:
        return self._target.read(path)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        kept = label(documents, self._cut, self._counts)
        first = list(islice(kept, 1))
        if not first:
            what = f"of {self._counts['entities']} entities nothing is kept"
            raise InputError(f"{path}: not written, since {what}; lower --min_score or --min_document_score")
        with format_options("data.corpus.{}".format):
            self._target.write(chain(first, kept), path)


def format_of(data: NERDataModule) -> Format:
    """Return the format of the corpus's files, with its labels, which may be others than those in its files.

    Raises:
        InputError: if it has none that holds annotated documents.
    """
    target, own = data.corpus.format, data.corpus.prediction_format
    if target is None or not target.can_write_entities:
        kind = type(data.corpus).__name__
        raise InputError(f"data.corpus: {kind} has no format to write, which the annotated documents need")
    return own if isinstance(own, type(target)) else target


def _without_entities(document: Document) -> Document:
    passages = (replace(passage, spans=(), annotated_until=None) for passage in document.passages)
    return replace(document, passages=tuple(passages), annotator=ANNOTATOR)


def label(documents: Iterable[Document], cut: Cut, counts: Counter[str]) -> Iterator[Document]:
    """Yield tagged documents as annotated ones, without what a cut leaves out.

    Args:
        documents: The documents with scored entities.
        cut: What to keep.
        counts: Gets the number of entities, and of documents and entities that are kept.
    """
    for document in documents:
        passages = tuple(
            replace(passage, spans=tuple(span for span in passage.spans if (span.score or 0.0) >= cut.min_score))
            for passage in document.passages
        )
        scores = [span.score or 0.0 for passage in passages for span in passage.spans]
        counts["entities"] += sum(len(passage.spans) for passage in document.passages)
        if (fmean(scores) if scores else 0.0) >= cut.min_document_score:
            counts["kept documents"] += 1
            counts["kept entities"] += len(scores)
            yield replace(document, passages=passages, annotator=ANNOTATOR)


def _probability(text: str) -> float:
    with suppress(ValueError):
        if 0 <= float(text) <= 1:
            return float(text)
    raise ArgumentTypeError(f"should be a number from 0 to 1, not {text!r}")
