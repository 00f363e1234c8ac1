"""Charts as places in a drawing, which the page's template draws as inline SVG."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, inf, log10

from ner.metrics.calibration import Calibration, Threshold

WIDTH, HEIGHT = 460, 260
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 12, 40
MOST_POINTS = 300

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis from one value to another, in equal steps or, for positive values alone, in equal factors."""

    low: float
    high: float
    is_log: bool = False

    def share(self, value: float) -> float:
        """Return the place of a value, 0 at the axis' low end and 1 at its high one."""
        low, high, place = (log10(each) if self.is_log else each for each in (self.low, self.high, value))
        return (place - low) / (high - low)

    def ticks(self) -> list[float]:
        """Return about five round values."""
        if self.is_log:
            return [10.0**power for power in range(ceil(log10(self.low)), floor(log10(self.high)) + 1)]
        step = 10.0 ** floor(log10((self.high - self.low) / 2))
        step *= next(factor for factor in (1, 2, 5, 10) if (self.high - self.low) / (step * factor) <= 6)
        first = ceil(self.low / step - 1e-9)
        return [number * step for number in range(first, floor(self.high / step + 1e-9) + 1)]


@dataclass(frozen=True, slots=True)
class Strip:
    """A part of the horizontal axis, and the numbers to show where it is pointed at."""

    low: float
    high: float
    tip: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over a horizontal axis.

    Args:
        title: The heading.
        x_label: The quantity of the horizontal axis.
        x: The horizontal axis.
        y: The vertical axis.
        series: The points of each line, by name.
        strips: The parts of the horizontal axis that show numbers.
        bars: For a histogram, the strips' heights.
        marked: A value of the horizontal axis to mark, and what it is.
    """

    title: str
    x_label: str
    x: Axis
    y: Axis
    series: Mapping[str, Points]
    strips: Sequence[Strip]
    bars: Sequence[float] = ()
    marked: tuple[float, str] | None = None

    def across(self, value: float) -> float:
        """Return the horizontal place of a value in the drawing."""
        return round(LEFT + self.x.share(value) * (WIDTH - LEFT - RIGHT), 2)

    def down(self, value: float) -> float:
        """Return the vertical place of a value in the drawing."""
        return round(HEIGHT - BOTTOM - self.y.share(value) * (HEIGHT - TOP - BOTTOM), 2)

    def line(self, points: Points) -> str:
        """Return the points of a line as SVG lists them."""
        return " ".join(f"{self.across(x)},{self.down(y)}" for x, y in points)


def line_chart(title: str, x_label: str, series: Mapping[str, Points], is_log: bool = False) -> Chart:
    """Build a chart of lines whose axes hold all points; those of a logarithmic one that are not positive are left out.

    Args:
        title: The heading.
        x_label: The quantity of the horizontal axis.
        series: The points of each line, by name, at least one in all.
        is_log: The vertical axis is logarithmic.
    """
    shown = {
        name: _thinned([point for point in points if not is_log or point[1] > 0]) for name, points in series.items()
    }
    xs = sorted({x for points in shown.values() for x, _ in points})
    ys = [y for points in shown.values() for _, y in points]
    return Chart(title, x_label, _axis(xs), _axis(ys, is_log), shown, _strips(xs, shown, x_label))


def threshold_chart(thresholds: Sequence[Threshold], best: Threshold) -> Chart:
    """Build the chart of precision, recall and F1 over the threshold, with the best F1 marked."""
    series = {
        name: [(each.least, getattr(each.figures, attribute)) for each in thresholds]
        for name, attribute in (("precision", "precision"), ("recall", "recall"), ("F1", "f1"))
    }
    whole = Axis(0, 1)
    xs = [each.least for each in thresholds]
    marked = (best.least, f"best F1 at {best.least:.2f}")
    strips = _strips(xs, series, "threshold")
    return Chart("Precision and recall over the threshold", "threshold", whole, whole, series, strips, (), marked)


def reliability_chart(calibration: Calibration) -> Chart:
    """Build the reliability diagram: correctness of each bin over its confidence, beside the ideal diagonal."""
    filled = [(each, each.confidence, each.correct) for each in calibration.bins]
    points = [(x, y) for _, x, y in filled if x is not None and y is not None]
    strips = [
        Strip(
            each.low,
            each.high,
            f"score {each.low:.1f} to {each.high:.1f}: {each.entities} entities, "
            + ("none" if x is None or y is None else f"mean score {x:.3f}, {y:.1%} correct"),
        )
        for each, x, y in filled
    ]
    bars = [y or 0.0 for _, _, y in filled]
    whole = Axis(0, 1)
    series = {"ideal": [(0.0, 0.0), (1.0, 1.0)], "correct": points}
    return Chart("Reliability", "score", whole, whole, series, strips, bars)


def _axis(values: Iterable[float], is_log: bool = False) -> Axis:
    listed = list(values)
    low, high = min(listed), max(listed)
    if is_log:
        return Axis(10.0 ** floor(log10(low)), 10.0 ** max(ceil(log10(high)), floor(log10(low)) + 1), True)
    return Axis(low, high) if low < high else Axis(low - 0.5, high + 0.5)


def _thinned(points: Points) -> Points:
    """Return every n-th point and the last one, so that a line has not too many."""
    step = ceil(len(points) / MOST_POINTS) or 1
    return [*points[:-1:step], *points[-1:]]


def _strips(xs: Sequence[float], series: Mapping[str, Points], x_label: str) -> list[Strip]:
    """Return a strip around each x, up to the middles between neighbours, with the values of the lines there."""
    middles = [(first + second) / 2 for first, second in pairwise(xs)]
    borders = [xs[0], *middles, xs[-1]]
    return [
        Strip(low, high, f"{x_label} {x:g}: {', '.join(_values(x, series))}")
        for x, (low, high) in zip(xs, pairwise(borders), strict=True)
    ]


def _values(x: float, series: Mapping[str, Points]) -> Iterable[str]:
    for name, points in series.items():
        place = bisect_left(points, (x, -inf))
        if place < len(points) and points[place][0] == x:
            yield f"{name} {points[place][1]:.4g}"
