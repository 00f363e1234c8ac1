"""Prodigy's JSON Lines: texts with tokens, spans and the annotator's answer."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ner.documents import Document, Span
from ner.formats._joined import LAYOUT, JoinedLines, Offsets, layout_of, spans_of, text_of, tokens_of, whole
from ner.formats._json import Fields
from ner.formats.conll import TOKEN, tokens_under
from ner.formats.jsonl import span_record

ACCEPT = "accept"


@dataclass
class Prodigy(JoinedLines):
    """Documents as ``{"text": ..., "tokens": [...], "spans": [...], "answer": "accept"}``, one a line.

    A span is ``{"start": 0, "end": 4, "label": "animal"}`` in characters, with the numbers of its first and last token.
    Tokens are those of the document or else runs of letters, digits and underscores, and other characters one by one;
    in what is written they are cut at the borders of entities, so that Prodigy can show each. Passages are joined by
    line breaks; their borders and the rest of what is known of a document stand in a further key, which Prodigy keeps.

    A text that was rejected or ignored is not annotated, and counted. One that has neither spans nor an answer is not
    annotated either.
    Relations, and spans that were rejected one by one, are passed over and counted.

    Source: https://prodi.gy/docs/api-interfaces
    """

    def _record(self, document: Document) -> dict[str, object]:
        text, spans = text_of(document), spans_of(document)
        tokens = _cut(text, tokens_of(document), {border for span in spans for border in (span.start, span.end)})
        record: dict[str, object] = {
            "text": text,
            "tokens": [
                {"text": text[start:end], "start": start, "end": end, "id": number, "ws": text[end : end + 1] == " "}
                for number, (start, end) in enumerate(tokens)
            ],
        }
        if document.is_annotated:
            record["spans"] = [_span(span, tokens) for span in spans]
        return record | {"meta": {"id": document.id}, LAYOUT: layout_of(document)}

    def _layout(self, fields: Fields, text: str, name: str) -> Fields:
        if not fields.values.get("tokens"):
            return whole(name, text)
        places = ((token.integer("start"), token.integer("end")) for token in fields.objects("tokens"))
        # spaCy has tokens of white space too.
        return whole(name, text, ((start, end) for start, end in places if text[start:end].strip()))

    def _annotations(self, fields: Fields) -> Sequence[Fields] | None:
        if fields.values.get("answer", ACCEPT) != ACCEPT:
            self.not_read["texts that were rejected or ignored"] += 1
            return None
        if fields.values.get("relations"):
            self.not_read["relations"] += len(fields.array("relations"))
        if fields.values.get("spans") is None:
            return [] if "answer" in fields else None
        spans = fields.objects("spans")
        accepted = [span for span in spans if span.values.get("answer", ACCEPT) == ACCEPT]
        self.not_read["spans that were rejected or ignored"] += len(spans) - len(accepted)
        return accepted

    def _spans(self, annotation: Fields, text: str, offsets: Offsets) -> Sequence[Span]:
        label = annotation.string("label")
        if not label:
            raise annotation.error("label", "a name", "give the span a label")
        start, end = annotation.integer("start"), annotation.integer("end")
        score = None if annotation.values.get("score") is None else annotation.probability("score")
        identifiers = annotation.strings("identifiers") if "identifiers" in annotation else ()
        return [Span(start, end, label, score, tuple(identifiers))]


def _cut(text: str, tokens: Sequence[tuple[int, int]] | None, borders: set[int]) -> list[tuple[int, int]]:
    """Return tokens, or those of a text that has none of its own, cut at some borders."""
    places = sorted({0, *borders, len(text)})
    if tokens is None:
        return [match.span() for start, end in pairwise(places) for match in TOKEN.finditer(text, start, end)]
    cut: list[tuple[int, int]] = []
    for start, end in tokens:
        inner = places[bisect_right(places, start) : bisect_left(places, end)]
        cut += pairwise((start, *inner, end))
    return cut


def _span(span: Span, tokens: Sequence[tuple[int, int]]) -> dict[str, object]:
    own = tokens_under(span, tokens)
    return span_record(span) | ({"token_start": own[0], "token_end": own[-1]} if own else {})
