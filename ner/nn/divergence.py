"""The loss of distillation: how far the tag paths of a CRF are from those of a teacher."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ner.nn import linear_chain
from ner.nn.crf import CRF, array_scores, as_tensor, tensor_scores


def divergence(
    crf: CRF, emissions: Tensor, teacher: CRF, taught: Tensor, mask: Tensor, in_parallel: bool | None = None
) -> Tensor:
    """Return the Kullback-Leibler divergence of a CRF's tag paths from a teacher's, summed over texts.

    It is that of the distributions over all K^T paths of a text. A path's score is linear, so what the teacher's paths
    are expected to use of each score is all that it takes: exact, in the time of two forward-backward passes.
    Differentiable once, by the CRF's scores and emissions.

    Args:
        crf: The CRF that learns.
        emissions: Its scores of tags, (B, T, K).
        teacher: The CRF that it learns from, over the same tags.
        taught: The teacher's scores of tags, (B, T, K).
        mask: True on a prefix of each row, at least one token long, (B, T).
        in_parallel: As in :meth:`ner.nn.crf.CRF.nll`.

    Returns:
        At least 0 but for rounding, in fp32 or, for such emissions, in fp64.

    Source: Hinton, Vinyals & Dean (2015), "Distilling the knowledge in a neural network"; Wang et al. (2021),
    "Structural knowledge distillation: tractably distilling information for structured predictor".
    """
    in_parallel = emissions.is_cuda if in_parallel is None else in_parallel
    found: Tensor = _Divergence.apply(  # type: ignore[no-untyped-call]
        emissions, *crf.potentials, taught, teacher.potentials, mask, in_parallel
    )
    return found


class _Divergence(torch.autograd.Function):
    """The divergence, with its gradient in closed form: what the CRF is expected to use, less what the teacher is."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch passes anything
        emissions: Tensor,
        transitions: Tensor,
        start: Tensor,
        end: Tensor,
        taught: Tensor,
        teacher: tuple[Tensor, Tensor, Tensor],
        mask: Tensor,
        in_parallel: bool,
    ) -> Tensor:
        own = (emissions, transitions, start, end)
        convert: Any = tensor_scores if in_parallel else array_scores
        scores, theirs = convert(emissions, own[1:], mask), convert(taught, teacher, mask)
        found, known = linear_chain.messages(scores), linear_chain.messages(theirs)
        once = scores.mask[0] * 1.0
        expected = linear_chain.expected_use(theirs, known, once)
        loss = (found.log_partition - known.log_partition).sum()
        for use, their_part, own_part in zip(expected, theirs.parts, scores.parts, strict=True):
            loss += (use * (their_part - own_part)).sum()
        ctx.dtypes = [part.dtype for part in own]
        kinds = [torch.promote_types(dtype, torch.float) for dtype in ctx.dtypes]
        uses = zip(linear_chain.expected_use(scores, found, once), expected, kinds, strict=True)
        ctx.gradients = [as_tensor(ours - use, emissions.device, kind) for ours, use, kind in uses]
        return as_tensor(loss, emissions.device, kinds[0]).reshape(())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        # A scaled gradient may be too large for half precision until it is multiplied.
        scaled = zip(ctx.gradients, ctx.dtypes, strict=True)
        emissions, *others = ((gradient.to(part) * part).to(dtype) for part, dtype in scaled)
        return emissions.transpose(0, 1), *others, None, None, None, None
