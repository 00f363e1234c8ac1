import torch

from ner.documents import Document, Passage, Span
from ner.labels import LabelSet
from ner.nn.models import EncoderCRF
from ner.preprocessing.chunking import SeparatePassages
from ner.preprocessing.collate import Collator, encode
from ner.preprocessing.tokenizer import TextEncoder
from tests.benchmarks.winner import GreedyLabels, TrainingText, WinnersEnsemble, cut

LABELS = ["animal", "food"]


def test_the_winner_trains_on_another_prefix_than_it_predicts_with(text_encoder: TextEncoder) -> None:
    training = TrainingText(text_encoder.serialised)
    [tokens] = text_encoder.encode(["mice ate"])
    seen, right = (encoder.input_ids(tokens.ids, "title") for encoder in (training, text_encoder))
    assert seen[:2] == [right[0], right[0]]
    assert seen[2:] == right[2:]
    assert right[1] != right[0]


def test_the_winner_learns_nothing_beyond_the_limit(text_encoder: TextEncoder) -> None:
    document = Document("1", (Passage("mice ate food", spans=(Span(0, 4, "animal"), Span(9, 13, "food"))),))
    [chunk] = encode([document], SeparatePassages(), text_encoder, LabelSet(LABELS))
    shorter = cut(chunk, 2)
    assert (len(shorter.tokens), shorter.annotated) == (2, 2)
    assert shorter.tags == chunk.tags[:2]
    batch = Collator(text_encoder, 128, 32)([shorter])
    assert batch.annotated.shape == (1, 2)


def test_the_winner_drops_an_entity_that_another_follows_at_once() -> None:
    tags = LabelSet(LABELS).encode([Span(0, 2, "animal"), Span(2, 3, "food"), Span(4, 5, "food")], 6)[0]
    assert GreedyLabels(LABELS).decode(tags) == [Span(2, 3, "food"), Span(4, 5, "food")]


def test_the_winners_ensemble_forgets_start_and_end() -> None:
    members = [EncoderCRF(torch.nn.Identity(), 4, 5, 0.0) for _ in range(2)]
    with torch.no_grad():
        for member in members:
            for parameter in member.crf.parameters():
                parameter.fill_(3.0)
    crf = WinnersEnsemble(members).crf
    assert torch.equal(crf.transitions, members[0].crf.transitions)
    assert crf.start_transitions.abs().max() < 0.2
    assert crf.end_transitions.abs().max() < 0.2
