"""A submission to GutBrainIE's subtask of named entity recognition: its problems, and the files that are sent.

Source: the task's pages (https://hereditary.dei.unipd.it/challenges/gutbrainie/2025/ and .../2026/): one folder a run,
named ``<team>_T61_<run>_<description>`` (2026: ``T611``), with a ``.json`` and a ``.meta`` of that name, all of them in
one zip.
"""

import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Literal

from ner.errors import InputError
from ner.formats._quoting import shown_name
from ner.formats.gutbrainie import Entity, entity_record
from ner.io.files import check_writable, write_text, writing_bytes
from ner.io.lock import OutputLock
from ner.metrics.official import Mention, document_name

Edition = Literal["2025", "2026"]
TASKS: Mapping[Edition, str] = {"2025": "T61", "2026": "T611"}
PLAIN_NAME = re.compile(r"[A-Za-z0-9-]+")
SHOWN_CHARACTERS = 40
# Errors of a zip that is truncated, damaged, encrypted, or no zip.
DAMAGED = (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, slots=True)
class Run:
    """The name of a run, and the content of its ``.meta``.

    Args:
        team: The team's identifier.
        run: The run's identifier.
        description: A word that tells the run from the team's others.
        training: Type of training applied.
        preprocessing: Preprocessing methods.
        data: Training data used.
        details: Relevant details.
        repository: Where the code is.
        edition: Year of the task.

    Raises:
        InputError: if a part of the name has other characters than letters, digits and hyphens, or ``run`` has a hyphen
            in 2026.
    """

    team: str
    run: str
    description: str
    training: str = ""
    preprocessing: str = ""
    data: str = ""
    details: str = ""
    repository: str = ""
    edition: Edition = "2025"

    def __post_init__(self) -> None:
        for name, value in (("team", self.team), ("run", self.run), ("description", self.description)):
            if not PLAIN_NAME.fullmatch(value):
                raise InputError(f"--{name}: {value!r} becomes part of a file name; use letters, digits and hyphens")
        if self.edition == "2026" and "-" in self.run:
            raise InputError(f"--run: {self.run!r} has a hyphen; in 2026 use letters and digits only")

    @property
    def name(self) -> str:
        """Name of the run's folder and files."""
        return f"{self.prefix}{self.description}"

    @property
    def prefix(self) -> str:
        """Start of the names of all runs with this identifier."""
        return f"{self.team}_{TASKS[self.edition]}_{self.run}_"

    @property
    def archive(self) -> str:
        """Name of the team's zip."""
        return f"{self.team}_GutBrainIE_{self.edition}.zip"

    @property
    def blank(self) -> list[str]:
        """The empty fields of the ``.meta``."""
        texts = ("training", "preprocessing", "data", "details", "repository")
        return [name for name in texts if not getattr(self, name).strip()]

    @property
    def meta(self) -> str:
        """Content of the ``.meta`` file, a field a line."""
        fields = {
            "Team ID": self.team,
            "Task ID": TASKS[self.edition],
            "Run ID": self.run,
            "Type of training": self.training,
            "Pre-processing methods": self.preprocessing,
            "Training data": self.data,
            "Details of the run": self.details,
            "Repository": self.repository,
        }
        return "".join(f"{name}: {' '.join(value.split())}\n" for name, value in fields.items())


def problems(
    predictions: Mapping[str, Sequence[Mention]], articles: Mapping[str, Mapping[str, str]], labels: Collection[str]
) -> Iterator[str]:
    """Yield every reason why the predictions cannot be sent, a line each.

    Args:
        predictions: Mentions by document.
        articles: Texts by document and location: exactly these are to be predicted.
        labels: Those that are legal.
    """
    for pmid in articles:
        if pmid not in predictions:
            yield f"{document_name(pmid)}: is not predicted; give it an empty list of entities"
    for pmid, mentions in predictions.items():
        if pmid not in articles:
            yield f"{document_name(pmid)}: is none of the articles"
            continue
        for mention in mentions:
            if fault := _fault(mention, articles[pmid], labels):
                yield f"{document_name(pmid)}, {_shown(mention)}: {fault}"
        for what, mention in _repeated(mentions):
            yield f"{document_name(pmid)}, {_shown(mention)}: {what}"


