"""The closed schema of the model's settings in a checkpoint or an export: types, ranges and sizes.

A stranger's file is data. It is checked before anything is built, so that nothing it names is imported, downloaded or
opened, and nothing is allocated for sizes that its weights do not have.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from types import NoneType
from typing import TypeGuard

from ner.errors import InputError
from ner.labels import LabelSet

# Arguments of the `NERModule` and their types; a test compares them with its signature.
MODEL: Mapping[str, tuple[type, ...]] = {
    "labels": (list,),
    "vocabulary_size": (int,),
    "encoder": (str,),
    "pretrained": (bool,),
    "encoder_config": (dict,),
    "attention_dropout": (float, int, NoneType),
    "dropout": (float, int),
    "dropout_samples": (int,),
    "learn_transitions": (bool,),
    "bio_constraints": (bool,),
    "encoder_lr": (float, int),
    "encoder_lr_decay": (float, int),
    "emissions_lr": (float, int),
    "crf_lr": (float, int),
    "encoder_weight_decay": (float, int),
    "emissions_weight_decay": (float, int),
    "crf_weight_decay": (float, int),
    "warmup_ratio": (float, int),
    "loss_reduction": (str,),
    "min_scores": (dict, NoneType),
    "tier_smoothing": (dict, NoneType),
}
MOST_LABELS = 1_000
MOST_CHARACTERS = 1_000
# The settings of the largest model that is known have a few hundred values, nested four deep.
MOST_VALUES = 100_000
DEEPEST = 20
# No encoder has more rows in its embedding, wider layers or longer inputs.
LARGEST_NUMBER = 10_000_000
# Settings by which transformers fetches or runs code, or replaces layers.
CODE = ("auto_map", "custom_pipelines", "quantization_config", "trust_remote_code")
KERNELS = ("attn_implementation", "experts_implementation", "use_kernels")


def check_plain(value: object, what: str) -> None:
    """Check that a value consists of plain types, in a size that can be walked through and shown.

    Nothing else may look into what a file holds before: objects that a file repeats in each other multiply without end.

    Args:
        value: What the file holds.
        what: What messages call it.

    Raises:
        InputError: if it is too large or too deep, or holds a value of another type.
    """
    level, count = [value], 0
    for _ in range(DEEPEST):
        count += len(level)
        if count > MOST_VALUES:
            raise InputError(f"a damaged file: {what} has more than {MOST_VALUES} values")
        if odd := [part for part in level if not _is_plain(part)]:
            raise InputError(
                f"a damaged file: {what} has a value that is not plain, of the type {type(odd[0]).__name__}"
            )
        level = list(_parts(level, what))
        if not level:
            return
    raise InputError(f"a damaged file: {what} is nested more than {DEEPEST} deep")


def _is_plain(value: object) -> TypeGuard[str | float | bool | list[object] | dict[object, object] | None]:
    # Python refuses to write numbers of thousands of digits.
    return type(value) in (str, float, bool, list, dict, type(None)) or (
        type(value) is int and value.bit_length() <= 64
    )


def _parts(level: Sequence[object], what: str) -> Iterator[object]:
    """Yield what lists and mappings hold, no more than can be told to be too much."""
    count = 0
    for value in level:
        if isinstance(value, dict | list):
            count += len(value)
            if count > MOST_VALUES:
                raise InputError(f"a damaged file: {what} has more than {MOST_VALUES} values")
            if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
                raise InputError(f"a damaged file: {what} has a key that is no text")
            yield from value.values() if isinstance(value, dict) else value


def check_model(settings: Mapping[str, object]) -> None:
    """Check the arguments of the ``NERModule`` in a checkpoint, which are plain values.

    Raises:
        InputError: if one is unknown, missing, or of another type or size.
    """
    for name, value in settings.items():
        if name not in MODEL:
            raise InputError(f"it has a setting that this version does not know: model.{name[:60]!r}")
        if type(value) not in (kinds := MODEL[name]):
            raise InputError(f"model.{name} is {value!r:.60}, and not of type {kinds[0].__name__}")
        if isinstance(value, str) and len(value) > MOST_CHARACTERS:
            raise InputError(f"model.{name} has {len(value)} characters")
        if isinstance(value, float) and not isfinite(value):
            raise InputError(f"model.{name} is {value}")
    for name in ("labels", "encoder_config"):
        if name not in settings:
            raise InputError(f"a damaged checkpoint: it lacks model.{name}")
    check_labels(settings["labels"])
    check_min_scores(settings.get("min_scores") or {}, settings["labels"])
    check_tier_smoothing(settings.get("tier_smoothing") or {})


def check_tier_smoothing(shares: object) -> None:
    """Check the label smoothing of tiers.

    Raises:
        InputError: if they are not shares by tier.
    """
    if not isinstance(shares, dict):
        raise InputError(f"model.tier_smoothing is {shares!r:.60}, and not of type dict")
    for tier, value in shares.items():
        if not isinstance(value, float | int) or not 0 <= value < 1:
            raise InputError(f"model.tier_smoothing of {tier!r:.60} is {value!r:.60}; a share is 0 or more and below 1")


def check_min_scores(min_scores: object, labels: object) -> None:
    """Check the least scores of entities, by label.

    Raises:
        InputError: if they are not probabilities of some of the labels.
    """
    if not isinstance(min_scores, dict) or not isinstance(labels, list):
        raise InputError(f"min_scores is {min_scores!r:.60}, and not of type dict")
    for label, value in min_scores.items():
        if label not in labels:
            raise InputError(f"min_scores has {label!r:.60}, which is none of its labels")
        if type(value) not in (float, int) or not 0 <= value <= 1:
            raise InputError(f"min_scores of {label!r:.60} is {value!r:.60}; a probability lies between 0 and 1")


def check_labels(labels: object) -> None:
    """Check entity types.

    Raises:
        InputError: if they are not a list of names, each once.
    """
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise InputError(f"its labels are not a list of names, but {labels!r:.60}")
    if len(labels) > MOST_LABELS or any(len(label) > MOST_CHARACTERS for label in labels):
        raise InputError(f"there are {len(labels)} labels, or one has over {MOST_CHARACTERS} characters")
    if odd := [label for label in labels if not label.isprintable()]:
        raise InputError(f"the label {odd[0][:60]!r} has characters that cannot be printed")
    LabelSet(labels)


def check_encoder_config(config: Mapping[str, object], architectures: Sequence[str]) -> None:
    """Check an encoder's configuration, which consists of plain values.

    Args:
        config: The configuration.
        architectures: The kinds of encoders that are known.

    Raises:
        InputError: if the kind is unknown, a setting runs or fetches code, or one is of absurd size.
    """
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in architectures:
        raise InputError(f"cannot build the encoder from its configuration: it is of an unknown kind: {kind!r:.60}")
    _check_settings(config)


def _check_settings(value: object) -> None:
    if isinstance(value, dict):
        for key, part in value.items():
            name = key.lstrip("_")
            is_kernel = name.startswith(KERNELS) and part not in (None, "sdpa", "eager", False)
            # transformers makes a name for each of `num_labels`.
            is_many = name == "num_labels" and isinstance(part, int) and part > MOST_LABELS
            if name in CODE or "backbone" in name or is_kernel or is_many:
                raise InputError(f"its encoder's configuration has a setting that is not allowed: {key[:60]!r}")
            _check_settings(part)
    elif isinstance(value, list):
        for part in value:
            _check_settings(part)
    elif isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        raise InputError(f"its encoder's configuration has the number {value!r}")
