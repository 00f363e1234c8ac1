"""Times side by side, and what is said of them."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import ascii_lowercase

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Seconds:
    """Median times of one variant.

    Args:
        cpu: Of the process, on all cores.
        wall: On the clock.
    """

    cpu: float
    wall: float

    def __str__(self) -> str:
        return f"{1000 * self.cpu:,.0f} ms" if self.cpu < 1 else f"{self.cpu:.2f} s"


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure and what it has to reach.

    Args:
        number: The bar's number.
        what: What is measured.
        ours: This project's side of it.
        theirs: The other side, empty where there is none.
        value: The figure: of times, how often the smaller goes into the larger, in CPU time.
        bound: What it has to reach, or not to exceed.
        is_least: Which of the two.
        wall: The same figure in wall time, where it is one of time.
    """

    number: str
    what: str
    ours: str
    theirs: str
    value: float
    bound: float
    is_least: bool = True
    wall: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the figure is as good as it has to be; one that is no number is not."""
        return self.value >= self.bound if self.is_least else self.value <= self.bound


def place(number: str) -> tuple[int, str]:
    """Where a bar stands among others: 8b before 10."""
    return len(number.rstrip(ascii_lowercase)), number


def interleaved(variants: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, Seconds]:
    """Medians over some rounds, in each of which every variant has its turn, after one that does not count.

    A variant that another process runs returns the seconds that it took there. What another one returns is freed in its
    own time.
    """
    times: dict[str, list[Seconds]] = {name: [] for name in variants}
    for round_number in range(rounds + 1):
        for name, variant in variants.items():
            cpu, wall = time.process_time(), time.perf_counter()
            done = variant()
            elsewhere = done if isinstance(done, Seconds) else None
            del done
            took = elsewhere or Seconds(time.process_time() - cpu, time.perf_counter() - wall)
            if round_number:
                times[name].append(took)
    return {
        name: Seconds(statistics.median(one.cpu for one in found), statistics.median(one.wall for one in found))
        for name, found in times.items()
    }


def faster(number: str, what: str, ours: Seconds, theirs: Seconds, bound: float) -> Bar:
    """How many times as long the others take."""
    return Bar(number, what, str(ours), str(theirs), theirs.cpu / ours.cpu, bound, wall=theirs.wall / ours.wall)


def at_most(number: str, what: str, ours: Seconds, reference: Seconds, bound: float) -> Bar:
    """How many times as long something takes as what it should not be much slower than."""
    ratio, wall = ours.cpu / reference.cpu, ours.wall / reference.wall
    return Bar(number, what, str(ours), str(reference), ratio, bound, is_least=False, wall=wall)
