"""The component ``ner_crf`` of a spaCy pipeline: ``nlp.add_pipe("ner_crf", config={"model": path})``."""

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from shutil import copyfile, rmtree
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import srsly
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, SpanGroup
from spacy.tokens import Span as SpacySpan
from spacy.util import filter_spans

from ner.checkpoints.manifest import is_exported
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats import _identifiers
from ner.formats.spacy_docbin import SPANS_KEY
from ner.inference.min_scores import MinScore
from ner.inference.tagger import Tagger
from ner.io.files import replacing

Alignment = Literal["expand", "contract", "strict"]
Scorer = Callable[..., dict[str, object]]

# A file of an exported folder, whose name leads out of it on no system.
FILE = re.compile(r"(?!\.)[^/\\:\0]+(?:/(?!\.)[^/\\:\0]+)*")
# The folder of the model in that of the component.
MODEL = "model"


class NerCRF(Pipe):
    """A component that finds entities with a tagger.

    ``doc.ents`` gets them without overlaps, and ``doc.spans[spans_key]`` all of them. The attribute ``scores`` of that
    group has the probability of each, and ``offsets`` the characters ``[start, end)`` that were found, before they were
    moved to the borders of tokens. The model is loaded when the first text is tagged, and goes with the pipeline as an
    exported folder where it is saved.

    Args:
        name: The name in the pipeline.
        model: A run's folder, a checkpoint, an exported folder, or a repository on the hub.
        alignment: What becomes of an entity that does not begin and end with tokens: ``expand`` takes the tokens that
            it touches, ``contract`` those that it covers, ``strict`` leaves it out with a warning, as ``contract`` does
            where it covers none.
        spans_key: The group of spans.
        section: Read texts as this section, such as ``title``; an abstract if empty.
        overwrite: Remove entities that components before it have set; else those stay, and no other overlaps them.
        device: As for `Tagger.load`.
        precision: As for `Tagger.load`.
        backend: As for `Tagger.load`.
        min_score: As for `Tagger.load`; ``None`` is ``auto``.
        scorer: Scores documents for ``nlp.evaluate``.
    """

    def __init__(
        self,
        name: str = "ner_crf",
        model: str = "",
        alignment: Alignment = "expand",
        spans_key: str = SPANS_KEY,
        section: str = "",
        overwrite: bool = False,
        device: str | None = None,
        precision: str = "auto",
        backend: str = "torch",
        min_score: float | None = None,
        scorer: Scorer | None = None,
    ) -> None:
        self.name = name
        self.model = model
        self.alignment = alignment
        self.spans_key = spans_key
        self.section = section
        self.overwrite = overwrite
        self.device = device
        self.precision = precision
        self.backend = backend
        self.min_score = min_score
        self.scorer = scorer
        # The files of an exported folder in place of one, in a pipeline that was made of bytes.
        self._files: dict[str, bytes] = {}
        self._tagger: Tagger | None = None

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle everything but the loaded model."""
        return NerCRF, (), vars(self) | {"name": self.name, "_tagger": None}

    def __setstate__(self, state: dict[str, object]) -> None:
        for name, value in state.items():
            setattr(self, name, value)

    @property
    def tagger(self) -> Tagger:
        """The tagger, loaded when it is first needed.

        Raises:
            InputError: if there is no model, or it cannot be used.
        """
        if self._tagger is None:
            if not self.model and not self._files:
                fix = f'nlp.add_pipe("ner_crf", name="{self.name}", config={{"model": "checkpoints/quickstart"}})'
                raise InputError(f"{self.name} has no model; name one: {fix}")
            min_score: MinScore = "auto" if self.min_score is None else self.min_score
            with self._place() as path:
                self._tagger = Tagger.load(path, self.device, self.precision, self.backend, min_score)
        return self._tagger

    @property
    def labels(self) -> tuple[str, ...]:
        """The entity types."""
        return tuple(self.tagger.labels)

    @property
    def hide_labels(self) -> bool:
        """True until the model is loaded: a pipeline asks for labels before it knows where its model is."""
        return self._tagger is None

    def __call__(self, doc: Doc) -> Doc:
        self._annotate([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Yield documents with their entities, which are found for many documents at a time."""
        handle_error = self.get_error_handler()
        remaining = iter(stream)
        while docs := list(islice(remaining, batch_size)):
            try:
                self._annotate(docs)
            except Exception as error:  # noqa: BLE001 - a handler of the pipeline takes any
                handle_error(self.name, self, docs, error)
            else:
                yield from docs

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the model into a folder, as an exported one."""
        target = Path(path) / MODEL
        with self._exported() as folder:
            if target.exists() and target.samefile(folder):
                return
            # The old model stays until the new one is whole.
            with replacing(target) as new:
                for file in _files(folder):
                    (new / file.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
                    copyfile(file, new / file.relative_to(folder))
                if target.exists():
                    rmtree(target)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "NerCRF":
        """Use the model in a folder."""
        self.model, self._files, self._tagger = str(Path(path) / MODEL), {}, None
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Return the files of the model, as an exported one."""
        with self._exported() as folder:
            files = {file.relative_to(folder).as_posix(): file.read_bytes() for file in _files(folder)}
        content: bytes = srsly.msgpack_dumps(files)
        return content

    def from_bytes(self, content: bytes, *, exclude: Iterable[str] = ()) -> "NerCRF":
        """Use a model that is given as its files.

        Raises:
            InputError: if these bytes hold something else, or a file that would lie elsewhere.
        """
        try:
            files = srsly.msgpack_loads(content)
        except ValueError:
            files = None
        if not isinstance(files, dict) or not all(
            isinstance(name, str) and FILE.fullmatch(name) and isinstance(file, bytes) for name, file in files.items()
        ):
            raise InputError(f"{self.name}: these bytes hold no model; make them with nlp.to_bytes()")
        self.model, self._files, self._tagger = "", files, None
        return self

    @contextmanager
    def _place(self) -> Iterator[Path]:
        """Yield where the model lies."""
        if not self._files:
            from ner.checkpoints.runs import located  # noqa: PLC0415 - only here is the hub's library needed

            yield located(self.model, with_onnx=self.backend == "onnx")
            return
        with TemporaryDirectory() as place:
            folder = Path(place) / MODEL
            for name, content in self._files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
            yield folder

    @contextmanager
    def _exported(self) -> Iterator[Path]:
        """Yield an exported folder with the model."""
        with self._place() as path, TemporaryDirectory() as place:
            if is_exported(path):
                yield path
                return
            # Both need torch, which the module does without until then.
            from ner.checkpoints import ensemble, runs  # noqa: PLC0415
            from ner.checkpoints.export import write_folder  # noqa: PLC0415

            members = ensemble.read(runs.trained(path))
            folder = Path(place) / MODEL
            write_folder([(member, ensemble.build_model(member)) for member in members], folder)
            yield folder

    def _annotate(self, docs: Sequence[Doc]) -> None:
        documents = (Document("", (Passage(doc.text, self.section),)) for doc in docs)
        for doc, found in zip(docs, self.tagger.tag_documents(documents), strict=True):
            self._set(doc, found.passages[0].spans)

    def _set(self, doc: Doc, found: Sequence[Span]) -> None:
        pairs = [(self._aligned(doc, span), span) for span in found]
        fitting = [(aligned, span) for aligned, span in pairs if aligned]
        if left_out := [span for aligned, span in pairs if not aligned]:
            text = doc.text[left_out[0].start : left_out[0].end]
            warnings.warn(
                f"{self.name}: left out: {len(left_out)} entities that do not fit the tokens, such as {text!r:.60};"
                " set alignment to expand",
                stacklevel=2,
            )
        spans = [aligned for aligned, _ in fitting]
        attributes = {
            "scores": np.array([span.score for _, span in fitting], np.float64),
            "offsets": [[span.start, span.end] for _, span in fitting],
        }
        doc.spans[self.spans_key] = SpanGroup(doc, name=self.spans_key, spans=spans, attrs=attributes)
        kept = [] if self.overwrite else list(doc.ents)
        taken = {token.i for entity in kept for token in entity}
        free = [span for span in spans if taken.isdisjoint(range(span.start, span.end))]
        doc.ents = [*kept, *filter_spans(free)]

    def _aligned(self, doc: Doc, span: Span) -> SpacySpan | None:
        kb_id = _identifiers.join(span.identifiers) if span.identifiers else ""
        return doc.char_span(span.start, span.end, label=span.label, kb_id=kb_id, alignment_mode=self.alignment)


@Language.factory(
    "ner_crf",
    assigns=["doc.ents", "doc.spans", "token.ent_iob", "token.ent_type", "token.ent_kb_id"],
    default_config={
        "model": "",
        "alignment": "expand",
        "spans_key": SPANS_KEY,
        "section": "",
        "overwrite": False,
        "device": None,
        "precision": "auto",
        "backend": "torch",
        "min_score": None,
        "scorer": {"@scorers": "spacy.ner_scorer.v1"},
    },
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_ner_crf(
    nlp: Language,  # noqa: ARG001 - spaCy gives it to every component
    name: str,
    model: str,
    alignment: Alignment,
    spans_key: str,
    section: str,
    overwrite: bool,
    device: str | None,
    precision: str,
    backend: str,
    min_score: float | None,
    scorer: Scorer | None,
) -> NerCRF:
    """Return the component for a pipeline; its configuration is that of :class:`NerCRF`."""
    return NerCRF(name, model, alignment, spans_key, section, overwrite, device, precision, backend, min_score, scorer)


def _files(folder: Path) -> list[Path]:
    """Return the files of an exported folder without hidden ones, such as those of a version control."""
    return sorted(
        file
        for file in folder.rglob("*")
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )
