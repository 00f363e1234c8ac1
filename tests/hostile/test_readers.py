"""Every reader on what is no file of its format: an `InputError` or documents, and nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ner.corpora.sample import FOLDER
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats.base import Format
from ner.formats.bioc import BioCJSON, BioCXML
from ner.formats.brat import Brat
from ner.formats.conll import CoNLL
from ner.formats.doccano import Doccano
from ner.formats.gutbrainie import GutBrainIE
from ner.formats.jsonl import JsonLines
from ner.formats.label_studio import LabelStudio
from ner.formats.parquet import Parquet
from ner.formats.plain_text import PlainText
from ner.formats.prodigy import Prodigy
from ner.formats.pubmed_xml import PubMedXML
from ner.formats.pubtator import PubTator
from tests.formats.pubmed_files import article, write_set

WRITTEN: list[Callable[..., Format]] = [
    BioCJSON,
    BioCXML,
    Brat,
    CoNLL,
    Doccano,
    GutBrainIE,
    JsonLines,
    LabelStudio,
    Parquet,
    PlainText,
    Prodigy,
    PubTator,
]
FORMATS = [*WRITTEN, PubMedXML]
every_format = pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.__name__)
skipping = st.sampled_from(["error", "skip"])
# What files of these formats are made of, beside any bytes.
PIECES = [
    b"\n",
    b"\r",
    b"\t",
    b" ",
    b"\0",
    b"\xff",
    b"\xf0\x9f\xa7\xac",
    b"-1",
    b"0",
    b"9" * 20,
    b"1e999",
    b"NaN",
    b"null",
]
PIECES += [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\ud800",
    b"<",
    b"&",
    b"/>",
    b"|t|",
    b"|a|",
    b"T1\tx 0 4;9 12\t",
    b"N1\tReference ",
]
PIECES += [b"-DOCSTART-", b"###MEDLINE:", b"B-", b"I-x", b"O"]
PIECES += [b"<PubmedArticleSet>", b"<PubmedArticle>", b"</PubmedArticle>", b"PAR1"]
pieces = st.sampled_from(PIECES)


def read(target: Format, path: Path) -> list[Document] | InputError:
    try:
        return list(target.read(path))
    except InputError as error:
        return error


def check(target: Format, path: Path) -> None:
    """Read a path to its end; every text can be written, and an error is one line that names the path."""
    found = read(target, path)
    texts = [str(found)] if isinstance(found, InputError) else [part.text for doc in found for part in doc.passages]
    for text in texts:
        text.encode()
    if isinstance(found, InputError):
        assert str(path.parent) in str(found)
        assert "\n" not in str(found)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("readers")


def check_content(target: Format, folder: Path, content: bytes, text: bytes) -> None:
    """Check a file of some content; in a format of two files it is the second, beside a text."""
    (folder / "in.txt").write_bytes(text if target.writes_folder else content)
    (folder / "in.ann").write_bytes(content)
    check(target, folder / "in.txt")


@every_format
@settings(max_examples=150)
@given(content=st.lists(st.one_of(pieces, st.binary(max_size=8)), max_size=40).map(b"".join), skip=skipping)
@example(content=b"", skip="error")
@example(content=b"\xef\xbb\xbf", skip="error")
@example(content=b"[" * 100_000, skip="error")
@example(content=b"<collection>" * 100_000, skip="error")
@example(content=b"1|t|a\n1|a|\n" + b"1\t0\t1\ta\tx\t|\t\t\t\n", skip="error")
def test_random_bytes_are_documents_or_one_line(
    kind: Callable[..., Format], folder: Path, content: bytes, skip: str
) -> None:
    check_content(kind(on_bad_span=skip, on_duplicate=skip), folder, content, content)


@pytest.fixture(scope="module")
def real(folder: Path) -> dict[str, bytes]:
    return real_files(folder)


def real_files(folder: Path) -> dict[str, bytes]:
    """Return the sample corpus with identifiers and scores, as a file of each format, by its name."""
    documents = []
    for document in list(GutBrainIE().read(FOLDER / "dev.json"))[:3]:
        parts = [
            Passage(
                part.text, part.section, tuple(Span(s.start, s.end, s.label, 0.5, ("D1", "a:b")) for s in part.spans)
            )
            for part in document.passages
        ]
        documents.append(Document(document.id, tuple(parts)))
    found = {"PubMedXML": write_set(folder / "whole.xml", map(article, range(3))).read_bytes()}
    for kind in WRITTEN:
        target = kind()
        path = folder / f"whole-{type(target).__name__}"
        target.write(documents, path)
        file = next(path.glob("*.ann")) if target.writes_folder else path
        found[type(target).__name__] = file.read_bytes()
        if target.writes_folder:
            found["text"] = file.with_suffix(".txt").read_bytes()
    return found


@every_format
@settings(max_examples=150)
@given(data=st.data())
def test_mutated_files_are_documents_or_one_line(
    kind: Callable[..., Format], folder: Path, real: dict[str, bytes], data: st.DataObject
) -> None:
    skip = data.draw(skipping)
    target = kind(on_bad_span=skip, on_duplicate=skip)
    content = real[type(target).__name__]
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = start + data.draw(st.integers(0, 12))
        content = content[:start] + data.draw(st.one_of(pieces, st.binary(max_size=4))) + content[end:]
    check_content(target, folder, content, real["text"])
