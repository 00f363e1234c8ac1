"""The ensemble's specification: the merged score of every path is the mean of its members' scores."""

from collections.abc import Callable, Sequence
from itertools import pairwise, product
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from ner.nn.crf import CRF, merge_crfs
from ner.nn.models import CRFEnsemble, EncoderCRF, layers_of

K, T, H = 3, 4, 6
Merge = Callable[[Sequence[CRF]], CRF]


class Lookup(nn.Module):
    """An encoder that ignores context."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(9, size)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        assert attention_mask.shape == input_ids.shape
        return SimpleNamespace(last_hidden_state=self.embedding(input_ids))


def tagger(seed: int, size: int = H, num_tags: int = K) -> EncoderCRF:
    torch.manual_seed(seed)
    member = EncoderCRF(Lookup(size), size, num_tags, dropout=0.5)
    for parameter in member.crf.parameters():
        nn.init.normal_(parameter, std=2.0)
    return member.eval()


def inputs(rows: int = 1) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    ids = torch.randint(9, (rows, T), generator=torch.Generator().manual_seed(5))
    places = torch.arange(rows)[:, None].expand(rows, T)
    return ids, torch.ones_like(ids), places, torch.arange(T).expand(rows, T)


def path_score(crf: CRF, emissions: Tensor, path: tuple[int, ...]) -> float:
    score = crf.start_transitions[path[0]] + crf.end_transitions[path[-1]]
    score = score + sum(emissions[position, tag] for position, tag in enumerate(path))
    return float((score + sum(crf.transitions[i, j] for i, j in pairwise(path))).detach())


def largest_difference(members: Sequence[EncoderCRF], merge: Merge) -> float:
    """The most by which a path's merged score differs from the mean of its members' scores, over all paths."""
    own = [member.emissions(*inputs())[0] for member in members]
    emissions, crf = torch.stack(own).mean(0), merge([member.crf for member in members])
    differences = []
    for path in product(range(K), repeat=T):
        scores = [path_score(member.crf, scores, path) for member, scores in zip(members, own, strict=True)]
        differences.append(abs(path_score(crf, emissions, path) - sum(scores) / len(scores)))
    return max(differences)


def forgets_start_and_end(crfs: Sequence[CRF]) -> CRF:
    """What a careless ensembler does: it averages the transitions and keeps the first member's start and end."""
    merged = merge_crfs(crfs)
    with torch.no_grad():
        merged.start_transitions.copy_(crfs[0].start_transitions)
        merged.end_transitions.copy_(crfs[0].end_transitions)
    return merged


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_merged_score_is_the_mean_of_the_members_scores(count: int) -> None:
    assert largest_difference([tagger(seed) for seed in range(count)], merge_crfs) < 1e-4


def test_the_identity_catches_an_ensembler_that_forgets_start_and_end() -> None:
    assert largest_difference([tagger(seed) for seed in range(3)], forgets_start_and_end) > 0.1


@pytest.mark.parametrize("one_at_a_time", [False, True])
def test_the_decoded_path_is_the_one_that_the_members_find_best_together(one_at_a_time: bool) -> None:
    members = [tagger(seed) for seed in range(3)]
    own = [member.emissions(*inputs(8)) for member in members]
    ensemble = CRFEnsemble(members, one_at_a_time).eval()
    emissions = ensemble.emissions(*inputs(8))
    decoded = ensemble.decode(emissions, torch.ones(8, T, dtype=torch.bool))
    singles = [member.decode(scores, torch.ones(8, T, dtype=torch.bool)) for member, scores in zip(members, own)]  # noqa: B905
    for row, found in enumerate(decoded):
        means = {
            path: sum(path_score(member.crf, scores[row], path) for member, scores in zip(members, own, strict=True))
            for path in product(range(K), repeat=T)
        }
        assert tuple(found) == max(means, key=lambda path: means[path])
    assert any((single != decoded).any() for single in singles)


def test_members_may_have_encoders_of_different_sizes() -> None:
    members = [tagger(0), tagger(1, size=11)]
    mean = sum(member.emissions(*inputs(2)) for member in members) / 2
    torch.testing.assert_close(CRFEnsemble(members).emissions(*inputs(2)), mean)


