"""CoNLL columns: every scheme against an encoder of its own, traps, round trips, and the real corpora."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ner.corpora import GutBrainIE
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats.conll import CoNLL, tokens_under
from ner.formats.pubtator import PubTator

characters = st.characters(exclude_categories=["Cs"])
tokens = st.from_regex(r"\w+|[^\w\s]", fullmatch=True, alphabet=characters)
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\r\n"), min_size=1, max_size=8)
# Tokens [start, end) of a sentence, and a label.
Entity = tuple[int, int, str]


@st.composite
def sentences(draw: st.DrawFn, labels: st.SearchStrategy[str] = names) -> tuple[list[str], list[Entity]]:
    """Tokens, and entities on them that may touch but share none."""
    found = draw(st.lists(tokens, min_size=1, max_size=8))
    cuts = sorted(draw(st.sets(st.integers(0, len(found)), min_size=2)))
    borders = list(pairwise(cuts))
    return found, [(start, end, draw(labels)) for start, end in borders if draw(st.booleans())]


def passage(found: list[str], entities: list[Entity]) -> Passage:
    starts = [len(" ".join([*found[:number], ""])) for number in range(len(found))]
    spans = [Span(starts[start], starts[end - 1] + len(found[end - 1]), label) for start, end, label in entities]
    places = tuple((start, start + len(token)) for start, token in zip(starts, found, strict=True))
    return Passage(" ".join(found), spans=tuple(spans), tokens=places)


documents = st.builds(
    Document, names, st.lists(st.builds(lambda pair: passage(*pair), sentences()), min_size=1, max_size=3).map(tuple)
)


@settings(max_examples=100)
@given(found=st.lists(documents, max_size=4, unique_by=lambda document: document.id))
def test_what_is_written_is_read_again(found: list[Document], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("conll") / "documents.conll"
    CoNLL().write(found, path)
    assert list(CoNLL().read(path)) == found
    # These tokens are those that a text without any is cut into.
    CoNLL().write(map(without_tokens, found), path)
    assert list(CoNLL().read(path)) == found


def without_tokens(document: Document) -> Document:
    return replace(document, passages=tuple(replace(part, tokens=None) for part in document.passages))


@settings(max_examples=100)
@given(
    sentences=st.lists(
        st.lists(
            st.tuples(names.filter(lambda token: token != "-DOCSTART-"), st.sampled_from("OBI")), min_size=1, max_size=8
        ),
        min_size=1,
        max_size=3,
    )
)
def test_a_file_is_written_with_its_own_lines(
    sentences: list[list[tuple[str, str]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("conll") / "in.conll"
    lines = [[f"{token}\t{tag if tag == 'O' else f'{tag}-x'}" for token, tag in sentence] for sentence in sentences]
    path.write_text("-DOCSTART- (1)\n\n" + "".join("\n".join([*part, "\n"]) for part in lines), "utf-8", newline="")
    read = list(CoNLL().read(path))
    CoNLL().write(read, path.with_name("out.conll"))
    assert list(CoNLL().read(path.with_name("out.conll"))) == read
    written = path.with_name("out.conll").read_text("utf-8").split("\n")
    before = path.read_text("utf-8").split("\n")
    assert [line.split("\t")[0] for line in written] == [line.split("\t")[0] for line in before]


def test_predictions_are_tags_of_the_tokens_with_which_they_share_a_character(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save(tmp_path, "TNF-α's\tO\n10 mg\tO\nate\tO\n.\tO\n")
    [document] = CoNLL().read(path)
    [passage] = document.passages
    # One ends within a token, two share one, and one lies between two tokens.
    spans = (Span(0, 5, "gene"), Span(8, 15, "dose"), Span(14, 17, "verb"), Span(7, 8, "blank"))
    CoNLL().write([replace(document, passages=(replace(passage, spans=spans),))], tmp_path / "out.conll")
    assert (tmp_path / "out.conll").read_text("utf-8") == (
        "-DOCSTART- (in:1)\n\nTNF-α's\tB-gene\n10 mg\tB-dose\nate\tI-dose\n.\tO\n\n"
    )
    assert "left out: 2 entities" in caplog.text


@pytest.mark.parametrize(
    ("text", "tag_column"), [("-DOCSTART-", -1), ("a\tb", -1), ("a\nb", -1), ("a b", None), ("\u00a0", None)]
)
def test_a_token_that_would_not_be_read_again_is_refused(tmp_path: Path, text: str, tag_column: int | None) -> None:
    until = None if tag_column else 0
    found = Document("1", (Passage(text, annotated_until=until, tokens=((0, len(text)),)),))
    with pytest.raises(InputError, match="document '1': CoNLL columns cannot hold the token"):
        CoNLL(tag_column=tag_column).write([found], tmp_path / "out.conll")
    assert not list(tmp_path.iterdir())


Scheme = Callable[[int, int, bool], str]


def iob2(position: int, _length: int, _touches: bool) -> str:
    return "B" if position == 0 else "I"


def iob1(position: int, _length: int, touches: bool) -> str:
    return "B" if position == 0 and touches else "I"


def four_letters(begin: str, inside: str, end: str, single: str) -> Scheme:
    def letter(position: int, length: int, _touches: bool) -> str:
        if length == 1:
            return single
        return begin if position == 0 else end if position == length - 1 else inside

    return letter


SCHEMES = {
    "IOB1": iob1,
    "IOB2": iob2,
    "IOBES": four_letters(*"BIES"),
    "BMES": four_letters(*"BMES"),
    "BILOU": four_letters(*"BILU"),
}


def tags(scheme: Scheme, length: int, entities: list[Entity]) -> list[str]:
    """An encoder of each scheme; ``touches`` says that an entity of the same label ends where this one starts."""
    encoded = ["O"] * length
    for start, end, label in entities:
        touches = any((stop, other) == (start, label) for _, stop, other in entities)
        for position in range(start, end):
            encoded[position] = f"{scheme(position - start, end - start, touches)}-{label}"
    return encoded


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("separator", ["\t", " "])
@settings(max_examples=50)
@example(found=[(["\ufeff"], [])])
@given(found=st.lists(sentences(st.sampled_from(["x", "y", "x-y"])), min_size=1, max_size=3))
def test_every_scheme_is_read_without_naming_it(
    found: list[tuple[list[str], list[Entity]]], scheme: str, separator: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("conll") / "in.conll"
    lines = [
        "\n".join(f"{token}{separator}{tag}" for token, tag in zip(words, encoded, strict=True))
        for words, entities in found
        for encoded in [tags(SCHEMES[scheme], len(words), entities)]
    ]
    text = "\n\n".join(lines)
    # At the start of a file this character is a byte order mark, and a token only after one.
    path.write_bytes(text.encode("utf-8-sig" if text.startswith("\ufeff") else "utf-8"))
    assert list(CoNLL().read(path)) == [
        Document(f"in:{number}", (passage(*pair),)) for number, pair in enumerate(found, 1)
    ]


def save(folder: Path, text: str) -> Path:
    path = folder / "in.conll"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    ("column", "spans"),
    [
        ("I-x O I-x", [(0, 1, "x"), (2, 3, "x")]),
        ("I-x I-y", [(0, 1, "x"), (1, 2, "y")]),
        ("B-x I-y I-x", [(0, 1, "x"), (1, 2, "y"), (2, 3, "x")]),
        ("B-x E-y L-y", [(0, 1, "x"), (1, 2, "y"), (2, 3, "y")]),
        ("B-x S-x I-x", [(0, 1, "x"), (1, 2, "x"), (2, 3, "x")]),
        ("E-x I-x U-x", [(0, 1, "x"), (1, 2, "x"), (2, 3, "x")]),
        ("M-x M-x B-x", [(0, 2, "x"), (2, 3, "x")]),
    ],
)
def test_broken_sequences_lose_no_entity(tmp_path: Path, column: str, spans: list[Entity]) -> None:
    letters = [f"{number} {tag}" for number, tag in enumerate(column.split())]
    [document] = CoNLL().read(save(tmp_path, "\n".join(letters)))
    assert document.passages == (passage([line[0] for line in letters], spans),)


def test_documents_begin_and_are_named_at_docstart(tmp_path: Path) -> None:
    text = (
        "Before O\n\nall O\n-DOCSTART- -X- -X- O\n\n\nMice NNS B-NP B-animal\nate VBD O O\n \n. . O O\n"
        "-DOCSTART- (1 (EU))\n-DOCSTART-\tO\n\nthe gut\tB-body part\n-DOCSTART-like\tO\n"
    )
    like = "the gut -DOCSTART-like"
    right = [
        Document("in:1", (passage(["Before"], []),)),
        Document("in:2", (passage(["all"], []),)),
        Document("in:3", (passage(["Mice", "ate"], [(0, 1, "animal")]), passage(["."], []))),
        Document("1 (EU)", (passage([], []),)),
        Document("in:5", (Passage(like, spans=(Span(0, 7, "body part"),), tokens=((0, 7), (8, 22))),)),
    ]
    assert list(CoNLL().read(save(tmp_path, text))) == right
    assert list(CoNLL().read(save(tmp_path, "\ufeff" + text.replace("\n", "\r\n")))) == right
    assert list(CoNLL().read(tmp_path)) == right


def test_only_blanks_and_tabs_part_columns(tmp_path: Path) -> None:
    text = "10\u00a0mg  B-x  \na\u2028b\t \tI-y\u00a0z\n"
    [document] = CoNLL().read(save(tmp_path, text))
    assert document.passages == (passage(["10\u00a0mg", "a\u2028b"], [(0, 1, "x"), (1, 2, "y\u00a0z")]),)


def test_columns_can_be_chosen_and_tags_be_none(tmp_path: Path) -> None:
    path = save(tmp_path, "1\tMice\tB-x\tNNS\n2\tate\tO\tVBD\n")
    [document] = CoNLL(token_column=1, tag_column=2).read(path)
    assert document.passages == (passage(["Mice", "ate"], [(0, 1, "x")]),)
    [document] = CoNLL(token_column=-3, tag_column=None).read(path)
    assert document.passages == (replace(passage(["Mice", "ate"], []), annotated_until=0),)
    path = save(tmp_path, "Mice\nate\n\n-DOCSTART- (empty)\n")
    assert list(CoNLL(tag_column=None).read(path)) == [
        Document("in:1", (replace(passage(["Mice", "ate"], []), annotated_until=0),)),
        Document("empty", (Passage("", annotated_until=0, tokens=()),)),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a O\nb\n", "line 2: 1 columns, .*; set the format's token_column and the format's tag_column, null"),
        ("a O\n\nb B\n", "line 3: the tag 'B' is neither"),
        ("a I\n", "line 1: the tag 'I' is neither"),
        ("a B-\n", "line 1: the tag 'B-' is neither"),
        ("a\t\n", "line 1: the tag '' is neither"),
        ("a O-x\n", "line 1: the tag 'O-x' is neither"),
        ("a b-x\n", "line 1: the tag 'b-x' is neither"),
        ("a animal\n", "line 1: the tag 'animal' is neither"),
        ("a O\n\tO\n", "line 2: the token is empty; remove"),
        (
            "-DOCSTART- (a)\n\n-DOCSTART- (b)\n-DOCSTART- (a)\n",
            "line 4: 'a' has come before; keep",
        ),
    ],
)
def test_what_is_not_conll_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=rf"in\.conll, {message}") as caught:
        list(CoNLL().read(save(tmp_path, text)))
    assert "\n" not in str(caught.value)


def test_columns_that_a_line_does_not_have_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path, "a b O\n")
    for tokens_in, tags_in in ((3, -1), (-4, -1), (0, 3), (2, -1)):
        with pytest.raises(InputError, match="line 1: 3 columns"):
            list(CoNLL(token_column=tokens_in, tag_column=tags_in).read(path))


def test_tokens_are_cut_at_the_borders_of_entities(tmp_path: Path) -> None:
    text = "Anti-TNFα, 3.5\u00a0mg -DOCSTART-"
    spans = (Span(5, 8, "gene"), Span(8, 13, "part of"), Span(16, 18, "unit"))
    CoNLL().write([Document("1", (Passage(text, "title", spans), Passage("  ")))], tmp_path / "out.conll")
    assert (tmp_path / "out.conll").read_text() == (
        "-DOCSTART- (1)\n\nAnti\tO\n-\tO\nTNF\tB-gene\nα\tB-part of\n,\tI-part of\n3\tI-part of\n.\tI-part of\n5\tO\n"
        "m\tO\ng\tB-unit\n-\tO\nDOCSTART\tO\n-\tO\n\n\n"
    )


def test_of_nested_and_overlapping_entities_the_longest_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spans = (Span(0, 4, "a"), Span(0, 8, "b"), Span(5, 12, "c"), Span(9, 12, "d"), Span(9, 12, "e"), Span(4, 5, "f"))
    passages = (Passage("Mice ate rice", spans=spans), Passage("x y z", spans=(Span(0, 3, "b"), Span(2, 5, "a"))))
    CoNLL().write([Document("1", passages)], tmp_path / "out.conll")
    [document] = CoNLL().read(tmp_path / "out.conll")
    assert [[span.label for span in found.spans] for found in document.passages] == [["b", "d"], ["b"]]
    assert [record.message for record in caplog.records] == [
        f"{tmp_path / 'out.conll'}: left out: 5 entities that share tokens with others, or have none"
    ]


def test_tags_do_not_say_of_unannotated_texts_that_they_have_no_entities(tmp_path: Path) -> None:
    bare = Document("1", (Passage("Mice ate.", spans=(Span(0, 2, "\n"),), annotated_until=0),))
    with pytest.raises(InputError, match=r"document '1': not annotated, .*, or set the format's tag_column"):
        CoNLL().write([bare], tmp_path / "out.conll")
    assert not (tmp_path / "out.conll").exists()
    CoNLL(tag_column=None).write([bare], tmp_path / "out.conll")
    assert (tmp_path / "out.conll").read_text() == "-DOCSTART- (1)\n\nMice\nate\n.\n\n"
    [document] = CoNLL(tag_column=None).read(tmp_path / "out.conll")
    assert document == Document("1", (replace(passage(["Mice", "ate", "."], []), annotated_until=0),))


def test_predictions_have_tags_where_the_input_has_none(tmp_path: Path) -> None:
    tagged = Document("1", (passage(["Mice", "ate"], [(0, 1, "x")]),))
    CoNLL(tag_column=None).write([tagged], tmp_path / "out.conll")
    assert list(CoNLL().read(tmp_path / "out.conll")) == [tagged]


@pytest.mark.parametrize(
    "found",
    [
        [Document("", (Passage("a"),))],
        [Document("a\nb", (Passage("a"),))],
        [Document("1", (Passage("a", spans=(Span(0, 1, "x\ty"),)),))],
        [Document("1", (Passage("a", spans=(Span(0, 1, ""),)),))],
        [Document("1", (Passage("a"),)), Document("1", (Passage("b"),))],
    ],
)
def test_names_that_would_not_be_read_again_are_refused(tmp_path: Path, found: list[Document]) -> None:
    with pytest.raises(InputError, match=r"^document '.*(give|rename)"):
        CoNLL().write(found, tmp_path / "out.conll")
    assert not list(tmp_path.iterdir())


def mentions(document: Document) -> Counter[tuple[str, str]]:
    """Labels and characters of a document's entities that share no character with a longer one."""
    found: Counter[tuple[str, str]] = Counter()
    for part in document.passages:
        taken: set[int] = set()
        for span in sorted(part.spans, key=lambda span: (-len(span), span)):
            if taken.isdisjoint(range(span.start, span.end)):
                taken.update(range(span.start, span.end))
                found[span.label, "".join(part.mention(span).split())] += 1
    return found


