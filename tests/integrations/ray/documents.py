"""Real texts under new ids, a tagger, and the entities that it finds without Ray."""

import json
import os
from collections.abc import Iterable, Iterator
from itertools import count, cycle, islice
from pathlib import Path

import pyarrow.parquet as pq

from ner.corpora import GutBrainIE, Sample
from ner.documents import Document, Passage
from ner.formats import JsonLines
from ner.inference.tagger import Tagger

Found = dict[str, list[tuple[int, int, int, str]]]


def texts() -> list[tuple[Passage, ...]]:
    """Return the texts of GutBrainIE's dev set and of PubMed's articles where they are, else of the sample."""
    gutbrainie, pubmed = (os.environ.get(f"{name}_ROOT") for name in ("GUTBRAINIE", "PUBMED_GUTBRAIN"))
    found = [document.passages for document in (GutBrainIE(gutbrainie) if gutbrainie else Sample()).read("dev")]
    articles = json.loads((Path(pubmed) / "articles.json").read_text(encoding="utf-8")) if pubmed else {}
    sections = ("title", "abstract")
    return found + [tuple(Passage(text[section], section) for section in sections) for text in articles.values()]


def write_inputs(folder: Path, sizes: Iterable[int]) -> list[Path]:
    """Write JSON Lines of so many documents each, whose ids are the numbers from 0 on."""
    folder.mkdir(parents=True, exist_ok=True)
    documents = (Document(str(number), passages) for number, passages in zip(count(), cycle(texts()), strict=False))
    paths = [folder / f"{number:03}.jsonl" for number, _ in enumerate(sizes)]
    for path, size in zip(paths, sizes, strict=True):
        JsonLines().write(islice(documents, size), path)
    return paths


def expected(checkpoint: Path, total: int) -> Found:
    """Return what `Tagger` finds in documents, by id; each text is tagged once, however often it comes."""
    passages = texts()[:total]
    documents = (Document(str(number), part) for number, part in enumerate(passages))
    tagged = [entities(document) for document in Tagger.load(checkpoint, device="cpu").tag_documents(documents)]
    return {str(number): tagged[number % len(passages)] for number in range(total)}


def entities(document: Document) -> list[tuple[int, int, int, str]]:
    """Return the entities of a document."""
    return [
        (index, span.start, span.end, span.label)
        for index, passage in enumerate(document.passages)
        for span in passage.spans
    ]


def rows(output: Path) -> Iterator[dict[str, object]]:
    """Yield the rows of an output folder, file by file."""
    for path in sorted(output.glob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(1000):
            yield from batch.to_pylist()


def differences(output: Path, right: Found) -> list[str]:
    """Return what is not as it should be in an output folder: ids that lack, come twice or have other entities."""
    found: Found = {}
    problems = []
    for row in rows(output):
        name = str(row["id"])
        if name in found:
            problems.append(f"{name} comes twice")
        if row["error"]:
            problems.append(f"{name}: {row['error']}")
        found[name] = [
            (entity["passage"], entity["start"], entity["end"], entity["label"]) for entity in row["entities"] or ()
        ]
    problems += [f"{name} is missing" for name in right.keys() - found.keys()]
    return problems + [f"{name} differs" for name in right.keys() & found.keys() if found[name] != right[name]]
