"""Write a report on predictions as one HTML page: scores, errors and documents."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from jsonargparse.typing import NonNegativeInt
from rich.console import Console

from ner.cli.messages import PlainParser
from ner.cli.parser import program
from ner.cli.scoring import Resamples, add_files, read_file
from ner.corpora.gutbrainie.corpus import GutBrainIE
from ner.errors import InputError
from ner.io.files import check_writable, write_text
from ner.metrics.annotation import Annotation
from ner.reports.evaluation import Wanted
from ner.reports.page.charts import Chart
from ner.reports.page.model import model_facts
from ner.reports.page.report import Sources, report_page
from ner.reports.page.training import checkpoints_of, folder_of, training_charts

DESCRIPTION = """Write a report on predictions as one HTML page, which a browser opens from disk and which loads nothing
from anywhere: scores with intervals, errors, documents with gold and predictions and, where there are scores, other
predictions or a run, calibration, a comparison and the course of the training. Files and formats are given as for
score."""


def main(arguments: Sequence[str]) -> int:
    """Write the page, and return the exit code.

    Raises:
        InputError: if an argument or a file is wrong.
    """
    parser = _parser()
    chosen = parser.instantiate(parser.parse_args(list(arguments)))
    if chosen.output.suffix != ".html":
        raise InputError(f"--output {chosen.output}: browsers open it by its ending; name a file that ends in .html")
    check_writable(chosen.output)
    gold = read_file(chosen.gold, chosen, "gold_format")
    predictions = read_file(chosen.predictions, chosen, "predictions_format", with_scores=True)
    against = read_file(chosen.against, chosen, "predictions_format") if chosen.against else None
    sources = Sources(
        gold,
        predictions,
        against,
        _names({"gold": gold, "A": predictions, "B": against}),
        datetime.now().astimezone().date(),
        *(_of_run(folder_of(chosen.run)) if chosen.run else ()),
    )
    page = report_page(sources, GutBrainIE.labels, chosen.version, chosen.resamples, chosen.bootstrap_seed)
    write_text(page, chosen.output)
    Console(soft_wrap=True).print(f"wrote {chosen.output}", markup=False, highlight=False)
    return 0


def _names(sides: Mapping[str, Annotation | None]) -> dict[str, str]:
    """Return the names of files, without the other folders of a user's machine."""
    return {side: "/".join(each.path.absolute().parts[-2:]) for side, each in sides.items() if each}


def _of_run(folder: Path) -> tuple[list[Chart], dict[str, str]]:
    """Return the charts of a run's training, and what is known of its best checkpoints.

    Raises:
        InputError: if it has no logs, or one of its files cannot be read.
    """
    charts, paths = training_charts(folder), checkpoints_of(folder)
    if not paths:
        return charts, {"run": folder.name}
    from ner.checkpoints import ensemble  # noqa: PLC0415 - torch takes longer to import than a report to write

    members = ensemble.read(paths)
    digests = " ".join(ensemble.build_model(member, is_mapped=True).fingerprint() for member in members)
    return charts, {"run": folder.name, **model_facts(members, digests)}


def _parser() -> PlainParser:
    parser = PlainParser(prog=f"{program()} report", description=DESCRIPTION, allow_abbrev=False)
    add_files(parser)
    default = Wanted()
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="page to write, such as report.html")
    parser.add_argument("--run", type=str | None, help="run that made the predictions: its name, or its folder")
    parser.add_argument("--resamples", type=Resamples, default=default.resamples, metavar="N", help="of the documents")
    parser.add_argument(
        "--bootstrap_seed", type=NonNegativeInt, default=default.bootstrap_seed, help="of the resamples"
    )
    return parser
