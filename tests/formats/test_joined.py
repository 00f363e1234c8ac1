"""What annotation tools read and write, and the documents in it: round trips, offsets, and what is no document."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats._joined import Offsets
from ner.formats.base import Format
from ner.formats.doccano import Doccano
from ner.formats.label_studio import LabelStudio
from ner.formats.prodigy import Prodigy
from tests.formats.test_jsonl import documents

WRITTEN: list[Format] = [
    LabelStudio(),
    LabelStudio(layer="annotations", offsets="utf16", text_key="abstract", label_name="entities"),
    Doccano(),
    Doccano(offsets="characters", entities=True),
    Prodigy(),
]
KEEPING = [target for target in WRITTEN if not isinstance(target, Doccano)]
EMOJI = Document(
    "a/1",
    (
        Passage("🐁 Mice 🧬 ate.", "title", (Span(0, 6, "animal", 0.25, ("D1", "x y")), Span(7, 8, "gene", 0.5))),
        Passage("", "note", (), 0),
        Passage("Rice, 🌾 too.\r\nDone.", "abstract", (Span(6, 7, "plant"), Span(0, 7, "food")), 9),
    ),
    tier="gold",
    year=2020,
)


def spans(found: Document) -> list[tuple[float | None, tuple[str, ...]]]:
    return [(span.score, span.identifiers) for passage in found.passages for span in passage.spans]


@pytest.mark.parametrize("target", WRITTEN, ids=repr)
@settings(max_examples=60)
@given(found=st.lists(documents, max_size=3))
def test_what_is_written_is_read_again(
    target: Format, found: list[Document], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("tools") / "out"
    target.write(found, path)
    again = list(target.read(path))
    assert again == found
    if target in KEEPING:
        assert [spans(document) for document in again] == [spans(document) for document in found]


@pytest.mark.parametrize("target", KEEPING, ids=repr)
def test_scores_and_identifiers_are_kept(target: Format, tmp_path: Path) -> None:
    target.write([EMOJI], tmp_path / "out")
    [again] = target.read(tmp_path / "out")
    assert (again, spans(again)) == (EMOJI, spans(EMOJI))


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_utf16_offsets_are_those_of_the_encoded_text(text: str) -> None:
    offsets = Offsets(text, "utf16")
    units = text.encode("utf-16-le")
    inside = set(range(len(units) // 2 + 1))
    for place in range(len(text) + 1):
        offset = offsets.written(place)
        assert units[: 2 * offset].decode("utf-16-le") == text[:place]
        assert offsets.read(offset) == place
        inside.remove(offset)
    for offset in inside:
        with pytest.raises(ValueError, match="lies within a character"):
            offsets.read(offset)


def written(target: Format, path: Path) -> object:
    target.write([EMOJI], path)
    return json.loads(path.read_text("utf-8"))


def test_label_studio_counts_code_points_and_quotes(tmp_path: Path) -> None:
    [task] = written(LabelStudio(), tmp_path / "out")  # type: ignore[misc]
    text = task["data"]["text"]
    assert text == "🐁 Mice 🧬 ate.\n\nRice, 🌾 too.\r\nDone."
    [prediction] = task["predictions"]
    assert prediction["score"] == 0.25
    assert [region["value"]["text"] for region in prediction["result"]] == ["🐁 Mice", "🧬", "🌾", "Rice, 🌾"]
    for region in prediction["result"]:
        value = region["value"]
        assert text[value["start"] : value["end"]] == value["text"]
        assert (region["from_name"], region["to_name"], region["type"]) == ("label", "text", "labels")
    assert len({region["id"] for region in prediction["result"]}) == 4


def test_doccano_counts_as_javascript_does(tmp_path: Path) -> None:
    record = written(Doccano(), tmp_path / "out")
    units = record["text"].encode("utf-16-le")  # type: ignore[index,call-overload]
    found = [units[2 * start : 2 * end].decode("utf-16-le") for start, end, _ in record["label"]]  # type: ignore[index,call-overload]
    assert found == ["🐁 Mice", "🧬", "🌾", "Rice, 🌾"]
    plain = replace(EMOJI, passages=EMOJI.passages[:1])
    Doccano().write([plain], tmp_path / "plain")
    [other] = Doccano(offsets="characters", on_bad_span="skip").read(tmp_path / "plain")
    assert other != plain


def test_prodigy_gets_tokens_that_each_entity_begins_and_ends(tmp_path: Path) -> None:
    cut = Document("1", (Passage("GLP-1R", spans=(Span(0, 5, "gene"), Span(2, 6, "x")), tokens=((0, 6),)),))
    for document in (cut, replace(cut, passages=(replace(cut.passages[0], tokens=None),)), EMOJI):
        Prodigy().write([document], tmp_path / "out")
        record = json.loads((tmp_path / "out").read_text("utf-8"))
        tokens = record["tokens"]
        assert [token["id"] for token in tokens] == list(range(len(tokens)))
        for token in tokens:
            assert record["text"][token["start"] : token["end"]] == token["text"]
            assert token["ws"] == record["text"].startswith(" ", token["end"])
        for span in record["spans"]:
            assert tokens[span["token_start"]]["start"] == span["start"]
            assert tokens[span["token_end"]]["end"] == span["end"]
        assert list(Prodigy().read(tmp_path / "out")) == [document]


def mice(*spans: Span, name: str = "in:1", until: int | None = None) -> Document:
    return Document(name, (Passage("Mice ate.", spans=spans, annotated_until=until),))


def region(start: int = 0, end: int = 4, **changed: object) -> dict[str, object]:
    value = {"start": start, "end": end, "text": "Mice ate."[start:end], "labels": ["animal"]} | changed
    return {"id": "a", "from_name": "l", "to_name": "t", "type": "labels", "value": value}


def task(*results: object, **more: object) -> dict[str, object]:
    return {"id": 7, "data": {"text": "Mice ate."}, "annotations": [{"result": list(results)}]} | more


ANIMAL = Span(0, 4, "animal")
WHOLE = mice(ANIMAL, name="7")
FOREIGN_TASKS: list[tuple[object, Document]] = [
    ([task(region())], WHOLE),
    (task(region()), WHOLE),
    ([{"data": {"text": "Mice ate."}}], mice(name="1", until=0)),
    ([task()], mice(name="7")),
    ([task(region(), id=None)], mice(ANIMAL, name="1")),
    ([task(annotations=[], predictions=[3])], mice(name="7", until=0)),
    ([task(annotations=[], predictions=[{"result": [region()]}])], WHOLE),
    ([task(annotations=[{"result": [region()], "was_cancelled": True}])], mice(name="7", until=0)),
    (
        [task(annotations=[{"result": [], "was_cancelled": True}], predictions=[{"result": [region()]}])],
        mice(name="7", until=0),
    ),
    ([task(annotations=[{"result": [region()], "ground_truth": True}, {"result": []}])], WHOLE),
    ([task(annotations=[{"result": []}, {"result": [region()]}])], WHOLE),
    ([task(region(labels=["animal", "DDF"]))], mice(ANIMAL, Span(0, 4, "DDF"), name="7")),
    ([task(region(), {"type": "relation"}, {"type": "choices", "value": {}})], WHOLE),
    ([task(region(0, 9, text="Mice\\nate."))], mice(Span(0, 9, "animal"), name="7")),
    ([task(meta={"more": 1}, predictions=[{"result": [region(5, 8)]}])], mice(name="7")),
]


@pytest.mark.parametrize(("content", "found"), FOREIGN_TASKS)
def test_tasks_of_label_studio_are_read(content: object, found: Document, tmp_path: Path) -> None:
    (tmp_path / "in").write_text(json.dumps(content), "utf-8")
    assert list(LabelStudio().read(tmp_path / "in")) == [found]


def test_only_the_layer_that_is_chosen_is_read(tmp_path: Path) -> None:
    both = task(region(), predictions=[{"result": [region(5, 8)]}])
    only = task(annotations=[], predictions=[{"result": [region(5, 8)]}])
    (tmp_path / "in").write_text(json.dumps([both, only]), "utf-8")
    target = LabelStudio(layer="annotations")
    assert list(target.read(tmp_path / "in")) == [WHOLE, mice(name="7", until=0)]
    predicted = mice(Span(5, 8, "animal"), name="7")
    assert list(LabelStudio(layer="predictions").read(tmp_path / "in")) == [predicted, predicted]


def test_what_is_no_entity_is_counted(tmp_path: Path) -> None:
    more = [{"type": "relation"}, {"type": "choices", "value": {}}]
    two = [{"result": [region()]}, {"result": [region(), *more]}]
    (tmp_path / "in").write_text(json.dumps([task(annotations=two)]), "utf-8")
    target = LabelStudio()
    assert list(target.read(tmp_path / "in")) == [WHOLE]
    counts = {"other annotations of a task": 1, "relations": 1, "regions of type choices": 1}
    assert +target.not_read == counts


LINES: list[tuple[Format, object, Document]] = [
    (Doccano(), {"text": "Mice ate.", "label": [[0, 4, "animal"]]}, mice(ANIMAL)),
    (Doccano(), {"id": 3, "text": "Mice ate.", "labels": [[0, 4, "animal"]], "Comments": []}, mice(ANIMAL, name="3")),
    (
        Doccano(),
        {
            "text": "Mice ate.",
            "entities": [{"id": 1, "label": "animal", "start_offset": 0, "end_offset": 4}],
            "relations": [{"id": 1, "from_id": 1, "to_id": 1, "type": "eats"}],
        },
        mice(ANIMAL),
    ),
    (Doccano(), {"text": "Mice ate.", "label": []}, mice()),
    (Doccano(), {"text": "Mice ate.", "label": None}, mice(until=0)),
    (Prodigy(), {"text": "Mice ate.", "spans": [{"start": 0, "end": 4, "label": "animal"}]}, mice(ANIMAL)),
    (Prodigy(), {"text": "Mice ate.", "answer": "accept"}, mice()),
    (Prodigy(), {"text": "Mice ate."}, mice(until=0)),
    (Prodigy(), {"text": "Mice ate.", "spans": [], "answer": "reject"}, mice(until=0)),
    (Prodigy(), {"text": "Mice ate.", "spans": [], "answer": "ignore"}, mice(until=0)),
    (
        Prodigy(),
        {
            "text": "Mice ate.",
            "spans": [
                {"start": 0, "end": 4, "label": "animal", "answer": "accept"},
                {"start": 5, "end": 8, "label": "animal", "answer": "reject"},
            ],
            "answer": "accept",
        },
        mice(ANIMAL),
    ),
    (
        Prodigy(),
        {"text": "Mice ", "tokens": [{"start": 0, "end": 4, "id": 0}, {"start": 4, "end": 5, "id": 1}], "spans": []},
        Document("in:1", (Passage("Mice ", tokens=((0, 4),)),)),
    ),
]


@pytest.mark.parametrize(("target", "line", "found"), LINES)
def test_lines_of_other_programs_are_read(target: Format, line: object, found: Document, tmp_path: Path) -> None:
    (tmp_path / "in").write_text(json.dumps(line) + "\n\n", "utf-8")
    assert list(target.read(tmp_path / "in")) == [found]


def test_what_prodigy_has_beside_entities_is_counted(tmp_path: Path) -> None:
    rejected = [{"start": 0, "end": 4, "label": "x", "answer": "reject"}]
    lines = [
        {"text": "a", "spans": [], "answer": "ignore"},
        {"text": "Mice", "spans": rejected, "relations": [{}, {}], "answer": "accept"},
    ]
    (tmp_path / "in").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    target = Prodigy()
    assert len(list(target.read(tmp_path / "in"))) == 2
    kinds = {"texts that were rejected or ignored": 1, "spans that were rejected or ignored": 1, "relations": 2}
    assert +target.not_read == kinds


LAYOUT = {"id": "1", "passages": [{"start": 0, "end": 4}, {"start": 5, "end": 9}]}
TWICE = {"id": "1", "passages": [{"start": 0, "end": 4}, {"start": 3, "end": 9}]}
SHORT = {"id": "1", "passages": [{"start": 0, "end": 4}, {"start": 5, "end": 8}]}
NARROW = {"id": "1", "passages": [{"start": 0, "end": 3}, {"start": 4, "end": 9}]}
MISTAKES: list[tuple[Callable[[], Format], object, str]] = [
    (LabelStudio, 3, "in: 3 is not an object"),
    (LabelStudio, [{"id": 7}], "task 7: `data` is missing; add it"),
    (LabelStudio, [{"id": 7, "data": {"body": "a"}}], "data: `text` is missing; set text_key: body for the format"),
    (LabelStudio, [{"id": 7, "data": {"n": 1}}], "data: `text` is missing; export as JSON, and texts as such"),
    (LabelStudio, [task(region(0, 40))], "ends beyond|lies in none of the passages"),
    (LabelStudio, [task(region(3, 3))], r"task 7, annotation 1: a span needs 0 <= start < end, not \[3, 3\)"),
    (LabelStudio, [task(region(text="Rice"))], "task 7, annotation 1: .* reads 'Mice' but the region says 'Rice'"),
    (LabelStudio, [task(region(labels=[""]))], "annotation 1: it has a label without a name"),
    (LabelStudio, [task(region() | {"value": {"start": "0"}})], "`start` is '0', not an integer"),
    (LabelStudio, [task(region(2, 7), meta={"ner": LAYOUT})], r"\[2, 7\) lies in none of the passages, or in more"),
    (LabelStudio, [task(meta={"ner": {"id": "1", "passages": [{"start": 0, "end": 10}]}})], "outside the text of 9 ch"),
    (LabelStudio, [task(meta={"ner": TWICE})], r"a passage \[3, 9\) begins before the one before it ends, at 4"),
    (LabelStudio, [task(meta={"ner": SHORT})], "the text is not the one that `ner` divides into passages; restore it"),
    (LabelStudio, [task(meta={"ner": NARROW})], "the text is not the one that `ner` divides into passages; restore it"),
    (LabelStudio, [task(meta={"ner": 3})], "ner: 3 is not an object"),
    (Doccano, {"text": 3}, "in, line 1: `text` is 3, not a text"),
    (Doccano, {"label": []}, "line 1: `text` is missing"),
    (Doccano, {"text": "Mice", "label": [[0, 4]]}, r"label\[0\] has 2 values; write it as"),
    (Doccano, {"text": "Mice", "label": [[0, 5, "x"]]}, r"annotation 1: \[0, 5\) lies in none of the passages"),
    (Doccano, {"text": "Mice", "label": [[0, 4, ""]]}, r"label\[0\]: `label` is '', not a name"),
    (Doccano, {"text": "🐁", "label": [[0, 1, "x"]]}, "annotation 1: 1 lies within a character"),
    (Doccano, {"text": "Mice", "annotations": [{"label": 7}]}, "`annotations` has numbers in place of labels; export"),
    (Prodigy, {"text": "Mice", "spans": [{"start": 0, "end": 4}]}, r"annotation 1: spans\[0\]: `label` is missing"),
    (Prodigy, {"text": "Mice", "spans": 3}, "`spans` is 3, not a list"),
    (Prodigy, {"text": "Mice", "spans": [{"start": -1, "end": 4, "label": "x"}]}, "a span needs 0 <= start"),
    (Prodigy, {"text": "Mice", "tokens": [{"start": 2, "end": 9}]}, r"intervals of \[0, 4\)"),
]


@pytest.mark.parametrize(("kind", "content", "message"), MISTAKES)
def test_a_mistake_is_one_line(kind: Callable[[], Format], content: object, message: str, tmp_path: Path) -> None:
    (tmp_path / "in").write_text(json.dumps(content), "utf-8")
    with pytest.raises(InputError, match=message) as error:
        list(kind().read(tmp_path / "in"))
    assert str(tmp_path / "in") in str(error.value)
    assert "\n" not in str(error.value)


def test_offsets_of_an_older_label_studio_are_told(tmp_path: Path) -> None:
    value = {"start": 8, "end": 11, "text": "ate", "labels": ["x"]}
    old = {"id": 7, "data": {"text": "🐁 Mice ate."}, "annotations": [{"result": [region() | {"value": value}]}]}
    (tmp_path / "in").write_text(json.dumps([old]), "utf-8")
    with pytest.raises(
        InputError, match=r"reads 'te\.' but the region says 'ate',.* set offsets: utf16 for the format"
    ):
        list(LabelStudio().read(tmp_path / "in"))
    [document] = LabelStudio(offsets="utf16").read(tmp_path / "in")
    assert document.passages[0].spans == (Span(7, 10, "x"),)


def test_an_entity_that_does_not_fit_is_left_out_if_asked(tmp_path: Path) -> None:
    (tmp_path / "in").write_text(json.dumps([task(region(), region(2, 70), region(text="Rice"))]), "utf-8")
    target = LabelStudio(on_bad_span="skip")
    assert list(target.read(tmp_path / "in")) == [WHOLE]
    assert +target.not_read == {"spans that do not fit": 2}
