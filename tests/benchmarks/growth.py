"""How time and memory grow with the number of documents and the length of a text: bar 11, and ``--growth``."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from ner.corpora.sample import FOLDER
from ner.documents import Document, Passage
from ner.errors import InputError
from ner.formats.jsonl import JsonLines
from tests.benchmarks.inference import tag
from tests.benchmarks.measuring import Bar, interleaved
from tests.benchmarks.texts import Setting

REPOSITORY = Path(__file__).parents[2]
FEW, MANY = 1_000, 10_000
DOCUMENTS = (100, 300, 1_000, 3_000, 10_000)
TOKENS = (64, 128, 256, 512, 1_024, 2_048, 4_096)
QUIET = ("--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false")
# A process of its own, which tells its own peak. On Linux `getrusage` starts with what the parent process held.
PROGRAM = """
import resource, sys, time
from pathlib import Path
from main import main
begin = time.process_time()
code = main(sys.argv[1:])
status = Path("/proc/self/status")
if status.exists():
    [peak] = [1024 * int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")]
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
print("measured", time.process_time() - begin, peak)
sys.exit(code)
"""


@dataclass(frozen=True, slots=True)
class Point:
    """A measurement.

    Args:
        size: Documents, or tokens of one text.
        seconds: CPU time.
        peak: Most memory that the process held, in bytes; 0 where it was not asked for.
    """

    size: int
    seconds: float
    peak: int = 0


def bars(setting: Setting) -> Iterator[Bar]:
    """Memory of ten times the documents."""
    few, many = (point.peak for point in by_documents(setting, (FEW, MANY)))
    sizes = f"{many / 2**20:.0f} MiB", f"{few / 2**20:.0f} MiB"
    yield Bar("11", f"peak memory of predict, {MANY:,} documents; {FEW:,}", *sizes, many / few, 1.1, is_least=False)


def by_documents(setting: Setting, sizes: tuple[int, ...] = DOCUMENTS) -> list[Point]:
    """`predict` on real texts, repeated, with the toy encoder: what grows is not the encoder's work."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        train_toy(folder)
        points = []
        for size in sizes:
            JsonLines().write(repeated(setting, size), folder / "in.jsonl")
            files = ["--data.predict_path", "in.jsonl", "--predictions.path", "out.jsonl"]
            files += ["--data.predict_format", "JsonLines"]
            points.append(Point(size, *_run(folder, "predict", *files)))
        return points


def train_toy(folder: Path) -> None:
    """Train the toy encoder for an epoch, so that `predict` in the folder finds a checkpoint."""
    toy = ["--config", str(REPOSITORY / "configs" / "quickstart.yaml"), "--model.encoder", str(FOLDER / "encoder")]
    _run(folder, "fit", *toy, "--trainer.max_epochs", "1")


def by_tokens(setting: Setting) -> list[Point]:
    """One text of real words, whole windows and their seams included."""
    [tagger] = setting.taggers(1)
    text = " ".join(passage.text for document in setting.data.documents("dev") for passage in document.passages)
    offsets = setting.data.preprocessor.text_tokenizer.tokens([text]).offsets
    texts = {size: Document("1", (Passage(text[: offsets[size - 1, 1]]),)) for size in TOKENS}
    with torch.inference_mode():
        times = interleaved(
            {str(size): lambda size=size: tag(setting, tagger, [[texts[size]]]) for size in TOKENS}  # type: ignore[misc]
        )
    return [Point(size, times[str(size)].cpu) for size in TOKENS]


def plot(documents: list[Point], tokens: list[Point], path: Path) -> None:
    """Both, on logarithmic axes, as a picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.5), layout="constrained")
    panels = figure.subplots(1, 3)
    panels[0].plot([point.size for point in documents], [point.seconds for point in documents], "o-")
    panels[0].set(xlabel="documents", ylabel="CPU seconds", title="predict, toy encoder", xscale="log", yscale="log")
    panels[1].plot([point.size for point in documents], [point.peak / 2**20 for point in documents], "o-")
    panels[1].set(xlabel="documents", ylabel="peak MiB", title="predict, toy encoder", xscale="log", ylim=(0, None))
    panels[2].plot([point.size for point in tokens], [1000 * point.seconds / point.size for point in tokens], "o-")
    panels[2].set(xlabel="tokens of one text", ylabel="CPU ms a token", title="tagging", xscale="log", ylim=(0, None))
    for panel in panels:
        panel.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def repeated(setting: Setting, count: int) -> Iterator[Document]:
    """Articles of the gold tier, over and over, under new identifiers."""
    gold = [document for document in setting.data.documents("train") if document.tier == "gold"]
    for number, document in enumerate(islice(cycle(gold), count)):
        passages = tuple(Passage(passage.text, passage.section, annotated_until=0) for passage in document.passages)
        yield Document(str(number), passages)


def as_records(points: list[Point]) -> list[dict[str, object]]:
    """For JSON."""
    return [asdict(point) for point in points]


def _run(folder: Path, *arguments: str) -> tuple[float, int]:
    command = [sys.executable, "-c", PROGRAM, *arguments, *QUIET]
    outcome = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
    measured = [line.split() for line in outcome.stdout.splitlines() if line.startswith("measured")]
    if outcome.returncode or not measured:
        raise InputError(f"the measured process failed: {' '.join(outcome.stderr.split())[-500:]}")
    _, seconds, peak = measured[-1]
    return float(seconds), int(peak)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
