"""Check predictions, and pack them for GutBrainIE's subtask of named entity recognition."""

import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import get_args

from ner.cli.parser import LightParser
from ner.corpora.gutbrainie.corpus import GutBrainIE
from ner.corpora.gutbrainie.submission import Edition, Run, problems, write
from ner.errors import InputError
from ner.metrics.submissions import mentions_in, read_content

WHAT = {
    "training": "type of training",
    "preprocessing": "preprocessing methods",
    "data": "training data used",
    "details": "anything else of the run",
    "repository": "address of the code",
}


def main(arguments: Sequence[str]) -> int:
    """Check the predictions, and write the run's folder and the team's zip.

    Returns:
        The exit code.

    Raises:
        InputError: if a file cannot be read or written, or the predictions cannot be sent; their problems are listed on
            standard error, and nothing is written.
    """
    parser = LightParser(prog="submission", description="Check predictions and pack them for submission.")
    parser.add_argument("--predictions", type=Path, required=True, metavar="FILE", help="as `predict` writes them")
    parser.add_argument("--articles", type=Path, required=True, metavar="FILE", help="the test set's articles")
    parser.add_argument("--team", required=True, help="identifier of the team")
    parser.add_argument("--run", required=True, help="identifier of the run")
    parser.add_argument("--description", required=True, help="a word that tells the run from others")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where folder and zip are written")
    parser.add_argument("--edition", choices=get_args(Edition), default="2025", help="year of the task (default: 2025)")
    for name, what in WHAT.items():
        parser.add_argument(f"--{name}", default="", metavar="TEXT", help=f"for the .meta: {what}")
    chosen = parser.parse_args(list(arguments))
    run = Run(**{field.name: getattr(chosen, field.name) for field in fields(Run)})
    predictions = mentions_in(read_content(chosen.predictions), chosen.predictions)
    articles = {
        document.id: {passage.section: passage.text for passage in document.passages}
        for document in GutBrainIE.format.without_annotation().read(chosen.articles)
    }
    found = list(problems(predictions, articles, GutBrainIE.labels))
    if found:
        sys.stderr.write("".join(f"{problem}\n" for problem in found))
        problem = "1 problem" if len(found) == 1 else f"{len(found)} problems"
        raise InputError(f"{chosen.predictions}: {problem}, listed above; nothing was written")
    archive, replaced = write(run, predictions, chosen.output)
    entities = sum(map(len, predictions.values()))
    sys.stdout.write(f"{len(predictions)} documents, {entities} entities: {chosen.output / run.name}, {archive}\n")
    if replaced:
        sys.stdout.write(f"no longer in the zip, because it was run {run.run} too: {', '.join(replaced)}\n")
    if run.blank:
        options = ", ".join(f"--{name}" for name in run.blank)
        sys.stdout.write(f"blank in the .meta, which the organisers ask to fill in: {options}\n")
    return 0
