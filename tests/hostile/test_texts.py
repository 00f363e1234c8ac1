"""Any text through tokenizer, alignment, windows and projection, and through a whole tagger: no offset is wrong.

``pytest -m faults`` does it with many times as many texts.
"""

from collections.abc import Iterator
from itertools import islice, pairwise, product
from pathlib import Path
from random import Random
from unicodedata import category

import numpy as np
import pytest
from tokenizers import Tokenizer

from ner import Tagger
from ner.documents import Document, Passage, Span
from ner.inference.assembly import with_entities
from ner.labels import LabelSet
from ner.preprocessing.chunking import Chunk, JointPassages, SeparatePassages
from ner.preprocessing.preprocessor import Preprocessor
from ner.preprocessing.ragged import Integers, padded
from ner.preprocessing.texts import Texts
from ner.preprocessing.tokenizer import SURROGATE, TextTokenizer
from tests.hostile.texts import texts
from tests.preprocessing.test_tokenizer import byte_level_tokenizer

Intervals = list[tuple[int, int]]

LABELS = LabelSet(["gene", "drug"])
POOL = 100
# So narrow that most texts need several windows.
WINDOW, OVERLAP = 12, 4
READINGS = list(product(["subwords", "words"], [SeparatePassages(), JointPassages()]))


def pools(count: int) -> Iterator[list[Document]]:
    """Yield documents of a title and an abstract, with as many texts in all, a pool at a time."""
    source = texts(count)
    pairs = ((Passage(title, "title"), Passage(next(source), "abstract")) for title in source)
    documents = (Document(str(number), passages) for number, passages in enumerate(pairs))
    while pool := list(islice(documents, POOL)):
        yield pool


def intervals(pairs: Integers) -> Intervals:
    return [(start, end) for start, end in pairs.tolist()]


@pytest.mark.parametrize("count", [1_000, pytest.param(100_000, marks=pytest.mark.faults)])
@pytest.mark.parametrize("kind", ["wordpiece", "byte level"])
def test_a_token_has_the_characters_that_it_is_made_of(minilm_tokenizer: str, kind: str, count: int) -> None:
    serialised = minilm_tokenizer if kind == "wordpiece" else byte_level_tokenizer()
    check = check_pieces if kind == "wordpiece" else check_bytes
    tokenizer, plain = TextTokenizer(serialised), Tokenizer.from_str(serialised)
    source = texts(count)
    while pool := [SURROGATE.sub("\ufffd", text) for text in islice(source, POOL)]:
        tokens = tokenizer.tokens(pool)
        for text, (start, end) in zip(pool, pairwise(tokens.borders), strict=True):
            names = [plain.id_to_token(number) for number in tokens.ids[start:end].tolist()]
            check(text, names, intervals(tokens.offsets[start:end]), plain)


def check_pieces(text: str, names: list[str], offsets: Intervals, tokenizer: Tokenizer) -> None:
    """Check that the characters of a piece of a word are that piece, once they are normalised."""
    for name, (start, end) in zip(names, offsets, strict=True):
        read, piece = tokenizer.normalizer.normalize_str(text[start:end]).strip(), name.removeprefix("##")
        # A syllable of Hangul may be several pieces, each with the marks behind it.
        letters = [letter for letter in text[start:end] if not category(letter).startswith("M")]
        is_right = read == piece or (len(letters) == 1 and piece in read)
        assert is_right or name == "[UNK]" or (name, start, end, len(names)) == ("[SEP]", 0, 0, 1)


def check_bytes(text: str, names: list[str], offsets: Intervals, tokenizer: Tokenizer) -> None:
    """Check that tokens have the characters of their bytes, of which a name has one a letter."""
    if not text:
        assert offsets == [(0, 0)]
        return
    characters = [place for place, character in enumerate(text) for _ in character.encode()]
    borders = [0, *np.cumsum([len(name) for name in names]).tolist()]
    assert borders[-1] == len(characters)
    for (first, beyond), (start, end) in zip(pairwise(borders), offsets, strict=True):
        covered = text[characters[first] : characters[beyond - 1] + 1]
        assert text[start:end] == covered.strip()
        assert start == end or start == characters[first] + len(covered) - len(covered.lstrip())


@pytest.mark.parametrize("count", [400, pytest.param(100_000, marks=pytest.mark.faults)])
@pytest.mark.parametrize("kind", ["wordpiece", "byte level"])
def test_spans_and_windows_of_any_text_are_right(minilm_tokenizer: str, kind: str, count: int) -> None:
    serialised = minilm_tokenizer if kind == "wordpiece" else byte_level_tokenizer()
    preprocessors = [Preprocessor(serialised, chunking, True, WINDOW, OVERLAP, units) for units, chunking in READINGS]
    random = Random(0)
    given_back = 0
    for pool in pools(count):
        for preprocessor in preprocessors:
            read = preprocessor.encode(pool)
            check_units(read)
            check_windows(read, preprocessor)
            check_any_path(read, random)
            given_back += check_round_trip(pool, read, preprocessor, random)
    assert given_back > 5 * count


