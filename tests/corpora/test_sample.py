"""The toy corpus: what each of its splits has to contain, and the tokenizer that comes with it."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest
from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerFast

from ner.corpora.base import Split
from ner.corpora.gutbrainie.corpus import GutBrainIE
from ner.corpora.sample import FOLDER, Sample
from ner.documents import Document, Passage, Span

ENCODER = FOLDER / "encoder"
SPLITS: tuple[Split, ...] = ("train", "dev", "test")
ENCODER_TOKENS = 128


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    loaded = AutoTokenizer.from_pretrained(str(ENCODER), local_files_only=True)
    assert isinstance(loaded, PreTrainedTokenizerFast)
    return loaded


def passages(*splits: Split) -> list[Passage]:
    return [passage for split in splits for document in Sample().read(split) for passage in document.passages]


def neighbours(passage: Passage) -> Iterator[tuple[Span, str, Span]]:
    """Entities that follow each other, with the text between them; nested ones have none."""
    for first, second in pairwise(sorted(passage.spans)):
        if first.end <= second.start:
            yield first, passage.text[first.end : second.start], second


def has_pair(passage: Passage, between: str, is_same_label: bool) -> bool:
    return any(
        text == between and (first.label == second.label) is is_same_label
        for first, text, second in neighbours(passage)
    )


def has_mention(passage: Passage, pattern: str) -> bool:
    return any(re.fullmatch(pattern, passage.mention(span)) for span in passage.spans)


def has_entity_behind(passage: Passage, pattern: str) -> bool:
    match = re.search(pattern, passage.text)
    return match is not None and any(span.start >= match.end() for span in passage.spans)


def has_tags_around(passage: Passage) -> bool:
    return any(
        re.search(r"<(\w+)>$", passage.text[: span.start]) and re.match(r"</\w+>", passage.text[span.end :])
        for span in passage.spans
    )


def has_nested_pair(passage: Passage) -> bool:
    return any(first.end > second.start for first, second in pairwise(sorted(passage.spans)))


def has_repeated_mention(passage: Passage) -> bool:
    mentions = Counter((passage.mention(span), span.label) for span in passage.spans)
    return any(count > 1 for count in mentions.values())


SHAPES: dict[str, Callable[[Passage], bool]] = {
    "different labels, nothing between": lambda passage: has_pair(passage, "", False),
    "different labels, a space between": lambda passage: has_pair(passage, " ", False),
    "same label, a space between": lambda passage: has_pair(passage, " ", True),
    "HTML tags inside a span": lambda passage: has_mention(passage, r"<i>[^<]+</i> .+"),
    "HTML tags around a span": has_tags_around,
    "a superscript in a span": lambda passage: has_mention(passage, "<sup>.*</sup>.*"),
    "an HTML entity before a span": lambda passage: has_entity_behind(passage, "&lt;"),
    "Greek letters in a span": lambda passage: has_mention(passage, ".*[α-ω].*"),
    "a no-break space before a span": lambda passage: has_entity_behind(passage, "\u00a0"),
    "a thin space before a span": lambda passage: has_entity_behind(passage, "\u2009"),
    "an astral character before a span": lambda passage: has_entity_behind(passage, "[\U00010000-\U0010ffff]"),
    "one character": lambda passage: has_mention(passage, "."),
    "at the start of the text": lambda passage: any(span.start == 0 for span in passage.spans),
    "at the end of the text": lambda passage: any(span.end == len(passage.text) for span in passage.spans),
    "one inside another": has_nested_pair,
    "the same surface twice": has_repeated_mention,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_that_is_easy_to_get_wrong_is_in_train_or_dev(shape: str) -> None:
    assert any(SHAPES[shape](passage) for passage in passages("train", "dev"))


def test_its_labels_are_those_of_gutbrainie() -> None:
    assert Sample().labels == GutBrainIE.labels


@pytest.mark.parametrize("split", ["train", "dev"])
def test_every_label_is_annotated_in_train_and_in_dev(split: Split) -> None:
    assert {span.label for passage in passages(split) for span in passage.spans} == set(Sample().labels)


def test_the_documents_are_few_and_every_identifier_is_unique() -> None:
    documents = {split: list(Sample().read(split)) for split in SPLITS}
    assert {split: len(found) for split, found in documents.items()} == {"train": 48, "dev": 12, "test": 8}
    assert len({document.id for found in documents.values() for document in found}) == 68


@pytest.mark.parametrize("split", SPLITS)
def test_only_test_is_without_annotation(split: Split) -> None:
    assert all(document.is_annotated is (split != "test") for document in Sample().read(split))


@pytest.mark.parametrize("split", ["train", "dev"])
def test_a_document_without_any_entity_is_in_train_and_in_dev(split: Split) -> None:
    assert any(not any(passage.spans for passage in document.passages) for document in Sample().read(split))


@pytest.mark.parametrize("split", SPLITS)
def test_a_title_with_an_empty_abstract_is_in_every_split(split: Split) -> None:
    def has_title_only(document: Document) -> bool:
        title, abstract = document.passages
        return bool(title.text) and not abstract.text

    assert any(has_title_only(document) for document in Sample().read(split))


@pytest.mark.parametrize("split", SPLITS)
def test_an_abstract_beyond_the_limit_of_the_encoder_is_in_every_split(
    split: Split, tokenizer: PreTrainedTokenizerFast
) -> None:
    assert any(len(tokenizer.tokenize(passage.text)) > ENCODER_TOKENS for passage in passages(split))


@pytest.mark.parametrize("split", ["train", "dev"])
def test_the_last_sentence_of_a_long_abstract_holds_an_entity(split: Split, tokenizer: PreTrainedTokenizerFast) -> None:
    long = [passage for passage in passages(split) if len(tokenizer.tokenize(passage.text)) > ENCODER_TOKENS]
    assert all(any(span.start > passage.text.rindex(". ") for span in passage.spans) for passage in long)


@pytest.mark.parametrize("split", ["train", "dev"])
def test_every_text_span_of_the_files_is_the_slice_with_an_inclusive_end(split: Split) -> None:
    for record in json.loads((FOLDER / f"{split}.json").read_text(encoding="utf-8")).values():
        for entity in record["entities"]:
            text = record["metadata"][entity["location"]]
            assert text[entity["start_idx"] : entity["end_idx"] + 1] == entity["text_span"]


def test_the_words_of_dev_are_mostly_known_from_train() -> None:
    known = {passage.mention(span).lower() for passage in passages("train") for span in passage.spans}
    mentions = [passage.mention(span).lower() for passage in passages("dev") for span in passage.spans]
    assert 0.9 < sum(mention in known for mention in mentions) / len(mentions) < 1


def test_a_mention_has_the_same_label_wherever_it_is_annotated() -> None:
    found = {
        (passage.mention(span).lower(), span.label) for passage in passages("train", "dev") for span in passage.spans
    }
    assert len(found) == len({mention for mention, _ in found})


@pytest.mark.parametrize("split", SPLITS)
def test_the_variable_of_gutbrainie_changes_nothing(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GUTBRAINIE_ROOT", raising=False)
    without = list(Sample().read(split))
    monkeypatch.setenv("GUTBRAINIE_ROOT", "/no/such/folder")
    sample = Sample()
    sample.prepare()
    assert list(sample.read(split)) == without


def test_other_files_of_the_format_are_read_by_path() -> None:
    assert list(Sample().format.read(FOLDER / "dev.json")) == list(Sample().read("dev"))


def test_its_files_are_found_through_the_package() -> None:
    folder = files("ner.corpora") / "sample_data"
    names = [
        *(f"{split}.json" for split in SPLITS),
        *(f"encoder/{name}.json" for name in ("config", "tokenizer", "tokenizer_config")),
    ]
    assert [name for name in names if not folder.joinpath(name).is_file()] == []
    assert Path(str(folder)) == FOLDER


def test_the_tokenizer_frames_a_text_and_knows_its_limit(tokenizer: PreTrainedTokenizerFast) -> None:
    pieces = tokenizer.convert_ids_to_tokens(tokenizer("gut")["input_ids"])
    assert pieces == ["[CLS]", "gut", "[SEP]"]
    assert tokenizer.pad_token == "[PAD]"
    assert tokenizer.model_max_length == ENCODER_TOKENS


def test_the_ids_of_the_tokenizer_are_the_rows_of_the_encoder(tokenizer: PreTrainedTokenizerFast) -> None:
    config = AutoConfig.from_pretrained(str(ENCODER), local_files_only=True)
    assert sorted(tokenizer.get_vocab().values()) == list(range(config.vocab_size))
    assert tokenizer.convert_tokens_to_ids(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]) == [0, 1, 2, 3, 4]
    assert (config.model_type, config.pad_token_id, config.max_position_embeddings) == ("bert", 0, ENCODER_TOKENS)


def test_the_tokenizer_spells_words_it_has_never_seen(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer.unk_token not in tokenizer.tokenize("Xyzzyq-9087 ΩμΨ {~}")


@pytest.mark.parametrize("split", SPLITS)
def test_no_text_has_a_piece_unknown_to_the_tokenizer(split: Split, tokenizer: PreTrainedTokenizerFast) -> None:
    assert all(tokenizer.unk_token not in tokenizer.tokenize(passage.text) for passage in passages(split))


@pytest.mark.parametrize("split", ["train", "dev"])
def test_every_entity_begins_and_ends_between_pieces(split: Split, tokenizer: PreTrainedTokenizerFast) -> None:
    for passage in passages(split):
        offsets = tokenizer(passage.text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        starts, ends = {start for start, _ in offsets}, {end for _, end in offsets}
        assert all(span.start in starts and span.end in ends for span in passage.spans)


def test_no_weights_ship() -> None:
    assert {path.suffix for path in FOLDER.rglob("*") if path.is_file()} == {".json"}
