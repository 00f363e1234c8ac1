"""The file format: what is read, what is refused and how that reads, and what is written."""

import json
import logging
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner.corpora.gutbrainie.corpus import GutBrainIE as Corpus
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats.base import Format
from ner.formats.gutbrainie import GutBrainIE, GutBrainIESubmission

OnBadSpan = Literal["error", "skip"]

TITLE = "The human microbiome in depression"
ENTITY = {"start_idx": 4, "end_idx": 19, "location": "title", "text_span": "human microbiome", "label": "microbiome"}
ABSENT = object()


def record(*entities: object, title: object = TITLE, abstract: object = "") -> dict[str, object]:
    return {"metadata": {"title": title, "abstract": abstract, "annotator": "expert_1"}, "entities": list(entities)}


def save(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def read(path: Path, on_bad_span: OnBadSpan = "error") -> list[Document]:
    return list(GutBrainIE(Corpus.labels, on_bad_span=on_bad_span).read(path))


def error_of(path: Path, on_bad_span: OnBadSpan = "error") -> str:
    with pytest.raises(InputError) as caught:
        read(path, on_bad_span)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def with_entity(**changes: object) -> dict[str, object]:
    return {"1": record({key: value for key, value in (ENTITY | changes).items() if value is not ABSENT})}


def test_an_annotated_document_has_title_and_abstract_with_half_open_spans(tmp_path: Path) -> None:
    in_abstract = ENTITY | {"start_idx": 0, "end_idx": 0, "location": "abstract", "text_span": "𝛂", "label": "gene"}
    (document,) = read(save(tmp_path / "own.json", {"1": record(in_abstract, ENTITY, abstract="𝛂-synuclein")}))
    title = Passage(TITLE, "title", (Span(4, 20, "microbiome"),))
    assert document == Document("1", (title, Passage("𝛂-synuclein", "abstract", (Span(0, 1, "gene"),))), "", "expert_1")
    assert document.is_annotated


@pytest.mark.parametrize("uri", ["http://id.nlm.nih.gov/mesh/D1", None, ""])
def test_the_concept_of_an_entity_is_its_identifier(tmp_path: Path, uri: str | None) -> None:
    (document,) = read(save(tmp_path / "own.json", with_entity(uri=uri)))
    assert document.passages[0].spans[0].identifiers == ((uri,) if uri else ())
    GutBrainIE().write([document], tmp_path / "again.json")
    written = json.loads((tmp_path / "again.json").read_text(encoding="utf-8"))["1"]["entities"]
    assert written == [ENTITY | ({"uri": uri} if uri else {})]
    GutBrainIESubmission().write([document], tmp_path / "sent.json")
    assert json.loads((tmp_path / "sent.json").read_text(encoding="utf-8"))["1"]["entities"] == [ENTITY]


def test_a_concept_that_is_no_text_is_a_bad_span(tmp_path: Path) -> None:
    path = save(tmp_path / "own.json", with_entity(uri=7))
    assert "`uri` is 7, not a text" in error_of(path)
    assert read(path, "skip")[0].passages[0].spans == ()


def test_an_article_is_not_annotated(tmp_path: Path) -> None:
    (document,) = read(save(tmp_path / "articles.json", {"1": {"title": TITLE, "abstract": None, "journal": "Gut"}}))
    assert document == Document("1", (Passage(TITLE, "title", (), 0), Passage("", "abstract", (), 0)))
    assert not document.is_annotated


def test_a_document_without_entities_is_annotated_all_the_same(tmp_path: Path) -> None:
    (document,) = read(save(tmp_path / "own.json", {"1": record(title=None)}))
    assert document.is_annotated


def test_relations_and_other_keys_are_ignored(tmp_path: Path) -> None:
    content = {"1": record(ENTITY | {"uri": "x"}) | {"relations": [1], "ternary_mention_based_relations": None}}
    assert len(read(save(tmp_path / "own.json", content))[0].passages[0].spans) == 1


def test_nested_spans_are_read_in_the_order_of_the_file(tmp_path: Path) -> None:
    inner = ENTITY | {"start_idx": 10, "text_span": "microbiome"}
    (document,) = read(save(tmp_path / "own.json", {"1": record(inner, ENTITY)}))
    assert document.passages[0].spans == (Span(10, 20, "microbiome"), Span(4, 20, "microbiome"))


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text(json.dumps({"1": record(ENTITY)}), encoding="utf-8-sig")
    assert [document.id for document in read(path)] == ["1"]


BAD_SPANS = {
    "mismatch": (
        with_entity(start_idx=5),
        "own.json: PMID 1, title: span [5, 20) reads 'uman microbiome' but the file says 'human microbiome'; correct",
    ),
    "difference far into the span": (
        {"1": record(ENTITY | {"end_idx": 49, "text_span": "x" * 45 + "y"}, title="x" * 60)},
        "span [4, 50) reads '…xxxxxxxxxxx' but the file says '…xxxxxxxxxxy'; correct its offsets",
    ),
    "newlines": (
        {"1": record(ENTITY | {"text_span": "human\nmicrobiome\u2028" + "x" * 50})},
        r"but the file says 'human\nmicrobiome\u2028xxxxxxxxxxxxx…'; correct its offsets or text_span",
    ),
    "beyond the text": (
        with_entity(end_idx=len(TITLE)),
        "PMID 1, title: span [4, 35) is empty or lies outside the 34 characters of the title, the file says 'human",
    ),
    "before the text": (with_entity(start_idx=-1), "title: span [-1, 20) is empty or lies outside"),
    "empty": (with_entity(end_idx=3), "title: span [4, 4) is empty or lies outside the 34 characters"),
    "empty field": (
        with_entity(location="abstract"),
        "PMID 1, abstract: span [4, 20) is empty or lies outside the 0 characters of the abstract, the file",
    ),
    "unknown label": (
        with_entity(label="microbiota"),
        "own.json: labels that are not in the format's labels: microbiota (1); correct them, or set on_bad_span: skip",
    ),
    "unknown location": (
        with_entity(location="Title"),
        "PMID 1, entities[0]: `location` is 'Title', not title or abstract; correct it, or set on_bad_span: skip",
    ),
    "text as offset": (
        with_entity(start_idx="4"),
        "PMID 1, entities[0]: `start_idx` is '4', not an integer; write it without quotes",
    ),
    "bool as offset": (with_entity(end_idx=True), "PMID 1, entities[0]: `end_idx` is true, not an integer; write"),
    "huge offset": (
        with_entity(end_idx=10**4200),
        "PMID 1, entities[0]: `end_idx` is an integer beyond 10000",
    ),
    "float as offset": (with_entity(end_idx=19.0), "PMID 1, entities[0]: `end_idx` is 19.0, not an integer; write"),
    "null as label": (with_entity(label=None), 'PMID 1, entities[0]: `label` is null, not a text; write it as "..."'),
    "missing offset": (with_entity(end_idx=ABSENT), "PMID 1, entities[0]: `end_idx` is missing; add it"),
    "missing text": (with_entity(text_span=ABSENT), "PMID 1, entities[0]: `text_span` is missing; add it"),
    "no object": ({"1": record(ENTITY, "gene")}, "PMID 1, entities[1]: 'gene' is not an object; write it as {...}"),
}
BAD_FILES = {
    "broken": (b'{"1": {"title": "a"', "own.json: broken JSON at column 20: Expecting ',' delimiter; fix it"),
    "empty": (b"", "own.json: broken JSON at column 1: Expecting value; fix it"),
    "deep": (b"[" * 200_000, "own.json: unreadable JSON: "),
    "long integer": (b'{"1": ' + b"9" * 5000 + b"}", "own.json: unreadable JSON: Exceeds the limit"),
    "other encoding": (
        '{"é": 1}'.encode("latin-1"),
        "own.json: not UTF-8 (invalid continuation byte at byte 3",
    ),
    "a list": (b"[]", "own.json: a list is not an object; write it as {...}"),
    "null": (b"null", "own.json: null is not an object; write it as {...}"),
    "same PMID": (
        b'{"1": {"title": "a", "abstract": "b"}, "1": {"title": "a", "abstract": "b"}}',
        "own.json: '1' has come before; keep one of them",
    ),
    "same key": (
        b'{"1": {"title": "a", "abstract": "", "title": "b"}}',
        "PMID 1: 'title' stands there twice; keep",
    ),
    "empty PMID": (b'{" ": {"title": "a", "abstract": "b"}}', "the PMID is empty; give every document"),
    "PMID of two lines": (b'{"1\\n2": 1}', r"own.json: PMID '1\n2': 1 is not an object; write"),
    "surrogate": (
        b'{"1": {"title": "a\\ud800", "abstract": ""}}',
        "PMID 1: character 1 of `title` is half a",
    ),
    "no abstract": (b'{"1": {"title": "a"}}', "own.json: PMID 1: `abstract` is missing; add it"),
    "title a number": (b'{"1": {"title": 1, "abstract": ""}}', "PMID 1: `title` is 1, not a text; write"),
    "annotator a list": (
        b'{"1": {"title": "", "abstract": "", "annotator": []}}',
        "`annotator` is a list, not",
    ),
    "metadata a list": (b'{"1": {"metadata": []}}', "PMID 1: `metadata` is a list, not an object; write it as {...}"),
    "no entities": (b'{"1": {"metadata": {"title": "", "abstract": ""}}}', "PMID 1: `entities` is missing; "),
    "entities null": (
        b'{"1": {"metadata": {"title": "", "abstract": ""}, "entities": null}}',
        "PMID 1: `entities` is null, not a list; write it as [...]",
    ),
    "submission": (
        b'{"1": {"entities": []}}',
        "PMID 1: `metadata` is missing; add it, with title and abst",
    ),
}


@pytest.mark.parametrize(("content", "part"), BAD_SPANS.values(), ids=BAD_SPANS)
def test_a_bad_span_is_one_line_that_says_what_where_and_how_to_fix(tmp_path: Path, content: object, part: str) -> None:
    assert part in error_of(save(tmp_path / "own.json", content))


@pytest.mark.parametrize(("content", "part"), BAD_FILES.values(), ids=BAD_FILES)
@pytest.mark.parametrize("on_bad_span", ["error", "skip"])
def test_a_bad_file_is_one_line_whatever_happens_to_bad_spans(
    tmp_path: Path, content: bytes, part: str, on_bad_span: OnBadSpan
) -> None:
    (tmp_path / "own.json").write_bytes(content)
    assert part in error_of(tmp_path / "own.json", on_bad_span)


@pytest.mark.parametrize("content", [content for content, _ in BAD_SPANS.values()], ids=BAD_SPANS)
def test_a_bad_span_can_be_left_out_with_a_warning(
    tmp_path: Path, content: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    path = save(tmp_path / "own.json", content | {"2": record(ENTITY)})
    documents = read(path, "skip")
    assert [document.id for document in documents] == ["1", "2"]
    assert documents[1].passages[0].spans == (Span(4, 20, "microbiome"),)
    each, total = caplog.records
    assert each.levelno == logging.WARNING
    assert each.getMessage().startswith(f"{path}: left out: PMID 1, ")
    assert total.getMessage() == f"{path}: left out: 1 spans that do not fit"


def test_a_clean_file_is_read_without_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read(save(tmp_path / "own.json", {"1": record(ENTITY)}), "skip")
    assert not caplog.records


def test_one_line_counts_the_other_problems_of_the_file(tmp_path: Path) -> None:
    bad = ENTITY | {"start_idx": 5}
    path = save(tmp_path / "train_gold.json", {"1": record(bad, ENTITY, bad), "2": 3, "3": record(bad)})
    first = "train_gold.json: PMID 1, title: span [5, 20) reads 'uman microbiome' but the file says 'human microbiome'"
    assert error_of(path).startswith(f"{tmp_path}/{first}; and 3 more problems in this file; ")
    assert "train_gold.json: PMID 2: 3 is not an object; write it" in error_of(path, "skip")


def test_all_unknown_labels_of_a_file_are_counted_in_one_message(tmp_path: Path) -> None:
    named = [ENTITY | {"label": label} for label in ("meal", "drink", "two\nlines", "drink", "meal", "meal")]
    bad = ENTITY | {"start_idx": 5}
    path = save(tmp_path / "own.json", {"1": record(bad, ENTITY, *named[:3]), "2": record(*named[3:])})
    message = error_of(path)
    assert r"labels that are not in the format's labels: meal (3), drink (2), 'two\nlines' (1); and 1 more" in message
    first, second = read(path, "skip")
    assert (first.passages[0].spans, second.passages[0].spans) == ((Span(4, 20, "microbiome"),), ())
    first, second = GutBrainIE(on_bad_span="skip").read(path)
    assert (len(first.passages[0].spans), len(second.passages[0].spans)) == (4, 3)


def test_all_unknown_labels_are_counted_before_anything_is_written(tmp_path: Path) -> None:
    spans = (Span(0, 4, "x"), Span(0, 2, "y"))
    documents = [Document("1", (Passage("Mice", "title", spans), Passage("ate", "abstract", spans[1:])))]
    with pytest.raises(InputError, match=r"out: labels that are not in the .* labels: y \(2\), x \(1\); add them"):
        GutBrainIE(("z",)).write(documents, tmp_path / "out")
    assert not list(tmp_path.iterdir())
    GutBrainIE(("x", "y")).write(documents, tmp_path / "out")


LABELS = st.sampled_from(Corpus.labels)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@st.composite
def passages(draw: st.DrawFn, section: str, is_annotated: bool) -> Passage:
    text = draw(TEXTS)
    if not text or not is_annotated:
        return Passage(text, section, (), None if is_annotated else 0)
    bounds = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).filter(lambda pair: pair[0] != pair[1])
    spans = draw(st.lists(st.builds(lambda pair, label: Span(min(pair), max(pair), label), bounds, LABELS), max_size=4))
    return Passage(text, section, tuple(spans))


@st.composite
def documents(draw: st.DrawFn) -> list[Document]:
    ids = draw(st.lists(TEXTS.filter(str.strip), max_size=4, unique=True))
    found = []
    for name in ids:
        is_annotated = draw(st.booleans())
        both = tuple(draw(passages(section, is_annotated)) for section in ("title", "abstract"))
        found.append(Document(name, both, annotator=draw(TEXTS)))
    return found


@settings(deadline=None)
@given(documents())
def test_what_is_written_is_read_back_equal(written: list[Document]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "new" / "own.json"
        GutBrainIE().write(written, path)
        assert read(path) == written
        before = path.read_bytes()
        GutBrainIE().write(read(path), path)
        assert path.read_bytes() == before
        assert list(path.parent.iterdir()) == [path]


def test_a_submission_has_inclusive_ends_and_an_entry_for_every_document(tmp_path: Path) -> None:
    title = Passage(TITLE, "title", (Span(4, 20, "microbiome"),))
    GutBrainIESubmission().write(
        [Document("2", (title,)), Document("1", (Passage("é", "title", (), 0),))], tmp_path / "run.json"
    )
    text = (tmp_path / "run.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"2": {"entities": [ENTITY]}, "1": {"entities": []}}
    assert list(json.loads(text)) == ["2", "1"]
    assert text.startswith('{\n  "2": {')


@pytest.mark.parametrize("target", [GutBrainIE(), GutBrainIESubmission()])
def test_an_id_that_comes_twice_is_not_written(tmp_path: Path, target: Format) -> None:
    document = Document("1", (Passage("é", "title"),))
    with pytest.raises(InputError, match="another document has this id; give each"):
        target.write([document, replace(document, tier="gold")], tmp_path / "own.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sections", [("",), ("methods",), ("title", "title")])
def test_passages_that_the_format_cannot_hold_are_not_written(tmp_path: Path, sections: tuple[str, ...]) -> None:
    document = Document("1", tuple(Passage("a", section) for section in sections))
    with pytest.raises(InputError, match=r"document 1 has the passages .* one title and one abstract only"):
        GutBrainIE().write([document], tmp_path / "own.json")


def test_entities_of_two_abstracts_are_not_sent_as_those_of_one(tmp_path: Path) -> None:
    parts = (Passage("Mice", "abstract", (Span(0, 4, "animal"),)), Passage("ate", "abstract"))
    GutBrainIESubmission().write([Document("1", parts)], tmp_path / "a.json")
    with pytest.raises(InputError, match=r"document 1 has entities in several passages of one section, which a submi"):
        GutBrainIESubmission().write([Document("1", (*parts, parts[0]))], tmp_path / "b.json")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text("old")
    with pytest.raises(InputError, match="half a surrogate pair"):
        GutBrainIE().write([Document("1", (Passage("\ud800", "title"),))], path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("own.json", "old")]
    with pytest.raises(InputError, match=r"cannot be written \(.+\); choose another path"):
        GutBrainIE().write([], tmp_path)
