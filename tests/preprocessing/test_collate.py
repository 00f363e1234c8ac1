from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning.fabric.utilities import move_data_to_device
from torch import Tensor, nn

from ner.corpora import GutBrainIE
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.labels import LabelSet
from ner.nn.models import EncoderCRF
from ner.preprocessing.chunking import SeparatePassages
from ner.preprocessing.collate import Collator, LengthBatchSampler, encode
from ner.preprocessing.tokenizer import TextEncoder

LABELS = LabelSet(["animal", "food"])
TEXTS = ("Mice ate.", "mice " * 100, "", "the gut of mice " * 20)


def documents() -> list[Document]:
    return [
        Document(str(number), (Passage(text, "title", (Span(0, 4, "animal"),) if text else ()),), weight=1.0 + number)
        for number, text in enumerate(TEXTS)
    ]


class Lookup(nn.Module):
    """An encoder that ignores context."""

    def __init__(self, vocabulary_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, 8)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> "Lookup":
        assert attention_mask.shape == input_ids.shape
        self.last_hidden_state = self.embedding(input_ids)
        return self


def test_a_batch_in_windows_gives_the_emissions_of_whole_texts(text_encoder: TextEncoder) -> None:
    torch.manual_seed(0)
    tagger = EncoderCRF(Lookup(text_encoder.vocabulary_size), 8, len(LABELS.tags), dropout=0.0)
    chunks = encode(documents(), SeparatePassages(), text_encoder, LABELS)
    batch = Collator(text_encoder, window_tokens=20, overlap_tokens=5)(chunks)
    assert batch.input_ids.shape[1] <= 20
    assert len(batch.input_ids) > len(chunks)
    emissions = tagger.emissions(batch.input_ids, batch.attention_mask, batch.rows, batch.positions)
    for row, chunk in enumerate(chunks):
        whole = tagger.classifier(tagger.encoder.embedding(torch.tensor(chunk.tokens.ids)))
        torch.testing.assert_close(emissions[row, : len(chunk.tokens)], whole)


def test_masks_are_prefixes_and_padding_is_neutral(text_encoder: TextEncoder) -> None:
    chunks = encode(documents(), SeparatePassages(), text_encoder, LABELS)
    batch = Collator(text_encoder, 512, 128)(chunks)
    assert batch.mask.sum(1).tolist() == [len(chunk.tokens) for chunk in chunks]
    assert batch.annotated.sum(1).tolist() == [chunk.annotated for chunk in chunks]
    assert batch.mask[:, 0].all()
    assert not batch.tags[~batch.annotated].any()
    assert batch.weights.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert not batch.input_ids[batch.attention_mask == 0].any()


def test_a_text_without_tokens_is_not_learned_from(text_encoder: TextEncoder) -> None:
    chunks = encode(documents(), SeparatePassages(), text_encoder, LABELS)
    assert [chunk.annotated > 0 for chunk in chunks] == [True, True, False, True]


def test_tokens_behind_the_annotation_are_read_but_not_known(text_encoder: TextEncoder) -> None:
    passage = Passage("mice ate nothing", spans=(Span(0, 4, "animal"),), annotated_until=8)
    [chunk] = encode([Document("1", (passage,))], SeparatePassages(), text_encoder, LABELS)
    assert (len(chunk.tokens), chunk.annotated) == (3, 2)


def test_an_unknown_label_names_the_document(text_encoder: TextEncoder) -> None:
    document = Document("77", (Passage("aspirin", spans=(Span(0, 7, "drug"),)),))
    with pytest.raises(InputError, match="document 77: unknown label 'drug'"):
        encode([document], SeparatePassages(), text_encoder, LABELS)


def test_an_overlap_as_large_as_the_window_is_refused(text_encoder: TextEncoder) -> None:
    with pytest.raises(InputError, match=r"window_tokens larger or data\.overlap_tokens smaller"):
        Collator(text_encoder, 128, 128)


SHAPES = st.lists(st.tuples(st.integers(1, 4), st.integers(4, 512)), min_size=1, max_size=80)


@given(SHAPES, st.integers(1, 9), st.none() | st.integers(50, 3000), st.booleans(), st.integers(0, 3))
def test_every_chunk_comes_once_in_an_epoch(
    shapes: list[tuple[int, int]], batch_size: int, batch_tokens: int | None, shuffle: bool, epoch: int
) -> None:
    sampler = LengthBatchSampler(shapes, batch_size, batch_tokens, shuffle)
    sampler.set_epoch(epoch)
    batches = list(sampler)
    assert Counter(number for batch in batches for number in batch) == Counter(range(len(shapes)))
    assert len(batches) == len(sampler)
    assert all(len(batch) <= batch_size for batch in batches)


def test_epochs_differ_and_repeat_by_seed() -> None:
    shapes = [(1, 10 + number % 40) for number in range(200)]

    def epoch(seed: int, number: int) -> list[list[int]]:
        sampler = LengthBatchSampler(shapes, 8, shuffle=True, seed=seed)
        sampler.set_epoch(number)
        return list(sampler)

    assert epoch(1, 0) == epoch(1, 0)
    assert epoch(1, 0) != epoch(1, 1)
    assert epoch(1, 0) != epoch(2, 0)
    assert epoch(1, 1) != epoch(2, 0)


def test_evaluation_keeps_the_order_of_lengths() -> None:
    assert list(LengthBatchSampler([(1, 30), (1, 10), (1, 20)], 2)) == [[1, 2], [0]]


@pytest.mark.parametrize("shuffle", [True, False])
def test_ranks_share_the_batches(shuffle: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = LengthBatchSampler([(1, 10 + number) for number in range(19)], 4, shuffle=shuffle)
    shares = []
    for rank in range(2):
        monkeypatch.setattr("ner.runtime.rank", lambda rank=rank: (rank, 2))
        shares.append(list(sampler))
        assert len(shares[-1]) == len(sampler)
    seen = Counter(number for share in shares for batch in share for number in batch)
    assert set(seen) == set(range(19))
    if shuffle:
        assert len(shares[0]) == len(shares[1])
    else:
        assert max(seen.values()) == 1


def test_padding_of_the_real_corpus_is_small(gutbrainie: GutBrainIE, text_encoder: TextEncoder) -> None:
    corpus = GutBrainIE(gutbrainie.root, ["platinum", "gold"])
    chunks = encode(corpus.read("train"), SeparatePassages(), text_encoder, LabelSet(corpus.labels))
    collator = Collator(text_encoder, 512, 128)
    sampler = LengthBatchSampler([collator.shape(chunk) for chunk in chunks], 8, shuffle=True)
    padded = real = 0
    for numbers in sampler:
        batch = collator([chunks[number] for number in numbers])
        padded += batch.attention_mask.numel()
        real += int(batch.attention_mask.sum())
    # The project's bar for a whole epoch is 1.05; a fifth of the corpus has fewer neighbours in length.
    assert padded / real <= 1.06


def test_in_evaluation_no_rank_is_left_without_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = []
    for rank in range(3):
        monkeypatch.setattr("ner.runtime.rank", lambda rank=rank: (rank, 3))
        shares.append(list(LengthBatchSampler([(1, 10)] * 7, 32)))
    assert all(shares)
    assert sorted(number for share in shares for batch in share for number in batch) == list(range(7))


def test_in_training_every_rank_takes_equally_many_steps_however_few_batches_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for rank in range(4):
        monkeypatch.setattr("ner.runtime.rank", lambda rank=rank: (rank, 4))
        sampler = LengthBatchSampler([(1, 10)] * 3, 8, shuffle=True)
        assert [sorted(batch) for batch in sampler] == [[0, 1, 2]]
        assert len(sampler) == 1


def test_more_processes_than_texts_to_evaluate_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ner.runtime.rank", lambda: (0, 4))
    with pytest.raises(InputError, match="4 processes cannot share 3 texts"):
        LengthBatchSampler([(1, 10)] * 3, 8)


@pytest.mark.parametrize(("device", "is_waiting"), [("cpu", True), (torch.device("cuda", 0), False)])
def test_only_a_copy_to_a_gpu_is_not_waited_for(
    text_encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch, device: str | torch.device, is_waiting: bool
) -> None:
    batch = Collator(text_encoder, 128, 32)(
        encode([Document("1", (Passage("mice"),))], SeparatePassages(), text_encoder, LABELS)
    )
    waited = []

    def moved(tensor: Tensor, _: object, non_blocking: bool = False) -> Tensor:
        waited.append(not non_blocking)
        return tensor

    monkeypatch.setattr(Tensor, "to", moved)
    # As Lightning calls it, which asks for no waiting only where it moves tensors themselves.
    move_data_to_device(batch, torch.device(device))
    assert set(waited) == {is_waiting}
