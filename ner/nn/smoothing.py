"""Label smoothing for a CRF: doubt about the tags of an annotation."""

from torch import Tensor


def smoothing_loss(emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
    """Return by how much the emissions of the annotated tags exceed the mean of all tags, summed over each row.

    Times a share, added to the negative log-likelihood, it gives this share of each unit's tag to all tags alike: the
    likelihood is linear in the emissions. Transitions keep to the annotation, so that illegal ones stay impossible.

    Args:
        emissions: Scores of tags, (B, T, K).
        tags: Tag ids, (B, T).
        mask: True on the annotated units, (B, T).

    Returns:
        One value a row, in fp32 at least, (B,).

    Source: Szegedy et al. (2016), "Rethinking the Inception architecture for computer vision".
    """
    scores = emissions.float() if emissions.element_size() < 4 else emissions
    margins = scores.gather(2, tags[..., None]).squeeze(2) - scores.mean(2)
    return margins.masked_fill(~mask, 0).sum(1)
