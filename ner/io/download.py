"""Download files over HTTP and check each against the id that Git gives its content."""

import hashlib
import http.client
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from ner.errors import InputError
from ner.io.files import replacing

ATTEMPTS = 2
TIMEOUT_SECONDS = 5.0
CHUNK_BYTES = 1 << 16


class _TransferError(Exception):
    """A failed transfer that may succeed at the next attempt."""


class _SilenceError(_TransferError):
    """A server that does not answer; another attempt would only wait as long again."""


def fetch(base_url: str, files: Mapping[str, str], folder: Path, timeout: float = TIMEOUT_SECONDS) -> None:
    """Download files into a folder, except those that are there already with the right content.

    Args:
        base_url: The address that the paths are relative to.
        files: Git blob ids by path, relative to both the address and the folder.
        folder: Created if missing. A file appears in it whole and checked, or not at all.
        timeout: Seconds that a server may stay silent.

    Raises:
        InputError: if a file cannot be downloaded, or differs from its id at the second attempt too.
    """
    if not base_url.startswith(("https://", "http://")):
        raise InputError(
            f"data.corpus.base_url: {base_url} is not a web address; it must begin with https:// or http://"
        )
    try:
        missing = {path: blob for path, blob in files.items() if not _is_right(folder / path, blob)}
        if not missing:
            return
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            for path, blob in missing.items():
                url = f"{base_url.rstrip('/')}/{quote(path)}"
                _fetch_file(url, folder / path, blob, timeout, progress)
    except OSError as error:
        fix = "free the disk or choose another folder (data.corpus.cache)"
        raise InputError(f"{folder}: cannot hold the download ({error.strerror or error}); {fix}") from None


def blob_id(path: Path) -> str:
    """Return the id under which Git stores the content of a file.

    Source: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
    """
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _is_right(path: Path, blob: str) -> bool:
    return path.is_file() and blob_id(path) == blob


def _fetch_file(url: str, target: Path, blob: str, timeout: float, progress: Progress) -> None:
    task = progress.add_task(target.name, total=None)
    with replacing(target) as partial:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                _stream(url, partial, timeout, progress, task)
            except _TransferError as error:
                if attempt < ATTEMPTS and not isinstance(error, _SilenceError):
                    continue
                fix = "check the connection, or download GutBrainIE by hand and set data.corpus.root to its folder"
                raise InputError(f"{url}: {error}; {fix}") from None
            if (found := blob_id(partial)) == blob:
                return
        wrong = f"wrong content at attempt {ATTEMPTS} too, expected blob {blob} but found {found}"
        raise InputError(f"{url}: {wrong}; check data.corpus.base_url and any proxy between you and it")


def _stream(url: str, partial: Path, timeout: float, progress: Progress, task: TaskID) -> None:
    """Copy the answer of ``url`` into a file, from the beginning."""
    with _open(url, timeout) as response, partial.open("wb") as file:
        progress.reset(task, total=response.length)
        for chunk in _chunks(response, timeout):
            file.write(chunk)
            progress.advance(task, len(chunk))


def _open(url: str, timeout: float) -> http.client.HTTPResponse:
    """Open ``url``, and give up after ``timeout``, whatever takes so long.

    The timeout of ``urlopen`` limits each connection, but neither the look-up of the host's name nor the number of
    addresses that are tried. So a daemon thread sends the request.
    """
    answers: queue.SimpleQueue[http.client.HTTPResponse | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(urllib.request.urlopen(url, timeout=timeout))  # noqa: S310 - fetch() checks the scheme
        except (OSError, http.client.HTTPException, ValueError) as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise _SilenceError(f"no answer within {timeout:g} seconds") from None
    if isinstance(answer, Exception):
        raise _transfer_error(answer, timeout) from None
    return answer


def _chunks(response: http.client.HTTPResponse, timeout: float) -> Iterator[bytes]:
    """Yield the body of an answer; its errors are kept apart from those of the file that is written."""
    while True:
        try:
            chunk = response.read(CHUNK_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise _transfer_error(error, timeout) from None
        if not chunk:
            return
        yield chunk


def _transfer_error(error: Exception, timeout: float) -> _TransferError:
    """Describe a failed transfer in one line."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return _TransferError(f"the server answers {error.code} {error.reason}")
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return _SilenceError(f"no answer within {timeout:g} seconds")
    return _TransferError(" ".join(f"{type(reason).__name__}: {reason}".split()))
