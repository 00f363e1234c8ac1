"""BioC in XML and JSON: round trips, traps of offsets and of XML, and real corpora where they are."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner.corpora import GutBrainIE
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats import bioc
from ner.formats._xml import elements
from ner.formats.bioc import BioCJSON, BioCXML
from ner.formats.pubtator import PubTator

KINDS = [BioCXML, BioCJSON]
UNITS = ["characters", "bytes"]
Kind = type[BioCXML] | type[BioCJSON]
Unit = Literal["characters", "bytes"]

not_in_xml = [chr(code) for code in range(32) if chr(code) not in "\t\n\r"] + ["\ufffe", "\uffff"]
characters = st.sampled_from("🧠é\r\n \t\"'<>&]\u2028") | st.characters(
    exclude_categories=["Cs"], exclude_characters=not_in_xml
)
texts = st.text(characters, max_size=30)
names = texts.filter(lambda name: bool(name.strip()))


@st.composite
def passages(draw: st.DrawFn) -> Passage:
    text = draw(texts)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    scores = st.none() | st.floats(0, 1)
    spans = [Span(start, end, draw(names), draw(scores)) for start, end in zip(cuts[::2], cuts[1::2], strict=False)]
    return Passage(text, draw(texts), tuple(spans), draw(st.none() | st.integers(0, len(text))))


documents = st.builds(
    Document,
    names,
    st.lists(passages(), min_size=1, max_size=3).map(tuple),
    tier=texts,
    annotator=texts,
    weight=st.floats(0, 10),
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unit", UNITS)
@settings(max_examples=60)
@given(found=st.lists(documents, max_size=3, unique_by=lambda document: document.id))
def test_what_is_written_is_read_again(
    kind: Kind, unit: Unit, found: list[Document], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("bioc") / "documents"
    corpus = kind(offsets=unit)
    corpus.write(found, path)
    again = list(corpus.read(path))
    assert again == found
    scores = [[span.score for part in document.passages for span in part.spans] for document in found]
    assert [[span.score for part in document.passages for span in part.spans] for document in again] == scores


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unit", UNITS)
def test_the_dev_set_of_gutbrainie_survives(kind: Kind, unit: Unit, gutbrainie: GutBrainIE, tmp_path: Path) -> None:
    dev = list(gutbrainie.read("dev"))
    corpus = kind(offsets=unit)
    corpus.write(dev, tmp_path / "dev")
    assert list(corpus.read(tmp_path / "dev")) == dev


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("split", ["Training", "Development", "Test"])
def test_bc5cdr_survives(kind: Kind, split: str, tmp_path: Path) -> None:
    root = os.environ.get("BC5CDR_ROOT")
    if not root:
        pytest.skip("BC5CDR_ROOT names no folder of BC5CDR")
    found = list(PubTator().read(Path(root) / f"CDR_{split}Set.PubTator.txt"))
    kind().write(found, tmp_path / "again")
    assert len(found) == 500
    assert list(kind().read(tmp_path / "again")) == found


ANNOTATED = Document(
    "7",
    (
        Passage("é𝛼 mice", "title", (Span(3, 7, "animal", 0.5),)),
        Passage("Gut.", "abstract", (Span(0, 3, "organ"),), annotated_until=3),
    ),
    weight=2.0,
)


def test_what_is_written_is_the_xml_of_the_dtd(tmp_path: Path) -> None:
    BioCXML().write([ANNOTATED], tmp_path / "out.xml")
    assert (tmp_path / "out.xml").read_text("utf-8") == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<collection><source>ner</source><date></date><key></key>\n"
        '<document><id>7</id><infon key="weight">2.0</infon>'
        '<passage><infon key="type">title</infon><offset>0</offset><text>é𝛼 mice</text>'
        '<annotation id="T1"><infon key="type">animal</infon><infon key="score">0.5</infon>'
        '<location offset="3" length="4" /><text>mice</text></annotation></passage>'
        '<passage><infon key="type">abstract</infon><infon key="annotated_until">3</infon><offset>8</offset>'
        '<text>Gut.</text><annotation id="T2"><infon key="type">organ</infon>'
        '<location offset="8" length="3" /><text>Gut</text></annotation></passage></document>\n'
        "</collection>\n"
    )


def test_json_has_every_key_that_other_readers_ask_for(tmp_path: Path) -> None:
    BioCJSON(offsets="bytes").write([ANNOTATED], tmp_path / "out.json")
    collection = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert set(collection) == {"source", "date", "key", "infons", "documents"}
    [document] = collection["documents"]
    assert set(document) == {"id", "infons", "passages", "annotations", "relations"}
    title, abstract = document["passages"]
    assert abstract["offset"] == 12
    assert title["sentences"] == title["relations"] == []
    assert title["annotations"] == [
        {
            "id": "T1",
            "infons": {"type": "animal", "score": "0.5"},
            "locations": [{"offset": 7, "length": 4}],
            "text": "mice",
        }
    ]


def mention(*locations: tuple[int, int], text: str | None = None, **infons: object) -> dict[str, object]:
    """An annotation at offsets and of lengths."""
    found = [{"offset": offset, "length": length} for offset, length in locations]
    quoted = {} if text is None else {"text": text}
    return {"id": "M", "infons": {"type": "x"} | infons, "locations": found} | quoted


def save(folder: Path, content: object) -> Path:
    path = folder / "in.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def read(folder: Path, content: object, unit: Unit = "characters") -> list[Document]:
    return list(BioCJSON(offsets=unit).read(save(folder, content)))


def one(*annotations: dict[str, object], text: str = "Mice ate") -> dict[str, object]:
    """A document with a passage at 10."""
    return {"id": "1", "passages": [{"offset": 10, "text": text, "annotations": list(annotations)}]}


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (mention((10, 4), text="mice"), r"\[10, 14\), counted in characters, reads 'Mice' but the annotation says 'm"),
        (mention((9, 4)), "lies outside its passage"),
        (mention((15, 4)), "lies outside its passage"),
        (mention((-3, 4)), "lies outside its passage"),
        (mention((10, 0)), "it has no location, or an empty one"),
        (mention((12, -1)), "it has no location, or an empty one"),
        (mention(text="Mice"), "it has no location, or an empty one"),
        (mention((10, 4), type=None), "it has no type"),
        (mention((10, 4), type=" "), "it has no type"),
        (mention((10, 4), type=["x"]), "`type` is a list, not a text"),
        (mention((10, 4), type="\ud800"), "half a surrogate pair"),
        (mention((10, 2), (13, 1)), "discontinuous"),
        (mention((10, 4), (15, 3), text="Mice, ate"), "reads 'Mice ate'"),
        ({"id": "M", "infons": {"type": "x"}, "locations": [{"offset": 10}]}, "`length` is missing"),
        ({"id": "M", "infons": {"type": "x"}, "locations": [{"offset": 1.5, "length": 1}]}, "`offset` is 1.5, not a n"),
        ({"id": "M", "infons": {"type": "x"}, "locations": [{"offset": "a", "length": 1}]}, "`offset` is 'a', not a n"),
        ({"id": "M", "infons": [], "locations": {"offset": 1}}, "`locations` is an object, not a list"),
        ({"id": "M", "infons": ["x"]}, "`infons` is a list, not an object"),
    ],
)
def test_an_annotation_that_does_not_fit_is_refused_or_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, annotation: dict[str, object], message: str
) -> None:
    path = save(tmp_path, one(annotation, mention((15, 3), text="ate")))
    with pytest.raises(InputError, match=f"in.json, document '1', annotation 'M': .*{message}.*; correct it, or") as it:
        list(BioCJSON().read(path))
    assert "\n" not in str(it.value)
    [document] = BioCJSON(on_bad_span="skip").read(path)
    assert document.passages[0].spans == (Span(5, 8, "x"),)
    assert "left out" in caplog.text


@pytest.mark.parametrize(
    ("annotation", "span"),
    [
        (mention((10, 4)), Span(0, 4, "x")),
        (mention((10, 4), text=""), Span(0, 4, "x")),
        (mention((16, 3), (10, 4), text="Mice\n ate"), Span(0, 9, "x")),
        (mention((16, 3), (10, 4), text="Mice ate"), Span(0, 9, "x")),
        (mention((10, 2), (12, 2), text="Mice"), Span(0, 4, "x")),
        (mention((10, 3), (11, 3), text="Mice"), Span(0, 4, "x")),
        (mention((10, 4), score="0.25"), Span(0, 4, "x", 0.25)),
        (mention((10, 4), score="high"), Span(0, 4, "x")),
        (mention((10, 4), type=3), Span(0, 4, "3")),
    ],
)
def test_an_annotation_is_taken_by_its_locations(tmp_path: Path, annotation: dict[str, object], span: Span) -> None:
    [document] = read(tmp_path, one(annotation, text="Mice\n ate"))
    assert document.passages[0].spans == (span,)
    assert document.passages[0].spans[0].score == span.score


def test_an_annotation_of_the_whole_and_what_is_no_annotation_are_passed_over(tmp_path: Path) -> None:
    fields = one(mention(), {"infons": {"type": "heading"}, "text": "", "locations": []})
    fields["relations"] = [{"id": "R1", "nodes": [{"refid": "M", "role": "subject"}]}]
    assert read(tmp_path, fields) == [Document("1", (Passage("Mice ate"),))]


def test_bytes_count_as_utf8_does_and_may_not_cut_a_character(tmp_path: Path) -> None:
    right = one(mention((12, 4), text="𝛼"), mention((16, 2), text=" b"), text="é𝛼 b")
    spans = (Span(1, 2, "x"), Span(2, 4, "x"))
    assert read(tmp_path, right, "bytes") == [Document("1", (Passage("é𝛼 b", spans=spans),))]
    for offset, length in ((11, 5), (12, 2)):
        with pytest.raises(InputError, match="lies within a character"):
            read(tmp_path, one(mention((offset, length)), text="é𝛼 b"), "bytes")


def test_a_passage_without_text_has_that_of_its_sentences(tmp_path: Path) -> None:
    sentences = [
        {"offset": 11, "text": "Mice é.", "annotations": [mention((11, 4), text="Mice")]},
        {"offset": 20, "text": "Guts."},
        {"offset": 25, "annotations": []},
    ]
    passage: dict[str, object] = {"offset": 10, "sentences": sentences, "annotations": [mention((20, 3), text="Gut")]}
    for empty in ({}, {"text": None}, {"text": ""}):
        [document] = read(tmp_path, {"id": "1", "passages": [passage | empty]})
        assert document.passages == (Passage(" Mice é.  Guts.", spans=(Span(10, 13, "x"), Span(1, 5, "x"))),)
    [document] = read(tmp_path, {"id": "1", "passages": [passage]}, "bytes")
    assert document.passages[0].text == " Mice é. Guts."
    [document] = read(tmp_path, {"id": "1", "passages": [passage | {"text": "-Mice é.--Guts."}]})
    assert document.passages[0].text == "-Mice é.--Guts."
    for offset in (9, 17, 10**12):
        sentences[1]["offset"] = offset
        with pytest.raises(InputError, match=f"document '1': a sentence begins at {offset}"):
            read(tmp_path, {"id": "1", "passages": [passage]})


def test_an_annotation_of_the_document_goes_to_the_passage_that_holds_it(tmp_path: Path) -> None:
    passages = [{"offset": 0, "text": "Mice"}, {"offset": 5, "text": ""}, {"offset": 5, "text": "ate"}]
    fields = {"id": "1", "passages": passages, "annotations": [mention((5, 3), text="ate"), mention((0, 4))]}
    [document] = read(tmp_path, fields)
    assert [passage.spans for passage in document.passages] == [(Span(0, 4, "x"),), (), (Span(0, 3, "x"),)]
    for outside in (mention((3, 4)), mention((8, 1)), mention((3, 1), (5, 1))):
        with pytest.raises(InputError, match="lies outside its passage"):
            read(tmp_path, fields | {"annotations": [outside]})


def test_a_document_without_passages_has_an_empty_one(tmp_path: Path) -> None:
    empty = Document("1", (Passage(""),))
    assert read(tmp_path, {"documents": [{"id": "1"}]}) == [empty]
    (tmp_path / "in.xml").write_text("<collection><document><id>1</id></document></collection>")
    assert list(BioCXML().read(tmp_path / "in.xml")) == [empty]


def test_json_is_a_collection_a_document_or_what_servers_give(tmp_path: Path) -> None:
    fields = one(mention((10, 4)))
    right = [Document("1", (Passage("Mice ate", spans=(Span(0, 4, "x"),)),))]
    for content in (fields, {"documents": [fields]}, {"PubTator3": [fields]}, [{"documents": [fields]}]):
        assert read(tmp_path, content) == right
    number = {"id": 1, "passages": [{"offset": "10", "text": "Mice ate", "infons": {"type": None}}]}
    assert read(tmp_path, number) == [Document("1", (Passage("Mice ate"),))]
    assert read(tmp_path, {"documents": []}) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": 1}, "in.json: neither `documents` nor `passages`"),
        (3, "in.json: neither `documents` nor `passages`"),
        ({"documents": {"id": "1"}}, "`documents` is an object, not a list"),
        ({"documents": ["1"]}, r"documents\[0\]: '1' is not an object"),
        ({"documents": [{"passages": []}]}, "in.json, document 1: it has no id"),
        (one() | {"passages": [{"text": "a"}]}, "passages\\[0\\]: `offset` is missing"),
        (
            one() | {"passages": [{"offset": 0, "text": ["a"]}]},
            r"passages\[0\]: `text` is a list, not a text",
        ),
        (one() | {"passages": [{"offset": 0, "text": "\ud800"}]}, "document '1': .*half a surrogate pair"),
        (one() | {"passages": [{"offset": True}]}, "passages\\[0\\]: `offset` is true, not a number"),
        (
            one() | {"passages": [{"offset": 1e999}]},
            "passages\\[0\\]: `offset` is Infinity, not a number",
        ),
        (one() | {"infons": {"weight": "much"}}, "document '1': infons: `weight` is 'much', not a number"),
        (one() | {"infons": {"weight": "nan"}}, "document '1': the weight of a document is a number from 0, not nan"),
        (one() | {"passages": [{"offset": 0, "infons": {"annotated_until": 1}}]}, "1 lies outside a text of 0 cha"),
        ([one(), one()], "document '1': '1' has come before"),
    ],
)
def test_json_of_something_else_is_one_line(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as it:
        read(tmp_path, content)
    assert "\n" not in str(it.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"[" * 900 + b"]" * 900, b"{} {}"])
def test_what_is_no_json_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"in\.json: ") as it:
        list(BioCJSON().read(path))
    assert "\n" not in str(it.value)


def xml(folder: Path, passage: str, head: str = "", encoding: str = "utf-8") -> list[Document]:
    path = folder / "in.xml"
    document = f"<document><id>1</id><passage><offset>0</offset>{passage}</passage></document>"
    path.write_bytes(f"{head}<collection><source/>\n{document}\n</collection>".encode(encoding))
    return list(BioCXML().read(path))


def test_text_of_xml_is_kept_as_it_is(tmp_path: Path) -> None:
    [document] = xml(tmp_path, "<text>\n a <!-- b -->&lt;<![CDATA[<c>]]>&#13;&#xE9; </text>")
    assert document.passages == (Passage("\n a <<c>\ré "),)
    for empty in ("<text/>", "<text></text>", ""):
        assert xml(tmp_path, empty) == [Document("1", (Passage(""),))]


def test_the_encoding_is_the_one_that_the_file_declares(tmp_path: Path) -> None:
    right = [Document("1", (Passage("é"),))]
    head = '<?xml version="1.0" encoding="{}"?>'
    for encoding in ("latin-1", "utf-16", "utf-8-sig"):
        assert xml(tmp_path, "<text>é</text>", head.format(encoding.removesuffix("-sig")), encoding) == right
    for unknown in ("no-such", "shift_jis"):
        with pytest.raises(InputError, match=r"in\.xml: .*encoding"):
            xml(tmp_path, "<text>é</text>", head.format(unknown))


def test_nothing_outside_the_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    assert xml(tmp_path, "<text>a</text>", '<!DOCTYPE collection SYSTEM "BioC.dtd">')
    declared = f'<!DOCTYPE collection [<!ENTITY s SYSTEM "{(tmp_path / "secret").as_uri()}">]>'
    with pytest.raises(InputError, match=r"in\.xml: undefined entity &s;: line "):
        xml(tmp_path, "<text>&s;</text>", declared)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no element found: line 1"),
        (b"<collection>\n<document><id>1</id></document>", "no element found: line 2"),
        (b"<collection>\n<document></collection>", "mismatched tag: line 2"),
        (b"<collection>\xff</collection>", r"not well-formed \(invalid token\): line 1"),
        (b"<html><p/></html>", "it begins with <html>, not with <collection>"),
        (
            b"<collection>" + b"<document>" + b"<passage>" * 2000 + b"</passage>" * 2000 + b"</document></collection>",
            "",
        ),
        (b"<collection><document><id/></document></collection>", "document '': it has no id"),
        (
            b"<collection><document><id>1</id><passage/></document></collection>",
            "passages\\[0\\]: `offset` is missing",
        ),
    ],
)
def test_xml_of_something_else_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "in.xml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"in.xml.*{message}") as it:
        list(BioCXML().read(path))
    assert "\n" not in str(it.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_file_and_one_that_cannot_be_written_are_one_line(kind: Kind, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none: cannot be read"):
        list(kind().read(tmp_path / "none"))
    for unit in UNITS:
        with pytest.raises(InputError, match=r"out: cannot be written .*surrogate"):
            kind(offsets=unit).write([Document("1", (Passage("a\ud800"),))], tmp_path / "out")
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("unit", UNITS)
def test_characters_that_xml_cannot_hold_become_blanks_and_move_nothing(unit: Unit, tmp_path: Path) -> None:
    text = "".join(not_in_xml)
    corpus = BioCXML(offsets=unit)
    spans = (Span(0, len(text), "x\0y"), Span(len(text) + 1, len(text) + 4, "animal"))
    corpus.write([Document("1\x07", (Passage(f"{text} rat", "\x01", spans), Passage("b")))], tmp_path / "out.xml")
    blanks = Passage(" " * len(text) + " rat", " ", (Span(0, len(text), "x y"), spans[1]))
    assert list(corpus.read(tmp_path / "out.xml")) == [Document("1 ", (blanks, Passage("b")))]


def test_a_document_of_xml_is_let_go_when_the_next_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    BioCXML().write((Document(str(number), (Passage("a"),)) for number in range(50)), tmp_path / "in.xml")
    roots: list[ET.Element] = []

    def watched(file: BinaryIO) -> Iterator[tuple[bool, ET.Element]]:
        for is_whole, element in elements(file):
            roots.append(element) if not roots else None
            yield is_whole, element

    monkeypatch.setattr(bioc, "elements", watched)
    read = BioCXML().read(tmp_path / "in.xml")
    for document in read:
        held = [element.findtext("id") for element in roots[0].findall("document")]
        # What the parser has read ahead is there; what has been read is not.
        assert held[0] == document.id
    assert not roots[0].findall("document")


def test_a_folder_is_read_file_by_file(tmp_path: Path) -> None:
    for kind, name in ((BioCXML, "b.xml"), (BioCXML, "a.xml"), (BioCJSON, "c.json")):
        kind().write([Document(name, (Passage("a"),))], tmp_path / name)
    assert [document.id for document in BioCXML().read(tmp_path)] == ["a.xml", "b.xml"]
    assert [document.id for document in BioCJSON().read(tmp_path)] == ["c.json"]


@pytest.mark.parametrize("kind", [BioCXML, BioCJSON])
def test_blank_names_are_refused(tmp_path: Path, kind: type[BioCXML] | type[BioCJSON]) -> None:
    for bad in (Document("", (Passage("a"),)), Document("1", (Passage("a", spans=(Span(0, 1, " "),)),))):
        with pytest.raises(InputError, match="cannot hold the name"):
            kind().write([bad], tmp_path / "out")
        assert not (tmp_path / "out").exists()