def write(run: Run, predictions: Mapping[str, Sequence[Mention]], output: Path) -> tuple[Path, list[str]]:
    """Write a run's folder, and put it into the team's zip in place of the runs there with its identifier.

    Returns:
        The zip, and the names of runs that had the same identifier under another description, and left it.

    Raises:
        InputError: if something cannot be written, another process packs the same zip, or it is damaged.
    """
    # Nothing else of a prediction may be sent, so no score and no concept.
    records = {
        pmid: {"entities": [entity_record(Entity(*astuple(mention))) for mention in found]}
        for pmid, found in predictions.items()
    }
    contents = {
        f"{run.name}.json": json.dumps(records, ensure_ascii=False, indent=2) + "\n",
        f"{run.name}.meta": run.meta,
    }
    archive = output / run.archive
    # Another run of the team that is packed at the same time would lose one of the two.
    with OutputLock(archive):
        earlier = _unpacked(archive)
        for path in (archive, *(output / run.name / name for name in contents)):
            check_writable(path)
        kept = {name: content for name, content in earlier.items() if not name.startswith(run.prefix)}
        replaced = {name.partition("/")[0] for name in earlier.keys() - kept.keys()} - {run.name}
        for name, text in contents.items():
            write_text(text, output / run.name / name)
        _pack(kept | {f"{run.name}/{name}": text.encode() for name, text in contents.items()}, archive)
    return archive, sorted(replaced)


def _fault(mention: Mention, texts: Mapping[str, str], labels: Collection[str]) -> str:
    if mention.label not in labels:
        return f"the label is none of {', '.join(labels)}"
    if mention.location not in texts:
        return f"the location {mention.location[:SHOWN_CHARACTERS]!r} is none of {', '.join(texts)}"
    text = texts[mention.location]
    if not 0 <= mention.start < mention.end <= len(text):
        return f"is empty or lies outside the {len(text)} characters of the {mention.location}"
    found = text[mention.start : mention.end]
    return "" if found == mention.text else f"the {mention.location} reads {found[:SHOWN_CHARACTERS]!r} there"


def _repeated(mentions: Sequence[Mention]) -> Iterator[tuple[str, Mention]]:
    """Yield mentions that stand there twice, or share a character with an earlier one."""
    counts = Counter(mentions)
    yield from (("stands there twice", mention) for mention, count in counts.items() if count > 1)
    widest: Mention | None = None
    for mention in sorted(counts, key=lambda mention: (mention.location, mention.start, mention.end)):
        if widest is not None and mention.location == widest.location and mention.start < widest.end:
            yield f"overlaps with {_shown(widest)}", mention
        if widest is None or mention.location != widest.location or mention.end > widest.end:
            widest = mention


def _shown(mention: Mention) -> str:
    text = mention.text if len(mention.text) <= SHOWN_CHARACTERS else f"{mention.text[:SHOWN_CHARACTERS]}…"
    label, location = shown_name(mention.label), shown_name(mention.location)
    return f"{text!r} ({label}) at [{mention.start}, {mention.end}) of the {location}"


def _unpacked(archive: Path) -> dict[str, bytes]:
    """Return the files in a zip, by name; nothing if it is not there."""
    if not archive.exists():
        return {}
    try:
        with zipfile.ZipFile(archive) as packed:
            return {name: packed.read(name) for name in packed.namelist()}
    except DAMAGED as error:
        raise InputError(f"{archive}: cannot be extended ({error}); remove it, or choose another --output") from error


def _pack(contents: Mapping[str, bytes], archive: Path) -> None:
    with writing_bytes(archive) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in contents.items():
            packed.writestr(name, content)