def test_equal_members_merge_to_themselves_bit_for_bit() -> None:
    crf = tagger(0).crf
    merged = merge_crfs([crf, crf, crf])
    for name, parameter in crf.named_parameters():
        assert torch.equal(merged.get_parameter(name), parameter)


def test_merging_leaves_the_members_as_they_were() -> None:
    members = [tagger(0), tagger(1)]
    before = [member.crf.transitions.clone() for member in members]
    CRFEnsemble(members)
    assert all(torch.equal(member.crf.transitions, old) for member, old in zip(members, before, strict=True))


@pytest.mark.parametrize("members", [[], [tagger(0), tagger(1, num_tags=5)]])
def test_no_members_or_members_over_other_tags_are_refused(members: list[EncoderCRF]) -> None:
    with pytest.raises(ValueError, match="cannot merge CRFs"):
        CRFEnsemble(members)


@pytest.mark.parametrize("one_at_a_time", [False, True])
def test_an_ensemble_in_evaluation_drops_nothing_out(one_at_a_time: bool) -> None:
    ensemble = CRFEnsemble([tagger(0).train(), tagger(1).train()], one_at_a_time).eval()
    assert torch.equal(ensemble(*inputs()), ensemble(*inputs()))


def test_members_one_at_a_time_are_no_part_of_the_module() -> None:
    assert {name.split(".")[0] for name, _ in CRFEnsemble([tagger(0)], True).named_parameters()} == {"crf"}


def test_members_one_at_a_time_bring_all_that_they_need_to_the_device() -> None:
    class Counting(Lookup):
        def __init__(self) -> None:
            super().__init__(H)
            # As BERT keeps its positions and types: in no `state_dict`.
            self.register_buffer("offset", torch.zeros((), dtype=torch.long), persistent=False)

        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
            assert self.offset.device == self.embedding.weight.device == input_ids.device
            return super().forward(input_ids + self.offset, attention_mask)

    ensemble = CRFEnsemble([EncoderCRF(Counting(), H, K, dropout=0.0)], one_at_a_time=True)
    # A device without values, which like a GPU does not share main memory.
    assert ensemble.to("meta")(*(part.to("meta") for part in inputs())).device.type == "meta"


def test_samples_of_emissions_differ_by_dropout_alone_and_the_encoder_runs_once() -> None:
    member = tagger(0)
    calls: list[object] = []
    member.encoder.register_forward_hook(lambda *_: calls.append(None))
    first, second = member.train().emission_samples(*inputs(), count=2)
    assert len(calls) == 1
    assert not torch.equal(first, second)
    torch.manual_seed(1)
    drawn = member.emission_samples(*inputs(), count=3)
    torch.manual_seed(1)
    assert torch.equal(member.emissions(*inputs()), drawn[0])
    member.eval()
    assert all(torch.equal(each, member.emissions(*inputs())) for each in member.emission_samples(*inputs(), count=2))


def test_many_windows_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    member, batches = tagger(1), list[int]()
    ids, mask, _, _ = inputs(7)
    one_text = torch.arange(7).repeat_interleave(T)[None], torch.arange(T).repeat(7)[None]
    expected = member.emissions(ids, mask, *one_text)
    monkeypatch.setattr("ner.nn.models.MOST_TOKENS", 3 * T)
    member.encoder.register_forward_hook(lambda _, __, found: batches.append(len(found.last_hidden_state)))
    assert torch.equal(member.emissions(ids, mask, *one_text), expected)
    member.emissions(*inputs(7))
    assert batches == [3, 3, 1, 7]


def test_parameters_outside_layers_go_with_the_embeddings_or_the_top_layer() -> None:
    encoder = nn.ModuleDict(
        {"embeddings": nn.Embedding(2, 1), "layers": nn.ModuleList(nn.Linear(1, 1) for _ in range(11))}
    )
    encoder["final_norm"] = nn.LayerNorm(1)
    found = {name: (depth, len(parameters)) for name, depth, parameters in layers_of(encoder)}
    assert list(found) == ["embeddings", *(f"layer.{number}" for number in range(11))]
    assert found["embeddings"] == (11, 1)
    assert found["layer.0"] == (10, 2)
    assert found["layer.10"] == (0, 4)
