"""What a request may cost."""

from dataclasses import dataclass, replace
from typing import Self

# Times what is tagged in one request: 1,117 entities of 40 abstracts make 2.6 times the bytes of these.
EXPORTED = 4


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of the service.

    Args:
        body_bytes: Most bytes of a request's body.
        texts: Most texts of a request; each passage of a document is one.
        characters: Most characters of a text.
        waiting: Most requests that are worked on or wait for it; those beyond are sent away.
        seconds: Most seconds that a request takes, from its first byte to its answer.
    """

    body_bytes: int = 1_000_000
    texts: int = 1_000
    characters: int = 50_000
    waiting: int = 128
    seconds: int = 60

    def of_export(self) -> Self:
        """Return the bounds of a request for a file, which holds entities beside the texts of several answers."""
        return replace(self, body_bytes=EXPORTED * self.body_bytes, texts=EXPORTED * self.texts)
