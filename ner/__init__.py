"""Named entity recognition in biomedical abstracts: encoder, linear emissions and a CRF."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ner.inference.tagger import Entity as Entity
    from ner.inference.tagger import Tagger as Tagger

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """The Python API, which imports torch only where it is used."""
    if name in ("Entity", "Tagger"):
        from ner.inference import tagger  # noqa: PLC0415

        return getattr(tagger, name)
    raise AttributeError(f"module 'ner' has no attribute {name!r}")
