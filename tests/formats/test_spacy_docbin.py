"""spaCy's files: round trips, files that spaCy wrote, training on what is written, and what is no file of this kind."""

import json
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats.spacy_docbin import SpacyDocBin
from tests.formats.test_joined import EMOJI, spans
from tests.formats.test_jsonl import documents

spacy = pytest.importorskip("spacy", reason="spacy is not installed (extra `test`)")
tokens = pytest.importorskip("spacy.tokens")


@settings(max_examples=30)
@given(found=st.lists(documents, max_size=3))
def test_what_is_written_is_read_again(found: list[Document], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("docs") / "out.spacy"
    SpacyDocBin().write(found, path)
    again = list(SpacyDocBin().read(path))
    assert again == found
    assert [spans(document) for document in again] == [spans(document) for document in found]


def docs(path: Path) -> list["tokens.Doc"]:
    nlp = spacy.blank("en")
    return list(tokens.DocBin().from_disk(path).get_docs(nlp.vocab))


def test_spacy_reads_entities_groups_and_texts(tmp_path: Path) -> None:
    SpacyDocBin().write([EMOJI], tmp_path / "out.spacy")
    [doc] = docs(tmp_path / "out.spacy")
    assert doc.text == "🐁 Mice 🧬 ate.\n\nRice, 🌾 too.\r\nDone."
    # Of two that overlap the longest is an entity, and all of them are in the group.
    assert [(entity.text, entity.label_) for entity in doc.ents] == [
        ("🐁 Mice", "animal"),
        ("🧬", "gene"),
        ("Rice, 🌾", "food"),
    ]
    assert [entity.kb_id_ for entity in doc.ents] == ["D1|x y", "", ""]
    group = doc.spans["ner_crf"]
    assert [span.text for span in group] == ["🐁 Mice", "🧬", "🌾", "Rice, 🌾"]
    assert group.attrs["scores"] == [0.25, 0.5, None, None]
    # Beyond character 9 of the last passage nothing is known.
    assert [token.text for token in doc if not token.ent_iob] == ["too", ".", "\r\n", "Done", "."]


def test_tokens_are_those_of_spacy_cut_at_entities(tmp_path: Path) -> None:
    text = "IL-2  binds.\n"
    SpacyDocBin().write([Document("1", (Passage(text, spans=(Span(1, 4, "x"), Span(5, 6, "y"))),))], tmp_path / "out")
    [doc] = docs(tmp_path / "out")
    assert (doc.text, [token.text for token in doc]) == (text, ["I", "L-2", " ", "binds", ".", "\n"])
    SpacyDocBin().write([Document("1", (Passage(text),))], tmp_path / "plain")
    assert [token.text for token in docs(tmp_path / "plain")[0]] == [token.text for token in spacy.blank("en")(text)]
    own = Document("1", (Passage("GLP-1R", tokens=((0, 3), (3, 6))),))
    SpacyDocBin().write([own], tmp_path / "own")
    assert [token.text for token in docs(tmp_path / "own")[0]] == ["GLP", "-1R"]


def foreign(path: Path, change: Callable[["tokens.Doc"], object], **options: object) -> list[Document]:
    doc = spacy.blank("en")("Mice ate rice .")
    change(doc)
    tokens.DocBin(docs=[doc]).to_disk(path)
    return list(SpacyDocBin(**options).read(path))  # type: ignore[arg-type]


def text(*found: Span, until: int | None = None) -> list[Document]:
    own = ((0, 4), (5, 8), (9, 13), (14, 15))
    return [Document("in:1", (Passage("Mice ate rice .", spans=found, annotated_until=until, tokens=own),))]


def test_files_that_spacy_wrote_are_read(tmp_path: Path) -> None:
    path = tmp_path / "in.spacy"
    assert foreign(path, len) == text(until=0)
    assert foreign(path, lambda doc: doc.set_ents([])) == text()

    def entities(doc: "tokens.Doc") -> None:
        doc.ents = [doc.char_span(0, 4, "animal", kb_id="D1|D2")]

    found = foreign(path, entities)
    assert found == text(Span(0, 4, "animal"))
    assert found[0].passages[0].spans[0].identifiers == ("D1", "D2")
    assert list(SpacyDocBin().without_annotation().read(path)) == text(until=0)

    def groups(doc: "tokens.Doc") -> None:
        doc.ents = [doc.char_span(0, 4, "animal")]
        doc.spans["sc"] = [doc.char_span(0, 8, "x"), doc.char_span(5, 13, "y")]

    assert foreign(path, groups) == text(Span(0, 4, "animal"))
    assert foreign(path, groups, spans_key="sc") == text(Span(0, 8, "x"), Span(5, 13, "y"))
    unknown = foreign(path, lambda doc: doc.set_ents([doc.char_span(0, 4, "animal")], missing=[doc[2:4]]))
    assert unknown == text(Span(0, 4, "animal"), until=9)


def test_scores_are_read_if_each_span_has_one(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")

    def scored(*values: float) -> list[tuple[float | None, tuple[str, ...]]]:
        def change(doc: "tokens.Doc") -> None:
            own = [doc.char_span(0, 4, "x"), doc.char_span(5, 8, "x")]
            attributes = {"scores": numpy.array(values, "f4")}
            doc.spans["ner_crf"] = tokens.SpanGroup(doc, spans=own, attrs=attributes)

        [document] = foreign(tmp_path / "in.spacy", change)
        return spans(document)

    assert scored(0.5, 0.25) == [(0.5, ()), (0.25, ())]
    assert scored(0.5) == [(None, ()), (None, ())]
    assert scored(0.5, 7.0) == [(0.5, ()), (None, ())]


def test_spacy_learns_from_what_is_written(tmp_path: Path) -> None:
    mice = Passage("Mice ate rice.", spans=(Span(0, 4, "animal"), Span(9, 13, "plant")))
    SpacyDocBin().write([Document(str(number), (mice,)) for number in range(8)], tmp_path / "train.spacy")
    pytest.importorskip("spacy.util").fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("ner")
    examples = list(pytest.importorskip("spacy.training").Corpus(tmp_path / "train.spacy")(nlp))
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(20):
        nlp.update(examples, sgd=optimizer)
    assert [(entity.text, entity.label_) for entity in nlp(mice.text).ents] == [("Mice", "animal"), ("rice", "plant")]


def test_a_document_of_another_share_is_not_built(tmp_path: Path) -> None:
    SpacyDocBin().write([replace(EMOJI, id=str(number)) for number in range(5)], tmp_path / "in")
    shared = SpacyDocBin().read_share(tmp_path / "in", 1, 3)
    assert [(number, document.id) for number, document in shared] == [(1, "1"), (4, "4")]


def documents_or_error(path: Path) -> list[Document] | InputError:
    try:
        return list(SpacyDocBin().read(path))
    except InputError as error:
        return error


def check(path: Path) -> bool:
    """Read a file to its end; an error is one line that names it. Return if there was one."""
    found = documents_or_error(path)
    for line in [str(found)] if isinstance(found, InputError) else []:
        assert str(path) in line
        assert "\n" not in line
    return isinstance(found, InputError)


def test_what_is_no_docbin_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "in.spacy"
    for content in (b"", b"\0", b"{}", json.dumps({"a": 1}).encode()):
        path.write_bytes(content)
        assert check(path)
    with pytest.raises(InputError, match=r"none: cannot be read \(No such file"):
        list(SpacyDocBin().read(tmp_path / "none"))


@settings(max_examples=30)
@given(data=st.data())
def test_damaged_content_is_documents_or_one_line(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "in.spacy"
    SpacyDocBin().write([EMOJI, replace(EMOJI, id="2")], path)
    content = zlib.decompress(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        end = start + data.draw(st.integers(0, 4))
        content = content[:start] + data.draw(st.binary(max_size=4)) + content[end:]
    path.write_bytes(zlib.compress(content))
    check(path)


def test_spans_beyond_the_tokens_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.spacy"
    doc = spacy.blank("en")("Mice ate")
    doc.spans["ner_crf"] = [doc.char_span(0, 4, "x")]
    groups = doc.spans.to_bytes()
    short = spacy.blank("en")("Mi")
    short.spans.from_bytes(groups)
    tokens.DocBin(docs=[short]).to_disk(path)
    with pytest.raises(InputError, match=r"in\.spacy, document 1, entity 1: \[0, 4\) lies in none of the passages"):
        list(SpacyDocBin().read(path))


def test_a_language_that_spacy_has_not_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="language is 'klingon', which spaCy has not: ") as error:
        SpacyDocBin(language="klingon").write([EMOJI], tmp_path / "out")
    assert "\n" not in str(error.value)


def test_without_spacy_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    (tmp_path / "in").touch()
    for use in (lambda: list(SpacyDocBin().read(tmp_path / "in")), lambda: SpacyDocBin().write([], tmp_path / "out")):
        with pytest.raises(InputError, match=r"pip install -c constraints.txt -e '\.\[spacy\]'"):
            use()
    assert not (tmp_path / "out").exists()
