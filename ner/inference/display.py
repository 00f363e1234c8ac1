"""Entities in their text as HTML, for notebooks; the report has the same colours."""

from collections.abc import Iterator, Sequence
from html import escape

from ner.documents import Document, Passage, Span

# Colours of labels with dark text on them, which people with any colour vision tell apart.
# Source: Paul Tol, "Colour Schemes" (SRON/EPS/TN/09-002), the scheme "light" without its grey.
PALETTE = ("#77aadd", "#ee8866", "#eedd88", "#ffaabb", "#99ddff", "#44bb99", "#bbcc33", "#aaaa00")
INK = "#1c1c1c"
# Control characters that are no white space, marks that reorder what follows them, and halves of surrogate pairs.
HIDDEN = (
    *(*range(9), 11, 12, *range(14, 32), *range(127, 160)),
    *(*range(0x202A, 0x202F), *range(0x2066, 0x206A)),
    *range(0xD800, 0xE000),
)
INVISIBLE = dict.fromkeys(HIDDEN, "\N{REPLACEMENT CHARACTER}")

PAGE = "font: 15px/2.1 system-ui, sans-serif; max-width: 46em; white-space: pre-wrap; unicode-bidi: isolate"
MARK = f"color: {INK}; border-radius: 3px; padding: 1px 4px; -webkit-box-decoration-break: clone"
CODE = "font-size: 11px; font-weight: 600; margin-left: 5px; white-space: nowrap"


def entities_html(document: Document, labels: Sequence[str]) -> str:
    """Return a document with its entities marked: their labels beside them, their scores on hover.

    Args:
        document: A document whose entities do not overlap.
        labels: The entity types, whose order decides the colours.
    """
    return "".join(f'<div style="{PAGE}">{"".join(_pieces(passage, labels))}</div>' for passage in document.passages)


def visible(text: str) -> str:
    """Return a text with a visible character in place of each that controls how others are shown."""
    return text.translate(INVISIBLE)


def _pieces(passage: Passage, labels: Sequence[str]) -> Iterator[str]:
    end = 0
    for span in sorted(passage.spans):
        yield escape(visible(passage.text[end : span.start]))
        yield _mark(passage.mention(span), span, labels)
        end = span.end
    yield escape(visible(passage.text[end:]))


def _mark(text: str, span: Span, labels: Sequence[str]) -> str:
    colour = PALETTE[labels.index(span.label) % len(PALETTE)]
    score = "" if span.score is None else f", score {span.score:.3f}"
    label = escape(visible(span.label))
    return (
        f'<mark style="{MARK}; background: {colour}" title="{label}{score}">{escape(visible(text))}'
        f'<span style="{CODE}">{label}</span></mark>'
    )
