"""Label smoothing beside PyTorch's, which knows no transitions."""

import torch
from torch.nn.functional import cross_entropy

from ner.nn.crf import CRF
from ner.nn.smoothing import smoothing_loss


def test_without_transitions_it_is_that_of_the_cross_entropy() -> None:
    torch.manual_seed(0)
    emissions = torch.randn(3, 7, 5, requires_grad=True)
    tags, mask = torch.randint(5, (3, 7)), torch.arange(7) < torch.tensor([[7], [4], [1]])
    crf = CRF(5)
    for part in crf.parameters():
        torch.nn.init.zeros_(part)
    ours = (crf.nll(emissions, tags, mask) + 0.2 * smoothing_loss(emissions, tags, mask)).sum()
    theirs = cross_entropy(emissions[mask], tags[mask], label_smoothing=0.2, reduction="sum")
    torch.testing.assert_close(ours, theirs)
    [own], [expected] = (torch.autograd.grad(loss, emissions, retain_graph=True) for loss in (ours, theirs))
    torch.testing.assert_close(own, expected)


def test_half_precision_is_summed_in_fp32() -> None:
    emissions = torch.randn(1, 2000, 5, dtype=torch.bfloat16)
    tags, mask = torch.randint(5, (1, 2000)), torch.ones(1, 2000, dtype=torch.bool)
    found = smoothing_loss(emissions, tags, mask)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, smoothing_loss(emissions.double(), tags, mask).float())
