"""The Python API: a trained tagger of texts, passages and documents, without Lightning."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from reprlib import repr as shortened
from typing import TYPE_CHECKING

from ner.documents import Document, Passage
from ner.errors import InputError
from ner.inference.backends import Backend, load_backend
from ner.inference.display import entities_html
from ner.inference.min_scores import MinScore
from ner.inference.pipeline import tag_documents
from ner.io.extras import imported
from ner.io.paths import expanded

if TYPE_CHECKING:
    import pandas

# Of the table of entities, each with its type.
COLUMNS = {
    "document": "object",
    "passage": "int64",
    "start": "int64",
    "end": "int64",
    "label": "object",
    "text": "object",
    "score": "float64",
    "identifiers": "object",
}


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity that was found: characters ``[start, end)`` of a text.

    Args:
        start: The first character.
        end: The character after the last.
        label: The entity type.
        text: The characters.
        score: The probability, under the CRF, that exactly this entity is there; ``None`` where the backend computes
            none. It does not make two entities different.
        passage: The index of the passage in its document; 0 for a text.
    """

    start: int
    end: int
    label: str
    text: str
    score: float | None = field(compare=False)
    passage: int = 0


class Entities(list[Entity]):
    """The entities of one text, which a notebook shows in it.

    Args:
        document: The text with its entities.
        labels: The entity types of the tagger.
    """

    def __init__(self, document: Document, labels: Sequence[str]) -> None:
        super().__init__(
            Entity(span.start, span.end, span.label, passage.mention(span), span.score, index)
            for index, passage in enumerate(document.passages)
            for span in passage.spans
        )
        self._document = document
        self._labels = labels

    def _repr_html_(self) -> str:
        return entities_html(self._document, self._labels)


