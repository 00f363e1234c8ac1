"""The output folder of a bulk run: its files, what is done, and the settings that all of it was tagged with.

    settings.json            the model's digest and the settings; another run with others is refused
    tagged-<digest>.parquet  what a user reads; its schema's metadata name the parts in it
    parts/<part>.parquet     parts that are tagged and not joined to a file yet; gone at the end
    summary.json             counts and times of the last run; throughput.png shows its course

A part is done once a file holds it, or once it is under its own name. Only the process that holds the lock gives files
of joined parts their names, so that no part is in two of them. A process that outlives a killed run can do no more than
write a part again, with the same content.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import pyarrow as pa
import pyarrow.parquet as pq

from ner.errors import InputError, one_line
from ner.integrations.ray.parts import Part, Ranges
from ner.integrations.ray.storage import Folder, InputFile

PARTS = "parts"
# What a run that was killed leaves there, beside parts: files that were being joined or written.
LEFT = re.compile(r"[0-9a-f]{32}\.merged|\.[0-9a-f]{32}\.tmp")
SETTINGS = "settings.json"
PREFIX, SUFFIX = "tagged-", ".parquet"
# Keys of the metadata of a file's schema.
PARTS_KEY, ERRORS_KEY = b"ner.parts", b"ner.errors"


@dataclass(frozen=True, slots=True)
class WrittenPart:
    """A part on its own under its name, of so many bytes."""

    part: Part
    size: int

    @property
    def name(self) -> str:
        """Its file, seen from the output folder."""
        return part_name(self.part)


@dataclass
class Done:
    """What an output folder holds.

    Args:
        ranges: The documents that are tagged, by the file's key.
        ends: The number of documents of the files that were read to their end, by key.
        parts: Parts that are in no file yet.
        documents: Rows of the files.
        errors: Those of them with an error.
        sizes: The size of each input file when it was tagged, by key.
        files: Number of files.
    """

    ranges: defaultdict[str, Ranges] = field(default_factory=lambda: defaultdict(Ranges))
    ends: dict[str, int] = field(default_factory=dict)
    parts: list[WrittenPart] = field(default_factory=list)
    documents: int = 0
    errors: int = 0
    sizes: dict[str, int] = field(default_factory=dict)
    files: int = 0

    def is_whole(self, key: str) -> bool:
        """Return if all documents of a file are tagged."""
        return self.ends.get(key) == len(self.ranges[key])

    def take(self, part: Part) -> bool:
        """Add a part, unless it overlaps what is there, and return if it was added."""
        if self.ranges[part.file].overlaps(part.start, part.stop):
            return False
        self.ranges[part.file].add(part.start, part.stop)
        self.sizes[part.file] = part.size
        if part.is_last:
            self.ends[part.file] = part.stop
        return True


class Output:
    """An output folder.

    Args:
        location: Its path or address.
    """

    def __init__(self, location: str) -> None:
        self.folder = Folder(location)

    def open(self, settings: Mapping[str, object]) -> None:
        """Start a run in a new folder, or resume one that had the same settings.

        Raises:
            InputError: if the settings differ, or the folder is something else's.
        """
        is_new = self.check(settings)
        self.folder.make(PARTS)
        if is_new:
            self.folder.write(json.dumps(settings, indent=2).encode() + b"\n", SETTINGS)

    def check(self, settings: Mapping[str, object]) -> bool:
        """Return if the folder is new; nothing is written.

        Raises:
            InputError: if the settings differ from those of the run that it has, or it is something else's.
        """
        if self.folder.is_link(PARTS):
            raise InputError(f"{self.folder.location}/{PARTS}: is a link; delete it, or choose another folder")
        if not self.folder.exists(SETTINGS):
            # A run that was killed early has left an empty folder of parts.
            found = {info.base_name for info in self.folder.entries() if not info.base_name.startswith(".")}
            if found - {PARTS} or self.folder.entries(PARTS):
                raise InputError(f"{self.folder.location}: holds files of something else; choose another folder")
            return True
        content = self.folder.read(SETTINGS)
        try:
            before = json.loads(content)
        except ValueError:
            before = None
        if not isinstance(before, dict):
            raise InputError(f"{self.folder.location}/{SETTINGS}: damaged; delete the folder to start over")
        if differing := sorted(key for key in {*before, *settings} if before.get(key) != settings.get(key)):
            what = ", ".join(f"{key} ({before.get(key)}, now {settings.get(key)})" for key in differing)
            raise InputError(f"{self.folder.location}: was tagged with another {what}; choose another folder")
        return False

    def scan(self, inputs: Iterable[InputFile], is_cleaning: bool = False) -> Done:
        """Return what is done.

        Args:
            inputs: The input files, whose parts count only while the files are the same.
            is_cleaning: Delete what is left over from an interrupted run.

        Raises:
            InputError: if a file is damaged, or an input file has changed since it was tagged.
        """
        done = Done()
        for file in self.folder.files():
            if file.base_name.startswith(PREFIX) and file.base_name.endswith(SUFFIX):
                self._take_file(file.base_name, done)
        sizes = {file.key: file.size for file in inputs}
        for file in inputs:
            if done.sizes.get(file.key, file.size) != file.size:
                fix = "give the new one another name, or choose another output"
                raise InputError(f"{file.location}: has changed since it was tagged; {fix}")
        for info in self.folder.files(PARTS):
            part = Part.parse(info.base_name.removesuffix(SUFFIX))
            is_current = part is not None and sizes.get(part.file, part.size) == part.size
            if part is not None and is_current and done.take(part):
                done.parts.append(WrittenPart(part, info.size))
            elif is_cleaning and (part is not None or LEFT.fullmatch(info.base_name)):
                self.folder.delete(f"{PARTS}/{info.base_name}")
        return done

    def publish(self, temporary: str, parts: Sequence[Part]) -> None:
        """Give a file of joined parts its name, and delete the parts.

        Raises:
            InputError: if that is not possible.
        """
        digest = blake2b("\n".join(map(str, parts)).encode(), digest_size=8).hexdigest()
        self.folder.move(temporary, f"{PREFIX}{digest}{SUFFIX}")
        for part in parts:
            self.folder.delete(part_name(part))

    def clean(self) -> None:
        """Delete the folder of the parts, unless something is left in it."""
        if not self.folder.entries(PARTS):
            self.folder.delete_folder(PARTS)

    def _take_file(self, name: str, done: Done) -> None:
        where = f"{self.folder.location}/{name}"
        try:
            with self.folder.system.open_input_file(f"{self.folder.path}/{name}") as file:
                found = pq.read_metadata(file)
            about = found.metadata or {}
            parts = [Part.parse(part) for part in json.loads(about[PARTS_KEY])]
            errors = int(about[ERRORS_KEY])
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            raise InputError(f"{where}: not a file of this run ({one_line(error)}); move it elsewhere") from None
        for part in parts:
            if part is None or not done.take(part):
                raise InputError(f"{where}: documents in it are in another file too; delete one of the two")
        if found.num_rows != sum(map(len, filter(None, parts))):
            raise InputError(
                f"{where}: damaged, it has {found.num_rows} rows; delete it and run the same command again"
            )
        done.documents += found.num_rows
        done.errors += errors
        done.files += 1


def part_name(part: Part) -> str:
    """Return the file of a part, seen from the output folder."""
    return f"{PARTS}/{part}{SUFFIX}"


def joined(parts: Sequence[Part]) -> Iterator[Part]:
    """Yield parts, those of a file that follow each other as one."""
    last: Part | None = None
    for part in parts:
        if last is not None and (last.file, last.stop) == (part.file, part.start):
            last = Part(last.file, last.size, last.start, part.stop, part.is_last)
            continue
        if last is not None:
            yield last
        last = part
    if last is not None:
        yield last
