"""Emissions to entities."""

from collections.abc import Mapping

from torch import Tensor

from ner.inference.backends import TaggedTexts
from ner.inference.min_scores import leave_out
from ner.labels import LabelSet
from ner.nn.models import Model
from ner.preprocessing.collate import Batch


def decode(
    model: Model,
    emissions: Tensor,
    batch: Batch,
    labels: LabelSet,
    with_scores: bool = False,
    min_scores: Mapping[str, float] | None = None,
) -> TaggedTexts:
    """Return the best path of each text under the CRF, and the entities on it.

    Args:
        model: Scores paths.
        emissions: Scores of tags for the batch's units, (B, T, K).
        batch: The B texts.
        labels: Entity types of the K tags.
        with_scores: Give each entity its span marginal: the probability, under the CRF, of all paths that hold exactly
            this entity, whatever they hold elsewhere.
        min_scores: Leave out entities, by label, of a lower span marginal.
    """
    paths = model.decode(emissions, batch.mask)
    found = labels.decode(paths)
    scores = None
    if with_scores or min_scores:
        intervals = (found.rows, found.starts, found.ends)
        marginals = model.crf.interval_log_marginals(emissions, batch.mask, intervals, found.begin_inside)
        scores = marginals.exp().numpy(force=True)
        paths, found, scores = leave_out(paths, found, scores, labels, min_scores or {})
    return TaggedTexts(
        batch.texts, paths, batch.texts.spans(found, labels, None if scores is None else scores.tolist())
    )
