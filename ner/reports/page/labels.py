"""The labels of a page: their order, their codes and their colours."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from ner.inference.display import PALETTE
from ner.metrics.official import Mention


@dataclass(frozen=True, slots=True)
class Label:
    """A label as the page shows it.

    Args:
        name: The entity type.
        code: Two or more characters that stand for it where it has no room; no other label has them.
        place: Its place among the labels.
    """

    name: str
    code: str
    place: int

    @property
    def colour(self) -> int:
        """Its place in the palette."""
        return self.place % len(PALETTE)

    @property
    def is_striped(self) -> bool:
        """A label before it has this colour too."""
        return self.place >= len(PALETTE)

    def as_json(self) -> list[object]:
        """Return it as the script of a page reads it."""
        return [self.name, self.code, self.colour, self.is_striped]


def page_labels(gold: Iterable[Mention], predicted: Iterable[Mention]) -> dict[str, Label]:
    """Return the labels by name, the most frequent of the gold first, then those that are only predicted."""
    in_gold = Counter(mention.label for mention in gold)
    others = Counter(mention.label for mention in predicted if mention.label not in in_gold)
    names = [
        name for names in (in_gold, others) for name, _ in sorted(names.items(), key=lambda item: (-item[1], item))
    ]
    return labels_of(names)


def labels_of(names: Sequence[str]) -> dict[str, Label]:
    """Return the labels of some names that differ, in their order."""
    return {name: Label(name, code, place) for place, (name, code) in enumerate(zip(names, codes(names), strict=True))}


def codes(names: Sequence[str]) -> list[str]:
    """Return a short code for each name: initials, else its first letters, else letters that are still free."""
    taken: dict[str, None] = {}
    for name in names:
        taken[next(code for code in _candidates(name) if code not in taken)] = None
    return list(taken)


def _candidates(name: str) -> Iterator[str]:
    words = re.findall(r"[^\W_]+", name) or ["?"]
    letters = "".join(words).upper()
    if len(words) > 1:
        yield (words[0][0] + words[1][0]).upper()
    yield letters[:2]
    yield from (letters[0] + letter for letter in letters[1:])
    yield from (f"{letters[0]}{number}" for number in count(1))
