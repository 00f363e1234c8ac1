"""The journal of a fetch: articles are kept as soon as they are fetched, so that a killed run can be resumed."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Self

from ner.errors import InputError
from ner.formats._pubmed import Article, Style
from ner.io.journal import Journal

FIELDS = {field.name for field in fields(Article)}


class FetchJournal:
    """The articles that were fetched for a query, and the PMIDs that PubMed lists but does not return.

    A record is an article, ``{"pmid": ..., "title": ..., ...}``, or ``{"absent": PMID}``.

    Args:
        path: The file, which appears with the first articles; those of an interrupted run are taken over.
        query: The query that the articles answer.
        style: The style of their texts.

    Attributes:
        articles: The articles in the file, by PMID.
        absent: The PMIDs in the file that have no article.

    Raises:
        InputError: if the file belongs to another query or style or to another process, or is something else.
    """

    def __init__(self, path: Path, query: str, style: Style) -> None:
        self.path = path
        self.query = query
        self.style = style
        self.articles: dict[str, Article] = {}
        self.absent: set[str] = set()
        self._settings = {"query": query, **asdict(style)}
        self._journal = Journal(path, self._take, is_synced=True)
        self._is_open = False
        before = self._journal.settings
        if before is not None and before != self._settings:
            self.close()
            raise InputError(
                f"{path}: holds what was fetched for {_described(before)}; "
                "repeat that command, delete the file, or choose another --output"
            )

    def __contains__(self, pmid: str) -> bool:
        """Return whether a PMID needs no fetching."""
        return pmid in self.articles or pmid in self.absent

    def add(self, articles: Iterable[Article], absent: Collection[str]) -> None:
        """Keep articles, and PMIDs that have none, on disk before anything else is fetched.

        Raises:
            InputError: if the file cannot be written.
        """
        if not self._is_open:
            self._journal.open(self._settings)
            self._is_open = True
        new = {article.pmid: article for article in articles if article.pmid not in self.articles}
        self._journal.write([*map(asdict, new.values()), *({"absent": pmid} for pmid in absent)])
        self.articles |= new
        self.absent |= set(absent)

    def remove(self) -> None:
        """Delete the file, once the output holds its articles."""
        self._journal.remove()

    def close(self) -> None:
        """Stop writing."""
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _take(self, record: object) -> None:
        if not isinstance(record, dict) or not all(isinstance(value, str) for value in record.values()):
            raise ValueError("not an object of strings")
        if record.keys() == FIELDS:
            self.articles[record["pmid"]] = Article(**record)
        elif record.keys() == {"absent"}:
            self.absent.add(record["absent"])
        else:
            raise ValueError("neither an article nor a PMID without one")


def _described(settings: Mapping[str, object]) -> str:
    others = ", ".join(f"{name} {value}" for name, value in settings.items() if name != "query")
    return f"the query {settings.get('query')!r} ({others})"
