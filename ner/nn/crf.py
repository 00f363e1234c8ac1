"""A linear-chain conditional random field over K tags."""

from collections.abc import Sequence

import torch
import torchcrf
from torch import Tensor

# Far below any score that training reaches, and far from overflow when added up over thousands of tokens in fp32.
ILLEGAL = -1e4


class CRF(torchcrf.CRF):  # type: ignore[misc]  # pytorch-crf has no types
    """pytorch-crf's CRF, batch first, in fp32 whatever the precision around it.

    Parameters, their names and the ``state_dict`` are pytorch-crf's: ``transitions[i, j]`` scores tag ``j`` behind tag
    ``i``, ``start_transitions`` and ``end_transitions`` the first and the last tag.

    Source: Lafferty, McCallum & Pereira (2001), "Conditional random fields".
    """

    def __init__(self, num_tags: int) -> None:
        super().__init__(num_tags, batch_first=True)

    @torch.no_grad()
    def forbid(self, legal_starts: Sequence[bool], legal_transitions: Sequence[Sequence[bool]]) -> None:
        """Give illegal starts and transitions a score at which no path takes them.

        Their gradient is then exactly zero, so that training without weight decay leaves them there.

        Args:
            legal_starts: Whether a path may start with each tag, (K,).
            legal_transitions: Whether tag ``j`` may follow tag ``i``, (K, K).
        """
        device = self.transitions.device
        self.start_transitions.masked_fill_(~torch.tensor(legal_starts, device=device), ILLEGAL)
        self.transitions.masked_fill_(~torch.tensor(legal_transitions, device=device), ILLEGAL)

    def nll(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """Negative log-likelihood of each tag path.

        Args:
            emissions: Scores of tags, (B, T, K).
            tags: Tag ids, (B, T).
            mask: True on a prefix of each row, at least one token long, (B, T).

        Returns:
            One value a row, at least 0 but for rounding, (B,).
        """
        with torch.autocast(emissions.device.type, enabled=False):
            likelihood: Tensor = self(emissions.float(), tags, mask, reduction="none")
        return -likelihood

    def viterbi(self, emissions: Tensor, mask: Tensor) -> list[list[int]]:
        """The best path of each row; shapes as in :meth:`nll`."""
        with torch.autocast(emissions.device.type, enabled=False):
            paths: list[list[int]] = self.decode(emissions.float(), mask)
        return paths
