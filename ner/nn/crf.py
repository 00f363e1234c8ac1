"""A linear-chain conditional random field over K tags."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torchcrf
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from ner.nn import linear_chain
from ner.nn.linear_chain import Scores
from ner.nn.max_product import best_paths
from ner.nn.viterbi import Floats, Integers, Potentials, viterbi

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

    def nll(self, emissions: Tensor, tags: Tensor, mask: Tensor, in_parallel: bool | None = None) -> Tensor:
        """Return the negative log-likelihood of each tag path, computed in fp64, differentiable once.

        Args:
            emissions: Scores of tags, (B, T, K).
            tags: Tag ids, (B, T).
            mask: True on a prefix of each row, at least one token long, (B, T).
            in_parallel: Compute with tensors, for many tokens at once, as suits a GPU; by default where the emissions
                are on one.

        Returns:
            One value a row, at least 0 but for rounding, in fp32 or, for such emissions, in fp64, (B,).
        """
        in_parallel = emissions.is_cuda if in_parallel is None else in_parallel
        found: Tensor = _NegativeLogLikelihood.apply(  # type: ignore[no-untyped-call]
            emissions, *self.potentials, tags, mask, in_parallel
        )
        return found

    @torch.no_grad()
    def viterbi(self, emissions: Tensor, mask: Tensor, in_parallel: bool | None = None) -> Integers:
        """Return the best path of each row, 0 after its last token, (B, T); arguments as in :meth:`nll`."""
        emissions = emissions.to(torch.promote_types(emissions.dtype, torch.float))
        potentials = [part.to(emissions) for part in self.potentials]
        if emissions.is_cuda if in_parallel is None else in_parallel:
            transitions, start, end = potentials
            paths = best_paths(Scores(emissions.transpose(0, 1), transitions, start, end, mask.T))
            return paths.T.numpy(force=True)
        arrays = Potentials(*(part.numpy(force=True) for part in potentials))
        return viterbi(emissions.numpy(force=True), mask.sum(1).numpy(force=True), arrays)

    @torch.no_grad()
    def interval_log_marginals(
        self,
        emissions: Tensor,
        mask: Tensor,
        intervals: tuple[Integers, Integers, Integers],
        tags: Integers,
        in_parallel: bool | None = None,
    ) -> Tensor:
        """Return the log-probability that a path reads each of N intervals as one entity, neither longer nor shorter.

        An entity of a type with the tags ``begin`` and ``inside`` is ``begin`` at its start, or an ``inside`` that
        continues neither of the two; then ``inside`` up to its end; then anything but ``inside``.

        Args:
            emissions: Scores of tags, (B, T, K).
            mask: True on a prefix of each row, at least one token long, (B, T).
            intervals: Rows, starts and ends, each (N,); ``0 <= start < end <=`` the row's length.
            tags: The tags ``begin`` and ``inside`` of each, (N, 2).
            in_parallel: As in :meth:`nll`.

        Returns:
            Log-probabilities, (N,), computed in fp64.
        """
        if not len(tags):
            return emissions.new_zeros(0, dtype=torch.double)
        if emissions.is_cuda if in_parallel is None else in_parallel:
            indices = torch.from_numpy(np.stack([*intervals, *tags.T])).to(emissions.device)
            tensors = tensor_scores(emissions, self.potentials, mask)
            found: Tensor = linear_chain.interval_log_marginals(tensors, indices[:3].unbind(), indices[3:].T)
            return found
        arrays = array_scores(emissions, self.potentials, mask)
        return torch.from_numpy(linear_chain.interval_log_marginals(arrays, intervals, tags))

    @property
    def potentials(self) -> tuple[Tensor, Tensor, Tensor]:
        """Transitions, start and end scores."""
        return self.transitions, self.start_transitions, self.end_transitions

    # Called by pytorch-crf's own `forward` and `decode`, on (T, B). `forward` subtracts the second from the first.

    def _compute_score(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        return -self.nll(emissions.transpose(0, 1), tags.T, mask.T)

    def _compute_normalizer(self, emissions: Tensor, mask: Tensor) -> Tensor:
        return emissions.new_zeros(emissions.shape[1])

    def _viterbi_decode(self, emissions: Tensor, mask: Tensor) -> list[list[int]]:
        paths = self.viterbi(emissions.transpose(0, 1), mask.T)
        return [path[:length].tolist() for path, length in zip(paths, mask.sum(0).tolist(), strict=True)]


class _NegativeLogLikelihood(torch.autograd.Function):
    """The negative log-likelihood of each row's path, (B,), with its gradient in closed form."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch passes anything
        emissions: Tensor,
        transitions: Tensor,
        start: Tensor,
        end: Tensor,
        tags: Tensor,
        mask: Tensor,
        in_parallel: bool,
    ) -> Tensor:
        potentials = (transitions, start, end)
        if in_parallel:
            ctx.scores, ctx.tags = tensor_scores(emissions, potentials, mask), tags.T
        else:
            ctx.scores, ctx.tags = array_scores(emissions, potentials, mask), tags.T.numpy(force=True)
        ctx.inputs = [(part.device, part.dtype) for part in (emissions, *potentials)]
        ctx.messages = linear_chain.messages(ctx.scores)
        loss = ctx.messages.log_partition - linear_chain.path_scores(ctx.scores, ctx.tags)
        return as_tensor(loss, emissions.device, torch.promote_types(emissions.dtype, torch.float))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        weights = gradient.double() if isinstance(ctx.tags, Tensor) else _as_array(gradient)
        emissions, *others = linear_chain.gradients(ctx.scores, ctx.messages, ctx.tags, weights)
        found = zip((emissions.swapaxes(0, 1), *others), ctx.inputs, strict=True)
        return *(as_tensor(part, *place) for part, place in found), None, None, None


def tensor_scores(emissions: Tensor, potentials: Sequence[Tensor], mask: Tensor) -> Scores[Tensor]:
    """Return emissions, transitions, start and end scores of a batch as tensors of a linear chain."""
    transitions, start, end = (part.detach().double() for part in potentials)
    return Scores(emissions.detach().double().transpose(0, 1), transitions, start, end, mask.T)


def array_scores(emissions: Tensor, potentials: Sequence[Tensor], mask: Tensor) -> Scores[NDArray[Any]]:
    """Return them as arrays."""
    transitions, start, end = (_as_array(part) for part in potentials)
    return Scores(_as_array(emissions.transpose(0, 1)), transitions, start, end, mask.T.numpy(force=True))


def _as_array(tensor: Tensor) -> NDArray[np.float64]:
    """Return a tensor in main memory and fp64, to which numpy converts it: torch would do so with all its threads."""
    array: Floats = tensor.to(torch.promote_types(tensor.dtype, torch.float)).numpy(force=True)
    return np.ascontiguousarray(array, np.double)


def as_tensor(array: NDArray[np.float64] | Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return a tensor of another type, converted by numpy where it was an array."""
    if not isinstance(array, Tensor):
        array = torch.from_numpy(np.ascontiguousarray(array, np.double if dtype == torch.double else np.float32))
    return array.to(device, dtype)


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
