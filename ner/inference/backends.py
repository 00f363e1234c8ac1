"""The protocol that backends share, and the search for one by its name."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol

from ner.documents import Span
from ner.errors import InputError
from ner.inference.min_scores import MinScore
from ner.labels import LabelSet
from ner.preprocessing.preprocessor import Preprocessor
from ner.preprocessing.ragged import Integers
from ner.preprocessing.texts import Texts

Precision = Literal["auto", "32", "bf16", "16"]


@dataclass(frozen=True, slots=True)
class TaggedTexts:
    """Texts with what was found in them.

    Args:
        texts: B texts.
        paths: The best tag path of each, 0 after its last unit, (B, T).
        spans: The entities of each, in characters of its chunk, B of them.
    """

    texts: Texts
    paths: Integers
    spans: list[list[Span]]


class Backend(Protocol):
    """A model that tags texts.

    Attributes:
        labels: The entity types.
        preprocessor: How texts are read.
        batch_tokens: Most tokens in a batch, padding included, that suit it.
    """

    labels: LabelSet
    preprocessor: Preprocessor
    batch_tokens: int

    def tag(self, texts: Texts) -> TaggedTexts:
        """Return what is found in a batch of texts."""

    def tag_all(self, batches: Sequence[Texts]) -> Iterator[TaggedTexts]:
        """Yield what is found in each of some batches, in their order."""
        return map(self.tag, batches)


def load_backend(name: str, path: Path, device: str | None, precision: str, min_score: MinScore = "auto") -> Backend:
    """Load a model with the backend of a name: ``ner.inference.<name>_backend`` with its function ``load``.

    Args:
        name: The backend, such as ``torch`` or ``onnx``.
        path: A run's folder, a checkpoint, or an exported folder.
        device: Where to compute; by default on a GPU, if there is one.
        precision: Of the encoder.
        min_score: The least score of an entity; by default what the model says.

    Raises:
        InputError: if there is no such backend, or it cannot use the path, the device or the precision.
    """
    module = f"{__package__}.{name}_backend"
    if not name.isidentifier() or find_spec(module) is None:
        raise InputError(f"backend is {name!r}; use one of torch, onnx")
    load: Callable[[Path, str | None, str, MinScore], Backend] = import_module(module).load
    return load(path, device, precision, min_score)
