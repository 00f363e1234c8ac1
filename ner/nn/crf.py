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

    @torch.no_grad()
    def interval_log_marginals(
        self,
        emissions: Tensor,
        mask: Tensor,
        intervals: Sequence[tuple[int, int, int]],
        tags: Sequence[tuple[int, int]],
    ) -> Tensor:
        """Log-probability that a path reads each of N intervals as one entity, neither longer nor shorter.

        An entity of a type with the tags ``begin`` and ``inside`` is ``begin`` at its start, or an ``inside`` that
        continues neither of the two; then ``inside`` up to its end; then anything but ``inside``.

        Args:
            emissions: Scores of tags, (B, T, K).
            mask: True on a prefix of each row, at least one token long, (B, T).
            intervals: Row, start and end of each, N of them; ``0 <= start < end <=`` the row's length.
            tags: The tags ``begin`` and ``inside`` of each.

        Returns:
            Log-probabilities, (N,), computed in fp64.

        Source: Rabiner (1989) for the forward and backward scores; Culotta & McCallum (2004) for their constraint.
        """
        if not intervals:
            return emissions.new_zeros(0, dtype=torch.double)
        emissions, end_scores = emissions.double(), self.end_transitions.double()
        forward, backward = self._forward_scores(emissions), self._backward_scores(emissions, mask)
        lengths = mask.sum(1).tolist()
        found = []
        for (row, start, end), (begin, inside) in zip(intervals, tags, strict=True):
            length = lengths[row]
            total = torch.logsumexp(forward[row, length - 1] + end_scores, 0)
            before = forward[row, start - 1] if start else None
            # What may follow, weighed with all that may come behind it; the text's end allows everything.
            following = None if end == length else emissions[row, end] + backward[row, end]
            score = self._entity_score(emissions[row, start:end], before, following, begin, inside)
            found.append(score - total)
        # Rounding may lift a certainty above 1.
        return torch.stack(found).clamp(max=0.0)

    def _entity_score(
        self, emissions: Tensor, before: Tensor | None, following: Tensor | None, begin: int, inside: int
    ) -> Tensor:
        """Log-sum of the scores of all paths that hold one entity.

        Args:
            emissions: Those of its tokens, (N, K).
            before: Forward scores of the token before it, (K,); ``None`` at the text's start.
            following: Emissions and backward scores of the token behind it, (K,); ``None`` at the text's end.
            begin: Its first tag.
            inside: Its other tag.
        """
        transitions, starts = self.transitions.double(), self.start_transitions.double()
        elsewhere = [tag for tag in range(self.num_tags) if tag not in (begin, inside)]
        if before is None:
            opened = torch.stack([starts[begin], starts[inside]])
        else:
            into_inside = torch.logsumexp(before[elsewhere] + transitions[elsewhere, inside], 0)
            opened = torch.stack([torch.logsumexp(before + transitions[:, begin], 0), into_inside])
        last = torch.tensor([begin, inside], device=emissions.device)
        scores = opened + emissions[0, last]
        if len(emissions) > 1:
            steps = emissions[1:, inside].sum() + (len(emissions) - 2) * transitions[inside, inside]
            scores, last = (torch.logsumexp(scores + transitions[last, inside], 0) + steps)[None], last[1:]
        if following is None:
            closed = self.end_transitions.double()[last]
        else:
            closing = [tag for tag in range(self.num_tags) if tag != inside]
            closed = torch.logsumexp(transitions[last][:, closing] + following[closing], 1)
        return torch.logsumexp(scores + closed, 0)

    def _forward_scores(self, emissions: Tensor) -> Tensor:
        """Log-sum of the scores of all paths up to each token that end in each tag, (B, T, K)."""
        scores = [self.start_transitions.double() + emissions[:, 0]]
        for token in emissions.unbind(1)[1:]:
            scores.append(torch.logsumexp(scores[-1][:, :, None] + self.transitions.double(), 1) + token)
        return torch.stack(scores, 1)

    def _backward_scores(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """Log-sum of the scores of all paths behind each token that begin in each tag, (B, T, K)."""
        final = self.end_transitions.double().expand_as(emissions[:, 0])
        scores = [final]
        for token, is_real in zip(emissions.unbind(1)[:0:-1], mask.unbind(1)[:0:-1], strict=True):
            reached = torch.logsumexp(self.transitions.double() + (token + scores[-1])[:, None, :], 2)
            scores.append(torch.where(is_real[:, None], reached, final))
        return torch.stack(scores[::-1], 1)

    def viterbi(self, emissions: Tensor, mask: Tensor) -> list[list[int]]:
        """The best path of each row; shapes as in :meth:`nll`."""
        with torch.autocast(emissions.device.type, enabled=False):
            paths: list[list[int]] = self.decode(emissions.float(), mask)
        return paths


def merge_crfs(crfs: Sequence[CRF]) -> CRF:
    """Average the potentials of CRFs trained from different seeds.

    A path's score is linear in emissions, transitions, start and end scores, so decoding averaged emissions with the
    merged CRF finds the path of highest mean score over the members: that of a product of experts.

    Args:
        crfs: Members over the same K tags, in the same order.

    Returns:
        A new CRF; the members are not changed.

    Raises:
        ValueError: if there are no members, or they disagree on K.

    Source: Lafferty, McCallum & Pereira (2001); Hinton (2002) for products of experts.
    """
    sizes = {crf.num_tags for crf in crfs}
    if len(sizes) != 1:
        raise ValueError(f"cannot merge CRFs over {sorted(sizes)} tags: they must be some, all over the same tags")
    merged = CRF(sizes.pop())
    with torch.no_grad():
        for name, parameter in merged.named_parameters():
            # In fp64, so that merging equal members gives back their values exactly.
            members = torch.stack([crf.get_parameter(name).detach().double().cpu() for crf in crfs])
            parameter.copy_(members.mean(0))
    return merged
