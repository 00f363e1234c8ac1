"""The report on predictions as one page."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date

from ner import __version__
from ner.errors import InputError
from ner.metrics.annotation import Annotation, known_only
from ner.metrics.bootstrap import Comparison, intervals
from ner.metrics.calibration import Calibration, calibrate, over_thresholds
from ner.metrics.official import Version
from ner.reports.evaluation import Wanted, evaluate
from ner.reports.page import tables
from ner.reports.page.charts import HEIGHT, WIDTH, Chart, reliability_chart, threshold_chart
from ner.reports.page.labels import Label, page_labels
from ner.reports.page.pairs import KINDS, Kind, PageDocument, as_json, index_row, page_documents
from ner.reports.page.render import render

# Kinds in SemEval's words, and what they are.
KIND_NAMES: dict[Kind, tuple[str, str]] = {
    "correct": ("correct", "type and boundary as in gold"),
    "type": ("incorrect type", "right boundary, another type"),
    "boundary": ("partial", "right type, overlapping boundary"),
    "both": ("incorrect type, partial", "another type and an overlapping boundary"),
    "missing": ("missing", "in gold, not predicted"),
    "spurious": ("spurious", "predicted, not in gold"),
}
SCHEMES = {
    "strict": "boundary and type",
    "exact": "boundary alone",
    "partial": "boundary alone; an overlap counts half",
    "type": "type, where they overlap",
}
# Documents that the page reads at once.
BLOCK = 100


@dataclass(frozen=True, slots=True)
class Sources:
    """What a report is on.

    Args:
        gold: The gold annotation.
        predictions: The predictions, A.
        against: The predictions B that they are compared with.
        names: What the page calls gold, ``A`` and ``B``.
        created: The day of the report.
        training: Charts of the training of the model that made A.
        model: What is known of this model, by headings.
    """

    gold: Annotation
    predictions: Annotation
    against: Annotation | None
    names: Mapping[str, str]
    created: date
    training: Sequence[Chart] = ()
    model: Mapping[str, str] = field(default_factory=dict)


def report_page(sources: Sources, labels: Sequence[str], version: Version, resamples: int, seed: int) -> str:
    """Return the report as HTML.

    Args:
        sources: What it is on.
        labels: As for :func:`evaluate`.
        version: The version of the official score.
        resamples: The number of resamples of the documents that intervals and comparison draw.
        seed: The seed of these draws.

    Raises:
        InputError: as :func:`evaluate`.
    """
    gold = known_only(sources.gold, sources.gold)
    results = evaluate(gold, sources.predictions, labels, version, Wanted(sources.against, resamples, seed))
    found, against = results.predictions, results.against
    calibration: Calibration | None = None
    with suppress(InputError):  # no entity that counts has a score
        calibration = calibrate(gold.mentions, found.mentions, found.scores, version)
    documents = page_documents(gold, found, against)
    of_labels = _labels(documents)
    pairs = [pair for document in documents for pair in document.pairs if not pair.is_against]
    cells = tables.matrix(pairs, list(of_labels))
    thresholds = over_thresholds(gold.mentions, found.mentions, found.scores, version) if calibration else []
    best = max(thresholds, key=lambda each: each.figures.f1, default=None)
    mentions = tables.mentions(pairs)
    return render(
        "report",
        _index(documents, of_labels, mentions, against is not None),
        _blocks(documents, of_labels),
        sources=sources,
        names=sources.names,
        package=f"ner {__version__}",
        results=results,
        intervals=intervals(gold.mentions, found.mentions, version, resamples, seed),
        resamples=resamples,
        seed=seed,
        labels=of_labels,
        documents=documents,
        entities={"gold": sum(map(len, gold.mentions.values())), "A": sum(map(len, found.mentions.values()))},
        cells=cells,
        kinds=tables.kinds(pairs),
        kind_names=KIND_NAMES,
        schemes=SCHEMES,
        confusions=tables.confusions(cells),
        mentions=mentions,
        calibration=calibration,
        reliability=calibration and reliability_chart(calibration),
        thresholds=best and threshold_chart(thresholds, best),
        best=best,
        comparison=results.comparison,
        alone=Counter(pair.is_against for document in documents for pair in document.pairs if pair.is_alone),
        scale=results.comparison and _scale(results.comparison),
        training=sources.training,
        drawing={"width": WIDTH, "height": HEIGHT},
    )


def _scale(comparison: Comparison) -> float:
    """Return the factor by which the largest difference fills a bar of 100."""
    differences = (comparison.micro, comparison.macro, *comparison.labels.values())
    largest = max(abs(value) for each in differences for value in (each.difference, *each.interval))
    return 100 / largest if largest else 0.0


def _labels(documents: Sequence[PageDocument]) -> dict[str, Label]:
    return page_labels(
        (mention for document in documents for mention in document.gold),
        (mention for document in documents for side in (document.predicted, document.against) for mention in side),
    )


def _index(
    documents: Sequence[PageDocument],
    labels: dict[str, Label],
    mentions: Sequence[tables.MentionErrors],
    has_against: bool,
) -> object:
    """Return what the page needs at once: labels, kinds, mentions that stand in a table, and a row of each document."""
    return {
        "labels": [label.as_json() for label in labels.values()],
        "kinds": [[kind, KIND_NAMES[kind][0]] for kind in KINDS],
        "mentions": [mention.text for mention in mentions],
        "against": has_against,
        "block": BLOCK,
        "documents": [index_row(document) for document in documents],
    }


def _blocks(documents: Sequence[PageDocument], labels: dict[str, Label]) -> Iterator[object]:
    """Yield the documents in blocks, which the page reads when it draws or filters one of their documents."""
    places = {name: place for place, name in enumerate(labels)}
    for first in range(0, len(documents), BLOCK):
        yield [as_json(document, places) for document in documents[first : first + BLOCK]]
