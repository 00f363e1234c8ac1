"""Scheduling to many actors, which sleep for the time that tagging takes.

    python -m tests.integrations.ray.simulation --actors 1,8,64 --seconds 0.06

Prints, by number of actors, how much of their time they were busy. With `--seconds 0` it says how many blocks a second
the loop hands out.
"""

import sys
import tempfile
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

import ray
from rich.console import Console

from ner.documents import Document, Passage
from ner.formats import JsonLines
from ner.integrations.ray.engine import Engine
from ner.integrations.ray.output import Output
from ner.integrations.ray.progress import Progress
from ner.integrations.ray.storage import find_inputs
from tests.integrations.ray.actors import crew

BLOCK = 100


def main() -> None:
    """Run the simulation."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--actors", type=str, default="1,8,64")
    parser.add_argument("--seconds", type=float, default=0.06, help="of a document")
    parser.add_argument("--blocks", type=int, default=6, help="of an actor")
    chosen = parser.parse_args()
    counts = [int(count) for count in chosen.actors.split(",")]
    ray.init("local", num_cpus=max(counts), include_dashboard=False, object_store_memory=300 << 20, log_to_driver=False)
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            progress = _run(Path(folder), count, chosen.blocks * count * BLOCK, chosen.seconds)
        rate = progress.documents / progress.tagging_seconds
        wanted = f", of {count / chosen.seconds:,.0f}" if chosen.seconds else ""
        sys.stdout.write(
            f"{count} actors: {progress.documents:,} documents, {rate:,.0f} documents/s{wanted}, "
            f"busy {progress.busy_share:.1%}, {rate / BLOCK:,.1f} blocks/s\n"
        )
        sys.stdout.flush()
    ray.shutdown()


def _run(folder: Path, actors: int, documents: int, seconds: float) -> Progress:
    # One file of 90 % of the documents, and small ones.
    sizes = [documents - 9 * (documents // 90), *[documents // 90] * 9]
    (folder / "in").mkdir()
    for number, size in enumerate(sizes):
        texts = (Document(f"{number}-{n}", (Passage("a text of a few words", "abstract"),)) for n in range(size))
        JsonLines().write(texts, folder / "in" / f"{number}.jsonl")
    inputs = find_inputs([str(folder / "in")], (".jsonl",))
    output = Output(str(folder / "out"))
    output.open({})
    workers = crew(str(folder / "out"), actors, seconds, BLOCK)
    # So many processes take a minute to start on two cores, which is no part of the scheduling.
    started = [workers.start_tagger() for _ in range(actors)]
    ray.get([tagger.load.remote() for tagger in started])
    workers = replace(workers, start_tagger=started.pop)
    with Progress(inputs, 0, Console(quiet=True)) as progress:
        Engine(inputs, output.scan(inputs), output, workers, progress).run()
    assert output.scan(inputs).documents == documents
    return progress


if __name__ == "__main__":
    main()
