"""Actors for the engine that need no model: they sleep, or die of a document."""

import os
import time
from functools import partial
from pathlib import Path

import ray

from ner.documents import Document
from ner.formats import JsonLines
from ner.formats.parquet import Row, write_rows
from ner.integrations.ray.merging import merge
from ner.integrations.ray.output import part_name
from ner.integrations.ray.reading import NO_TEXT, Block, Reader, Report, Unreadable
from ner.integrations.ray.states import Crew

POISON = "poison"


class SleepingTagger:
    """A tagger that sleeps so long for each document, writes it as it is, and dies of a poisonous one.

    Args:
        seconds: For each document.
        output: The output folder.
    """

    def __init__(self, seconds: float, output: str) -> None:
        self._seconds = seconds
        self._output = output

    def load(self) -> str:
        """Load nothing."""
        return "SleepingTagger()"

    def tag(self, block: Block) -> Report:
        """Sleep, and write the block."""
        start = time.perf_counter()
        if any(isinstance(document, Document) and document.id.startswith(POISON) for document in block.documents):
            os._exit(1)
        time.sleep(self._seconds * len(block.documents))
        rows = [
            Row(document.document or NO_TEXT, block.source, document.error)
            if isinstance(document, Unreadable)
            else Row(document, block.source)
            for document in block.documents
        ]
        path = Path(self._output) / part_name(block.part)
        write_rows(rows, path)
        errors = sum(bool(row.error) for row in rows)
        return Report(len(rows), errors, path.stat().st_size, time.perf_counter() - start)


def crew(output: str, taggers: int, seconds: float, block_documents: int) -> Crew:
    """Return actors in a Ray that has been started: readers as they are, sleeping taggers, merges as they are."""
    readers, sleepers, merges = (ray.remote(num_cpus=0)(kind) for kind in (Reader, SleepingTagger, merge))
    return Crew(
        start_reader=partial(readers.remote, JsonLines(), block_documents),
        start_tagger=partial(sleepers.remote, seconds, output),
        most_taggers=lambda: taggers,
        merge=lambda parts: merges.remote(parts, output, {}),
    )
