"""What every format has: shares of the work, options on the command line, one line for an error."""

import gzip
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from jsonargparse import ArgumentParser

import ner.formats
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats.base import FileFormat, Format, documents_at
from ner.formats.bioc import BioCJSON, BioCXML
from ner.formats.brat import Brat
from ner.formats.conll import CoNLL
from ner.formats.doccano import Doccano
from ner.formats.gutbrainie import GutBrainIE
from ner.formats.hf_datasets import HFDatasets
from ner.formats.jsonl import JsonLines
from ner.formats.label_studio import LabelStudio
from ner.formats.parquet import Parquet
from ner.formats.plain_text import PlainText
from ner.formats.prodigy import Prodigy
from ner.formats.pubtator import PubTator
from ner.formats.spacy_docbin import SpacyDocBin

FORMATS = [BioCJSON(), BioCXML(), Brat(), CoNLL(), GutBrainIE(), JsonLines(), Parquet(), PlainText(), PubTator()]
FORMATS += [Doccano(), HFDatasets(), LabelStudio(), Prodigy(), SpacyDocBin()]
IN_FILES = [target for target in FORMATS if not target.writes_folder]
COMPRESSIBLE = [target for target in IN_FILES if not isinstance(target, Parquet)]
names = pytest.mark.parametrize("target", FORMATS, ids=lambda target: type(target).__name__)


def documents(count: int, first: int = 0) -> list[Document]:
    spans = (Span(0, 4, "animal"),)
    passages = (Passage("Mice ate.", "title", spans), Passage("Rice, too.", "abstract"))
    return [Document(str(number), passages) for number in range(first, first + count)]


@names
@pytest.mark.parametrize(("first", "step"), [(0, 1), (0, 2), (1, 2), (2, 3), (8, 9)])
def test_shares_are_the_documents_with_their_numbers(target: Format, first: int, step: int, tmp_path: Path) -> None:
    target.write(documents(7), tmp_path / "there")
    whole = list(enumerate(target.read(tmp_path / "there")))
    assert len(whole) == 7
    assert list(target.read_share(tmp_path / "there", first, step)) == whole[first::step]


@pytest.mark.parametrize("target", COMPRESSIBLE, ids=repr)
def test_compressed_files_are_written_and_read_by_their_names(target: Format, tmp_path: Path) -> None:
    plain, compressed = (tmp_path / f"a{target.suffixes[0]}{ending}" for ending in ("", ".gz"))
    for path in (plain, compressed):
        target.write(documents(2), path)
    assert gzip.decompress(compressed.read_bytes()) == plain.read_bytes()
    whole = list(target.read(plain))
    assert list(target.read(compressed)) == whole
    plain.unlink()
    assert [document.passages for document in target.read(tmp_path)] == [document.passages for document in whole]


@pytest.mark.parametrize("target", IN_FILES, ids=repr)
def test_numbers_go_on_from_file_to_file(target: Format, tmp_path: Path) -> None:
    for number, name in enumerate(["a", "b", "c"]):
        target.write(documents(3, 3 * number), tmp_path / f"{name}{target.suffixes[0]}")
    whole = list(enumerate(target.read(tmp_path)))
    assert len(whole) == 9
    assert list(target.read_share(tmp_path, 1, 4)) == whole[1::4]


