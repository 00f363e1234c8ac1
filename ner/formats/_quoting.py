"""Texts as messages quote them: short, on one line, and where two of them differ."""

SHOWN_CHARACTERS = 30


def excerpt(text: str, length: int = SHOWN_CHARACTERS, position: int = 0) -> str:
    """Return a text in quotes, on one line, cut to what stands around a position."""
    begin = 0 if position < length - 10 else position - 10
    end = begin + length
    return repr("…" * (begin > 0) + text[begin:end] + "…" * (end < len(text)))


def shown_name(name: str) -> str:
    """Return an identifier, label or file name as it is, unless it would break a line or fill it."""
    return name if name.isprintable() and 0 < len(name) <= 100 else excerpt(name)


def difference(found: str, quoted: str, source: str = "the file") -> str:
    """Return what a mention reads and what its annotation quotes, around the first character that differs."""
    agreement = zip(found, quoted, strict=False)
    place = next((place for place, (a, b) in enumerate(agreement) if a != b), min(len(found), len(quoted)))
    return f"reads {excerpt(found, position=place)} but {source} says {excerpt(quoted, position=place)}"
