import torch

from ner.documents import Document, Passage, Span
from ner.labels import LabelSet
from ner.nn.models import EncoderCRF
from ner.preprocessing.collate import collate
from ner.preprocessing.preprocessor import Preprocessor
from tests.benchmarks.winner import GreedyLabels, TrainingPreprocessor, WinnersEnsemble, cut

LABELS = ["animal", "food"]


def test_the_winner_trains_on_another_prefix_than_it_predicts_with(preprocessor: Preprocessor) -> None:
    texts = preprocessor.encode([Document("1", (Passage("mice ate", "title"),))])
    training = TrainingPreprocessor(preprocessor.tokenizer)
    [seen], [right] = (reading.inputs(texts).input_ids.tolist() for reading in (training, preprocessor))
    assert seen[:2] == [right[0], right[0]]
    assert seen[2:] == right[2:]
    assert right[1] != right[0]


def test_the_winner_learns_nothing_beyond_the_limit(preprocessor: Preprocessor) -> None:
    document = Document("1", (Passage("mice ate food", spans=(Span(0, 4, "animal"), Span(9, 13, "food"))),))
    texts = preprocessor.encode([document], LabelSet(LABELS))
    shorter = cut(texts, 2)
    assert (shorter.unit_counts.tolist(), shorter.annotated.tolist()) == ([2], [2])
    assert shorter.tags.tolist() == texts.tags[:2].tolist()
    assert collate(shorter, preprocessor).annotated.shape == (1, 2)


def test_the_winner_drops_an_entity_that_another_follows_at_once() -> None:
    tags, _ = LabelSet(LABELS).encode([Span(0, 2, "animal"), Span(2, 3, "food"), Span(4, 5, "food")], 6)
    found = GreedyLabels(LABELS).decode(tags[None])
    assert list(zip(found.starts.tolist(), found.ends.tolist(), strict=True)) == [(2, 3), (4, 5)]


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
