"""Tagging with torch: one checkpoint, or the ensemble of several."""

import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import get_args

import torch

from ner.checkpoints import ensemble, runs
from ner.checkpoints.checkpoint import Checkpoint, common_reading, mean_min_scores
from ner.errors import InputError, one_line
from ner.inference.backends import Backend, Precision, TaggedTexts
from ner.inference.decoding import decode
from ner.inference.min_scores import MinScore, resolve
from ner.labels import LabelSet
from ner.nn.models import CRFEnsemble, Model
from ner.preprocessing.bucketing import CPU_TOKENS, GPU_TOKENS
from ner.preprocessing.collate import collate
from ner.preprocessing.preprocessor import Preprocessor
from ner.preprocessing.texts import Texts
from ner.runtime import has_fast_bf16

DTYPES = {"bf16": torch.bfloat16, "16": torch.float16}
BATCHES_AT_ONCE = 2
FEW_BATCHES = 4

log = logging.getLogger(__name__)


class TorchBackend(Backend):
    """A model on a device.

    Args:
        model: The network.
        labels: The entity types.
        preprocessor: How texts are read.
        device: Where to compute; by default on a GPU, if there is one.
        precision: Of the encoder; ``auto`` is bf16 where the device multiplies it natively, else fp32. The CRF always
            computes in fp64 or fp32.
        min_scores: The least score of an entity of each label, 0 where none is named.

    Raises:
        InputError: if the device or the precision cannot be used.
    """

    def __init__(
        self,
        model: Model,
        labels: LabelSet,
        preprocessor: Preprocessor,
        device: str | None = None,
        precision: str = "32",
        min_scores: Mapping[str, float] | None = None,
    ) -> None:
        if precision not in get_args(Precision):
            raise InputError(f"precision is {precision!r}; use {', '.join(get_args(Precision))}")
        self.labels = labels
        self.preprocessor = preprocessor
        self.min_scores = dict(min_scores or {})
        self.device = _device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.batch_tokens = CPU_TOKENS if self.device.type == "cpu" else GPU_TOKENS
        if precision == "auto":
            precision = "bf16" if has_fast_bf16(self.device.type, if_unknown=False) else "32"
            log.info("precision auto is %s on this %s", precision, self.device.type)
        if self.device.type == "cpu" and precision != "32" and not (precision == "bf16" and has_fast_bf16()):
            log.warning("This processor has no instructions for %s and would be slow with it: using 32", precision)
            precision = "32"
        self.precision = precision
        self.dtype = DTYPES.get(precision)
        self.model = model.eval().to(self.device)

    def __repr__(self) -> str:
        members = self.model.members if isinstance(self.model, CRFEnsemble) else [self.model]
        size = sum(parameter.numel() for parameter in members[0].parameters())
        return f"TorchBackend({len(members)} x {size:,} parameters, '{self.device}', precision {self.precision})"

    @torch.no_grad()
    def tag(self, texts: Texts) -> TaggedTexts:
        """Return what is found in a batch of texts, each entity with its probability under the CRF."""
        batch = collate(texts, self.preprocessor).to(self.device)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
            emissions = self.model(batch.input_ids, batch.attention_mask, batch.rows, batch.positions)
        return decode(self.model, emissions.float(), batch, self.labels, True, self.min_scores)

    def tag_all(self, batches: Sequence[Texts]) -> Iterator[TaggedTexts]:
        """Yield what is found in each of some batches, in their order.

        A CPU works on two at once, each with half of torch's threads: threads that share a batch wait for each other
        after every product, and all but one while its tags are decoded. Few batches have all threads one by one.
        """
        with _TORCH_THREADS.shared() as threads:
            if self.device.type != "cpu" or threads < BATCHES_AT_ONCE or len(batches) < FEW_BATCHES:
                yield from map(self.tag, batches)
                return
            each = threads // BATCHES_AT_ONCE
            waiting: deque[Future[TaggedTexts]] = deque()
            with ThreadPoolExecutor(threads // each, "tagger", torch.set_num_threads, (each,)) as workers:
                try:
                    for batch in batches:
                        waiting.append(workers.submit(self.tag, batch))
                        # No more ahead: who stops listening waits for those that have begun.
                        if len(waiting) > 2 * BATCHES_AT_ONCE:
                            yield waiting.popleft().result()
                    while waiting:
                        yield waiting.popleft().result()
                finally:
                    for future in waiting:
                        future.cancel()


class _TorchThreads:
    """Torch's number of threads while streams tag, which is changed for their workers, and as it was when none does.

    The setting is each thread's own, but a new thread takes the one that was made last.
    """

    def __init__(self) -> None:
        self._lock = RLock()
        self._streams = 0
        self._found = 0

    @contextmanager
    def shared(self) -> Iterator[int]:
        """Yield the number of this thread, or that before the first of the streams that are under way if it is less."""
        with self._lock:
            if not self._streams:
                self._found = torch.get_num_threads()
            self._streams += 1
        try:
            yield min(torch.get_num_threads(), self._found)
        finally:
            with self._lock:
                self._streams -= 1
                torch.set_num_threads(self._found)


_TORCH_THREADS = _TorchThreads()


def load(path: Path, device: str | None = None, precision: str = "auto", min_score: MinScore = "auto") -> TorchBackend:
    """Load a run's folder (all its seeds, as an ensemble), a checkpoint, or an exported folder.

    Raises:
        InputError: if there is no checkpoint, or it cannot be used.
    """
    return backend_of(ensemble.read(runs.trained(path)), device, precision, min_score)


def backend_of(
    members: Sequence[Checkpoint],
    device: str | None = None,
    precision: str = "32",
    min_score: MinScore = "auto",
    is_mapped: bool = False,
) -> TorchBackend:
    """Return a backend for one checkpoint, or for the ensemble of several that fit together.

    Args:
        members: The checkpoints.
        device: Where to compute; by default on a GPU, if there is one.
        precision: Of the encoder.
        min_score: The least score of an entity; by default what the checkpoints say.
        is_mapped: On a CPU, leave the weights in their files, so that processes share them.

    Raises:
        InputError: if there is none, or the weights of one cannot be used.
    """
    if not members:
        raise InputError("a tagger needs a checkpoint: none is given")
    labels = LabelSet(members[0].labels)
    min_scores = resolve(min_score, mean_min_scores(members), labels.labels)
    models = [ensemble.build_model(member, is_mapped) for member in members]
    model = models[0] if len(models) == 1 else CRFEnsemble(models)
    return TorchBackend(model, labels, common_reading(members), device, precision, min_scores)


def _device(name: str) -> torch.device:
    try:
        return torch.empty(0, device=name).device
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"device {str(name)!r} cannot be used: {one_line(error)}") from None
