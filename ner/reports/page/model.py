"""What a report says of the model that made the predictions."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from ner.checkpoints.checkpoint import Checkpoint

SHOWN_DIGITS = 12


def model_facts(members: Sequence[Checkpoint], fingerprint: str) -> dict[str, str]:
    """Return what is known of a model, by headings.

    Args:
        members: The checkpoint, or those of an ensemble.
        fingerprint: The digest of its weights, or those of its members.
    """
    first = members[0]
    what = f"ensemble of {len(members)}, " if len(members) > 1 else ""
    digests = " ".join(digest[:SHOWN_DIGITS] for digest in fingerprint.split())
    return {
        "model": f"{what}{', '.join(map(_training, members))}",
        "encoder": _encoder(first),
        "labels": f"{len(first.labels)}: {', '.join(first.labels)}",
        "digest": f"{digests} (first digits of the weights' BLAKE2b)",
    }


def _training(member: Checkpoint) -> str:
    seed = member.config.get("seed_everything")
    name = PurePath(member.name).name if seed is None else f"seed {seed}"
    return f"{name} ({member.epochs} epochs)" if member.epochs else name


def _encoder(member: Checkpoint) -> str:
    """Return the name of an encoder without the folders of a user's machine, and its size."""
    configured = member.config.get("model")
    recorded = configured if isinstance(configured, Mapping) else {}
    name = str(recorded.get("encoder") or member.model.get("encoder") or "unknown")
    config = member.model.get("encoder_config")
    sizes = [config.get(key) for key in ("model_type", "num_hidden_layers", "hidden_size")] if config else []  # type: ignore[attr-defined]
    shown = f" ({sizes[0]}, {sizes[1]} layers of {sizes[2]})" if sizes and all(sizes) else ""
    return f"{PurePath(name).name if PurePath(name).is_absolute() else name}{shown}"
