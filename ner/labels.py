"""Entity types and their BIO tags: the only place that knows ``B-`` and ``I-``."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ner.documents import Span
from ner.errors import InputError

OUTSIDE = "O"


@dataclass(frozen=True, slots=True)
class LabelSet:
    """Entity types in a fixed order, and the tags ``O, B-first, I-first, B-second, ...`` made of them.

    The spans of this class count tokens, not characters: ``Span(0, 2, "gene")`` is the first two tokens.

    Args:
        labels: The entity types; their order decides the tag ids, so a checkpoint fixes it.

    Raises:
        InputError: if there are no labels, or one is empty or named twice.

    Source: Ramshaw & Marcus (1995), in the IOB2 form, where every entity begins with ``B-``.
    """

    labels: tuple[str, ...]

    def __init__(self, labels: Iterable[str]) -> None:
        object.__setattr__(self, "labels", tuple(labels))
        if not self.labels or "" in self.labels:
            raise InputError(f"a label set needs labels, each with a name: {list(self.labels)}")
        if twice := sorted({label for label in self.labels if self.labels.count(label) > 1}):
            raise InputError(f"labels named twice: {', '.join(twice)}")

    @property
    def tags(self) -> tuple[str, ...]:
        """Tag names by tag id, ``2 * len(labels) + 1`` of them."""
        return (OUTSIDE, *(f"{prefix}-{label}" for label in self.labels for prefix in "BI"))

    def encode(self, spans: Iterable[Span], length: int) -> tuple[list[int], list[Span]]:
        """Tag ids of ``length`` tokens, and the spans that BIO cannot hold.

        Of spans that share a token the longest is kept, the earliest among equals.

        Raises:
            InputError: if a span's label is not in the set.
            ValueError: if a span ends beyond the tokens.
        """
        tags = [0] * length
        dropped = []
        for span in sorted(spans, key=lambda span: (-len(span), span)):
            if span.label not in self.labels:
                raise InputError(f"unknown label {span.label!r}; the labels are: {', '.join(self.labels)}")
            if span.end > length:
                raise ValueError(f"span [{span.start}, {span.end}) ends beyond {length} tokens")
            if any(tags[span.start : span.end]):
                dropped.append(span)
                continue
            begin, inside = self.tag_ids(span.label)
            tags[span.start : span.end] = [begin] + [inside] * (len(span) - 1)
        return tags, dropped

    def decode(self, tags: Sequence[int]) -> list[Span]:
        """The entities of a tag path, in order.

        Every ``B-`` closes what is open. An ``I-`` that continues nothing of its own label opens an entity, as in
        conlleval: a free CRF may emit one, and its text is more often an entity than not.
        """
        spans: list[Span] = []
        start, open_label = 0, -1
        for position, tag in enumerate([*tags, 0]):
            label = (tag - 1) // 2 if tag else -1
            begins = tag % 2 == 1
            if open_label >= 0 and (begins or label != open_label):
                spans.append(Span(start, position, self.labels[open_label]))
                open_label = -1
            if label >= 0 and open_label < 0:
                start, open_label = position, label
        return spans

    def tag_ids(self, label: str) -> tuple[int, int]:
        """The ids of a label's ``B-`` and ``I-``."""
        begin = 1 + 2 * self.labels.index(label)
        return begin, begin + 1

    def legal_starts(self) -> list[bool]:
        """Whether a path may start with each tag: all but ``I-``. Shape (K,)."""
        return [tag == 0 or tag % 2 == 1 for tag in range(len(self.tags))]

    def legal_transitions(self) -> list[list[bool]]:
        """Whether tag ``j`` may follow tag ``i``: ``I-x`` follows only ``B-x`` and ``I-x``. Shape (K, K)."""
        tags = range(len(self.tags))
        return [[j == 0 or j % 2 == 1 or i in (j - 1, j) for j in tags] for i in tags]
