"""The closed schema of the model's settings in a checkpoint or an export: types, ranges and sizes.

A stranger's file is data. It is checked before anything is built, so that nothing it names is imported, downloaded or
opened, and nothing is allocated for sizes that its weights do not have.
"""

from collections.abc import Mapping, Sequence
from math import isfinite

from ner.errors import InputError

# Arguments of the `NERModule` and their types; a test compares them with its signature.
MODEL: Mapping[str, tuple[type, ...]] = {
    "labels": (list,),
    "vocabulary_size": (int,),
    "encoder": (str,),
    "pretrained": (bool,),
    "encoder_config": (dict,),
    "dropout": (float, int),
    "learn_transitions": (bool,),
    "bio_constraints": (bool,),
    "encoder_lr": (float, int),
    "emissions_lr": (float, int),
    "crf_lr": (float, int),
    "encoder_weight_decay": (float, int),
    "emissions_weight_decay": (float, int),
    "crf_weight_decay": (float, int),
    "warmup_ratio": (float, int),
    "loss_reduction": (str,),
}
MOST_LABELS = 10_000
MOST_CHARACTERS = 1_000
# No encoder has more rows in its embedding, wider layers or longer inputs.
LARGEST_NUMBER = 10_000_000
DEEPEST_CONFIG = 8
# Settings by which transformers fetches or runs code, or replaces layers.
CODE = ("auto_map", "custom_pipelines", "quantization_config", "trust_remote_code", "backbone")
KERNELS = ("attn_implementation", "experts_implementation", "use_kernels")


def check_model(settings: Mapping[object, object]) -> None:
    """Check the arguments of the ``NERModule`` in a checkpoint.

    Raises:
        InputError: if one is unknown, missing, or of another type or size.
    """
    for name, value in settings.items():
        kinds = MODEL.get(name) if isinstance(name, str) else None
        if kinds is None:
            raise InputError(f"has a setting that this version does not know: model.{name!r:.60}")
        if type(value) not in kinds:
            raise InputError(f"model.{name} is {value!r:.60}, and not of type {kinds[0].__name__}")
        if isinstance(value, str) and len(value) > MOST_CHARACTERS:
            raise InputError(f"model.{name} has {len(value)} characters")
        if isinstance(value, float) and not isfinite(value):
            raise InputError(f"model.{name} is {value}")
    for name in ("labels", "encoder_config"):
        if name not in settings:
            raise InputError(f"a damaged checkpoint: it lacks model.{name}")
    check_labels(settings["labels"])


def check_labels(labels: object) -> None:
    """Check entity types.

    Raises:
        InputError: if they are not a list of names.
    """
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise InputError(f"its labels are not a list of names, but {labels!r:.60}")
    if len(labels) > MOST_LABELS or any(len(label) > MOST_CHARACTERS for label in labels):
        raise InputError(f"it has {len(labels)} labels, or one of over {MOST_CHARACTERS} characters")


def check_encoder_config(config: Mapping[str, object], architectures: Sequence[str], tensors: int) -> None:
    """Check an encoder's configuration.

    Args:
        config: The configuration, as plain types.
        architectures: The kinds of encoders that are known.
        tensors: Number of tensors that the weights have; an encoder has at least one a layer.

    Raises:
        InputError: if the kind is unknown, a setting runs or fetches code, or one is of absurd size.
    """
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in architectures:
        raise InputError(f"its encoder is of an unknown kind: {kind!r:.60}")
    _check_config(config, tensors, 0)


def _check_config(value: object, tensors: int, depth: int) -> None:
    if depth > DEEPEST_CONFIG:
        raise InputError(f"its encoder's configuration is nested more than {DEEPEST_CONFIG} deep")
    if isinstance(value, Mapping):
        for key, part in value.items():
            name = key.lstrip("_") if isinstance(key, str) else ""
            if not name or name in CODE or (name.startswith(KERNELS) and part not in (None, "sdpa", "eager", False)):
                raise InputError(f"its encoder's configuration has a setting that is not allowed: {key!r:.60}")
            if "layers" in name and type(part) is int and part > tensors:
                raise InputError(f"its encoder has {part} layers, but its weights have {tensors} tensors")
            _check_config(part, tensors, depth + 1)
    elif isinstance(value, list):
        for part in value:
            _check_config(part, tensors, depth + 1)
    elif isinstance(value, int | float) and not abs(value) <= LARGEST_NUMBER:
        raise InputError(f"its encoder's configuration has the number {value!r:.60}")
    elif not isinstance(value, str | int | float | bool | None):
        raise InputError(f"its encoder's configuration has {value!r:.60}, which is no plain value")
