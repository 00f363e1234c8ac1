"""A bulk run: files in, files out, and a summary."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import ray
from pyarrow.fs import LocalFileSystem
from rich.console import Console

from ner import __version__
from ner.formats.base import Format
from ner.inference.min_scores import MinScore
from ner.integrations.ray.engine import Engine
from ner.integrations.ray.merging import merge
from ner.integrations.ray.model import ModelFiles, find_model
from ner.integrations.ray.output import PARTS, Done, Output
from ner.integrations.ray.plot import throughput_png
from ner.integrations.ray.progress import Progress
from ner.integrations.ray.reading import Reader
from ner.integrations.ray.states import Crew
from ner.integrations.ray.storage import InputFile, file_system
from ner.integrations.ray.tagging import TaggerSettings, TaggingActor, prepare
from ner.io.lock import OutputLock

# Documents of a block: enough for texts of about the same length to meet in a batch.
CPU_BLOCK, GPU_BLOCK = 100, 1600
ROOM_SECONDS = 2.0
SUMMARY, PLOT = "summary.json", "throughput.png"


@dataclass(frozen=True)
class Wanted:
    """What a run is asked for.

    Args:
        checkpoints: The model: checkpoints and exported folders.
        inputs: The files.
        source: Their format.
        output: The output folder, an absolute path or an address.
        address: Of a Ray cluster; ``None`` for one of the run's own on this machine.
        actors: Number of tagging actors; ``None`` for all that the cluster has room for.
        precision: Of the encoder.
        batch_tokens: Most tokens in a batch; ``None`` for what suits the device.
        min_score: The least score of an entity.
    """

    checkpoints: Sequence[Path]
    inputs: Sequence[InputFile]
    source: Format
    output: str
    address: str | None = None
    actors: int | None = None
    precision: str = "auto"
    batch_tokens: int | None = None
    min_score: MinScore = "auto"


@dataclass(frozen=True)
class Summary:
    """How a run ended.

    Args:
        documents: Rows of the output, of all runs into it.
        documents_now: Those that this run tagged.
        errors: Rows with an error.
        missing: Files that could not be read to their end, none of whose documents count, and why; and the folder of
            parts, if it has some of files that were not named.
        files: Number of files in the output.
        seconds: Of this run.
        start_seconds: Until the first actor was ready.
        documents_per_second: From then on.
        busy_share: The share of the actors' time in which they had something to do.
        backend: The model in words; empty if there was nothing to tag.
        settings: What all rows were tagged with.
    """

    documents: int
    documents_now: int
    errors: int
    missing: Mapping[str, str]
    files: int
    seconds: float
    start_seconds: float
    documents_per_second: float
    busy_share: float
    backend: str
    settings: Mapping[str, object]


def describe(wanted: Wanted) -> list[str]:
    """Return what a run would do, in lines; nothing is written.

    Raises:
        InputError: if it would be refused.
    """
    output = Output(wanted.output)
    output.check(_settings(wanted, find_model(wanted.checkpoints, is_sent=False)))
    done = output.scan(wanted.inputs)
    finished = [file for file in wanted.inputs if done.is_whole(file.key)]
    bytes_left = sum(file.size for file in wanted.inputs) - sum(file.size for file in finished)
    tagged = sum(len(done.ranges[file.key]) for file in wanted.inputs)
    is_gpu, most = _room(wanted)
    kind = "on a GPU each" if is_gpu else "of one thread each, on CPUs"
    return [
        f"{len(wanted.inputs)} files of {type(wanted.source).__name__}, {len(finished)} of them done",
        f"{tagged:,} documents are tagged; {bytes_left / 1e6:,.1f} MB are left to read",
        f"{most()} actors {kind}",
    ]


def run(wanted: Wanted, console: Console) -> Summary:
    """Tag files into a folder; what is done there stays.

    Raises:
        InputError: if the model, the input or the output cannot be used, or another run writes the output.
    """
    start = time.monotonic()
    output = Output(wanted.output)
    with _lock(wanted.output):
        model = find_model(wanted.checkpoints, is_sent=wanted.address is not None)
        settings = _settings(wanted, model)
        output.open(settings)
        done = output.scan(wanted.inputs, is_cleaning=True)
        before = sum(map(len, done.ranges.values()))
        with Progress(wanted.inputs, before, console) as progress:
            engine = Engine(wanted.inputs, done, output, _crew(wanted, model, settings), progress)
            engine.run()
        output.clean()
        after = output.scan(wanted.inputs)
        found = Summary(
            documents=after.documents,
            documents_now=progress.documents,
            errors=after.errors,
            missing=_missing(engine, after),
            files=after.files,
            seconds=round(time.monotonic() - start, 3),
            start_seconds=round(progress.start_seconds, 3),
            documents_per_second=round(progress.documents / (progress.tagging_seconds or 1), 2),
            busy_share=round(progress.busy_share, 4),
            backend=progress.backend,
            settings=settings,
        )
        output.folder.write(json.dumps(asdict(found), indent=2).encode() + b"\n", SUMMARY)
        if len(progress.course) > 1 and (image := throughput_png(progress.course)):
            output.folder.write(image, PLOT)
    return found


def _settings(wanted: Wanted, model: ModelFiles) -> dict[str, object]:
    """Return what all rows of an output are tagged with."""
    return {
        "version": __version__,
        "model": model.digest,
        "format": repr(wanted.source),
        "precision": wanted.precision,
        "min_score": wanted.min_score,
    }


def _crew(wanted: Wanted, model: ModelFiles, settings: Mapping[str, object]) -> Crew:
    is_gpu, most = _room(wanted)
    tagger = TaggerSettings(model, is_gpu, wanted.precision, wanted.min_score, wanted.batch_tokens)
    metadata = {"ner.model": model.digest, "ner.settings": json.dumps(settings)}
    # Readers and merges take no CPU of their own, so that they never wait for actors which have taken all of them.
    readers = ray.remote(num_cpus=0, scheduling_strategy="SPREAD")(Reader)
    taggers = ray.remote(num_cpus=0 if is_gpu else 1, num_gpus=1 if is_gpu else 0)(TaggingActor)
    merges = ray.remote(num_cpus=0, max_retries=5)(merge)
    prepares = ray.remote(num_cpus=1, max_retries=0)(prepare)
    return Crew(
        start_reader=partial(readers.remote, wanted.source, GPU_BLOCK if is_gpu else CPU_BLOCK),
        start_tagger=partial(taggers.remote, tagger, wanted.output),
        most_taggers=most,
        merge=lambda parts: merges.remote(parts, wanted.output, metadata),
        prepare=(lambda block: prepares.remote(block, tagger)) if is_gpu else None,
    )


def _room(wanted: Wanted) -> tuple[bool, Callable[[], int]]:
    """Return if actors compute on GPUs, and a function that returns how many of them the cluster has room for."""
    is_gpu = _resource("GPU") >= 1
    known, until = 1, 0.0

    def most() -> int:
        nonlocal known, until
        if time.monotonic() >= until:
            room = _resource("GPU" if is_gpu else "CPU")
            known, until = max(min(room, wanted.actors or room), 1), time.monotonic() + ROOM_SECONDS
        return known

    return is_gpu, most


def _resource(name: str) -> int:
    """Return how much of a resource the cluster has, taken or not."""
    return int(ray.cluster_resources().get(name, 0))  # type: ignore[no-untyped-call]


def _missing(engine: Engine, after: Done) -> dict[str, str]:
    """Return the files of whose documents the output lacks some, and why."""
    missing = {state.file.location: state.broken for state in engine.states.values() if state.broken}
    waiting = Counter[str]()
    for written in after.parts:
        waiting[written.part.file] += len(written.part)
    for key, state in engine.states.items():
        there = len(after.ranges[key]) - waiting[key]
        if not state.broken and there != state.end:
            missing[state.file.location] = f"{there} of {state.end} documents are in the output; run the command again"
    if others := sum(count for key, count in waiting.items() if key not in engine.states):
        missing[PARTS] = f"{others} documents of files that are not named now; name them again, or delete the folder"
    return missing


@contextmanager
def _lock(output: str) -> Iterator[None]:
    """Keep other runs from a folder on a disk; on other file systems nothing does."""
    system, path = file_system(output)
    with OutputLock(Path(path).resolve()) if isinstance(system, LocalFileSystem) else nullcontext():
        yield
