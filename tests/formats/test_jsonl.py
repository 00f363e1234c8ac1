import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner.corpora import GutBrainIE
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats.jsonl import JsonLines
from ner.formats.pubtator import PubTator

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@st.composite
def passages(draw: st.DrawFn) -> Passage:
    text = draw(texts)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    scores = st.none() | st.floats(0, 1)
    labels = texts.filter(len)
    spans = [Span(start, end, draw(labels), draw(scores)) for start, end in zip(cuts[::2], cuts[1::2], strict=False)]
    until = draw(st.none() | st.integers(1, len(text)) if text else st.none())
    borders = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    tokens = draw(st.none() | st.just(tuple(zip(borders[::2], borders[1::2], strict=False))))
    if draw(st.booleans()):
        return Passage(text, draw(texts), tuple(spans), until, tokens)
    return Passage(text, annotated_until=0, tokens=tokens)


documents = st.builds(
    Document,
    texts,
    st.lists(passages(), min_size=1, max_size=3).map(tuple),
    tier=texts,
    annotator=texts,
    weight=st.floats(0, 10),
)


@settings(max_examples=50)
@given(found=st.lists(documents, max_size=4))
def test_what_is_written_is_read_again(found: list[Document], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("lines") / "documents.jsonl"
    JsonLines().write(found, path)
    again = list(JsonLines().read(path))
    assert again == found
    scores = [[span.score for part in document.passages for span in part.spans] for document in found]
    assert [[span.score for part in document.passages for span in part.spans] for document in again] == scores


def test_the_dev_set_survives(gutbrainie: GutBrainIE, tmp_path: Path) -> None:
    dev = list(gutbrainie.read("dev"))
    JsonLines().write(dev, tmp_path / "dev.jsonl")
    assert list(JsonLines().read(tmp_path / "dev.jsonl")) == dev


def test_the_short_form_is_a_document_of_one_passage(tmp_path: Path) -> None:
    lines = [
        '{"id": "1", "text": "Mice ate.", "spans": [{"start": 0, "end": 4, "label": "animal"}], "more": 1}',
        "",
        '{"id": "2", "text": "Mice ate.", "spans": null}',
    ]
    (tmp_path / "in.jsonl").write_text("\r\n".join(lines), encoding="utf-8-sig")
    assert list(JsonLines().read(tmp_path)) == [
        Document("1", (Passage("Mice ate.", spans=(Span(0, 4, "animal"),)),)),
        Document("2", (Passage("Mice ate.", annotated_until=0),)),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[]", "a list is not an object; write it as {...}"),
        ("{", "broken JSON at column 2: Expecting property name"),
        ('{"text": "a"}', "`id` is missing"),
        ('{"id": 1, "text": "a"}', '`id` is 1, not a text; write it as "..."'),
        ('{"id": "1"}', "`text` is missing"),
        ('{"id": "1", "passages": []}', "has no passage"),
        ('{"id": "1", "passages": {}}', "`passages` is an object, not a list"),
        ('{"id": "1", "text": "a", "spans": [{"start": 0, "end": 2, "label": "x"}]}', "ends beyond"),
        (
            '{"id": "1", "text": "a", "spans": [{"start": true, "end": 1, "label": "x"}]}',
            "spans[0]: `start` is true",
        ),
        ('{"id": "1", "text": "a", "spans": [[0, 1]]}', "spans[0]: a list is not an object"),
        ('{"id": "1", "text": "\\ud800"}', "character 0 of `text` is half a surrogate pair"),
        ("[" * 100_000, "recursion"),
        (
            '{"id": "1", "text": "a", "spans": [{"start": 0, "end": 1, "label": "x"}], "spans": []}',
            "'spans' stands there twice; keep one of them",
        ),
        ('{"id": "1", "passages": [{"text": "a"}], "spans": []}', "`spans` stands beside `passages`; move it"),
        (
            '{"id": "1", "text": "a", "spans": [{"start": 0, "end": 1, "label": ""}]}',
            "spans[0]: `label` is '', not a name",
        ),
        (
            '{"id": "1", "text": "a", "spans": [{"start": 0, "end": 1, "label": "x", "score": NaN}]}',
            "`score` is NaN, not a num",
        ),
        (
            '{"id": "1", "text": "a", "spans": [{"start": 0, "end": 1, "label": "x", "score": 7.0}]}',
            "`score` is 7.0, not a num",
        ),
        ('{"id": "1", "text": "abc", "tokens": [[0, 2], [1, 3]]}', "in order and without overlap; correct it"),
        ('{"id": "1", "text": "abc", "tokens": [[0, 4]]}', "intervals of [0, 3)"),
        ('{"id": "1", "text": "abc", "tokens": [[0, true]]}', "`tokens` holds something else than intervals; write"),
        ('{"id": "1", "text": "abc", "tokens": [0]}', "`tokens` holds something else than intervals; write"),
        ('{"id": "1", "text": "a", "weight": NaN}', "from 0, not nan"),
        ('{"id": "1", "text": "a", "weight": -1}', "from 0, not -1"),
        ('{"id": "1", "text": "a", "weight": 1' + "0" * 400 + "}", "too large"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"id": "0", "text": ""}\n' + line, encoding="utf-8")
    found = JsonLines().read(path)
    assert next(found).id == "0"
    with pytest.raises(InputError, match=r"in\.jsonl, line 2: ") as caught:
        next(found)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"), [(None, "No such file"), (b"{}\nab\xff", "not UTF-8 .* at byte 3 of line 2")]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "in.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(PubTator().read(path))


def test_half_a_surrogate_pair_is_not_written(tmp_path: Path) -> None:
    document = Document("1", (Passage("a\ud800", spans=(Span(0, 2, "x"),)),))
    with pytest.raises(InputError, match=r"out: cannot be written \(a text holds half a surrogate pair\); replace"):
        JsonLines().write([document], tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_null_is_as_if_it_was_not_there(tmp_path: Path) -> None:
    passage = {"text": "Mice", "section": None, "spans": [{"start": 0, "end": 4, "label": "x", "identifiers": None}]}
    line = {"id": "1", "tier": None, "annotator": None, "weight": None, "passages": [passage]}
    (tmp_path / "in.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    [found] = JsonLines().read(tmp_path / "in.jsonl")
    assert found == Document("1", (Passage("Mice", spans=(Span(0, 4, "x"),)),))
    mixed = [{"id": "1", "text": "Mice", "passages": None}, {"id": "2", "text": None, "passages": [{"text": "Rats"}]}]
    (tmp_path / "in.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in mixed), encoding="utf-8")
    assert [document.passages[0].text for document in JsonLines().read(tmp_path / "in.jsonl")] == ["Mice", "Rats"]
