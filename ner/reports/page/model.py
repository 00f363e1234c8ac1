"""What a report says of the model that made the predictions."""

from collections.abc import Sequence

from ner.checkpoints.checkpoint import Checkpoint
from ner.reports.model_card import model_digest, training_facts


def model_facts(members: Sequence[Checkpoint], fingerprint: str) -> dict[str, str]:
    """Return what is known of a model, by headings.

    Args:
        members: The checkpoint, or those of an ensemble.
        fingerprint: That of the model.
    """
    labels = members[0].labels
    return {
        **training_facts(members)[1],
        "epochs": ", ".join(str(member.epochs) for member in members),
        "labels": f"{len(labels)}: {', '.join(labels)}",
        "digest": model_digest(fingerprint),
    }