def test_a_compressed_copy_beside_a_file_is_not_read_again(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.jsonl.gz", "b.jsonl.gz"):
        JsonLines().write([Document(name, (Passage("a"),))], tmp_path / name)
    assert [document.id for document in JsonLines().read(tmp_path)] == ["a.jsonl", "b.jsonl.gz"]


def peak(target: Format, path: Path, count: int) -> int:
    """The most memory that Python takes to read so many documents of 8,000 characters."""
    target.write((Document(str(number), (Passage("Mice ate. " * 800),)) for number in range(count)), path)
    tracemalloc.start()
    try:
        assert sum(1 for _ in target.read(path)) == count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


STREAMED = [BioCJSON(), BioCXML(), Doccano(), JsonLines(), LabelStudio(), PlainText(), PubTator()]


@pytest.mark.parametrize("target", STREAMED, ids=repr)
def test_memory_does_not_grow_with_a_compressed_file(target: Format, tmp_path: Path) -> None:
    path = tmp_path / f"a{target.suffixes[0]}.gz"
    few, many = peak(target, path, 50), peak(target, path, 150)
    assert many - few < 100 * 8000 / 4


BROKEN = {
    GutBrainIE: '{"0": {"title": "a", "abstract": "b"}, "1": 3}',
    BioCJSON: '{"documents": [{"id": "0"}, {"id": "1", "passages": [{"text": "a"}]}]}',
    BioCXML: "<collection><document><id>0</id></document><document><id>1</id><passage/></document></collection>",
    Doccano: '{"text": "a"}\n{\n',
    LabelStudio: '[{"data": {"text": "a"}}, {"data": {}}]',
    Prodigy: '{"text": "a"}\n{"spans": []}\n',
    CoNLL: "a\tO\n\nb\tnothing\n",
    JsonLines: '{"id": "0", "text": "a"}\n{\n',
    PubTator: "0|t|a\n0|a|b\n\n1|t|a\n1|a|b\n1\t0\t9\tx\ty\n",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_document_of_another_share_is_not_parsed(kind: type[Format], tmp_path: Path) -> None:
    (tmp_path / "in").write_text(BROKEN[kind], "utf-8")
    with pytest.raises(InputError):
        list(kind().read(tmp_path / "in"))
    assert [number for number, _ in kind().read_share(tmp_path / "in", 0, 2)] == [0]
    with pytest.raises(InputError):
        list(kind().read_share(tmp_path / "in", 1, 2))


MICE = [Document("1", (Passage("Mice", "title", annotated_until=0), Passage("ate.", "abstract", annotated_until=0)))]
TOKENS = [Document("1", (Passage("Mice ate.", annotated_until=0, tokens=((0, 4), (5, 9))),))]
# Texts whose annotation cannot be read, in each format that has some.
MISANNOTATED: list[tuple[Format, dict[str, str], list[Document]]] = [
    (
        PubTator(),
        {"in": "1|t|Mice\n1\t9\t13\tRice\tx\n1|a|ate.\n\n1\t0\tx\n2\t0\t4\tMice\tx\n1\tMice\n"},
        MICE,
    ),
    (PubTator(), {"in": "1|t|Mice\n1|a|ate.\n1\t0\t4\tRice\tx\n"}, MICE),
    (
        GutBrainIE(labels=("x",)),
        {"in": '{"1": {"metadata": {"title": "Mice", "abstract": "ate."}, "entities": [{"label": "y"}, 3]}}'},
        MICE,
    ),
    (GutBrainIE(), {"in": '{"1": {"metadata": {"title": "Mice", "abstract": "ate."}, "entities": "none"}}'}, MICE),
    (
        JsonLines(),
        {
            "in": '{"id": "1", "passages": [{"text": "Mice", "section": "title", "spans": [{"start": 3, "end": 9}]}, '
            '{"text": "ate.", "section": "abstract", "spans": {}, "annotated_until": "the end"}]}'
        },
        MICE,
    ),
    (
        BioCJSON(),
        {
            "in": '{"documents": [{"id": "1", "annotations": 3, "relations": "x", "passages": [{"offset": 0, '
            '"text": "Mice", "infons": {"type": "title", "annotated_until": "x"}, "annotations": [{"id": "T1"}]}, '
            '{"offset": 5, "text": "ate.", "infons": {"type": "abstract"}}]}]}'
        },
        MICE,
    ),
    (
        BioCXML(),
        {
            "in": '<collection><document><id>1</id><passage><infon key="type">title</infon><offset>0</offset>'
            '<text>Mice</text><annotation id="T1"><location offset="9" length="x"/></annotation></passage>'
            '<passage><infon key="type">abstract</infon><offset>5</offset><text>ate.</text></passage>'
            "</document></collection>"
        },
        MICE,
    ),
    (Brat(title_line=True), {"1.txt": "Mice\nate.", "1.ann": "T1\tx 3 2\tMice\nMice\n\ufeff"}, MICE),
    (CoNLL(), {"in": "-DOCSTART- (1)\n\nMice\tanimal\nate.\tB-\n"}, TOKENS),
    (CoNLL(), {"in": "-DOCSTART- (1)\n\nMice\nate.\n"}, TOKENS),
]


@pytest.mark.parametrize(("source", "files", "texts"), MISANNOTATED)
def test_texts_are_read_whatever_their_annotation_is(
    source: Format, files: dict[str, str], texts: list[Document], tmp_path: Path
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content, "utf-8")
    path = tmp_path if source.writes_folder else tmp_path / "in"
    with pytest.raises(InputError):
        list(source.read(path))
    assert list(source.without_annotation().read(path)) == texts
    with pytest.raises(InputError):
        list(source.read(path))


@pytest.mark.parametrize("kind", [kind for kind in BROKEN if kind not in (CoNLL, PubTator)])
def test_broken_texts_are_refused_without_annotation_too(kind: type[Format], tmp_path: Path) -> None:
    (tmp_path / "in").write_text(BROKEN[kind], "utf-8")
    with pytest.raises(InputError):
        list(kind(annotation=False).read(tmp_path / "in"))


def test_a_line_of_pubtator_without_a_tab_is_no_annotation(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("1|t|Mice\n1|a|ate\nrice.\n", "utf-8")
    with pytest.raises(InputError, match="line 3: neither PMID"):
        list(PubTator(annotation=False).read(tmp_path / "in"))


@dataclass
class Lines(Format):
    """A format of a user, which knows nothing of shares."""

    prefix: str = ""

    def read(self, path: Path) -> Iterator[Document]:
        for number, line in enumerate(path.read_text("utf-8").splitlines()):
            yield Document(str(number), (Passage(self.prefix + line),))


def test_a_format_of_ones_own_has_shares_and_one_line_for_an_error(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("a\nb\nc\n")
    assert [
        (number, document.passages[0].text) for number, document in Lines(">").read_share(tmp_path / "in", 0, 2)
    ] == [
        (0, ">a"),
        (2, ">c"),
    ]
    with pytest.raises(InputError, match=r"Lines cannot read .*none: FileNotFoundError"):
        list(documents_at(tmp_path / "none", Lines()))
    with pytest.raises(InputError, match="Lines cannot be written; choose another format, such as JsonLines"):
        Lines().write([], tmp_path / "out")


def test_every_format_of_the_folder_is_a_name_of_the_package() -> None:
    found = {name: value for name, value in vars(ner.formats).items() if isinstance(value, type)}
    kinds = {type(target).__name__: type(target) for target in FORMATS}
    assert found.items() >= kinds.items()
    assert FileFormat not in found.values()


@pytest.mark.parametrize(
    ("arguments", "right"),
    [
        (["--format", "Brat", "--format.title_line", "true"], Brat(title_line=True)),
        (["--format", "ner.formats.Brat", "--format.labels", "[a b]"], Brat(labels=("a b",))),
        (["--format", "ner.formats.brat.Brat"], Brat()),
        (["--format", "CoNLL", "--format.tag_column", "null"], CoNLL(tag_column=None)),
        (["--format", "PubTator", "--format.on_bad_span", "skip"], PubTator(on_bad_span="skip")),
        (["--format", '{"class_path": "BioCXML", "init_args": {"offsets": "bytes"}}'], BioCXML(offsets="bytes")),
    ],
)
def test_options_are_arguments_of_the_command_line(arguments: list[str], right: Format) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--format", type=Format)
    assert parser.instantiate_classes(parser.parse_args(arguments)).format == right


@pytest.mark.parametrize("target", [PubTator(), BioCJSON(), BioCXML()], ids=lambda target: type(target).__name__)
def test_an_identifier_that_comes_twice_in_a_folder_is_refused_or_left_out(target: FileFormat, tmp_path: Path) -> None:
    for number in range(2):
        target.write(documents(2), tmp_path / f"{number}{target.suffixes[0]}")
    with pytest.raises(InputError, match=r"'0' has come before; .*set on_duplicate: skip"):
        list(target.read(tmp_path))
    lenient = replace(target, on_duplicate="skip")
    for _ in range(2):  # what one reading has come across the next one does not know
        assert [document.id for document in lenient.read(tmp_path)] == ["0", "1"]
        assert lenient.not_read.total() == 2


@pytest.mark.parametrize("target", [JsonLines(), Brat()], ids=lambda target: type(target).__name__)
def test_a_link_that_leads_nowhere_is_not_passed_over(target: FileFormat, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    target.write(documents(1), folder if target.writes_folder else folder / "a.jsonl")
    (folder / f"b{target.suffixes[0]}").symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match="a link that leads nowhere; fetch the file, or remove the link"):
        list(target.read(folder))
