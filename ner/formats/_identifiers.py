"""Identifiers of concepts in one column, as PubTator has them."""

import re
from collections.abc import Iterable

# Stands where a mention has no identifier.
NONE = "-"
# A variant of tmVar, such as p|SUB|V|600|E: it begins with one letter for its sequence, which may be missing.
VARIANT = re.compile(r"(?:tmVar:)?[a-z]?\|[A-Za-z]{2,}\|")


def split(column: str) -> tuple[str, ...]:
    """Return the identifiers of a column: parts between ``;`` and, outside variants of tmVar, between ``|``."""
    parts = (part for whole in column.split(";") for part in ([whole] if VARIANT.match(whole) else whole.split("|")))
    return tuple(part.strip() for part in parts if part.strip() not in ("", NONE))


def join(identifiers: Iterable[str]) -> str:
    """Return the column for some identifiers."""
    joined = (";" if any("|" in identifier for identifier in identifiers) else "|").join(identifiers)
    return re.sub(r"[\t\r\n]", " ", joined) or NONE
