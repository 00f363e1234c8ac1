"""The files, blocks and actors of a run, as the loop keeps them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ner.integrations.ray.output import WrittenPart
from ner.integrations.ray.parts import Part, Ranges
from ner.integrations.ray.storage import InputFile

# Ray gives its handles and references no types.
Handle: TypeAlias = Any
Reference: TypeAlias = Any


@dataclass(frozen=True)
class Crew:
    """What the loop calls.

    Args:
        start_reader: Starts a :class:`ner.integrations.ray.reading.Reader`.
        start_tagger: Starts a :class:`ner.integrations.ray.tagging.TaggingActor`.
        most_taggers: Returns how many of them the cluster has room for.
        merge: Starts :func:`ner.integrations.ray.merging.merge`.
        prepare: Starts :func:`ner.integrations.ray.tagging.prepare`; ``None`` if taggers do that themselves.
    """

    start_reader: Callable[[], Handle]
    start_tagger: Callable[[], Handle]
    most_taggers: Callable[[], int]
    merge: Callable[[list[Part]], Reference]
    prepare: Callable[[Reference], Reference] | None = None


@dataclass(eq=False)
class FileState:
    """A file on its way: ranges of it that are done, and that wait or are being tagged."""

    file: InputFile
    done: Ranges
    end: int | None
    flying: Ranges = field(default_factory=Ranges)
    broken: str = ""
    is_being_read: bool = False
    deaths: int = 0
    parts: list[WrittenPart] = field(default_factory=list)

    @property
    def is_finished(self) -> bool:
        """All of it is done, or it cannot be read."""
        return bool(self.broken) or self.end == len(self.done)

    @property
    def has_gaps(self) -> bool:
        """Documents of it are neither done nor on their way, and nobody reads them."""
        is_known = self.end is not None and len(self.done) + len(self.flying) >= self.end
        return not (self.broken or self.is_being_read or is_known)


@dataclass(eq=False)
class Task:
    """A block that waits or is being tagged, and how often its tagger has died of that or of something else."""

    state: FileState
    part: Part
    block: Reference
    deaths: int = 0


@dataclass(eq=False)
class ReaderState:
    """A reader, the file that it has, and whether it has been asked for a block."""

    handle: Handle
    state: FileState | None = None
    is_busy: bool = False


@dataclass(eq=False)
class TaggerState:
    """A tagger: whether it has loaded the model, the blocks that it has, and whether that is one which may end it."""

    handle: Handle
    is_ready: bool = False
    calls: int = 0
    is_reserved: bool = False
