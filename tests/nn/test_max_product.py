"""The best paths as a GPU finds them, against those of the Viterbi algorithm."""

import pytest
import torch
from torch import Tensor

from ner.nn import max_product
from ner.nn.crf import CRF

CHAINS = 200


def drawn(shape: tuple[int, ...], has_ties: bool, generator: torch.Generator) -> Tensor:
    """Scores; of those that are -1, 0 or 1, many paths have the same sum."""
    if has_ties:
        return torch.randint(-1, 2, shape, generator=generator).float()
    return torch.randn(shape, generator=generator)


@pytest.mark.parametrize("has_ties", [False, True])
@pytest.mark.parametrize("seed", range(25))
def test_ten_thousand_random_chains_have_the_same_paths(
    seed: int, has_ties: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that the rows of some are decoded in several parts.
    monkeypatch.setattr(max_product, "MOST_PATHS", 2**15)
    generator = torch.Generator().manual_seed(seed)
    tags, tokens = (int(torch.randint(1, most, (), generator=generator)) for most in (8, 50))
    crf = CRF(tags)
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.copy_(drawn(parameter.shape, has_ties, generator))
    emissions = drawn((CHAINS, tokens, tags), has_ties, generator)
    mask = torch.arange(tokens) < torch.randint(1, tokens + 1, (CHAINS, 1), generator=generator)
    found, expected = (crf.viterbi(emissions, mask, in_parallel) for in_parallel in (True, False))
    assert (found == expected).all()


@pytest.mark.parametrize("spread", [1.0, 50.0])
def test_paths_of_three_thousand_tokens_are_those_of_fp64(spread: float) -> None:
    torch.manual_seed(0)
    crf, emissions, mask = CRF(9), spread * torch.randn(4, 3000, 9), torch.ones(4, 3000, dtype=torch.bool)
    assert (crf.viterbi(emissions, mask, in_parallel=True) == crf.viterbi(emissions.double(), mask)).all()
