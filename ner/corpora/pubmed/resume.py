"""What a run has fetched so far, in a file beside its output, so that a killed run goes on where it was."""

import json
import os
from collections.abc import Collection, Iterable
from dataclasses import asdict, fields
from pathlib import Path

from ner.corpora.pubmed.xml import Article, Style
from ner.errors import InputError

FIELDS = {field.name for field in fields(Article)}


class Partial:
    """Articles by PMID, held in JSON Lines: first the query and the style of the texts, then an article a line.

    A PMID that PubMed does not hand out is a line of its own, so that it is not asked for again either.

    Args:
        path: The file, which appears with the first articles.
        query: Whose results they are.
        style: How their texts are written.

    Raises:
        InputError: if the file is there and belongs to another query or style, or cannot be read.
    """

    def __init__(self, path: Path, query: str, style: Style) -> None:
        self.path = path
        self.query = query
        self.style = style
        self.articles: dict[str, Article] = {}
        self.absent: set[str] = set()
        self._header = _line({"query": query, **asdict(style)})
        self._read()

    def __contains__(self, pmid: str) -> bool:
        """Whether it needs no fetching."""
        return pmid in self.articles or pmid in self.absent

    def add(self, articles: Iterable[Article], absent: Collection[str]) -> None:
        """Keep articles, and PMIDs that have none, on disk before anything else is fetched.

        Raises:
            InputError: if the file cannot be written.
        """
        new = [article for article in articles if article.pmid not in self.articles]
        lines = [*map(_line, map(asdict, new)), *(_line({"absent": pmid}) for pmid in absent)]
        try:
            with self.path.open("ab") as file:
                file.write(b"".join(lines if file.tell() else [self._header, *lines]))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written ({error.strerror}); choose another --output") from None
        self.articles |= {article.pmid: article for article in new}
        self.absent |= set(absent)

    def remove(self) -> None:
        """Forget everything, once it stands in the output."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> None:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read ({error.strerror}); remove it, or mend that") from None
        whole = content[: content.rfind(b"\n") + 1]
        header, *lines = whole.splitlines(keepends=True) or [b""]
        if header != self._header and not (not header and self._header.startswith(content)):
            raise InputError(
                f"{self.path}: holds what was fetched for {_described(header)}; "
                "repeat that command, remove the file, or choose another --output"
            )
        for number, line in enumerate(lines, start=2):
            self._take(line, number)
        if len(whole) < len(content):
            # The process was killed in the middle of a line.
            with self.path.open("r+b") as file:
                file.truncate(len(whole))

    def _take(self, line: bytes, number: int) -> None:
        try:
            record: object = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict) and all(isinstance(value, str) for value in record.values()):
            if record.keys() == FIELDS:
                self.articles[record["pmid"]] = Article(**record)
                return
            if record.keys() == {"absent"}:
                self.absent.add(record["absent"])
                return
        raise InputError(f"{self.path}: line {number} is damaged; remove the file to fetch everything again")


def _line(record: dict[str, str]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def _described(header: bytes) -> str:
    try:
        record: object = json.loads(header)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict) or "query" not in record:
        return "something else"
    others = ", ".join(f"{name} {value}" for name, value in record.items() if name != "query")
    return f"the query {record['query']!r} ({others})"
