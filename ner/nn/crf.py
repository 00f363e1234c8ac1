"""A linear-chain conditional random field over K tags."""

from collections.abc import Sequence

import numpy as np
import torch
import torchcrf
from torch import Tensor

from ner.nn import linear_chain
from ner.nn.viterbi import Integers

# Far below any score that training reaches, and far from overflow when added up over thousands of tokens in fp32.
ILLEGAL = -1e4


class CRF(torchcrf.CRF):  # type: ignore[misc]  # pytorch-crf has no types
    """pytorch-crf's CRF, batch first, with faster kernels that do not depend on the precision around it.

    Parameters, their names and the ``state_dict`` are pytorch-crf's: ``transitions[i, j]`` scores tag ``j`` after tag
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
            legal_starts: True for the tags that a path may start with, (K,).
            legal_transitions: True where tag ``j`` may follow tag ``i``, (K, K).
        """
        device = self.transitions.device
        self.start_transitions.masked_fill_(~torch.tensor(legal_starts, device=device), ILLEGAL)
        self.transitions.masked_fill_(~torch.tensor(legal_transitions, device=device), ILLEGAL)

    def nll(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """Return the negative log-likelihood of each tag path, computed in fp64.

        Args:
            emissions: Scores of tags, (B, T, K).
            tags: Tag ids, (B, T).
            mask: True on a prefix of each row, at least one token long, (B, T).

        Returns:
            One value a row, at least 0 but for rounding, in fp32 or, for such emissions, in fp64, (B,).
        """
        with torch.autocast(emissions.device.type, enabled=False):
            scores = self._scores(linear_chain.exact(emissions), mask)
            gold = linear_chain.path_score(scores, tags.to(scores.emissions.device))
            loss = linear_chain.log_partition(scores, in_tree=emissions.is_cuda) - gold
        return loss.to(emissions.device, torch.promote_types(emissions.dtype, torch.float))

    @torch.no_grad()
    def viterbi(self, emissions: Tensor, mask: Tensor) -> Integers:
        """Return the best path of each row, 0 after its last token, (B, T); arguments as in :meth:`nll`."""
        with torch.autocast(emissions.device.type, enabled=False):
            emissions = emissions.to(torch.promote_types(emissions.dtype, torch.float))
            return linear_chain.best_paths(self._scores(emissions, mask))

    @torch.no_grad()
    def interval_log_marginals(
        self,
        emissions: Tensor,
        mask: Tensor,
        intervals: tuple[Integers, Integers, Integers],
        tags: Integers,
    ) -> Tensor:
        """Return the log-probability that a path reads each of N intervals as one entity, neither longer nor shorter.

        An entity of a type with the tags ``begin`` and ``inside`` is ``begin`` at its start, or an ``inside`` that
        continues neither of the two; then ``inside`` up to its end; then anything but ``inside``.

        Args:
            emissions: Scores of tags, (B, T, K).
            mask: True on a prefix of each row, at least one token long, (B, T).
            intervals: Rows, starts and ends, each (N,); ``0 <= start < end <=`` the row's length.
            tags: The tags ``begin`` and ``inside`` of each, (N, 2).

        Returns:
            Log-probabilities, (N,), computed in fp64.

        Source: Rabiner (1989) for the forward and backward scores; Culotta & McCallum (2004) for their constraint.
        """
        if not len(tags):
            return emissions.new_zeros(0, dtype=torch.double)
        scores = self._scores(linear_chain.exact(emissions), mask)
        found = linear_chain.messages(scores, in_tree=emissions.is_cuda)
        emissions, transitions, device = scores.emissions, scores.transitions, scores.emissions.device
        rows, starts, ends, *both = torch.from_numpy(np.stack([*intervals, *tags.T])).to(device)
        begin_inside = torch.stack(both, 1)
        begin, inside = begin_inside.T
        every_tag = torch.arange(self.num_tags, device=device)
        # Up to the entity's first token, which is `begin` or `inside`: (N, 2).
        before = (starts - 1).clamp(min=0)
        arriving = (found.forward[rows, before].log() + found.forward_scales[rows, before][:, None])[:, None]
        arriving = arriving + transitions.T[begin_inside]
        continues = (every_tag == begin[:, None]) | (every_tag == inside[:, None])
        arriving[:, 1].masked_fill_(continues, -torch.inf)
        opened = torch.where((starts > 0)[:, None], arriving.logsumexp(2), scores.start[begin_inside])
        opened = opened + emissions[rows[:, None], starts[:, None], begin_inside]
        # On to its last token, which is `inside` unless it is the first.
        sums = torch.nn.functional.pad(emissions.cumsum(1), (0, 0, 1, 0))
        lengths = ends - starts
        steps = sums[rows, ends, inside] - sums[rows, starts + 1, inside]
        steps = steps + (lengths - 2).clamp(min=0) * transitions[inside, inside]
        longer = (opened + transitions[begin_inside, inside[:, None]]).logsumexp(1) + steps
        longer = torch.stack([torch.full_like(longer, -torch.inf), longer], 1)
        inner = torch.where((lengths > 1)[:, None], longer, opened)
        # And on to whatever follows, or to the end.
        is_last = ends == scores.lengths[rows]
        after = ends.clamp(max=emissions.shape[1] - 1)
        following = (
            emissions[rows, after] + found.backward[rows, after].log() + found.backward_scales[rows, after][:, None]
        )
        following = transitions[begin_inside] + following.masked_fill(every_tag == inside[:, None], -torch.inf)[:, None]
        closed = torch.where(is_last[:, None], scores.end[begin_inside], following.logsumexp(2))
        # Rounding may lift a certainty above 1.
        return ((inner + closed).logsumexp(1) - found.log_partition[rows]).clamp(max=0.0)

    def _scores(self, emissions: Tensor, mask: Tensor) -> linear_chain.Scores:
        potentials = (self.transitions, self.start_transitions, self.end_transitions)
        transitions, start, end = (scores.to(emissions) for scores in potentials)
        return linear_chain.Scores(emissions, transitions, start, end, mask.sum(1).to(emissions.device))

    # Called by pytorch-crf's own `forward` and `decode`, on (T, B).

    def _compute_score(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        scores = self._scores(linear_chain.exact(emissions.transpose(0, 1)), mask.T)
        return linear_chain.path_score(scores, tags.T).to(emissions)

    def _compute_normalizer(self, emissions: Tensor, mask: Tensor) -> Tensor:
        scores = self._scores(linear_chain.exact(emissions.transpose(0, 1)), mask.T)
        return linear_chain.log_partition(scores, in_tree=emissions.is_cuda).to(emissions)

    def _viterbi_decode(self, emissions: Tensor, mask: Tensor) -> list[list[int]]:
        paths = self.viterbi(emissions.transpose(0, 1), mask.T)
        return [path[:length].tolist() for path, length in zip(paths, mask.sum(0).tolist(), strict=True)]


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
