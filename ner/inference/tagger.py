"""The Python API: a trained tagger of texts, passages and documents, without Lightning."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from glob import escape
from pathlib import Path
from typing import Literal

import torch

from ner.checkpoints import ensemble as members
from ner.checkpoints import runs
from ner.checkpoints.checkpoint import Checkpoint
from ner.checkpoints.manifest import build_chunking, is_exported
from ner.documents import Document, Passage, of_characters
from ner.errors import InputError
from ner.inference.decoding import Assembler, TaggedChunk, decode
from ner.inference.journal import in_order
from ner.inference.stream import BATCH_SIZE, CPU_TOKENS, GPU_TOKENS, DocumentStream
from ner.labels import LabelSet
from ner.nn.models import CRFEnsemble
from ner.preprocessing.collate import Batch, Collator, encode
from ner.preprocessing.tokenizer import TextEncoder
from ner.runtime import has_fast_bf16

Precision = Literal["32", "bf16", "16"]
DTYPES = {"bf16": torch.bfloat16, "16": torch.float16}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity that was found: characters ``[start, end)`` of a text.

    Args:
        start: The first character.
        end: The character behind the last.
        label: The entity type.
        text: The characters.
        score: The probability, under the CRF, that exactly this entity is there. It does not make two different.
        passage: The number of the passage in its document; 0 for a text.
    """

    start: int
    end: int
    label: str
    text: str
    score: float = field(compare=False)
    passage: int = 0


class Tagger:
    """One checkpoint, or the ensemble of several, that tags texts of any length.

    Args:
        found: The members, at least one; they share labels and the reading of texts.
        device: Where to compute; by default on a GPU, if there is one.
        precision: Of the encoder. The CRF always computes in fp64 or fp32.

    Attributes:
        labels: The entity types.

    Raises:
        InputError: if there are no members, or their weights or settings, or the device, cannot be used.
    """

    def __init__(
        self, found: Sequence[Checkpoint], device: torch.device | str | None = None, precision: Precision = "32"
    ) -> None:
        if not found:
            raise InputError("a tagger needs a checkpoint: none is given")
        if precision not in ("32", *DTYPES):
            raise InputError(f"precision is {precision!r}; use 32, bf16 or 16")
        first = found[0]
        self.labels = list(first.labels)
        self.device = _device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.precision: Precision = precision
        if self.device.type == "cpu" and precision != "32" and not (precision == "bf16" and has_fast_bf16()):
            log.warning("This processor has no instructions for %s, and would be slow with it: using 32", precision)
            self.precision = "32"
        try:
            encoder = TextEncoder(str(first.data["tokenizer"]), bool(first.data["markers"]))
            window, overlap = (int(str(first.data[key])) for key in ("window_tokens", "overlap_tokens"))
            self._chunking = build_chunking(first.data["chunking"])
        except (KeyError, ValueError) as error:
            raise InputError(f"{first.name}: does not say how texts are read: {error}") from error
        self._collator = Collator(encoder, window, overlap)
        self._label_set = LabelSet(self.labels)
        taggers = [members.build_model(member) for member in found]
        self._tagger = (taggers[0] if len(taggers) == 1 else CRFEnsemble(taggers)).eval().to(self.device)

    @classmethod
    def load(cls, path: str | Path, device: torch.device | str | None = None, precision: Precision = "32") -> "Tagger":
        """The tagger in a run's folder (all its seeds, as an ensemble), a checkpoint, or an exported folder.

        Args:
            path: ``checkpoints/minilm_crf``, ``checkpoints/minilm_crf/seed=42``, a ``.ckpt`` file, or what `export`
                wrote. Of a run the best epoch of each seed is taken.
            device: As for the class.
            precision: As for the class.

        Raises:
            InputError: if there is no checkpoint, or it cannot be used.
        """
        folder = Path(path).expanduser()
        paths = [folder]
        if folder.is_dir() and not is_exported(folder):
            own = folder / "best.ckpt"
            paths = [own] if own.exists() else runs.find(f"{escape(str(folder))}/seed=*/best.ckpt")
        return cls(members.read(paths), device, precision)

    def tag(self, text: str | Passage | Document) -> list[Entity]:
        """The entities of one text, in order.

        Of a passage its section decides how it is read (title or abstract); a plain text is read as an abstract.
        """
        [entities] = self.tag_texts([text])
        return entities

    def tag_texts(
        self, texts: Iterable[str | Passage | Document], batch_tokens: int | None = None
    ) -> Iterator[list[Entity]]:
        """The entities of each of many texts, in their order, as they are found: memory does not grow with the number.

        Args:
            texts: Texts, passages or documents.
            batch_tokens: As for :meth:`tag_documents`.
        """
        for document in self.tag_documents((_document(text) for text in texts), batch_tokens):
            yield [
                Entity(span.start, span.end, span.label, passage.mention(span), span.score or 0.0, number)
                for number, passage in enumerate(document.passages)
                for span in passage.spans
            ]

    def tag_documents(self, documents: Iterable[Document], batch_tokens: int | None = None) -> Iterator[Document]:
        """Documents with the entities that are found in them instead of their own, in order, as they are found.

        Args:
            documents: Any number; they are read as they are needed.
            batch_tokens: Most tokens in a batch, padding included; by default what suits the device.

        Raises:
            InputError: if ``batch_tokens`` is less than 1.
        """
        tokens = batch_tokens if batch_tokens is not None else CPU_TOKENS if self.device.type == "cpu" else GPU_TOKENS
        if tokens < 1:
            raise InputError(f"batch_tokens is {tokens}; it should be at least 1")
        encoded = partial(encode, chunking=self._chunking, encoder=self._collator.encoder, labels=self._label_set)
        assembler = Assembler()
        batches = DocumentStream(lambda: map(of_characters, documents), encoded, self._collator, BATCH_SIZE, tokens)
        whole = (numbered for batch in batches for numbered in assembler.add(self._tagged(batch)).items())
        for _, document in in_order(whole):
            yield document

    @torch.no_grad()
    def _tagged(self, batch: Batch) -> list[TaggedChunk]:
        here = batch.to(self.device)
        dtype = DTYPES.get(self.precision)
        with torch.autocast(self.device.type, dtype, enabled=dtype is not None):
            emissions = self._tagger(here.input_ids, here.attention_mask, here.rows, here.positions)
        return decode(self._tagger, emissions.float(), here, self._label_set, with_scores=True)


def _device(name: torch.device | str) -> torch.device:
    try:
        return torch.empty(0, device=name).device
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"device {str(name)!r} cannot be used: {' '.join(str(error).split())}") from None


def _document(text: str | Passage | Document) -> Document:
    if isinstance(text, Document):
        return text
    if isinstance(text, Passage):
        return Document("", (text,))
    return Document("", (Passage(text),))
