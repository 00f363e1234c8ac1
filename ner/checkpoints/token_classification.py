"""An exported folder of one member as transformers' ``AutoModelForTokenClassification`` reads it, without the CRF.

Three small files, so that no weight of the encoder is written twice:

    config.json                   the encoder's, as of ...ForTokenClassification, with the tags as id2label
    model.safetensors.index.json  where the weights lie: the encoder's in members/<seed>/model.safetensors
    classifier.safetensors        the linear layer, under the names that transformers gives it
"""

import json
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import AutoModelForTokenClassification, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES

from ner.io.files import write_text
from ner.nn.models import EncoderCRF

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
HEAD = "classifier.safetensors"


def has_token_classifier(models: Sequence[EncoderCRF]) -> bool:
    """Return if transformers has a token classifier that is the encoder and the linear layer of the only model."""
    [encoder, *others] = [model.encoder for model in models]
    assert isinstance(encoder, PreTrainedModel)
    if others or encoder.config.model_type not in MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES:
        return False
    with torch.device("meta"):
        network = AutoModelForTokenClassification.from_config(encoder.config, trust_remote_code=False)  # type: ignore[no-untyped-call]
    own = {f"{network.base_model_prefix}.{name}" for name in encoder.state_dict()}
    # Others have layers between encoder and classifier, or another encoder.
    return set(network.state_dict()) == own | {"classifier.weight", "classifier.bias"}


def write_token_classifier(model: EncoderCRF, tags: Sequence[str], folder: Path, member: str) -> None:
    """Write the files of the only member, which :func:`has_token_classifier` found fit.

    Args:
        model: The member.
        tags: The BIO tags, by their ids.
        folder: The exported folder, with the member's files in it.
        member: The member's name.
    """
    encoder, weights = model.encoder, f"members/{member}/model.safetensors"
    assert isinstance(encoder, PreTrainedModel)
    config = deepcopy(encoder.config)
    config.architectures = [MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES[config.model_type]]
    config.id2label = dict(enumerate(tags))
    config.label2id = {tag: number for number, tag in enumerate(tags)}
    config.to_json_file(folder / CONFIG)
    head = {f"classifier.{name}": tensor for name, tensor in model.classifier.state_dict().items()}
    save_file(head, folder / HEAD, metadata={"format": "pt"})
    with safe_open(folder / weights, "pt") as file:
        places = {f"{encoder.base_model_prefix}.{name}": weights for name in file.keys()}  # noqa: SIM118 - no mapping
    size = sum((folder / file).stat().st_size for file in (weights, HEAD))
    index = {"metadata": {"total_size": size}, "weight_map": places | dict.fromkeys(head, HEAD)}
    write_text(json.dumps(index, indent=2) + "\n", folder / INDEX)