def check_units(read: Texts) -> None:
    """Check that units lie in their texts, and that their starts and their ends are in order."""
    lengths = np.repeat([len(chunk.passage.text) for chunk in read.chunks], read.unit_counts)
    starts, ends = read.offsets.T
    assert ((starts >= 0) & (starts <= ends) & (ends <= lengths)).all()
    is_inside = np.diff(np.repeat(np.arange(len(read)), read.unit_counts)) == 0
    assert (np.diff(starts)[is_inside] >= 0).all()
    assert (np.diff(ends)[is_inside] >= 0).all()


def check_windows(read: Texts, preprocessor: Preprocessor) -> None:
    """Check that every unit is read from a place of a window in which its first token stands."""
    inputs = preprocessor.inputs(read)
    assert inputs.input_ids.shape[1] <= WINDOW
    rows, positions = inputs.rows[inputs.mask], inputs.positions[inputs.mask]
    heads = read.heads + np.repeat(read.token_borders[:-1], read.unit_counts)
    assert (inputs.input_ids[rows, positions] == read.ids[heads]).all()
    assert inputs.attention_mask[rows, positions].all()
    assert len(inputs.input_ids) > len(read)


def check_any_path(read: Texts, random: Random) -> None:
    """Check the entities of random tags: visible characters of their passages, in order, without overlap."""
    tags = np.array([random.randrange(len(LABELS.tags)) for _ in read.tags])
    found = read.spans(LABELS.decode(padded(tags, read.unit_counts)), LABELS)
    for chunk, spans in zip(read.chunks, found, strict=True):
        assert all(before.end <= after.start for before, after in pairwise(spans))
        for number, projected in chunk.project(spans).items():
            passage = chunk.document.passages[number]
            assert all(passage.mention(span) for span in projected)
            assert all(span.end <= len(passage.text) for span in projected)
            assert all(before.end <= after.start for before, after in pairwise(projected))
        assert all(mention == mention.strip() != "" for mention in map(chunk.passage.mention, spans))


def check_round_trip(pool: list[Document], read: Texts, preprocessor: Preprocessor, random: Random) -> int:
    """Check that spans between borders of units come back as they were, and return their number."""
    drawn: dict[str, dict[int, tuple[Span, ...]]] = {document.id: {} for document in pool}
    for chunk, (start, end) in zip(read.chunks, pairwise(read.unit_borders), strict=True):
        drawn[chunk.document.id] |= chunk.project(draw_spans(chunk, intervals(read.offsets[start:end]), random))
    tagged = preprocessor.encode([with_entities(document, drawn[document.id]) for document in pool], LABELS)
    assert not tagged.inexact.any()
    assert not tagged.nested.any()
    found = tagged.spans(LABELS.decode(padded(tagged.tags, tagged.unit_counts)), LABELS)
    for chunk, spans in zip(tagged.chunks, found, strict=True):
        assert chunk.project(spans) == {
            piece.passage: chunk.document.passages[piece.passage].spans for piece in chunk.pieces
        }
    return sum(map(len, found))


def draw_spans(chunk: Chunk, offsets: Intervals, random: Random) -> Iterator[Span]:
    """Yield spans of a chunk, in order, each in one passage, whose borders are those of units and inside of none."""
    visible = [(start, end) for start, end in offsets if start < end]
    first: int | None = None
    piece_end = 0
    for (_, before), (start, end), (after, _) in zip(
        [(0, 0), *visible], visible, [*visible[1:], (len(chunk.passage.text),) * 2], strict=False
    ):
        if start >= piece_end:
            first, piece_end = None, next(piece.end for piece in chunk.pieces if start < piece.end)
        if first is None and before <= start and random.random() < 0.5:
            first = start
        if first is not None and end <= after and end <= piece_end and random.random() < 0.5:
            yield Span(first, end, random.choice(LABELS.labels))
            first = None


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.faults)])
def test_the_entities_of_any_text_are_its_own_characters(quickstart: Path, count: int) -> None:
    tagger = Tagger.load(quickstart / "checkpoints" / "quickstart" / "seed=42", device="cpu")
    found = 0
    for text, entities in zip(texts(count), tagger.tag_texts(texts(count)), strict=True):
        found += len(entities)
        assert all(text[entity.start : entity.end] == entity.text == entity.text.strip() != "" for entity in entities)
        assert all(before.end <= after.start for before, after in pairwise(entities))
        assert {entity.label for entity in entities} <= {*tagger.labels}
        assert all(entity.score is not None and 0 <= entity.score <= 1 for entity in entities)
    assert found > count / 10
