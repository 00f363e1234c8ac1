"""Files that are sent to be tagged, and files that answer."""

from collections.abc import Sequence
from io import BytesIO
from mimetypes import guess_type
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile

from ner.documents import Document
from ner.errors import InputError
from ner.formats import FORMATS
from ner.formats.base import Format, documents_at
from ner.integrations.web.refusals import refusal
from ner.io.files import COMPRESSED

# In formats that hold entities a text that is none is an error; the others read almost anything, so they are last.
READABLE = sorted(
    (name for name, kind in FORMATS.items() if kind.can_read and kind.is_read_by_service and not kind.writes_folder),
    key=lambda name: (not FORMATS[name].can_write_entities, name),
)
WRITABLE = sorted(name for name, kind in FORMATS.items() if kind.can_write_entities)
# Before the first line of a file: the byte order mark, and empty lines.
BLANKS = b"\xef\xbb\xbf \t\r\n"


def format_list() -> list[dict[str, object]]:
    """Return the formats of files, for pages."""
    return [
        {
            "name": name,
            "suffixes": list(FORMATS[name].suffixes),
            "can_read": name in READABLE,
            "can_write": name in WRITABLE,
            "ending": _ending(FORMATS[name]),
        }
        for name in sorted({*READABLE, *WRITABLE})
    ]


def read_file(content: bytes, name: str, format_name: str | None) -> tuple[str, list[Document]]:
    """Return the format of a file and its documents, without their annotation.

    Args:
        content: The bytes of the file.
        name: Its name, whose ending decides which formats are tried.
        format_name: Its format, if it is given.

    Raises:
        HTTPException: if no format reads it.
    """
    if format_name is not None and format_name not in READABLE:
        raise refusal(422, f"format is {format_name!r:.60}; use one of {', '.join(READABLE)}")
    if name.endswith(COMPRESSED) or content.startswith(b"\x1f\x8b"):
        raise refusal(415, "compressed files are not read; send it as it is without compression")
    candidates = [format_name] if format_name else [kind for kind in READABLE if _fits(name, FORMATS[kind])]
    if not candidates:
        raise refusal(
            415, f"{name!r:.80}: no format has files with this ending; give its format, as in ?format=PubTator"
        )
    reasons = []
    with TemporaryDirectory() as folder:
        # The name decides nothing of where it lies.
        path = Path(folder) / "file"
        path.write_bytes(content)
        for kind in candidates:
            try:
                documents = list(documents_at(path, FORMATS[kind]().without_annotation()))
            except InputError as error:
                reasons.append(f"{kind}: {error}".replace(str(path), f"{name:.80}"))
                beginning = FORMATS[kind].beginning
                if beginning and beginning.match(content.lstrip(BLANKS)):
                    break
            else:
                if documents:
                    return kind, documents
                reasons.append(f"{kind}: {name:.80}: no document in it")
    raise refusal(422, f"cannot be read as {'; nor as '.join(reasons)}")


def write_file(documents: Sequence[Document], format_name: str) -> tuple[str, str, bytes]:
    """Return the name, the media type and the bytes of a file of documents; a folder is zipped.

    Raises:
        HTTPException: if there is no such format, or it cannot hold the documents.
    """
    if format_name not in WRITABLE:
        raise refusal(422, f"format is {format_name!r:.60}; use one of {', '.join(WRITABLE)}")
    target = FORMATS[format_name]()
    name = f"entities{_ending(FORMATS[format_name])}"
    with TemporaryDirectory() as folder:
        path = Path(folder) / ("folder" if target.writes_folder else name)
        try:
            target.write(documents, path)
        except (InputError, ValueError) as error:
            raise refusal(422, str(error).replace(f"{path}: ", "")) from None
        content = _zipped(path) if target.writes_folder else path.read_bytes()
    return name, guess_type(name)[0] or "application/octet-stream", content


def _fits(name: str, kind: type[Format]) -> bool:
    return name.lower().endswith(tuple(suffix.lower() for suffix in kind.suffixes))


def _ending(kind: type[Format]) -> str:
    return ".zip" if kind.writes_folder else kind.suffixes[0]


def _zipped(folder: Path) -> bytes:
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder))
    return buffer.getvalue()
