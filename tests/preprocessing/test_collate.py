import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning.fabric.utilities import move_data_to_device
from torch import Tensor, nn

from ner.documents import Document, Passage, Span
from ner.labels import LabelSet
from ner.nn.models import EncoderCRF
from ner.preprocessing.collate import Batch, collate
from ner.preprocessing.preprocessor import Preprocessor, Units
from ner.preprocessing.texts import Texts

LABELS = LabelSet(["animal", "food"])
TEXTS = ("Mice ate.", "mice " * 100, "", "the gut of mice " * 20)


def documents() -> list[Document]:
    return [
        Document(str(number), (Passage(text, "title", (Span(0, 4, "animal"),) if text else ()),), weight=1.0 + number)
        for number, text in enumerate(TEXTS)
    ]


def batch_of(preprocessor: Preprocessor) -> tuple[Texts, Batch]:
    texts = preprocessor.encode(documents(), LABELS)
    return texts, collate(texts, preprocessor)


class Lookup(nn.Module):
    """An encoder that ignores context."""

    def __init__(self, vocabulary_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, 8)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> "Lookup":
        assert attention_mask.shape == input_ids.shape
        self.last_hidden_state = self.embedding(input_ids)
        return self


@pytest.mark.parametrize("units", ["subwords", "words"])
@given(
    words=st.lists(st.sampled_from(["mice", "lipopolysaccharides", "Firmicutes/Bacteroidetes", "gut"]), min_size=1),
    overlap=st.integers(0, 9),
)
def test_a_batch_in_windows_gives_the_emissions_of_whole_texts(
    minilm_tokenizer: str, units: Units, words: list[str], overlap: int
) -> None:
    torch.manual_seed(0)
    preprocessor = Preprocessor(minilm_tokenizer, window_tokens=20, overlap_tokens=overlap, units=units)
    model = EncoderCRF(Lookup(preprocessor.vocabulary_size), 8, len(LABELS.tags), dropout=0.0)
    texts = preprocessor.encode([*documents(), Document("5", (Passage(" ".join(words)),))])
    batch = collate(texts, preprocessor)
    assert batch.input_ids.shape[1] <= 20
    assert len(batch.input_ids) > len(texts)
    emissions = model.emissions(batch.input_ids, batch.attention_mask, batch.rows, batch.positions)
    for row in range(len(texts)):
        alone = texts.take([row])
        whole = model.classifier(model.encoder.embedding(torch.from_numpy(alone.ids)))[torch.from_numpy(alone.heads)]
        torch.testing.assert_close(emissions[row, : len(whole)], whole)


def test_words_make_shorter_sequences_of_the_same_tokens(minilm_tokenizer: str) -> None:
    subwords, words = (batch_of(Preprocessor(minilm_tokenizer, units=units)) for units in ("subwords", "words"))  # type: ignore[arg-type]
    assert torch.equal(subwords[1].input_ids, words[1].input_ids)
    assert words[1].mask.sum() <= subwords[1].mask.sum()


def test_masks_are_prefixes_and_padding_is_neutral(preprocessor: Preprocessor) -> None:
    texts, batch = batch_of(preprocessor)
    assert batch.mask.sum(1).tolist() == texts.unit_counts.tolist()
    assert batch.annotated.sum(1).tolist() == texts.annotated.tolist()
    assert batch.mask[:, 0].all()
    assert not batch.tags[~batch.annotated].any()
    assert batch.weights.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert not batch.input_ids[batch.attention_mask == 0].any()


@pytest.mark.parametrize(("device", "is_waiting"), [("cpu", True), (torch.device("cuda", 0), False)])
def test_only_a_copy_to_a_gpu_is_not_waited_for(
    preprocessor: Preprocessor, monkeypatch: pytest.MonkeyPatch, device: str | torch.device, is_waiting: bool
) -> None:
    _, batch = batch_of(preprocessor)
    waited = []

    def moved(tensor: Tensor, _: object, non_blocking: bool = False) -> Tensor:
        waited.append(not non_blocking)
        return tensor

    monkeypatch.setattr(Tensor, "to", moved)
    # As Lightning calls it, which asks for no waiting only where it moves tensors themselves.
    move_data_to_device(batch, torch.device(device))
    assert set(waited) == {is_waiting}
