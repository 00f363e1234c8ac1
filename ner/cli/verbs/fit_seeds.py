"""Train several seeds, and score them and their ensemble."""

from argparse import RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import mean, stdev

from rich.console import Console
from rich.table import Table

from ner.checkpoints import runs
from ner.cli.lightning import CommandLine, evaluate_silently, is_finished
from ner.cli.parser import LightParser
from ner.cli.selection import RunSelection, read_selection
from ner.errors import InputError
from ner.io.extras import command
from ner.metrics.official import Score
from ner.reports.tables import Row, build_table
from ner.training.callbacks.seeding import SEEDS
from ner.training.trainer import is_first_process

HELP = """Train several seeds of one configuration into checkpoints/<run>/seed=<n>/, one after the other or, with
--ray.address, at the same time: on a GPU each where the cluster has some, else on a share of its cores.

Every flag of `fit` passes through. A seed that is finished is skipped, one that was interrupted resumes after its last
finished epoch (not with trainer.max_steps), and one that was trained with other settings is an error that names
them."""
RESUME = "the same command resumes after the last finished epoch"
ENSEMBLE = "ensemble"
KINDS = {"last": "last epoch", "best": "best epoch"}


class _FinishedError(Exception):
    """The seed has nothing left to train."""


class _SeedFit(CommandLine):
    """A `fit` that refuses a finished training."""

    def before_instantiate_classes(self) -> None:
        super().before_instantiate_classes()
        trainer, best = self.config[self.subcommand].trainer, self.config[self.subcommand].checkpoint
        if best.filename != "best" or best.save_top_k == 0 or trainer.fast_dev_run:
            names = "checkpoint.filename, checkpoint.save_top_k 0 and trainer.fast_dev_run"
            raise InputError(f"fit-seeds scores best.ckpt and last.ckpt of each seed; leave out {names}, or use fit")
        if any(is_finished(checkpoint, trainer) for checkpoint in self.selection.members):
            raise _FinishedError


def main(arguments: Sequence[str]) -> int:
    """Train what is not trained yet, and print the table.

    Returns:
        The exit code.

    Raises:
        InputError: if the arguments cannot be used.
    """
    parser = LightParser(prog="fit-seeds", description=HELP, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="42,11,17", help="numbers, separated by commas (default: 42,11,17)")
    parser.add_argument(
        "--ray.address",
        dest="address",
        help="of a Ray cluster whose nodes share this folder, or auto; local is this machine alone (extra `bulk`)",
    )
    chosen, rest = parser.parse_known_args(list(arguments))
    seeds = _numbers(chosen.seeds)
    selection = read_selection(rest)
    for option, instead in (("seed_everything", "--seeds"), ("ckpt_path", "nothing: what is there is resumed")):
        if selection.has_option(option):
            raise InputError(f"fit-seeds takes no --{option}; give {instead}")
    if not selection.has_option("print_config"):
        _check_sources(selection, seeds)
    console = Console(soft_wrap=True, quiet=not is_first_process())
    if chosen.address is None or selection.has_option("print_config"):
        for seed in seeds:
            console.rule(f"{selection.run_name}, seed {seed}")
            _train(selection, seed)
    else:
        _train_on_cluster(chosen.address, selection, seeds, console)
    console.print(_table(*_scores(selection, seeds)))
    return 0


def _train(selection: RunSelection, seed: int) -> None:
    """Train a seed, or what is left of it."""
    last = _path(selection, seed, "last")
    try:
        _SeedFit("fit", selection.with_checkpoints([last] if last.exists() else []), {"seed_everything": seed})
    except _FinishedError:
        console = Console(soft_wrap=True, quiet=not is_first_process())
        console.print(f"{last.parent}: finished, skipped", highlight=False)


def _train_on_cluster(address: str, selection: RunSelection, seeds: Sequence[int], console: Console) -> None:
    """Train the seeds at the same time, and print what each has printed when it ends.

    Raises:
        InputError: if there is no cluster, or a seed could not be trained; the others are.
    """
    if find_spec("ray") is None:
        raise InputError(f"--ray.address needs ray, the extra `bulk`: {command('bulk')}")
    from ner.integrations.ray.cluster import cluster  # noqa: PLC0415 - an extra, as the next
    from ner.integrations.ray.tasks import call_each  # noqa: PLC0415

    mistakes = []
    with cluster(None if address == "local" else address, "ray.address"):
        for seed, outcome in call_each(partial(_train, selection), seeds):
            console.rule(f"{selection.run_name}, seed {seed}")
            console.print(outcome.printed, end="", markup=False, highlight=False)
            mistakes += [f"seed {seed}: {outcome.mistake}"] * bool(outcome.mistake)
    if mistakes:
        others = f" (and {len(mistakes) - 1} more of the seeds)" if len(mistakes) > 1 else ""
        raise InputError(f"{mistakes[0]}{others}")


def _path(selection: RunSelection, seed: int, kind: str) -> Path:
    return runs.seed_folder(selection.run_name, seed) / f"{kind}.ckpt"


def _check_sources(selection: RunSelection, seeds: Sequence[int]) -> None:
    """Refuse a second stage that lacks the first one of a seed, before the first seed is trained."""
    source = selection.said.get("init_from")
    for seed in seeds:
        if source is not None and not _path(selection, seed, "last").exists():
            runs.find(str(source).replace("{seed}", str(seed)))


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


def _scores(selection: RunSelection, seeds: Sequence[int]) -> tuple[str, dict[str, dict[str, Score]]]:
    """Return the name of the dev scores, and these by row of the table (seeds, then the ensemble) and checkpoint."""
    name = ""
    rows = [*(f"seed {seed}" for seed in seeds), ENSEMBLE]
    scores: dict[str, dict[str, Score]] = {row: {} for row in rows[: None if len(seeds) > 1 else 1]}
    for kind in KINDS:
        together = selection.with_checkpoints([_path(selection, seed, kind) for seed in seeds])
        pairs = zip(together.paths, together.members, strict=True)
        singles = [replace(together, paths=(path,), members=(member,)) for path, member in pairs]
        for row, chosen in zip(scores, [*singles, together], strict=False):
            validated = evaluate_silently(chosen, chosen.folder / runs.DEV_PAGE if kind == "best" else None)
            name = validated.datamodule.corpus.score_name
            scores[row][kind] = validated.model.scores["val"]
    return name, scores


def _table(name: str, scores: Mapping[str, Mapping[str, Score]]) -> Table:
    """Build a table with a row for each seed, then their mean and standard deviation, then the ensemble."""
    columns = [(kind, average) for kind in KINDS for average in ("micro", "macro")]

    def values(row: str) -> list[float]:
        return [getattr(scores[row][kind], average).f1 for kind, average in columns]

    singles = [row for row in scores if row != ENSEMBLE]
    sections: list[list[Row]] = [[(row, *values(row)) for row in singles]]
    if len(singles) > 1:
        over_seeds = list(zip(*map(values, singles), strict=True))
        sections.append([("mean", *map(mean, over_seeds)), ("standard deviation", *map(stdev, over_seeds))])
        sections.append([(ENSEMBLE, *values(ENSEMBLE))])
    headings = ["", *(f"{KINDS[kind]}\n{average} F1" for kind, average in columns)]
    return build_table(f"dev, {name}; the best epoch is chosen on dev, so its score is optimistic", headings, *sections)
