"""The traps of public corpora, in small files of their kinds."""

import gzip
from pathlib import Path

import pytest

from ner.documents import Document, Span
from ner.errors import InputError
from ner.formats import _identifiers
from ner.formats.base import BAD_SPANS, DISCONTINUOUS, DUPLICATES, Format
from ner.formats.bioc import BioCJSON, BioCXML
from ner.formats.brat import Brat
from ner.formats.conll import CoNLL
from ner.formats.gutbrainie import GutBrainIE
from ner.formats.jsonl import JsonLines
from ner.formats.pubtator import PubTator


def save(folder: Path, text: str, name: str = "in") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def spans(documents: list[Document]) -> list[Span]:
    return [span for document in documents for passage in document.passages for span in passage.spans]


def test_white_space_at_the_borders_of_a_mention_is_ignored(tmp_path: Path) -> None:
    lines = ["0\t4\tMice  ", "5\t9\tate", "9\t13\t rice", "14\t19\tToo.", "14\t18\t Too."]
    path = save(tmp_path, "1|t|Mice ate rice\n1|a|Too.\n" + "".join(f"1\t{line}\tx\n" for line in lines))
    assert spans(list(PubTator().read(path))) == [
        Span(0, 4, "x"),
        Span(5, 8, "x"),
        Span(9, 13, "x"),
        Span(0, 4, "x"),
        Span(0, 4, "x"),
    ]


def test_the_message_shows_where_mention_and_text_differ(tmp_path: Path) -> None:
    text = "carcinoma of the breast and of the ovaries and of the lung"
    path = save(tmp_path, f"1|t|{text}\n1|a|\n1\t0\t{len(text)}\t{text[:-4]}lungs\tx\n")
    with pytest.raises(
        InputError, match=r"reads '….* the lung' but the line says '….* the lungs'; .*on_bad_span: skip"
    ):
        list(PubTator().read(path))


DUPLICATED: dict[type[Format], str] = {
    PubTator: "1|t|Mice\n1|a|ate.\n\n1|t|Mice\n1|a|ate.\n\n2|t|Rice\n2|a|\n",
    BioCJSON: '{"documents": [{"id": "1"}, {"id": "1"}, {"id": "2"}]}',
    BioCXML: "<collection><document><id>1</id></document><document><id>1</id></document>"
    "<document><id>2</id></document></collection>",
    GutBrainIE: '{"1": {"title": "a", "abstract": ""}, "1": {"title": "b", "abstract": ""}, '
    '"2": {"title": "a", "abstract": ""}}',
    CoNLL: "###MEDLINE:1\n\nMice\tO\n\n###MEDLINE:1\n\nMice\tO\n\n###MEDLINE:2\n",
}


@pytest.mark.parametrize(("kind", "text"), DUPLICATED.items())
def test_a_document_that_comes_twice_is_refused_or_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: type[Format], text: str
) -> None:
    path = save(tmp_path, text)
    with pytest.raises(InputError, match=r"'1' has come before; .*set on_duplicate: skip"):
        list(kind().read(path))
    target = kind(on_duplicate="skip")
    assert [document.id for document in target.read(path)] == ["1", "2"]
    assert [(number, document.id) for number, document in target.read_share(path, 1, 2)] == [(1, "2")]
    assert target.not_read[DUPLICATES] == 1
    assert f"{path}: left out: 1 {DUPLICATES}" in caplog.text


def test_lines_without_offsets_are_counted_by_their_kind(tmp_path: Path) -> None:
    target = PubTator()
    lines = ["1\tCID\tD1\tD2", "1\ttmVar:a\trs123", "1\t0\t4\tMice\tx\tD1\tmore", "1\t0\t4\tMice\tx\tD1"]
    path = save(tmp_path, "\n".join(["1|t|Mice", "1|a|", *lines]))
    assert len(spans(list(target.read(path)))) == 2
    assert target.not_read == {"relations": 1, "lines without offsets": 1, "columns after identifiers": 1}
    list(target.read(path))
    assert target.not_read.total() == 3


