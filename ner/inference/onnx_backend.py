"""The ensemble in an exported folder, run by onnxruntime: the same entities without torch.

    from ner.inference.onnx_backend import OnnxTagger

    for document in OnnxTagger.load("build/toy").tag_documents(documents):
        ...

The folder is one that `export --onnx` wrote. What this needs beside numpy is safetensors, tokenizers and onnxruntime.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ner.checkpoints.manifest import ExportSettings, build_chunking, is_exported, read_settings
from ner.documents import Document, Span, of_characters
from ner.errors import InputError
from ner.labels import LabelSet
from ner.nn.viterbi import REBASE, walk_back
from ner.preprocessing.chunking import Chunking
from ner.preprocessing.encoding import EncodedChunk, Windowing, encode, length_batches
from ner.preprocessing.tokenizer import TextEncoder

CPU = ("CPUExecutionProvider",)
BATCH_SIZE, BATCH_TOKENS = 64, 1024
# Documents that are read at once, so that texts of about the same length meet.
POOL = 64

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


class Session(Protocol):
    """A member: what onnxruntime makes of its file."""

    def run(self, output_names: Sequence[str], inputs: Mapping[str, Integers]) -> Sequence[Floats]:
        """Emissions, (W, L, K), of ``input_ids`` and ``attention_mask``, both (W, L)."""


@dataclass(frozen=True, slots=True)
class Potentials:
    """The scores of a CRF over K tags.

    Args:
        transitions: ``[i, j]`` scores tag ``j`` behind tag ``i``, (K, K).
        start: Scores of the first tag, (K,).
        end: Scores of the last tag, (K,).

    Raises:
        ValueError: if their shapes do not fit together.
    """

    transitions: Floats
    start: Floats
    end: Floats

    def __post_init__(self) -> None:
        shapes = [scores.shape for scores in (self.transitions, self.start, self.end)]
        if shapes != [(len(self.end), len(self.end)), (len(self.end),), (len(self.end),)]:
            raise ValueError(f"transitions, start and end scores of a CRF cannot have the shapes {shapes}")


class OnnxTagger:
    """The ensemble of some members, as :class:`ner.nn.models.CRFEnsemble` is, on onnxruntime.

    Args:
        sessions: The members, at least one.
        crf: Their merged CRF.
        labels: The entity types.
        chunking: What is read as one text.
        windowing: Lays out texts as what the members read.
        batch_tokens: Most tokens in a batch, padding included, unless one text has more.

    Raises:
        InputError: if ``batch_tokens`` is less than 1.
    """

    def __init__(
        self,
        sessions: Sequence[Session],
        crf: Potentials,
        labels: LabelSet,
        chunking: Chunking,
        windowing: Windowing,
        batch_tokens: int = BATCH_TOKENS,
    ) -> None:
        if batch_tokens < 1:
            raise InputError(f"batch_tokens is {batch_tokens}; it should be at least 1")
        self.sessions = tuple(sessions)
        self.crf = crf
        self.labels = labels
        self.chunking = chunking
        self.windowing = windowing
        self.batch_tokens = batch_tokens

    @classmethod
    def load(
        cls,
        folder: str | Path,
        providers: Sequence[str] = CPU,
        threads: int | None = None,
        batch_tokens: int = BATCH_TOKENS,
    ) -> "OnnxTagger":
        """The tagger in a folder that `export --onnx` wrote.

        Args:
            folder: The folder.
            providers: What onnxruntime computes with, the preferred one first.
            threads: Number of threads of the CPU; by default as many as it has cores.
            batch_tokens: As for the class.

        Raises:
            InputError: if onnxruntime or a provider is not there, or a file is missing or damaged.
        """
        path = Path(folder).expanduser()
        if not is_exported(path):
            raise InputError(f"{path}: no exported folder; write one with `export --onnx`")
        settings = read_settings(path)
        labels = LabelSet(settings.labels)
        return cls(
            [_session(member / "emissions.onnx", providers, threads) for member in settings.members],
            _read_crf(path / "crf.safetensors", len(labels.tags)),
            labels,
            build_chunking(settings.reading["chunking"]),
            _windowing(settings, path),
            batch_tokens,
        )

    def tag_documents(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Documents with the entities that are found in them instead of their own, in order, without scores.

        They are read as they are needed, some at a time, so that memory does not grow with their number.
        """
        source = map(of_characters, documents)
        while pool := list(islice(source, POOL)):
            yield from self._tagged(pool)

    def emissions(self, chunks: Sequence[EncodedChunk]) -> Floats:
        """Mean scores of tags for the own tokens of B chunks, (B, T, K); behind a chunk's last token they say nothing.

        They are those of :meth:`ner.nn.models.Model.emissions`.
        """
        inputs = self.windowing.inputs(chunks)
        fed = {"input_ids": np.array(inputs.input_ids), "attention_mask": np.array(inputs.attention_mask)}
        rows, positions = np.array(inputs.rows), np.array(inputs.positions)
        total = np.zeros((*rows.shape, len(self.crf.start)), np.float32)
        for session in self.sessions:
            total += session.run(["emissions"], fed)[0][rows, positions]
        total /= len(self.sessions)
        return total

    def _tagged(self, pool: Sequence[Document]) -> Iterator[Document]:
        # Annotation of the input is not looked at, and need not fit the labels.
        bare = [_with_entities(document, {}) for document in pool]
        chunks = encode(bare, self.chunking, self.windowing.encoder, self.labels)
        found: list[dict[int, tuple[Span, ...]]] = [{} for _ in pool]
        shapes = [self.windowing.shape(chunk) for chunk in chunks]
        for places in length_batches(shapes, BATCH_SIZE, self.batch_tokens):
            batch = [chunks[place] for place in places]
            lengths = np.array([len(chunk.tokens) for chunk in batch])
            paths = viterbi(self.emissions(batch), lengths, self.crf)
            for chunk, path in zip(batch, paths, strict=True):
                found[chunk.document_number] |= chunk.project(self.labels.decode(path))
        yield from map(_with_entities, pool, found)


