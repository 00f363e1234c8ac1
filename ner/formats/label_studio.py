"""Tasks of Label Studio with their annotations or predictions."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from ner.documents import Document, Span
from ner.errors import InputError
from ner.formats._joined import LAYOUT, JoinedFormat, Offsets, Unit, layout_of, spans_of, text_of
from ner.formats._json import Fields, JSONError
from ner.formats._json_stream import JSONStream
from ner.formats._quoting import difference
from ner.formats.base import Record
from ner.io.files import reading, writing

# Of regions that are labels of a text, and of the values of such regions.
LABELS = "labels"
# A quote has blanks that a browser has collapsed, and line breaks as a backslash and an n.
NOT_QUOTED = re.compile(r"\s+|\\n")


@dataclass
class LabelStudio(JoinedFormat):
    """A list of tasks, or a single one, as Label Studio imports them and as its export ``JSON`` has them.

    A document is a task: its passages, joined by line breaks, are ``data.text``; their borders and the rest of what is
    known of the document stand in the task's ``meta``, which Label Studio keeps. Of several annotations of a task the
    one that is marked as ground truth is read, or else the last; cancelled ones are not read. A region with several
    labels is an entity of each. Relations and other regions are passed over and counted.

    Args:
        offsets: ``characters``, as Label Studio has counted since 2022, or ``utf16``, as it did before.
        layer: Write and read ``annotations`` or ``predictions``. By default predictions are written, which annotators
            correct; of each task its annotations are read, or its predictions where it has none at all.
        text_key: The key of the text in ``data``, and the name of the tag ``Text`` in the labelling configuration.
        label_name: The name of the tag ``Labels`` there, for what is written.

    Source: https://labelstud.io/guide/task_format
    """

    layer: Literal["auto", "annotations", "predictions"] = "auto"
    text_key: str = "text"
    label_name: str = "label"

    suffixes = (".json",)

    def records(self, file: Path, folder: Path | None) -> Iterator[Record]:
        with reading(file) as opened:
            stream = JSONStream(opened)
            try:
                for number, fields in enumerate(_tasks(stream), 1):
                    own = fields.values.get("id")
                    own = own if isinstance(own, str | int) else number
                    yield partial(self._document, fields, f"{file}, task {own!r:.60}", str(own))
                stream.end()
            except UnicodeDecodeError:
                raise
            except (RecursionError, ValueError) as error:
                raise InputError(f"{file}: {error}; a list of tasks in JSON is needed") from None

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Write documents; one that is not annotated is a task to be labelled.

        Raises:
            InputError: if the file cannot be written.
        """
        with writing(path) as file:
            file.write("[")
            for number, document in enumerate(documents):
                file.write((",\n" if number else "\n") + json.dumps(self._task(document), ensure_ascii=False))
            file.write("\n]\n")

    def _task(self, document: Document) -> dict[str, object]:
        text = text_of(document)
        task: dict[str, object] = {"data": {self.text_key: text}, "meta": {LAYOUT: layout_of(document)}}
        if not document.is_annotated:
            return task
        spans, offsets = spans_of(document), Offsets(text, self.offsets)
        result = [self._region(span, text, offsets, f"e{number}") for number, span in enumerate(spans, 1)]
        if self.layer == "annotations":
            return task | {"annotations": [{"result": result}]}
        prediction: dict[str, object] = {"model_version": LAYOUT, "result": result}
        if scores := [span.score for span in spans if span.score is not None]:
            # By the least one, tasks can be put into the order in which they need a look.
            prediction["score"] = min(scores)
        return task | {"predictions": [prediction]}

    def _region(self, span: Span, text: str, offsets: Offsets, name: str) -> dict[str, object]:
        start, end = offsets.written(span.start), offsets.written(span.end)
        value = {"start": start, "end": end, "text": text[span.start : span.end], LABELS: [span.label]}
        names = {"from_name": self.label_name, "to_name": self.text_key}
        region: dict[str, object] = {"id": name, **names, "type": LABELS, "value": value}
        if span.score is not None:
            region["score"] = span.score
        return region | {"meta": {"identifiers": span.identifiers}} if span.identifiers else region

    def _text(self, fields: Fields) -> str:
        data = fields.nested("data")
        if self.text_key not in data:
            texts = [key for key, value in data.values.items() if isinstance(value, str)]
            fix = f"set text_key: {texts[0]} for the format" if texts else "export as JSON, and texts as such"
            raise JSONError(f"data: `{self.text_key}` is missing", fix)
        return data.string(self.text_key)

    def _kept(self, fields: Fields) -> Fields:
        return fields.nested("meta") if fields.values.get("meta") else Fields({})

    def _annotations(self, fields: Fields) -> Sequence[Fields] | None:
        layers = ("annotations", "predictions") if self.layer == "auto" else (self.layer,)
        for layer in layers:
            # An export may have the numbers of predictions in their place.
            listed = fields.array(layer) if fields.values.get(layer) else []
            whole = [Fields(value, layer) for value in listed if not isinstance(value, int)]
            done = [each for each in whole if not each.values.get("was_cancelled")]
            if whole and not done:
                return None  # predictions that nobody has confirmed are no annotation
            if done:
                self.not_read[f"other {layer} of a task"] += len(done) - 1
                chosen = next((each for each in done if each.values.get("ground_truth")), done[-1])
                return [region for region in chosen.objects("result") if self._is_read(region)]
        return None

    def _is_read(self, region: Fields) -> bool:
        kind = region.string("type")
        if kind != LABELS:
            self.not_read["relations" if kind == "relation" else f"regions of type {kind:.40}"] += 1
        return kind == LABELS

    def _spans(self, annotation: Fields, text: str, offsets: Offsets) -> Sequence[Span]:
        value = annotation.nested("value")
        start, end = value.integer("start"), value.integer("end")
        first, last = offsets.read(start), offsets.read(end)
        found, quoted = text[max(first, 0) : max(last, 0)], value.values.get("text")
        if isinstance(quoted, str) and not _is_quote(found, quoted):
            other: Unit = "utf16" if self.offsets == "characters" else "characters"
            what = f"[{start}, {end}) {difference(found, quoted, 'the region')}"
            raise ValueError(what + _advice(text, quoted, start, end, other))
        labels = value.strings(LABELS)
        if not labels:
            self.not_read["regions without a label"] += 1
        if "" in labels:
            raise ValueError("it has a label without a name")
        return [Span(first, last, label, _score(annotation), _identifiers(annotation)) for label in labels]


