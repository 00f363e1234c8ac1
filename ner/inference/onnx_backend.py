"""Tagging with onnxruntime: the ensemble in an exported folder, without torch.

The folder is one that `export --onnx` wrote. What this needs beside numpy is safetensors, tokenizers and onnxruntime.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ner.checkpoints.manifest import is_exported, read_manifest
from ner.documents import Document, Passage
from ner.errors import InputError, one_line
from ner.inference.backends import Backend, TaggedTexts
from ner.inference.min_scores import MinScore, leave_out, resolve
from ner.io.extras import command
from ner.labels import LabelSet
from ner.nn.linear_chain import Scores, interval_log_marginals
from ner.nn.viterbi import Potentials, viterbi
from ner.preprocessing.bucketing import CPU_TOKENS, GPU_TOKENS
from ner.preprocessing.preprocessor import Inputs, Preprocessor
from ner.preprocessing.ragged import Integers
from ner.preprocessing.texts import Texts

PROVIDERS = {"cpu": ("CPUExecutionProvider",), "cuda": ("CUDAExecutionProvider", "CPUExecutionProvider")}
# The file of a member, by precision.
GRAPHS = {"auto": "emissions.onnx", "32": "emissions.onnx", "int8": "emissions.int8.onnx"}

Emissions = NDArray[np.float32]


class Session(Protocol):
    """A member: what onnxruntime makes of its file."""

    def run(self, output_names: Sequence[str], inputs: Mapping[str, Integers]) -> Sequence[Emissions]:
        """Return emissions, (W, L, K), for ``input_ids`` and ``attention_mask``, both (W, L)."""


class OnnxBackend(Backend):
    """The ensemble of some members, as :class:`ner.nn.models.CRFEnsemble` is, on onnxruntime.

    Args:
        sessions: The members, at least one.
        crf: Their merged CRF.
        labels: The entity types.
        preprocessor: How texts are read.
        min_scores: The least score of an entity of each label, 0 where none is named.
        one_by_one: Read each window on its own, so that no other decides how its values are rounded to int8.
    """

    batch_tokens = CPU_TOKENS

    def __init__(
        self,
        sessions: Sequence[Session],
        crf: Potentials,
        labels: LabelSet,
        preprocessor: Preprocessor,
        min_scores: Mapping[str, float] | None = None,
        one_by_one: bool = False,
    ) -> None:
        self.sessions = tuple(sessions)
        self.crf = crf
        self.labels = labels
        self.preprocessor = preprocessor
        self.min_scores = dict(min_scores or {})
        self.one_by_one = one_by_one

    def __repr__(self) -> str:
        return f"OnnxBackend({len(self.sessions)} members)"

    def tag(self, texts: Texts) -> TaggedTexts:
        """Return what is found in a batch of texts, each entity with its probability under the CRF."""
        emissions = self.emissions(texts)
        paths = viterbi(emissions, texts.unit_counts, self.crf)
        found = self.labels.decode(paths)
        chain = self._chain(emissions, texts.unit_counts)
        scores = np.exp(interval_log_marginals(chain, found[:3], found.begin_inside))
        paths, found, scores = leave_out(paths, found, scores, self.labels, self.min_scores)
        return TaggedTexts(texts, paths, texts.spans(found, self.labels, scores.tolist()))

    def _chain(self, emissions: Emissions, counts: Integers) -> Scores[NDArray[Any]]:
        transitions, start, end = (
            part.astype(np.double) for part in (self.crf.transitions, self.crf.start, self.crf.end)
        )
        mask = np.arange(emissions.shape[1])[:, None] < counts
        return Scores(emissions.swapaxes(0, 1).astype(np.double), transitions, start, end, mask)

    def emissions(self, texts: Texts) -> Emissions:
        """Return mean scores of tags for the units of B texts, (B, T, K), as :meth:`ner.nn.models.Model.emissions`
        does; after a text's last unit they say nothing."""
        inputs = self.preprocessor.inputs(texts)
        # The windows of one long text may be more than fit in memory at once.
        at_once = 1 if self.one_by_one else max(GPU_TOKENS // inputs.input_ids.shape[1], len(texts))
        total = np.zeros((*inputs.rows.shape, len(self.crf.start)), np.float32)
        for session in self.sessions:
            total += _emissions(session, inputs, total.shape[2], at_once)[inputs.rows, inputs.positions]
        total /= len(self.sessions)
        return total


def load(
    path: Path,
    device: str | None = None,
    precision: str = "auto",
    min_score: MinScore = "auto",
    threads: int | None = None,
) -> OnnxBackend:
    """Load a folder that `export --onnx` wrote.

    Args:
        path: The folder.
        device: ``cpu``, the default, or ``cuda``.
        precision: ``32``, which ``auto`` is too, or ``int8`` for a folder that `export --int8` wrote.
        min_score: The least score of an entity; by default what the folder says.
        threads: Threads of the CPU; by default as many as it has cores.

    Raises:
        InputError: if onnxruntime or the device is not there, or a file is missing or damaged.
    """
    if precision not in GRAPHS:
        raise InputError(f"precision is {precision!r}; with the backend onnx use one of {', '.join(GRAPHS)}")
    if device not in (None, *PROVIDERS):
        raise InputError(f"device is {device!r}; with the backend onnx use one of {', '.join(PROVIDERS)}")
    if not is_exported(path):
        raise InputError(f"{path}: no exported folder, which the backend onnx needs; write one with `export --onnx`")
    manifest = read_manifest(path)
    labels = LabelSet(manifest.labels)
    providers = PROVIDERS[device or "cpu"]
    sessions = [_session(member / GRAPHS[precision], providers, threads) for member in manifest.members]
    crf = _read_crf(path / "crf.safetensors", len(labels.tags))
    min_scores = resolve(min_score, manifest.min_scores, labels.labels)
    backend = OnnxBackend(sessions, crf, labels, manifest.preprocessor, min_scores, precision == "int8")
    # Graphs that do not fit the rest are told before the work.
    backend.tag(manifest.preprocessor.encode([Document("", (Passage("a"),))]))
    return backend


def _emissions(session: Session, inputs: Inputs, tags: int, at_once: int) -> Emissions:
    """Return the emissions of W windows, some of them at once, (W, L, K)."""
    found = np.zeros((*inputs.input_ids.shape, tags), np.float32)
    for first in range(0, len(found), at_once):
        some = slice(first, first + at_once)
        width = int(inputs.attention_mask[some].sum(1).max())
        fed = {"input_ids": inputs.input_ids[some, :width], "attention_mask": inputs.attention_mask[some, :width]}
        found[some, :width] = _run(session, fed, tags)
    return found


def _run(session: Session, fed: Mapping[str, Integers], tags: int) -> Emissions:
    try:
        emissions = session.run(["emissions"], fed)[0]
    except Exception as error:  # the library raises no narrower one
        raise InputError(f"a damaged export: emissions.onnx cannot be run: {one_line(error)}") from error
    shape = (*fed["input_ids"].shape, tags)
    if not isinstance(emissions, np.ndarray) or emissions.dtype != np.float32 or emissions.shape != shape:
        kind = f"{emissions.dtype}{list(emissions.shape)}" if isinstance(emissions, np.ndarray) else "no array"
        raise InputError(f"a damaged export: emissions.onnx gives {kind} in place of float32{list(shape)}")
    return emissions


def _session(path: Path, providers: Sequence[str], threads: int | None) -> Session:
    try:
        import onnxruntime  # noqa: PLC0415 - an extra
    except ImportError:
        raise InputError(f"the backend onnx needs onnxruntime: {command('onnx')}") from None
    if unknown := sorted(set(providers) - set(there := onnxruntime.get_available_providers())):
        raise InputError(f"onnxruntime has no {', '.join(unknown)} here; it has {', '.join(there)}")
    if not path.is_file():
        option = "--int8" if path.name == GRAPHS["int8"] else "--onnx"
        raise InputError(f"{path}: missing; export the checkpoints with {option}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    # Plans are kept for every shape of a batch, and texts have many.
    options.enable_mem_pattern = False
    # What is wrong is raised; the library would also write it.
    options.log_severity_level = 4
    try:
        session: Session = onnxruntime.InferenceSession(path, options, providers=list(providers))
    except Exception as error:  # the library raises no narrower one
        raise InputError(f"{path}: a damaged export: {one_line(error)}") from error
    return session


def _read_crf(path: Path, tags: int) -> Potentials:
    if not path.is_file():
        raise InputError(f"{path}: a damaged export: no such file")
    try:
        scores = load_file(path)
        crf = Potentials(scores["transitions"], scores["start_transitions"], scores["end_transitions"])
        if (crf.transitions.shape, crf.start.shape, crf.end.shape) != ((tags, tags), (tags,), (tags,)):
            raise ValueError(f"its scores are not those of {tags} tags, which labels.json makes")
        if any(part.dtype != np.float32 for part in (crf.transitions, crf.start, crf.end)):
            raise ValueError("its scores are not float32")
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"{path}: a damaged export: {one_line(error)}") from error
    return crf
