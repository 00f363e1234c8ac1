"""The errors of a page as tables: matrix, kinds, confusions and mentions."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ner.reports.page.pairs import KINDS, Kind, PagePair

SHADES = 6
MOST_ROWS = 15


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the matrix.

    Args:
        gold: The label in gold; ``None`` for spurious predictions.
        predicted: The predicted label; ``None`` for missing ones.
        count: The number of pairs.
        correct: Those that are correct.
        shade: Its share of the row, from 0 to ``SHADES - 1``.
    """

    gold: str | None
    predicted: str | None
    count: int
    correct: int
    shade: int


@dataclass(frozen=True, slots=True)
class MentionErrors:
    """A mention, in whatever case, and how often it is wrong."""

    text: str
    wrong: int
    occurrences: int
    label: str


def matrix(pairs: Iterable[PagePair], labels: Sequence[str]) -> list[list[Cell]]:
    """Count pairs by the label in gold and the predicted one; the last row is spurious, the last column missing."""
    counts: Counter[tuple[str | None, str | None]] = Counter()
    correct: Counter[tuple[str | None, str | None]] = Counter()
    for each in pairs:
        gold, predicted = each.pair.gold, each.pair.predicted
        place = (gold.label if gold else None, predicted.label if predicted else None)
        counts[place] += 1
        correct[place] += each.kind == "correct"
    names = [*labels, None]
    totals = Counter({name: sum(counts[name, other] for other in names) for name in names})
    return [
        [
            Cell(gold, predicted, count, correct[gold, predicted], _shade(count, totals[gold]))
            for predicted in names
            for count in [counts[gold, predicted]]
        ]
        for gold in names
    ]


def kinds(pairs: Iterable[PagePair]) -> dict[Kind, int]:
    """Count pairs by kind."""
    counts = Counter(each.kind for each in pairs)
    return {kind: counts[kind] for kind in KINDS}


def confusions(cells: Iterable[Iterable[Cell]]) -> list[Cell]:
    """Return the most frequent pairs of two different labels."""
    found = [
        cell
        for row in cells
        for cell in row
        if cell.count and cell.gold != cell.predicted and None not in (cell.gold, cell.predicted)
    ]
    return sorted(found, key=lambda cell: -cell.count)[:MOST_ROWS]


def mentions(pairs: Iterable[PagePair]) -> list[MentionErrors]:
    """Return the mentions that are wrong most often, with the label that they mostly have."""
    wrong: Counter[str] = Counter()
    occurrences: Counter[str] = Counter()
    labels: dict[str, Counter[str]] = {}
    for each in pairs:
        text = each.pair.mention.text.lower()
        occurrences[text] += 1
        wrong[text] += each.kind != "correct"
        labels.setdefault(text, Counter())[each.pair.mention.label] += 1
    return [
        MentionErrors(text, count, occurrences[text], labels[text].most_common(1)[0][0])
        for text, count in wrong.most_common(MOST_ROWS)
        if count
    ]


def _shade(count: int, total: int) -> int:
    """Return a shade that only an empty cell has as 0."""
    return 0 if not count else 1 + min(SHADES - 2, count * (SHADES - 1) // total)
