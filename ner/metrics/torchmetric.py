"""The official score as a metric whose counts add up over batches and processes."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from ner.errors import InputError
from ner.metrics.official import Counts, Mention, Score, Version, count_document, summarise


class OfficialScore(Metric):
    """The official GutBrainIE NER score over all mentions seen since the last reset.

    The states are numbers of mentions by label: long, of shape (labels,).

    Args:
        labels: The entity types, each once.
        version: ``final`` removes duplicates and overlaps from the predictions, ``march2025`` does not.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = True

    true_positives: Tensor
    predicted: Tensor
    gold: Tensor

    def __init__(self, labels: Sequence[str], version: Version = "final") -> None:
        super().__init__()
        self.labels = tuple(labels)
        self.version: Version = version
        for name in ("true_positives", "predicted", "gold"):
            self.add_state(name, torch.zeros(len(self.labels), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, gold: Sequence[Mention], predicted: Sequence[Mention]) -> None:
        """Count one passage or document.

        Raises:
            InputError: if a mention has a label that the metric does not know.
        """
        counts = count_document(gold, predicted, self.version)
        if unknown := sorted(set(counts).difference(self.labels)):
            raise InputError(f"unknown labels {unknown}; the metric knows: {', '.join(self.labels)}")
        rows = [counts.get(label, Counts()) for label in self.labels]
        true_positives, predicted_mentions, gold_mentions = torch.tensor(rows, device=self.gold.device).unbind(dim=1)
        # Not in place: tensors of inference mode, in which Lightning validates, must not be changed outside of it.
        self.true_positives = self.true_positives + true_positives
        self.predicted = self.predicted + predicted_mentions
        self.gold = self.gold + gold_mentions

    def compute(self) -> Score:
        """Compute the score; all zero while there is no gold."""
        columns = zip(self.true_positives.tolist(), self.predicted.tolist(), self.gold.tolist(), strict=True)
        return summarise({label: Counts(*column) for label, column in zip(self.labels, columns, strict=True)})
