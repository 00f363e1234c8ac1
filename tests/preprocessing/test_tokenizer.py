import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from ner.corpora import GutBrainIE
from ner.documents import Span
from ner.labels import LabelSet
from ner.preprocessing.tokenizer import TextEncoder, Tokens

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
def any_encoder(request: pytest.FixtureRequest, minilm_tokenizer: str) -> TextEncoder:
    return TextEncoder(minilm_tokenizer if request.param == "wordpiece" else byte_level_tokenizer())


@given(text=TEXTS)
def test_offsets_are_in_the_text_and_in_order(any_encoder: TextEncoder, text: str) -> None:
    [tokens] = any_encoder.encode([text])
    assert len(tokens) >= 1
    assert all(0 <= start <= end <= len(text) for start, end in tokens.offsets)
    assert list(tokens.offsets) == sorted(tokens.offsets)
    assert not any(text[start:end] != text[start:end].strip() for start, end in tokens.offsets)


@given(text=TEXTS, choice=st.data())
def test_spans_on_token_borders_survive(any_encoder: TextEncoder, text: str, choice: st.DataObject) -> None:
    [tokens] = any_encoder.encode([text])
    borders = sorted({start for start, end in tokens.offsets if start < end})
    ends = sorted({end for start, end in tokens.offsets if start < end})
    if not borders:
        return
    start = choice.draw(st.sampled_from(borders))
    span = Span(start, choice.draw(st.sampled_from([end for end in ends if end > start])), "gene")
    aligned, inexact = tokens.align([span])
    assert inexact == []
    assert tokens.characters(aligned) == (span,)


@given(text=TEXTS, choice=st.data())
def test_any_span_is_aligned_or_reported(any_encoder: TextEncoder, text: str, choice: st.DataObject) -> None:
    if not text:
        return
    start = choice.draw(st.integers(0, len(text) - 1))
    span = Span(start, choice.draw(st.integers(start + 1, len(text))), "gene")
    [tokens] = any_encoder.encode([text])
    aligned, inexact = tokens.align([span])
    assert (tokens.characters(aligned) == (span,)) == (inexact == [])


@given(text=TEXTS, choice=st.data())
def test_decoded_entities_never_overlap(any_encoder: TextEncoder, text: str, choice: st.DataObject) -> None:
    labels = LabelSet(["gene", "drug"])
    [tokens] = any_encoder.encode([text])
    tags = choice.draw(st.lists(st.integers(0, 4), min_size=len(tokens), max_size=len(tokens)))
    spans = tokens.characters(labels.decode(tags))
    assert all(before.end <= behind.start for before, behind in itertools.pairwise(spans))
    assert all(span.end <= len(text) for span in spans)


def test_a_tokenizer_that_truncates_and_pads_does_so_no_more(minilm_tokenizer: str) -> None:
    tokenizer = Tokenizer.from_str(minilm_tokenizer)
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=16)
    short, long = TextEncoder(str(tokenizer.to_str())).encode(["gut", "gut " * 1000])
    assert (len(short), len(long)) == (1, 1000)


def test_the_input_is_framed_and_marked(text_encoder: TextEncoder) -> None:
    vocabulary = Tokenizer.from_str(text_encoder.serialised).get_vocab()
    [tokens] = text_encoder.encode(["gut"])
    title, abstract, neither = (text_encoder.input_ids(tokens.ids, section) for section in ("title", "abstract", ""))
    assert (title[0], title[-1], len(title)) == (vocabulary["[CLS]"], vocabulary["[SEP]"], 1 + text_encoder.overhead)
    assert title[text_encoder.start] == vocabulary["gut"]
    assert title[1] == len(vocabulary)
    assert title != abstract == neither
    assert text_encoder.vocabulary_size == len(vocabulary) + 2


def test_without_markers_nothing_is_added(minilm_tokenizer: str) -> None:
    encoder = TextEncoder(minilm_tokenizer, markers=False)
    [tokens] = encoder.encode(["gut"])
    assert encoder.input_ids(tokens.ids, "title") == encoder.input_ids(tokens.ids, "abstract")
    assert (encoder.overhead, encoder.start) == (2, 1)


def test_the_frame_of_another_model_is_its_own() -> None:
    encoder = TextEncoder(byte_level_tokenizer(), markers=False)
    assert encoder.input_ids([7], "") == [0, 7, 1]
    assert encoder.padding_id == 2


@pytest.mark.parametrize("quoted", ["[SEP]", "[TITLE]", "[MASK]"])
def test_a_quoted_special_token_is_text(text_encoder: TextEncoder, quoted: str) -> None:
    [tokens] = text_encoder.encode([f"gut {quoted} brain"])
    special = {json_token["id"] for json_token in json.loads(text_encoder.serialised)["added_tokens"]}
    assert not special & set(tokens.ids)
    assert [text for start, end in tokens.offsets if (text := f"gut {quoted} brain"[start:end])][-1] == "brain"


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\x00"])
def test_a_text_without_tokens_yields_no_entity(text_encoder: TextEncoder, text: str) -> None:
    [tokens] = text_encoder.encode([text])
    assert len(tokens) == 1
    assert tokens.characters([Span(0, 1, "gene")]) == ()


def test_two_entities_inside_one_character_do_not_overlap() -> None:
    tokens = Tokens((1, 2), ((0, 1), (0, 1)))
    assert tokens.characters([Span(0, 1, "gene"), Span(1, 2, "drug")]) == (Span(0, 1, "gene"),)


@pytest.mark.parametrize(
    ("tier", "exact", "total"),
    [("platinum", 3638, 3638), ("gold", 5192, 5192), ("silver", 15274, 15275), ("bronze", 21357, 21357)],
)
def test_the_ceiling_of_the_real_corpus(
    gutbrainie: GutBrainIE, text_encoder: TextEncoder, tier: str, exact: int, total: int
) -> None:
    corpus = GutBrainIE(gutbrainie.root, [tier])
    assert _given_back(corpus, "train", text_encoder) == (exact, total)


def test_the_ceiling_of_the_real_dev_set(gutbrainie: GutBrainIE, text_encoder: TextEncoder) -> None:
    assert _given_back(gutbrainie, "dev", text_encoder) == (1117, 1117)


def _given_back(corpus: GutBrainIE, split: str, encoder: TextEncoder) -> tuple[int, int]:
    labels = LabelSet(corpus.labels)
    exact = total = 0
    passages = [passage for document in corpus.read(split) for passage in document.passages]  # type: ignore[arg-type]
    for passage, tokens in zip(passages, encoder.encode([passage.text for passage in passages]), strict=True):
        tags, _ = labels.encode(tokens.align(passage.spans)[0], len(tokens))
        exact += len(set(tokens.characters(labels.decode(tags))) & set(passage.spans))
        total += len(passage.spans)
    return exact, total