def assert_mentions_survive(found: list[Document], path: Path) -> None:
    CoNLL().write(found, path)
    again = list(CoNLL().read(path))
    assert [document.id for document in again] == [document.id for document in found]
    assert [mentions(document) for document in again] == [mentions(document) for document in found]
    assert ["".join(squeezed(document)) for document in again] == ["".join(squeezed(document)) for document in found]


def squeezed(document: Document) -> Iterator[str]:
    for part in document.passages:
        yield from part.text.split()


def test_the_dev_set_of_gutbrainie_survives(gutbrainie: GutBrainIE, tmp_path: Path) -> None:
    assert_mentions_survive(list(gutbrainie.read("dev")), tmp_path / "dev.conll")


@pytest.mark.parametrize("split", ["Training", "Development", "Test"])
def test_bc5cdr_survives(tmp_path: Path, split: str) -> None:
    root = os.environ.get("BC5CDR_ROOT")
    if not root:
        pytest.skip("BC5CDR_ROOT names no folder of BC5CDR")
    found = list(PubTator().read(Path(root) / f"CDR_{split}Set.PubTator.txt"))
    assert_mentions_survive(found, tmp_path / "out.conll")


cells = st.lists(st.sampled_from(["a", "O", "x-y", "é"]), min_size=1, max_size=3)
rows = st.lists(st.tuples(cells, st.sampled_from("\t ")), min_size=1)


