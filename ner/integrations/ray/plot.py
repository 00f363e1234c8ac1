"""The plot of a run's throughput over time."""

from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from itertools import pairwise

from ner.integrations.ray.progress import Point

BINS = 60


def throughput_png(course: Sequence[Point]) -> bytes | None:
    """Return a plot of documents a second as a PNG, ``None`` where matplotlib is not installed.

    Args:
        course: The documents that were tagged at some moments, at least two.
    """
    if find_spec("matplotlib") is None:
        return None
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    step = max(len(course) // BINS, 1)
    points = [*course[:-1:step], course[-1]]
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    edges = [point.seconds for point in points]
    rates = [
        (after.documents - before.documents) / max(after.seconds - before.seconds, 1e-9)
        for before, after in pairwise(points)
    ]
    axes.stairs(rates, edges, fill=True)
    axes.set(xlabel="seconds", ylabel="documents/s", ylim=(0, None))
    image = BytesIO()
    figure.savefig(image, format="png")
    return image.getvalue()