class Tagger:
    """A trained model that tags texts of any length.

    Args:
        backend: The model, and what runs it.
        source: The path that it was loaded from, if any.

    Attributes:
        labels: The entity types.
    """

    def __init__(self, backend: Backend, source: Path | None = None) -> None:
        self.backend = backend
        self.source = source
        self.labels = list(backend.labels.labels)

    def __repr__(self) -> str:
        return f"Tagger(labels={shortened(self.labels)}, units={self.backend.preprocessor.units!r}, {self.backend!r})"

    @classmethod
    def load(
        cls,
        path: str | Path,
        device: str | None = None,
        precision: str = "auto",
        backend: str = "torch",
        min_score: MinScore = "auto",
    ) -> "Tagger":
        """Load the tagger in a run's folder (all its seeds, as an ensemble), a checkpoint, or an exported folder.

        Args:
            path: ``checkpoints/minilm_crf``, ``checkpoints/minilm_crf/seed=42``, a ``.ckpt`` file, or what `export`
                wrote. Of a run the best epoch of each seed is taken.
            device: Where to compute; by default on a GPU, if there is one.
            precision: Of the encoder: ``32``, ``bf16``, ``16``, or ``auto``, which is bf16 where the processor or GPU
                multiplies it natively and 32 elsewhere; ``int8`` with ``onnx``, where `export --int8` wrote it. The CRF
                always computes in fp64 or fp32.
            backend: ``torch``, or ``onnx`` for a folder that `export --onnx` wrote, without torch.
            min_score: Leave out entities of a lower score; ``auto`` by what the checkpoint has, from its training or
                from `threshold`; 0 keeps all.

        Raises:
            InputError: if there is no checkpoint, or it cannot be used.
        """
        source = expanded(path)
        return cls(load_backend(backend, source, device, precision, min_score), source)

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        revision: str | None = None,
        device: str | None = None,
        precision: str = "auto",
        backend: str = "torch",
        min_score: MinScore = "auto",
    ) -> "Tagger":
        """Load the tagger in an exported folder on the Hugging Face hub, or what :meth:`load` takes.

        It is downloaded once; later the hub is only asked if it has a newer one. With ``HF_HUB_OFFLINE=1`` it is not.

        Args:
            name: The repository, such as ``user/name``; a path of this name goes before.
            revision: A branch, a tag or a commit of the repository; the latter is the same model for ever.
            device: As for :meth:`load`, as the next ones.
            precision: Of the encoder.
            backend: ``torch``, or ``onnx`` where the folder has graphs.
            min_score: The least score of an entity.

        Raises:
            InputError: if there is no such repository or path, the hub does not answer, or it cannot be used.
        """
        from ner.checkpoints.runs import located  # noqa: PLC0415 - only here is the hub's library needed

        return cls.load(located(str(name), revision, backend == "onnx"), device, precision, backend, min_score)

    def push_to_hub(self, repo: str, private: bool = False, license_id: str | None = None) -> str:
        """Upload what the tagger was loaded from to the Hugging Face hub, with a model card.

        Checkpoints are exported for it; an exported folder is uploaded as it is.

        Args:
            repo: The repository, ``user/name``; it is created if need be.
            private: Let only its owners see it.
            license_id: The hub's identifier of the weights' licence, such as ``cc-by-4.0``; of an exported folder its
                model card says it.

        Returns:
            The commit, which :meth:`from_pretrained` takes as ``revision``.

        Raises:
            InputError: if nobody is logged in, the hub refuses or does not answer, or there is nothing to upload.
        """
        if self.source is None:
            raise InputError("this tagger was not loaded from a path, so that there is nothing to upload; load one")
        # By its name: it lies above this module, and imports torch.
        push: Callable[[Sequence[Path], str, bool, str | None], str]
        push = import_module("ner.reports.publishing").push
        return push([self.source], repo, private, license_id)

    def tag(self, text: str | Passage | Document) -> Entities:
        """Return the entities of one text, in order.

        Of a passage its section decides how it is read (title or abstract); a plain text is read as an abstract.

        Raises:
            InputError: if it is something else.
        """
        [entities] = self.tag_texts([text])
        return entities

    def tag_texts(
        self, texts: Iterable[str | Passage | Document], batch_tokens: int | None = None
    ) -> Iterator[Entities]:
        """Yield the entities of each of many texts, in their order, as they are found: memory does not grow.

        Args:
            texts: Texts, passages or documents.
            batch_tokens: As for :meth:`tag_documents`.

        Raises:
            InputError: as for :meth:`tag_documents`.
        """
        return (Entities(document, self.labels) for document in self._tagged(texts, batch_tokens))

    def tag_documents(self, documents: Iterable[Document], batch_tokens: int | None = None) -> Iterator[Document]:
        """Yield documents with the entities that are found in them instead of their own, in order, as they are found.

        Args:
            documents: Any number; they are read as they are needed.
            batch_tokens: Most tokens in a batch, padding included; by default what suits the device.

        Raises:
            InputError: if ``batch_tokens`` is less than 1, it is a single document, or something else is among them.
        """
        return self._tagged(documents, batch_tokens)

    def to_frame(
        self, texts: Iterable[str | Passage | Document], batch_tokens: int | None = None
    ) -> "pandas.DataFrame":
        """Return the entities of many texts as a table of pandas, one a row.

        Columns are ``document`` (its identifier, or the number of the text, from 0, where it has none), ``passage``
        (its number), ``start``, ``end``, ``label``, ``text``, ``score`` and ``identifiers``.

        Args:
            texts: As for :meth:`tag_texts`.
            batch_tokens: As for :meth:`tag_documents`.

        Raises:
            InputError: as for :meth:`tag_documents`, or if pandas is missing.
        """
        frame = imported("pandas", "to_frame needs pandas", "datasets").DataFrame
        rows = [
            (document.id or str(number), index, s.start, s.end, s.label, passage.mention(s), s.score, s.identifiers)
            for number, document in enumerate(self._tagged(texts, batch_tokens))
            for index, passage in enumerate(document.passages)
            for s in passage.spans
        ]
        return frame(rows, columns=list(COLUMNS)).astype(COLUMNS)

    def _tagged(self, texts: Iterable[str | Passage | Document], batch_tokens: int | None) -> Iterator[Document]:
        if batch_tokens is not None and batch_tokens < 1:
            raise InputError(f"batch_tokens is {batch_tokens}; it should be at least 1")
        if isinstance(texts, str | Passage | Document):
            raise InputError("a single text in place of many; put it into a list, or call tag")
        return tag_documents(map(_document, texts), self.backend, batch_tokens)


def _document(text: object) -> Document:
    match text:
        case Document():
            return text
        case Passage():
            return Document("", (text,))
        case str():
            return Document("", (Passage(text),))
    raise InputError(f"a tagger reads a text, a Passage or a Document, not {shortened(text)}")