def _tasks(stream: JSONStream) -> Iterator[Fields]:
    if stream.peek() != "[":
        yield Fields(stream.value())
        return
    for _ in stream.elements():
        yield Fields(stream.value())


def _is_quote(found: str, quoted: str) -> bool:
    return NOT_QUOTED.sub("", found) == NOT_QUOTED.sub("", quoted)


def _advice(text: str, quoted: str, start: int, end: int, other: Unit) -> str:
    """Return the advice to count offsets in another unit, if that makes them fit."""
    offsets = Offsets(text, other)
    try:
        fits = _is_quote(text[offsets.read(start) : offsets.read(end)], quoted)
    except ValueError:
        return ""
    return f", which it is if all offsets are in {other}: set offsets: {other} for the format" if fits else ""


def _score(region: Fields) -> float | None:
    """Return the confidence of a tagger; other programs may call something else a score."""
    score = region.values.get("score")
    is_one = isinstance(score, float | int) and not isinstance(score, bool) and 0 <= score <= 1
    return float(score) if is_one else None  # type: ignore[arg-type]


def _identifiers(region: Fields) -> tuple[str, ...]:
    meta = region.values.get("meta")
    return (
        tuple(Fields(meta, "meta").strings("identifiers")) if isinstance(meta, dict) and "identifiers" in meta else ()
    )
