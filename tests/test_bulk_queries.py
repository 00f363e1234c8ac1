"""The queries of docs/bulk_queries.md, beside the same counts in Python."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import duckdb
import pytest

from ner.corpora.sample import FOLDER
from ner.documents import Document, Passage
from ner.formats.gutbrainie import GutBrainIE
from ner.formats.parquet import Row, write_rows

GUIDE = Path(__file__).parents[1] / "docs" / "bulk_queries.md"
QUERIES = re.findall(r"^```sql\n(.*?)^```$", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
METADATA = {"model": "0123", "version": "1"}
FAILED = Row(Document("bad", (Passage("", "title", annotated_until=0),)), "b.xml", "PMID bad: broken XML")
REPEATED = Document("twice", (Passage("A title", "title"),))


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    """The sample corpus, with years and scores."""
    found = [document for split in ("train", "dev") for document in GutBrainIE().read(FOLDER / f"{split}.json")]
    return [scored(replace(document, year=2000 + number % 5)) for number, document in enumerate(found)]


def scored(document: Document) -> Document:
    passages = [
        replace(part, spans=tuple(replace(span, score=1 - 1 / (2 + number)) for number, span in enumerate(part.spans)))
        for part in document.passages
    ]
    return replace(document, passages=tuple(passages))


@pytest.fixture(scope="module")
def answers(documents: list[Document], tmp_path_factory: pytest.TempPathFactory) -> list[Sequence[tuple[object, ...]]]:
    """The rows of each query, on two files."""
    folder = tmp_path_factory.mktemp("queries") / "tagged"
    half = len(documents) // 2
    rows = [Row(document, "a.xml") for document in [*documents[:half], REPEATED]]
    write_rows(rows, folder / "a.parquet", METADATA)
    rows = [*(Row(document, "b.xml") for document in [REPEATED, *documents[half:]]), FAILED]
    write_rows(rows, folder / "b.parquet", METADATA)
    with duckdb.connect() as connection:
        return [connection.execute(query.replace("tagged/", f"{folder}/")).fetchall() for query in QUERIES]


def mentions(documents: Sequence[Document]) -> list[tuple[str, str, str, float]]:
    """Document, label, text and score of each."""
    return [
        (document.id, span.label, part.mention(span).lower(), span.score or 0)
        for document in documents
        for part in document.passages
        for span in part.spans
    ]


def test_each_query_counts_what_python_counts(
    documents: list[Document], answers: list[Sequence[tuple[object, ...]]]
) -> None:
    [_, by_type, bacteria, pairs, by_year, likely, failed, last, metadata] = answers
    found = mentions(documents)
    holders = defaultdict(set)
    for name, label, text, _ in found:
        holders[label].add(name)
        holders[label, text].add(name)
    assert by_type == sorted(
        ((label, count, len(holders[label])) for label, count in Counter(row[1] for row in found).items()),
        key=lambda row: (-row[1], row[0]),
    )
    counts = Counter(text for _, label, text, _ in found if label == "bacteria")
    expected = [(text, count, len(holders["bacteria", text])) for text, count in counts.items()]
    assert bacteria == sorted(expected, key=lambda row: (-row[1], row[0]))[:20]
    names = {label: {text for _, own, text, _ in found if own == label} for label in ("bacteria", "DDF")}
    shared = [
        (one, other, len(holders["bacteria", one] & holders["DDF", other]))
        for one, other in product(names["bacteria"], names["DDF"])
    ]
    assert pairs == sorted((row for row in shared if row[2]), key=lambda row: (-row[2], row[0], row[1]))[:20]
    years = Counter(document.year for document in documents)
    named = Counter(document.year for document in documents if document.id in holders["bacteria"])
    assert by_year == [(year, count, pytest.approx(named[year] / count)) for year, count in sorted(years.items())]
    assert likely == sorted(Counter(label for _, label, _, score in found if score >= 0.9).items())
    assert failed == [("b.xml", 1, FAILED.error)]
    half = len(documents) // 2
    sources = {document.id: "a.xml" for document in documents[:half]}
    sources |= {document.id: "b.xml" for document in [*documents[half:], REPEATED, FAILED.document]}
    assert last == sorted(sources.items())
    assert metadata == sorted(METADATA.items())