def viterbi(emissions: Floats, lengths: Integers, crf: Potentials) -> list[list[int]]:
    """The tags of the best path of each row, as :meth:`ner.nn.crf.CRF.viterbi` finds them.

    Args:
        emissions: Scores of tags, (B, T, K).
        lengths: Tokens of each row, at least 1, (B,).
        crf: Scores of the first tag, of the steps and of the last tag.

    Source: Viterbi (1967).
    """
    # Rows come last, as there.
    emissions = np.ascontiguousarray(emissions.transpose(1, 2, 0))
    states = np.empty_like(emissions)
    states[0] = crf.start[:, None] + emissions[0]
    for position in range(1, len(states)):
        np.max(states[position - 1][:, None] + crf.transitions[:, :, None], axis=0, out=states[position])
        states[position] += emissions[position]
        if position % REBASE == 0:
            states[position] -= states[position].max(0)
    return walk_back(states, crf.transitions, crf.end, lengths)


def _with_entities(document: Document, entities: Mapping[int, tuple[Span, ...]]) -> Document:
    passages = (
        replace(passage, spans=entities.get(number, ()), annotated_until=None)
        for number, passage in enumerate(document.passages)
    )
    return replace(document, passages=tuple(passages))


def _session(path: Path, providers: Sequence[str], threads: int | None) -> Session:
    try:
        import onnxruntime  # noqa: PLC0415 - an extra
    except ImportError:
        raise InputError("OnnxTagger needs onnxruntime: pip install -c constraints.txt -e '.[onnx]'") from None
    if unknown := sorted(set(providers) - set(there := onnxruntime.get_available_providers())):
        raise InputError(f"onnxruntime has no {', '.join(unknown)} here; it has {', '.join(there)}")
    if not path.is_file():
        raise InputError(f"{path}: missing; export the checkpoints with --onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    # Plans are kept for every shape of a batch, and texts have many.
    options.enable_mem_pattern = False
    try:
        session: Session = onnxruntime.InferenceSession(path, options, providers=list(providers))
    except Exception as error:  # the library raises no narrower one
        raise InputError(f"{path}: a damaged export: {' '.join(str(error).split())}") from error
    return session


def _read_crf(path: Path, tags: int) -> Potentials:
    try:
        scores = load_file(path)
        crf = Potentials(scores["transitions"], scores["start_transitions"], scores["end_transitions"])
        if len(crf.start) != tags:
            raise ValueError(f"it has {len(crf.start)} tags, labels.json makes {tags}")
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"{path}: a damaged export: {' '.join(str(error).split())}") from error
    return crf


def _windowing(settings: ExportSettings, path: Path) -> Windowing:
    try:
        window, overlap = (int(str(settings.reading[key])) for key in ("window_tokens", "overlap_tokens"))
    except ValueError as error:
        raise InputError(f"{path / 'settings.json'}: a damaged export: {error}") from error
    return Windowing(TextEncoder(settings.tokenizer, bool(settings.reading["markers"])), window, overlap)
