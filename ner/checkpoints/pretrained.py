"""Encoders and tokenizers from a folder, the local cache or the model hub, in this order, without long waits."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from huggingface_hub import constants
from huggingface_hub.errors import HFValidationError, StrictDataclassError
from huggingface_hub.utils._validators import validate_repo_id
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    logging,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES,
)

from ner.checkpoints import hub
from ner.errors import InputError, one_line
from ner.io.paths import expanded

T = TypeVar("T")

# Encoders of text that transformers ships.
ARCHITECTURES = (*MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES, *MODEL_FOR_MASKED_LM_MAPPING_NAMES)
PACKAGE = Path(__file__).parents[1]

# Encoders in whose layers every token looks at all others: to them a mask over the tokens says everything.
FULL_ATTENTION = ("bert", "camembert", "electra", "roberta", "xlm-roberta")
# Encoders that count positions from after the padding id.
AFTER_PADDING = (
    "camembert",
    "data2vec-text",
    "esm",
    "ibert",
    "layoutlmv3",
    "lilt",
    "longformer",
    "luke",
    "markuplm",
    "mpnet",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
)
# The rate of dropout in the attention, as configurations of encoders call it.
ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout")
# Of these a folder with an encoder or a tokenizer has at least one.
ENCODER_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt")
# Raised for a model's files that are missing, truncated, or another model's.
UNREADABLE = (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError, StrictDataclassError)


def local_folder(name: str) -> Path | None:
    """Return the folder that has this path; one that begins with ``ner/`` is also looked for in this package."""
    candidates = [expanded(name)]
    if name.startswith(f"{PACKAGE.name}/"):
        candidates.append(PACKAGE.parent / name)
    return next((folder for folder in candidates if folder.is_dir()), None)


def tokenizer_json(source: str) -> str:
    """Return the JSON of a fast tokenizer, with the padding token in its padding entry.

    Args:
        source: A folder, a name on the hub, or the JSON itself.

    Raises:
        InputError: if it cannot be found, or is not a fast tokenizer.
    """
    if source.lstrip().startswith("{"):
        return source

    def load(name: str, is_local: bool) -> PreTrainedTokenizerBase:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            name, local_files_only=is_local, trust_remote_code=False
        )
        # Where its files are missing transformers makes one up that knows special tokens only.
        if not set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens):
            raise OSError("there are no tokenizer files, such as tokenizer.json")
        return tokenizer

    tokenizer = _load(source, load, "tokenizer")
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise InputError(f"{source}: its tokenizer is not a fast one, so it gives no character offsets")
    backend = tokenizer.backend_tokenizer
    backend.enable_padding(pad_id=tokenizer.pad_token_id or 0, pad_token=str(tokenizer.pad_token or "[PAD]"))
    return backend.to_str()


def load_encoder(name: str, attention_dropout: float | None = None) -> PreTrainedModel:
    """Load a pretrained encoder, in fp32, without pooler.

    Args:
        name: A folder, or a name on the hub.
        attention_dropout: Rate of dropout in its attention, in place of its own.

    Raises:
        InputError: if it cannot be found or read, or its configuration has no such rate.
    """

    def load(name: str, is_local: bool) -> PreTrainedModel:
        network: PreTrainedModel
        network, info = AutoModel.from_pretrained(
            name,
            config=_config(name, is_local, attention_dropout),
            local_files_only=is_local,
            dtype=torch.float32,
            output_loading_info=True,
            trust_remote_code=False,
        )
        # transformers fills what is missing with random numbers.
        if missing := sorted(key for key in info["missing_keys"] if not key.startswith("pooler.")):
            raise OSError(f"its weights lack {len(missing)} of the encoder's tensors, such as {missing[0]}")
        return network

    return _prepared(_load(name, load, "encoder"))


def load_encoder_config(name: str, attention_dropout: float | None = None) -> dict[str, object]:
    """Load the configuration of an encoder, as plain types; arguments and errors as for :func:`load_encoder`."""

    def load(name: str, is_local: bool) -> dict[str, object]:
        return plain_config(_config(name, is_local, attention_dropout))

    return _load(name, load, "encoder configuration")


def _config(name: str, is_local: bool, attention_dropout: float | None) -> PreTrainedConfig:
    config: PreTrainedConfig = AutoConfig.from_pretrained(name, local_files_only=is_local, trust_remote_code=False)
    if attention_dropout is not None:
        if (key := next((key for key in ATTENTION_DROPOUT if hasattr(config, key)), None)) is None:
            raise InputError(f"{name}: this encoder has no dropout in its attention; leave out model.attention_dropout")
        setattr(config, key, attention_dropout)
    return config


def build_encoder(config: Mapping[str, object]) -> PreTrainedModel:
    """Build an encoder with random weights, without pooler, from its configuration as plain types.

    Raises:
        InputError: if there is no such kind of encoder, or its settings contradict each other.
    """

    def build(described: PreTrainedConfig) -> PreTrainedModel:
        return _prepared(AutoModel.from_config(described, trust_remote_code=False))  # type: ignore[no-untyped-call]

    return _described(config, build)


def complete_config(config: Mapping[str, object]) -> dict[str, object]:
    """Return an encoder's configuration with the defaults of its kind where it says nothing.

    Raises:
        InputError: if there is no such kind of encoder, or its settings contradict each other.
    """
    return _described(config, plain_config)


def _described(config: Mapping[str, object], use: Callable[[PreTrainedConfig], T]) -> T:
    settings = {key: value for key, value in config.items() if key != "model_type"}
    _quiet()
    try:
        return use(AutoConfig.for_model(str(config.get("model_type")), **settings))
    except InputError:
        raise
    except Exception as error:  # settings may contradict each other in any place
        reason = one_line(error)
        raise InputError(f"cannot build the encoder from its configuration: {reason[:300]}") from error


def plain_config(config: PreTrainedConfig) -> dict[str, object]:
    """Return a configuration as plain types, which a safely loaded checkpoint may hold."""
    # Through JSON, which turns enums and dtypes into what they are written as.
    settings = json.loads(config.to_json_string(use_diff=False))
    for key in ("_name_or_path", "transformers_version", "architectures", "dtype"):
        settings.pop(key, None)
    return dict(settings)


def max_positions(config: PreTrainedConfig) -> int | None:
    """Return the most tokens that an encoder reads at once, ``None`` where its configuration knows no limit."""
    positions = getattr(config, "max_position_embeddings", None)
    if not positions or positions < 0:
        return None
    reserved = config.pad_token_id + 1 if config.model_type in AFTER_PADDING else 0
    return int(positions) - reserved


def _prepared(encoder: PreTrainedModel) -> PreTrainedModel:
    if getattr(encoder, "pooler", None) is not None:
        setattr(encoder, "pooler", None)  # noqa: B010 - a type checker takes attributes of modules for modules
    if encoder.config.model_type in FULL_ATTENTION:
        encoder.register_forward_pre_hook(_with_broadcast_mask, with_kwargs=True)
    # transformers hands out pretrained encoders in evaluation mode, and Lightning trains them as it finds them.
    encoder.train()
    return encoder


def _with_broadcast_mask(
    encoder: PreTrainedModel, arguments: tuple[object, ...], keywords: dict[str, Any]
) -> tuple[tuple[object, ...], dict[str, Any]]:
    """Show the mask to every query without a copy for each.

    Made by transformers, such copies cost 4 % of a text's time on a CPU, and on a GPU a look at whether anything is
    masked, which waits for the GPU.
    """
    mask = keywords.get("attention_mask")
    if mask is not None and mask.dim() == 2 and encoder.config._attn_implementation == "sdpa":
        keywords["attention_mask"] = mask.bool()[:, None, None].expand(-1, 1, mask.shape[1], -1)
    return arguments, keywords


def _quiet() -> None:
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def _load(name: str, load: Callable[[str, bool], T], what: str) -> T:
    _quiet()
    if not name:
        raise InputError("the encoder has no name; give a folder, or a name on the hub")
    if (folder := local_folder(name)) is not None:
        if not any((folder / file).is_file() for file in ENCODER_FILES):
            raise InputError(
                f"{name}: no encoder lies in this folder; name one that has config.json and tokenizer.json"
            )
        return _read(str(folder), load, what)
    try:
        validate_repo_id(name)
    except HFValidationError:
        raise InputError(f"{name}: there is no such folder, and no model on the hub can have this name") from None
    try:
        return load(name, True)
    except InputError:
        raise
    except UNREADABLE:
        _probe(name)
    logging.enable_progress_bar()  # type: ignore[no-untyped-call]
    return _read(name, load, what, is_local=False)


def _read(name: str, load: Callable[[str, bool], T], what: str, is_local: bool = True) -> T:
    try:
        return load(name, is_local)
    except InputError:
        raise
    except UNREADABLE as error:
        reason = one_line(error)
        raise InputError(f"{name}: cannot read the {what}: {reason}") from error


def _probe(name: str) -> None:
    """Ask the hub once for a model's configuration.

    Raises:
        InputError: if it does not answer in time, or does not have the model.
    """
    fix = "or pass a local folder with its files, as in --model.encoder path/to/folder"
    if constants.HF_HUB_OFFLINE:
        raise InputError(f"{name}: not in the local cache, and HF_HUB_OFFLINE forbids to ask the hub; unset it, {fix}")
    error = hub.ask(name, "config.json")
    if error is not None and (status := hub.status_of(error)):
        raise InputError(f"{name}: {constants.ENDPOINT} answers {status} for it; check the name, {fix}")
    if error is not None:
        raise InputError(
            f"{name}: no such folder, not in the local cache, and {constants.ENDPOINT} does not answer; connect, {fix}"
        )
