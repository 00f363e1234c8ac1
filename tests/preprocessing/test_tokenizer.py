import json
import pickle
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from ner.documents import Document, Passage
from ner.errors import InputError
from ner.preprocessing.preprocessor import Preprocessor
from ner.preprocessing.tokenizer import TextTokenizer

# Letters of several scripts, spaces of several widths, combining and astral characters, controls.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.text(
    "aBdN-αβ é\u0301\u00a0\u2009\u200b𝛼👩🏽‍🔬 <i>/.()[SEP]\n\t\x00", max_size=60
)


def byte_level_tokenizer() -> str:
    """A byte-level BPE in the manner of RoBERTa, whose tokens may share characters."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<s>", "</s>", "<pad>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(["the gut brain axis of mice and men"], trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0), trim_offsets=False)
    tokenizer.enable_padding(pad_id=2, pad_token="<pad>")
    return str(tokenizer.to_str())


@pytest.fixture(scope="module", params=["wordpiece", "byte level"])
def any_tokenizer(request: pytest.FixtureRequest, minilm_tokenizer: str) -> TextTokenizer:
    return TextTokenizer(minilm_tokenizer if request.param == "wordpiece" else byte_level_tokenizer())


def test_a_tokenizer_that_makes_texts_longer_without_end_is_refused(minilm_tokenizer: str) -> None:
    tokenizer = Tokenizer.from_str(minilm_tokenizer)
    harmless = [normalizers.Replace(" ", "\u2581"), normalizers.Replace(Regex(" {2,}"), " "), normalizers.NFKD()]
    growing = [normalizers.Replace("a", "aa"), normalizers.ByteLevel()]
    for many, is_read in ((harmless, True), *((30 * [part], False) for part in growing)):
        tokenizer.normalizer = normalizers.Sequence(many)
        reader = TextTokenizer(str(tokenizer.to_str()))
        if is_read:
            assert len(reader.tokens(["a"]).ids)
        else:
            with pytest.raises(InputError, match="it makes a text more than 16384 times as long"):
                reader.tokens(["a"])


def test_words_need_a_tokenizer_or_a_corpus_that_has_some(minilm_tokenizer: str) -> None:
    tokenizer = Tokenizer.from_str(minilm_tokenizer)
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    reader = Preprocessor(str(tokenizer.to_str()), units="words")
    with pytest.raises(InputError, match=r"data\.units is words, but neither corpus nor tokenizer divides"):
        reader.encode([Document("1", (Passage("mice ate"),))])
    own = reader.encode([Document("1", (Passage("mice ate", tokens=((0, 4), (5, 8))),))])
    assert len(own) == 1


@given(text=TEXTS)
def test_offsets_are_in_the_text_and_in_order(any_tokenizer: TextTokenizer, text: str) -> None:
    offsets = [tuple(pair) for pair in any_tokenizer.tokens([text]).offsets.tolist()]
    assert len(offsets) >= 1
    assert all(0 <= start <= end <= len(text) for start, end in offsets)
    assert offsets == sorted(offsets)
    assert not any(text[start:end] != text[start:end].strip() for start, end in offsets)


@pytest.mark.parametrize(
    ("texts", "offsets"),
    [
        (["cafe\u0301 x\u0302\u0304 ok"], [(0, 5), (6, 9), (10, 12)]),
        (["❤\ufe0f heart"], [(0, 2), (3, 8)]),
        (["cafe", "\u0301x"], [(0, 4), (1, 2)]),
        (["x\u0302\u0304 ok", "\ud55c"], [(0, 3), (4, 6), (0, 1), (0, 1), (0, 1)]),
        (["mice\u200b ate"], [(0, 4), (6, 9)]),
    ],
)
def test_a_dropped_mark_belongs_to_the_letter_before(
    minilm_tokenizer: str, texts: list[str], offsets: list[tuple[int, int]]
) -> None:
    assert [tuple(pair) for pair in TextTokenizer(minilm_tokenizer).tokens(texts).offsets.tolist()] == offsets


@given(texts=st.lists(TEXTS, min_size=1, max_size=5))
def test_a_pool_has_the_tokens_of_each_text(any_tokenizer: TextTokenizer, texts: list[str]) -> None:
    pool = any_tokenizer.tokens(texts)
    for number, text in enumerate(texts):
        alone, own = any_tokenizer.tokens([text]), slice(pool.borders[number], pool.borders[number + 1])
        assert pool.ids[own].tolist() == alone.ids.tolist()
        assert pool.offsets[own].tolist() == alone.offsets.tolist()
        assert pool.starts_word[own].tolist() == alone.starts_word.tolist()


def test_words_are_those_of_the_pre_tokenization(minilm_tokenizer: str) -> None:
    text = "Firmicutes/Bacteroidetes-ratio of mice"
    tokens = TextTokenizer(minilm_tokenizer).tokens([text])
    starts = tokens.offsets[tokens.starts_word, 0].tolist()
    assert [text[start:].split(maxsplit=1)[0][:3] for start in starts] == [
        "Fir",
        "/Ba",
        "Bac",
        "-ra",
        "rat",
        "of",
        "mic",
    ]


def test_a_tokenizer_that_truncates_and_pads_does_so_no_more(minilm_tokenizer: str) -> None:
    tokenizer = Tokenizer.from_str(minilm_tokenizer)
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=16)
    assert TextTokenizer(str(tokenizer.to_str())).tokens(["gut", "gut " * 1000]).borders.tolist() == [0, 1, 1001]


def test_a_text_is_framed_and_marked(text_tokenizer: TextTokenizer) -> None:
    vocabulary = Tokenizer.from_str(text_tokenizer.serialised).get_vocab()
    title, abstract, neither = text_tokenizer.before(["title", "abstract", ""]).tolist()
    assert (title[0], text_tokenizer.after) == (vocabulary["[CLS]"], [vocabulary["[SEP]"]])
    assert len(title) == text_tokenizer.start == text_tokenizer.overhead - 1 == 2
    assert title[1] == len(vocabulary)
    assert title != abstract == neither
    assert text_tokenizer.vocabulary_size == len(vocabulary) + 2


def test_without_markers_nothing_is_added(minilm_tokenizer: str) -> None:
    tokenizer = TextTokenizer(minilm_tokenizer, markers=False)
    title, abstract = tokenizer.before(["title", "abstract"]).tolist()
    assert title == abstract
    assert (tokenizer.overhead, tokenizer.start) == (2, 1)


def test_the_frame_of_another_model_is_its_own() -> None:
    tokenizer = TextTokenizer(byte_level_tokenizer(), markers=False)
    assert (tokenizer.before([""]).tolist(), tokenizer.after, tokenizer.padding_id) == ([[0]], [1], 2)


@pytest.mark.parametrize("quoted", ["[SEP]", "[TITLE]", "[MASK]"])
def test_a_quoted_special_token_is_text(text_tokenizer: TextTokenizer, quoted: str) -> None:
    text = f"gut {quoted} brain"
    tokens = text_tokenizer.tokens([text])
    special = {json_token["id"] for json_token in json.loads(text_tokenizer.serialised)["added_tokens"]}
    assert not special & set(tokens.ids.tolist())
    start, end = tokens.offsets[-1]
    assert text[start:end] == "brain"
    for copied in (pickle.loads(pickle.dumps(text_tokenizer)), deepcopy(text_tokenizer)):
        assert copied.tokens([text]).ids.tolist() == tokens.ids.tolist()


def test_half_a_surrogate_pair_takes_one_character(text_tokenizer: TextTokenizer) -> None:
    assert text_tokenizer.tokens(["a\ud800 gut"]).offsets[-1].tolist() == [3, 6]


@pytest.mark.parametrize("text", ["{", "{}", '{"model": {}}', '{"version": 1}'])
def test_a_damaged_tokenizer_is_named(text: str) -> None:
    with pytest.raises(InputError, match="the tokenizer's JSON is damaged"):
        TextTokenizer(text).tokens(["gut"])


def test_a_tokenizer_is_parsed_once(minilm_tokenizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Preprocessor(minilm_tokenizer)
    monkeypatch.setattr("ner.preprocessing.tokenizer.Tokenizer", None)
    assert Preprocessor(minilm_tokenizer).text_tokenizer.padding_id == first.text_tokenizer.padding_id == 0
