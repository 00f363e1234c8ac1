"""Tagging beside flair, spaCy and GLiNER, each in an environment of its own: bar 15, with ``--peers``.

All need other versions of transformers than this project, so that none can be installed beside it.
"""

import json
import logging
import os
import random
import subprocess
import venv
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import torch

from ner.inference.tagger import Entities, Tagger
from ner.inference.torch_backend import TorchBackend
from tests.benchmarks.inference import BF16
from tests.benchmarks.measuring import Bar, Seconds, faster, interleaved
from tests.benchmarks.texts import Setting

# click is missing from what spaCy 3.8.7 asks for.
REQUIREMENTS = {
    "flair": ("flair==0.15.1",),
    "spacy": ("spacy==3.8.7", "spacy-transformers==1.4.0", "click"),
    "gliner": ("gliner==0.2.29",),
}
FP32_BARS = {"flair": 1.4, "spacy": 1.6, "gliner": 6.0}
BF16_BARS = {"flair": 2.0, "spacy": 2.4, "gliner": 10.0}
PRECISIONS = {"32": FP32_BARS} | ({"auto": BF16_BARS} if BF16 else {})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Peer:
    """A process that tags the texts when it is told to."""

    commands: IO[str]
    answers: IO[str]

    def tag(self) -> Seconds:
        """The time that it took."""
        self.commands.write("\n")
        self.commands.flush()
        return Seconds(**json.loads(self.answers.readline()))


def bars(setting: Setting, output: Path) -> Iterator[Bar]:
    """Ours in fp32, and in `auto` where that is another precision, beside those peers that can be had.

    Args:
        setting: The texts and the encoder.
        output: Where the environments are kept, so that they are built once.
    """
    documents = [document for batch in setting.batches() for document in batch]
    # In no order, as documents come.
    documents = random.Random(0).sample(documents, len(documents))
    texts, labels = [document.passages[0].text for document in documents], setting.data.labels
    given = output / "texts_of_peers.json"
    given.write_text(json.dumps({"texts": texts, "labels": labels}), encoding="utf-8")
    (model,) = setting.taggers(1)
    with ExitStack() as running:
        variants = {
            peer: running.enter_context(started(peer, python, setting.encoder, given)).tag
            for peer in REQUIREMENTS
            if (python := environment(peer, output / "peers" / peer))
        }
        for precision in PRECISIONS:
            tagger = Tagger(TorchBackend(model, setting.data.label_set, setting.data.preprocessor, "cpu", precision))
            variants[precision] = partial(_tag, tagger, texts)
        times = interleaved(variants)
    for precision, bounds in PRECISIONS.items():
        for number, (peer, bound) in enumerate(bounds.items()):
            if peer in times:
                what = f"tagging {len(texts)} texts with scores, {precision}; {' '.join(REQUIREMENTS[peer][:2])}"
                letter = "abcdef"[number + (0 if precision == "32" else len(bounds))]
                yield faster(f"15{letter}", what, times[precision], times[peer], bound)


def environment(peer: str, folder: Path) -> Path | None:
    """The interpreter of a peer's environment, which is built if it is not there; none where it cannot be had."""
    python = folder / "bin" / "python"
    complete = folder / "complete"
    if complete.exists():
        return python
    venv.create(folder, with_pip=True, clear=True)
    torch_version = torch.__version__.partition("+")[0]
    command = [str(python), "-m", "pip", "install", "--quiet", f"torch=={torch_version}", *REQUIREMENTS[peer]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        log.warning("without %s, which cannot be installed: %s", peer, done.stderr.strip().rpartition("\n")[2])
        return None
    complete.touch()
    return python


@contextmanager
def started(peer: str, python: Path, encoder: str, given: Path) -> Iterator[Peer]:
    """A peer that has tagged the texts once."""
    # Without the folder of this file on the path, whose modules a peer's would be taken for.
    command = [str(python), "-P", str(Path(__file__).with_name("peer.py")), peer, encoder, str(given)]
    threads = str(torch.get_num_threads())
    environ = os.environ | {"OMP_NUM_THREADS": threads, "HF_HUB_OFFLINE": "1"}
    with (
        (given.parent / f"{peer}.log").open("w") as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environ
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError(f"{peer} does not start: see {errors.name}")
        yield Peer(process.stdin, process.stdout)
        process.stdin.close()


def _tag(tagger: Tagger, texts: Sequence[str]) -> list[Entities]:
    return list(tagger.tag_texts(texts))