COMPOSITE = """<collection><document><id>1</id><passage><offset>0</offset><text>breast and ovarian cancer</text>
<annotation id="1"><infon key="type">D</infon><infon key="CompositeRole">CompositeMention</infon>
<infon key="MESH">D1|D2</infon><location offset="0" length="25"/><text>breast and ovarian cancer</text></annotation>
<annotation id="2"><infon key="type">D</infon><infon key="CompositeRole">IndividualMention</infon>
<infon key="MESH">D1</infon><location offset="0" length="6"/><location offset="19" length="6"/>
<text>breast cancer</text></annotation>
<annotation id="3"><infon key="type">D</infon><infon key="MESH">D3</infon></annotation>
</passage><relation id="R1"><infon key="relation">CID</infon></relation></document></collection>"""


def test_parts_of_composite_mentions_are_passed_over(tmp_path: Path) -> None:
    target = BioCXML()
    [span] = spans(list(target.read(save(tmp_path, COMPOSITE))))
    assert (span, span.identifiers) == (Span(0, 25, "D"), ("D1", "D2"))
    assert target.not_read == {"parts of composite mentions": 1, "annotations of whole texts": 1, "relations": 1}


def test_discontinuous_spans_are_counted_apart(tmp_path: Path) -> None:
    bioc, brat = BioCXML(on_bad_span="skip"), Brat(on_bad_span="skip")
    list(bioc.read(save(tmp_path, COMPOSITE.replace("IndividualMention", ""))))
    save(tmp_path, "breast and ovarian cancer", "a.txt")
    save(tmp_path, "T1\tD 0 6;19 25\tbreast cancer\nT2\tD 0 6\tBreast\n", "a.ann")
    list(brat.read(tmp_path))
    assert (bioc.not_read[DISCONTINUOUS], bioc.not_read[BAD_SPANS]) == (1, 0)
    assert (brat.not_read[DISCONTINUOUS], brat.not_read[BAD_SPANS]) == (1, 1)


def test_folders_of_the_bionlp_shared_tasks_are_read(tmp_path: Path) -> None:
    save(tmp_path, "TNF binds p53", "1.txt")
    save(tmp_path, "T1\tProtein 0 3\tTNF\nT2\tProtein 10 13\tp53\n", "1.a1")
    save(tmp_path, "*\tEquiv T1 T2\nT3\tBinding 4 9\tbinds\nE1\tBinding:T3 Theme:T1\nM1\tNegation E1\n", "1.a2")
    save(tmp_path, "no annotation", "2.txt")
    target = Brat()
    first, second = target.read(tmp_path)
    assert spans([first]) == [Span(0, 3, "Protein"), Span(10, 13, "Protein"), Span(4, 9, "Binding")]
    assert not second.is_annotated
    assert target.not_read == {"equivalences": 1, "events": 1, "modifications": 1}
    (tmp_path / "1.txt").unlink()
    with pytest.raises(InputError, match=r"1\.a1: has no 1\.txt beside it"):
        list(target.read(tmp_path))


def test_a_line_of_jnlpba_begins_a_document(tmp_path: Path) -> None:
    text = "###MEDLINE:95369245\n\nIL-2\tB-DNA\ngene\tI-DNA\n\nx\tO\n###MEDLINE:1\n\n###\tO\n"
    first, second = CoNLL().read(save(tmp_path, text))
    assert (first.id, [passage.text for passage in first.passages]) == ("95369245", ["IL-2 gene", "x"])
    assert (second.id, [passage.text for passage in second.passages]) == ("1", ["###"])
    assert spans([first]) == [Span(0, 9, "DNA")]


def test_columns_of_nersuite_begin_with_the_tag(tmp_path: Path) -> None:
    path = save(tmp_path, "O\t0\t3\tthe\tDT\nB-Organ\t4\t9\tliver\tNN\n\nB-Organ\t10\t15\tlobes\tNNS\n")
    first, second = CoNLL(token_column=3, tag_column=0).read(path)
    assert (first.passages[0].text, spans([first])) == ("the liver", [Span(4, 9, "Organ")])
    assert (second.passages[0].text, spans([second])) == ("lobes", [Span(0, 5, "Organ")])