@settings(max_examples=300)
@given(rows, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.sampled_from([0, 1, -1]))
@example([(["a", "O"], "\t"), (["a"], "\t"), (["a", "O", "O"], "\t")], "\n", True, 1)
def test_columns_are_those_of_each_line(
    lines: list[tuple[list[str], str]], end: str, is_ended: bool, column: int
) -> None:
    text = end.join(separator.join(row) for row, separator in lines) + end * is_ended
    source = CoNLL(token_column=column, tag_column=None)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "in"
        path.write_text(text, encoding="utf-8", newline="")
        short = [number for number, (row, _) in enumerate(lines, 1) if not -len(row) <= column < len(row)]
        if short:
            with pytest.raises(InputError, match=f"line {short[0]}: "):
                list(source.read(path))
        else:
            [document] = source.read(path)
            [sentence] = document.passages
            read = [sentence.text[start:stop] for start, stop in sentence.tokens or ()]
            assert read == [row[column] for row, _ in lines]


@given(spans=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=5), text=st.text("ab ", max_size=30))
def test_the_tokens_of_a_span_are_those_with_which_it_shares_a_character(
    spans: list[tuple[int, int]], text: str
) -> None:
    tokens = [match.span() for match in re.finditer(r"a+|b", text)]
    for start, length in spans:
        expected = [place for place, token in enumerate(tokens) if token[0] < start + length and start < token[1]]
        assert list(tokens_under(Span(start, start + length, "x"), tokens)) == expected
