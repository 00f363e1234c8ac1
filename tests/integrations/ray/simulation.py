"""Scheduling to many actors, which sleep for the time that tagging takes, and the memory of the loop that schedules.

    python -m tests.integrations.ray.simulation --actors 1,2,8,64 --seconds 0.06
    python -m tests.integrations.ray.simulation --actors 2 --seconds 0 --blocks 500

Prints, by number of actors, how much of their time they were busy. With `--seconds 0` it says how many blocks a second
the loop hands out, and what memory it takes.
"""

import resource
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

import ray
from rich.console import Console

from ner.integrations.ray.engine import Engine
from ner.integrations.ray.output import Output
from ner.integrations.ray.progress import Progress
from ner.integrations.ray.storage import find_inputs
from tests.integrations.ray.actors import crew

BLOCK = 100
# In a process of its own, whose memory does not count.
WRITE = """
import sys
from pathlib import Path
from tests.integrations.ray.documents import write_inputs
write_inputs(Path(sys.argv[1]), list(map(int, sys.argv[2:])))
"""


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
            f"busy {progress.busy_share:.1%}, {rate / BLOCK:,.1f} blocks/s, "
            f"most memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB\n"
        )
        sys.stdout.flush()
    ray.shutdown()


def _run(folder: Path, actors: int, documents: int, seconds: float) -> Progress:
    # One file of 90 % of the documents, and small ones.
    sizes = [documents - 9 * (documents // 90), *[documents // 90] * 9]
    subprocess.run([sys.executable, "-P", "-c", WRITE, str(folder / "in"), *map(str, sizes)], check=True)
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
