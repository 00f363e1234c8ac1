"""The tagging of blocks: an actor that tags each block and writes it as a part."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import pyarrow as pa
import pyarrow.parquet as pq

from ner.documents import Document, Passage
from ner.errors import one_line
from ner.formats.parquet import COMPRESSION, Row, table_of
from ner.inference.assembly import Assembler
from ner.inference.backends import Backend
from ner.inference.min_scores import MinScore
from ner.inference.pipeline import pool_batches
from ner.integrations.ray.model import ModelFiles, paths_on_node
from ner.integrations.ray.output import part_name
from ner.integrations.ray.reading import NO_TEXT, Block, Report, Unreadable
from ner.integrations.ray.storage import Folder
from ner.preprocessing.bucketing import GPU_TOKENS
from ner.preprocessing.preprocessor import Preprocessor
from ner.preprocessing.texts import Texts


@dataclass(frozen=True, slots=True)
class TaggerSettings:
    """How blocks are tagged.

    Args:
        model: The model's files.
        is_gpu: Compute on a GPU.
        precision: Of the encoder.
        min_score: The least score of an entity.
        batch_tokens: Most tokens in a batch; ``None`` for what suits the device.
    """

    model: ModelFiles
    is_gpu: bool
    precision: str
    min_score: MinScore
    batch_tokens: int | None


class TaggingActor:
    """An actor that tags.

    Args:
        settings: How.
        output: The output folder.
    """

    def __init__(self, settings: TaggerSettings, output: str) -> None:
        self._settings = settings
        self._output = Folder(output)
        self._backend: Backend | None = None

    def load(self) -> str:
        """Load the model, and return the backend in words.

        Raises:
            InputError: if it cannot be used.
        """
        import torch  # noqa: PLC0415 - the loop imports this module too, and takes half the memory without it

        from ner.checkpoints import ensemble  # noqa: PLC0415
        from ner.inference.torch_backend import backend_of  # noqa: PLC0415

        settings = self._settings
        if not settings.is_gpu:
            # There is an actor for every core.
            torch.set_num_threads(1)
            os.environ["RAYON_NUM_THREADS"] = "1"
        members = ensemble.read(paths_on_node(settings.model))
        device = "cuda" if settings.is_gpu else "cpu"
        self._backend = backend_of(members, device, settings.precision, settings.min_score, is_mapped=True)
        return repr(self._backend)

    def tag(self, block: Block) -> Report:
        """Tag a block, and write it.

        Raises:
            InputError: if it cannot be written.
        """
        assert self._backend is not None  # it is loaded before any block is sent
        start = time.perf_counter()
        rows = list(tagged_rows(block, self._backend, self._settings.batch_tokens))
        content = pa.BufferOutputStream()
        pq.write_table(table_of(rows), content, compression=COMPRESSION)
        written = content.getvalue()
        self._output.write(written, part_name(block.part))
        return Report(len(rows), sum(bool(row.error) for row in rows), written.size, time.perf_counter() - start)


def prepare(block: Block, settings: TaggerSettings) -> Block:
    """Return a block with its texts in batches, for a tagger on a GPU, which one process cannot keep busy alone."""
    try:
        batches = _batches(block, _preprocessor(settings.model), settings.batch_tokens or GPU_TOKENS)
    except Exception:  # noqa: BLE001 - the tagger finds out which document it is
        return block
    return replace(block, batches=tuple(batches))


def tagged_rows(block: Block, backend: Backend, batch_tokens: int | None = None) -> Iterator[Row]:
    """Yield a row for each document of a block; why one cannot be tagged stands in its row.

    Args:
        block: The block.
        backend: Tags the batches.
        batch_tokens: Most tokens in a batch; ``None`` for what suits the backend.
    """
    tokens = batch_tokens or backend.batch_tokens
    errors: dict[int, str] = {}
    tagged: dict[int, Document] | None = None
    try:
        tagged = _tagged(block.batches or _batches(block, backend.preprocessor, tokens), backend)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other documents are to be tagged
        _end_if_broken(error, is_alone=False)
    # Not before the error is gone, which holds what the device has computed.
    if tagged is None:
        tagged, errors = _one_by_one(block.documents, backend, tokens)
    for number, document in enumerate(block.documents):
        if isinstance(document, Unreadable):
            yield _encodable(Row(document.document or NO_TEXT, block.source, document.error))
        else:
            yield _encodable(Row(tagged.get(number, document), block.source, errors.get(number, "")))


def _batches(block: Block, preprocessor: Preprocessor, batch_tokens: int) -> Iterator[Texts]:
    pool = [(number, text) for number, text in enumerate(block.documents) if isinstance(text, Document)]
    return pool_batches(pool, preprocessor, batch_tokens) if pool else iter(())


def _tagged(batches: Iterable[Texts], backend: Backend) -> dict[int, Document]:
    assembler = Assembler()
    return {number: text for batch in batches for number, text in assembler.add(backend.tag(batch)).items()}


def _one_by_one(
    documents: Sequence[Document | Unreadable], backend: Backend, batch_tokens: int
) -> tuple[dict[int, Document], dict[int, str]]:
    """Return the documents that can be tagged, and the errors of the others, by their places in the block."""
    tagged: dict[int, Document] = {}
    errors: dict[int, str] = {}
    for number, document in enumerate(documents):
        if isinstance(document, Document):
            try:
                tagged |= _tagged(pool_batches([(number, document)], backend.preprocessor, batch_tokens), backend)
            except Exception as error:  # noqa: BLE001 - as above
                _end_if_broken(error, is_alone=True)
                errors[number] = f"cannot be tagged: {type(error).__name__}: {one_line(error)}"
    return tagged, errors


def _end_if_broken(error: Exception, *, is_alone: bool) -> None:
    """End the process after an error of the device, after which all others would fail too.

    The block goes to another process then, and in halves if that ends too. So does one with a document for which alone
    the memory is too little: that need not be its fault.
    """
    import torch  # noqa: PLC0415

    # The error of a device has had a class of its own since torch 2.8.
    broken = getattr(torch, "AcceleratorError", ())
    if isinstance(error, broken) or (is_alone and isinstance(error, MemoryError | torch.OutOfMemoryError)):
        os._exit(1)


def _encodable(row: Row) -> Row:
    """Return a row, with an error and replaced characters if a text of it holds half a surrogate pair."""
    document = row.document
    texts = (document.id, *(part for passage in document.passages for part in (passage.section, passage.text)))
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        passages = (Passage(_replaced(part.text), _replaced(part.section), (), 0) for part in document.passages)
        error = row.error or "a text holds half a surrogate pair, here replaced"
        return Row(Document(_replaced(document.id), tuple(passages)), row.source, _replaced(error))
    return row


def _replaced(text: str) -> str:
    return text.encode(errors="replace").decode()


@cache
def _preprocessor(model: ModelFiles) -> Preprocessor:
    from ner.checkpoints import ensemble  # noqa: PLC0415

    return ensemble.read(paths_on_node(model))[0].preprocessor
