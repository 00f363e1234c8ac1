"""Choose the least score of an entity, and store it in checkpoints."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from jsonargparse import Namespace
from rich.console import Console
from rich.table import Table

from ner.checkpoints import runs
from ner.checkpoints.checkpoint import mean_min_scores, read_checkpoint, write_min_scores
from ner.checkpoints.ensemble import check_agreement
from ner.checkpoints.manifest import is_exported
from ner.cli.messages import PlainParser
from ner.cli.parser import program
from ner.documents import Document
from ner.errors import InputError
from ner.formats import Format
from ner.formats.base import documents_at
from ner.metrics.thresholds import Outcome, choose, compare
from ner.reports.tables import build_table

GUTBRAINIE, JSON_LINES = ({"class_path": f"ner.formats.{name}"} for name in ("GutBrainIE", "JsonLines"))
DESCRIPTION = """Choose by label the least score with which an entity raises micro-F1, on predictions of documents that
the tagger was not trained on: of folds, or of dev. Write these with `predict --predictions.scores true
--predictions.min_score 0 --predictions.format JsonLines`. What is chosen is stored in --checkpoints, whose predictions
then leave out entities of lower scores, unless --predictions.min_score says otherwise."""
CUT = "they should be written with predict --predictions.min_score 0"

log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Choose, print what is gained on these predictions, and store what was chosen.

    Returns:
        The exit code.

    Raises:
        InputError: if a file cannot be read, the predictions have no scores, or a checkpoint cannot be written.
    """
    parser = PlainParser(prog=f"{program()} threshold", description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument("--gold", type=Path, nargs="+", required=True, help="annotated files; others may be in them")
    parser.add_argument("--gold_format", type=Format, default=GUTBRAINIE, help="their format (default: GutBrainIE)")
    parser.add_argument("--predictions", type=Path, nargs="+", required=True, help="files of the same documents")
    parser.add_argument("--predictions_format", type=Format, default=JSON_LINES, help="(default: JsonLines)")
    parser.add_argument("--checkpoints", type=str, nargs="+", default=[], help="where to store it; patterns")
    parser.add_argument("--least_entities", type=int, default=200, help="predictions for a score of a label's own")
    chosen = parser.instantiate_classes(parser.parse_args(list(arguments)))
    if chosen["least_entities"] < 1:
        raise InputError(f"least_entities is {chosen['least_entities']}; it should be at least 1")
    paths = _checkpoints(chosen["checkpoints"])
    members = [read_checkpoint(path) for path in paths]
    for member in members[1:]:
        check_agreement(member, members[0].name, members[0].labels, member.preprocessor)
    gold, predictions = (_documents(chosen, files) for files in ("gold", "predictions"))
    outcome = compare(gold, predictions)
    if not outcome.entities or not outcome.gold:
        where = "gold of the predicted documents" if outcome.entities else "predictions"
        raise InputError(f"there is no entity in the {where}, so nothing can be chosen; see if all files are right")
    if any((stored := mean_min_scores(members)).values()) and outcome.is_cut(stored):
        log.warning("The predictions have nothing of what the checkpoints leave out now: %s", CUT)
    seen = sorted({*outcome.gold, *(entity.label for entity in outcome.entities)})
    labels = members[0].labels if members else seen
    min_scores = choose(outcome, labels, chosen["least_entities"])
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(_table(outcome, min_scores))
    for path in paths:
        write_min_scores(path, min_scores)
        console.print(f"wrote {path}")
    return 0


def _documents(chosen: Namespace, files: str) -> Iterator[Document]:
    option = f"{files}_format"
    for path in chosen[files]:
        yield from documents_at(path, chosen[option], option)


def _checkpoints(patterns: Sequence[str]) -> list[Path]:
    paths = runs.find(patterns) if patterns else []
    for path in paths:
        if is_exported(path):
            raise InputError(f"{path}: an exported folder stays as it is; name its checkpoints, and export them anew")
    return paths


def _table(outcome: Outcome, min_scores: dict[str, float]) -> Table:
    rows = []
    for label, least in min_scores.items():
        entities = [entity for entity in outcome.entities if entity.label == label]
        dropped = [entity for entity in entities if entity.score < least]
        rows.append((label, least, len(entities), len(dropped), sum(entity.is_correct for entity in dropped)))
    f1 = f"micro-F1 {outcome.f1({}):.4f} before, {outcome.f1(min_scores):.4f} after"
    title = f"{outcome.documents} documents: {f1}; chosen on them, so it is optimistic"
    return build_table(title, ["label", "min_score", "predicted", "left out", "of them correct"], rows)
