"""What a request may cost."""

from dataclasses import dataclass


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