ESCAPED = """<collection><document><id>1</id><passage><offset>0</offset><text>C&gt;T</text></passage>
<passage><offset>7</offset><text>A variant 677C</text><annotation><infon key="type">SNP</infon>
<location offset="16" length="4"/><text>677C</text></annotation></passage></document></collection>"""


def test_mentions_of_a_passage_whose_offset_counts_escapes_do_not_fit(tmp_path: Path) -> None:
    path = save(tmp_path, ESCAPED)
    with pytest.raises(InputError, match=r"\[16, 20\), .* reads ' 677' but the annotation says '677C'"):
        list(BioCXML().read(path))
    target = BioCXML(on_bad_span="skip")
    assert spans(list(target.read(path))) == []
    assert target.not_read[BAD_SPANS] == 1


def test_a_compressed_corpus_in_pubtator_is_read_with_its_types(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt.gz"
    path.write_bytes(gzip.compress(b"1|t|Mice\n1|a|\n1\t0\t4\tMice\tT015,T200\tUMLS:C0025929\n"))
    [span] = spans(list(PubTator().read(tmp_path)))
    assert (span.label, span.identifiers) == ("T015,T200", ("UMLS:C0025929",))


@pytest.mark.parametrize(
    ("column", "identifiers"),
    [
        ("-", ()),
        ("", ()),
        ("-1", ("-1",)),
        ("D1|D2", ("D1", "D2")),
        ("1; 2;", ("1", "2")),
        ("D1+D2", ("D1+D2",)),
        ("p|SUB|V|600|E", ("p|SUB|V|600|E",)),
        ("|SUB|A|12|G", ("|SUB|A|12|G",)),
        ("tmVar:c|DEL|12_13|AG;RS#:123", ("tmVar:c|DEL|12_13|AG", "RS#:123")),
    ],
)
def test_a_column_of_identifiers_is_divided_and_joined(column: str, identifiers: tuple[str, ...]) -> None:
    assert _identifiers.split(column) == identifiers
    assert _identifiers.split(_identifiers.join(identifiers)) == identifiers


KEEPING = [PubTator(), BioCXML(), BioCJSON(), Brat(title_line=True), JsonLines()]


@pytest.mark.parametrize("target", KEEPING, ids=lambda target: type(target).__name__)
def test_identifiers_survive(target: Format, tmp_path: Path) -> None:
    text = (
        "1|t|Mice\n1|a|ate rice.\n1\t0\t4\tMice\tx\t10090|MESH:D051379\n1\t9\t13\trice\tx\t-\n1\t5\t8\tate\ty\tGO:1\n"
    )
    documents = list(PubTator().read(save(tmp_path, text)))
    target.write(documents, tmp_path / "out")
    again = list(target.read(tmp_path / "out"))
    assert [span.identifiers for span in spans(again)] == [("10090", "MESH:D051379"), (), ("GO:1",)]
    assert [document.passages for document in again] == [document.passages for document in documents]


def test_identifiers_of_json_lines_are_texts(tmp_path: Path) -> None:
    line = '{"id": "1", "text": "Mice", "spans": [{"start": 0, "end": 4, "label": "x", "identifiers": ["a", 1]}]}'
    with pytest.raises(InputError, match=r"spans\[0\]\.identifiers\[1\]"):
        list(JsonLines().read(save(tmp_path, line)))


def test_spans_of_gutbrainie_that_are_left_out_are_counted(tmp_path: Path) -> None:
    entity = '{"start_idx": 0, "end_idx": 9, "location": "title", "text_span": "x", "label": "y"}'
    text = f'{{"1": {{"metadata": {{"title": "Mice", "abstract": ""}}, "entities": [{entity}]}}}}'
    target = GutBrainIE(on_bad_span="skip")
    assert spans(list(target.read(save(tmp_path, text)))) == []
    assert target.not_read == {BAD_SPANS: 1}
