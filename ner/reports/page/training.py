"""The course of a training as charts, from the CSV logs of a run's seeds."""

import csv
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path

from ner.checkpoints import runs
from ner.errors import InputError
from ner.io.files import reading
from ner.reports.page.charts import Chart, Points, line_chart

SEEDS = "seed=*"
LOGS = "logs/version_*/metrics.csv"
CURVES = {
    "train/loss": "Training loss",
    "val/loss": "Dev loss",
    "val/micro_f1": "Micro F1 on dev",
    "val/macro_f1": "Macro F1 on dev",
}
RATES = "lr-"

Columns = Mapping[str, Points]


def folder_of(run: str) -> Path:
    """Return the folder of a run, given by its name in ``checkpoints/``, or by a folder: its own, or one of a seed."""
    return Path(run) if Path(run).is_dir() else runs.FOLDER / run


def checkpoints_of(folder: Path) -> list[Path]:
    """Return the best checkpoints in the folder of a run or of a seed, by seed."""
    return [path for each in _seeds(folder) if (path := each / "best.ckpt").is_file()]


def training_charts(folder: Path) -> list[Chart]:
    """Return charts of losses, dev scores and learning rates over the steps, the seeds of a run side by side.

    Args:
        folder: The folder of a run, or that of one of its seeds.

    Raises:
        InputError: if there are no logs, or one cannot be read.
    """
    seeds = {path.name.replace("=", " "): _columns(sorted(path.glob(LOGS), key=_version)) for path in _seeds(folder)}
    seeds = {name: columns for name, columns in seeds.items() if columns}
    if not seeds:
        raise InputError(f"{folder}: no {SEEDS}/{LOGS}; name a run that `fit` or `fit-seeds` trained with its CSV logs")
    charts = [
        line_chart(title, "step", series)
        for column, title in CURVES.items()
        if (series := {name: columns[column] for name, columns in seeds.items() if column in columns})
    ]
    # The seeds of a run share their learning rates.
    first = next(iter(seeds.values()))
    rates = {name.rpartition("/")[2]: points for name, points in first.items() if name.startswith(RATES)}
    has_positive = any(rate > 0 for points in rates.values() for _, rate in points)
    return [*charts, *([line_chart("Learning rates", "step", rates, is_log=True)] if has_positive else [])]


def _seeds(folder: Path) -> list[Path]:
    """Return the folders of a run's seeds; the folder itself where it is that of one."""
    if folder.match(SEEDS):
        return [folder]
    return sorted(folder.glob(SEEDS), key=_number)


def _columns(logs: Sequence[Path]) -> Columns:
    """Return the values of each column over the steps; of a step that a resumed training repeats the last ones.

    A log that begins in the first epoch is that of a training anew: resumed is only what has finished one.
    """
    found: dict[str, dict[float, float]] = {}
    for log in logs:
        with reading(log) as file:
            try:
                rows = list(csv.DictReader(file))
                # Rows of learning rates have no epoch.
                if next((float(row["epoch"]) for row in rows if row.get("epoch")), None) == 0:
                    found.clear()
                for row in rows:
                    step = float(row["step"])
                    for name, cell in row.items():
                        # The loss of a training that diverged is no number.
                        if cell and name not in ("step", "epoch") and isfinite(value := float(cell)):
                            found.setdefault(name, {})[step] = value
            except (KeyError, TypeError, ValueError, csv.Error) as error:
                raise InputError(f"{log}: not a CSV log of a training ({error!r}); remove it") from None
    return {name: sorted(values.items()) for name, values in found.items()}


def _number(path: Path) -> tuple[int, str]:
    digits = path.name.partition("=")[2]
    return (int(digits) if digits.isdecimal() else 0), path.name


def _version(path: Path) -> tuple[int, str]:
    digits = path.parent.name.rpartition("_")[2]
    return (int(digits) if digits.isdecimal() else 0), str(path)
