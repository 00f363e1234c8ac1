"""The verb ``fit-seeds``: trains several seeds one after the other, and scores them and their ensemble on dev."""

import logging
from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

from lightning.pytorch.utilities import rank_zero_only
from rich.console import Console
from rich.table import Table

from ner.checkpoints import runs
from ner.checkpoints.checkpoint import read_checkpoint
from ner.checkpoints.runs import seed_folder
from ner.cli.arguments import is_given, run_name
from ner.cli.lightning import SEEDS, CommandLine, guarded
from ner.cli.parser import LightParser
from ner.cli.selection import with_checkpoints
from ner.errors import InputError
from ner.metrics.official import Score

HELP = """Train several seeds of one configuration, one after the other, into checkpoints/<run>/seed=<n>/.

Every flag of `fit` passes through. A seed that is finished is skipped, one that was interrupted goes on behind its last
finished epoch, and one that was trained with other settings is an error that names them."""
ENSEMBLE = "ensemble"
KINDS = {"last": "last epoch", "best": "best epoch"}


class _FinishedError(Exception):
    """The seed has nothing left to train."""


class _SeedFit(CommandLine):
    """A `fit` that goes on where there is something to go on with.

    Args:
        arguments: Those of `fit`.
        run: The run's name.
        seeds: All that are trained.
    """

    def __init__(self, arguments: Sequence[str], run: str, seeds: Sequence[int]) -> None:
        self._seeds = seeds
        super().__init__(arguments, run)

    def before_instantiate_classes(self) -> None:
        config = self.config[self.subcommand]
        if config.init_from is not None:
            # Of all seeds before the first is trained, rather than one by one.
            for seed in self._seeds:
                if not (seed_folder(config.run, seed) / "last.ckpt").exists():
                    runs.find(config.init_from.replace("{seed}", str(seed)))
        last = Path(config.checkpoint.dirpath) / "last.ckpt"
        if last.exists():
            config.ckpt_path = str(last)
        super().before_instantiate_classes()
        if config.ckpt_path is not None:
            checkpoint = read_checkpoint(last)
            epochs, steps = config.trainer.max_epochs, config.trainer.max_steps
            if checkpoint.is_stopped or checkpoint.epochs >= (epochs or 0) > 0 or checkpoint.steps >= steps > 0:
                raise _FinishedError


def main(arguments: Sequence[str]) -> int:
    """Train what is not trained yet, and print the table.

    Returns:
        The exit code.

    Raises:
        InputError: if the user has to mend something.
    """
    parser = LightParser(
        prog="main.py fit-seeds", description=HELP, formatter_class=RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--seeds", default="42,11,17", help="numbers, separated by commas (default: 42,11,17)")
    chosen, rest = parser.parse_known_args(list(arguments))
    seeds = _numbers(chosen.seeds)
    for option, instead in (("seed_everything", "--seeds"), ("ckpt_path", "nothing: what is there is resumed")):
        if is_given(rest, option):
            raise InputError(f"fit-seeds takes no --{option}; give {instead}")
    console = Console(soft_wrap=True, quiet=getattr(rank_zero_only, "rank", 0) != 0)
    run = run_name(rest)
    for seed in seeds:
        console.rule(f"{run}, seed {seed}")
        try:
            guarded(lambda seed=seed: _SeedFit(["fit", *rest, "--seed_everything", str(seed)], run, seeds))  # type: ignore[misc]
        except _FinishedError:
            console.print(f"{seed_folder(run, seed)}: finished, skipped", highlight=False)
    console.print(_table(*_scores(rest, run, seeds)))
    return 0


def _numbers(text: str) -> list[int]:
    try:
        seeds = [int(number) for number in text.split(",")]
    except ValueError:
        raise InputError(f"--seeds {text!r}: should be numbers separated by commas, such as 42,11,17") from None
    if not all(seed in SEEDS for seed in seeds):
        raise InputError(f"--seeds {text!r}: a seed lies between {SEEDS.start} and {SEEDS.stop - 1}")
    if len(set(seeds)) < len(seeds):
        raise InputError(f"--seeds {text!r}: a seed is named twice; equal seeds give equal taggers")
    return seeds


def _scores(arguments: Sequence[str], run: str, seeds: Sequence[int]) -> tuple[str, dict[str, dict[str, Score]]]:
    """What the dev scores are called, and they by row of the table (the seeds, then the ensemble) and checkpoint."""
    name = ""
    scores: dict[str, dict[str, Score]] = {row: {} for row in (*(f"seed {seed}" for seed in seeds), ENSEMBLE)}
    for kind in KINDS:
        paths = [str(seed_folder(run, seed) / f"{kind}.ckpt") for seed in seeds]
        chosen = [["--ckpt_path", path] for path in paths]
        if len(seeds) > 1:
            chosen.append([f"--ensemble.checkpoints={paths}"])
        for row, checkpoints in zip(scores, chosen, strict=False):
            validated = _validated(arguments, run, checkpoints)
            name = validated.datamodule.corpus.score_name
            scores[row][kind] = validated.model.scores["val"]
    return name, scores


def _validated(arguments: Sequence[str], run: str, checkpoints: Sequence[str]) -> CommandLine:
    silent = ["--trainer.enable_progress_bar", "false", "--trainer.logger", "false"]
    evaluation = ["validate", *with_checkpoints([*arguments, *silent, *checkpoints])]
    # Each of these evaluations would repeat what the corpus has to say.
    logging.disable(logging.WARNING)
    try:
        return guarded(lambda: CommandLine(evaluation, run, is_reporting=False))
    finally:
        logging.disable(logging.NOTSET)


def _table(name: str, scores: Mapping[str, Mapping[str, Score]]) -> Table:
    """One row a seed, then their mean and standard deviation, then the ensemble."""
    table = Table(
        title=f"dev, {name}; the best epoch is chosen on dev, so its score is optimistic",
        title_justify="left",
    )
    table.add_column("")
    columns = [(kind, average) for kind in KINDS for average in ("micro", "macro")]
    for kind, average in columns:
        table.add_column(f"{KINDS[kind]}\n{average} F1", justify="right")

    def values(row: str) -> list[float]:
        return [getattr(scores[row][kind], average).f1 for kind, average in columns]

    singles = [row for row in scores if row != ENSEMBLE]
    for row in singles:
        table.add_row(row, *map(_shown, values(row)), end_section=row == singles[-1])
    if len(singles) > 1:
        over_seeds = list(zip(*map(values, singles), strict=True))
        statistics: Mapping[str, Callable[[Sequence[float]], float]] = {"mean": mean, "standard deviation": stdev}
        for row, statistic in statistics.items():
            table.add_row(row, *(_shown(statistic(column)) for column in over_seeds))
        table.add_section()
        table.add_row(ENSEMBLE, *map(_shown, values(ENSEMBLE)))
    return table


def _shown(value: float) -> str:
    return f"{value:.4f}"
