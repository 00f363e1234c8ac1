"""What the verbs that score have in common: the files, their formats, and how they are read."""

from dataclasses import replace
from pathlib import Path

from jsonargparse import Namespace
from jsonargparse.typing import restricted_number_type

from ner.cli.messages import PlainParser
from ner.corpora.gutbrainie.corpus import GutBrainIE
from ner.errors import InputError
from ner.formats.base import Format, format_options
from ner.metrics.annotation import Annotation, read_annotation
from ner.metrics.official import Version

Resamples = restricted_number_type("Resamples", int, [(">=", 1), ("<=", 1_000_000)])


def add_files(parser: PlainParser) -> None:
    """Add the options that name gold and predictions, their formats and the version of the official score."""
    parser.add_argument("--gold", type=Path, required=True, metavar="FILE", help="annotated file, or folder of some")
    parser.add_argument("--predictions", type=Path, required=True, metavar="FILE", help="file or folder to score")
    parser.add_argument("--format", type=Format, help="format of all files; without it GutBrainIE's JSON")
    parser.add_argument("--gold_format", type=Format, help="format of the gold, if it differs")
    parser.add_argument("--predictions_format", type=Format, help="format of the predictions, if it differs")
    parser.add_argument(
        "--version",
        type=Version,
        default="final",
        help="of the official score; final, of the editions 2025 and 2026: duplicates and overlaps are removed from the"
        " predictions; march2025: they count",
    )
    parser.add_argument(
        "--against", type=Path, metavar="FILE", help="predictions to compare with: a paired bootstrap over documents"
    )


def read_file(path: Path, chosen: Namespace, option: str, with_scores: bool = False) -> Annotation:
    """Read a file in the format that an option names, or ``--format``, or in GutBrainIE's JSON.

    Raises:
        InputError: if it cannot be read.
    """
    option = option if chosen[option] else "format"
    source: Format | None = chosen[option]
    try:
        with format_options(f"{option}.{{}}".format):
            found = read_annotation(path, source or GutBrainIE.format, with_scores)
            # Nobody has named the labels of a format that nobody has named.
            return found if source else replace(found, labels=())
    except InputError as error:
        if source is None and "broken JSON" in str(error):
            raise InputError(f"{error}, or name its format with --format") from error
        raise
