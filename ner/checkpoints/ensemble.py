"""The members of an ensemble: whether they fit together, and their models."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.modules.module import register_module_parameter_registration_hook
from transformers import PreTrainedModel

from ner.checkpoints import runs
from ner.checkpoints.checkpoint import Checkpoint, read_checkpoint
from ner.checkpoints.export import is_exported, read_folder
from ner.checkpoints.pretrained import ARCHITECTURES, build_encoder, max_positions
from ner.checkpoints.schema import check_encoder_config
from ner.checkpoints.weights import check_fit
from ner.documents import Document, Passage
from ner.errors import InputError, one_line
from ner.labels import LabelSet
from ner.nn.models import EncoderCRF, Model
from ner.preprocessing.preprocessor import Preprocessor

PREFIX = "model."
# Parameters of parts that are built and not kept, such as a pooler.
SPARE = 20


def read(paths: Sequence[Path]) -> list[Checkpoint]:
    """Open the members in checkpoints and exported folders; their weights are read later.

    Raises:
        InputError: if one cannot be read, or they disagree on labels, tokens or markers.
    """
    members: list[Checkpoint] = []
    for path in paths:
        members += read_folder(path) if is_exported(path) else [read_checkpoint(path)]
    for member in members[1:]:
        check_agreement(member, members[0].name, members[0].labels, members[0].preprocessor)
    return members


def read_of_seed(pattern: str, seed: int) -> Checkpoint:
    """Read the one checkpoint that a pattern names, or that of a seed among several.

    Args:
        pattern: A checkpoint, an exported folder or a pattern, in which ``{seed}`` stands for the seed.
        seed: The seed.

    Raises:
        InputError: if there is none, or several and none of them is the seed's.
    """
    path = pattern.replace("{seed}", str(seed))
    found = read(runs.find(path))
    own = [member for member in found if len(found) == 1 or Path(member.name).name == str(seed)]
    if len(own) != 1:
        raise InputError(f"{path}: has {len(found)} members, none of them seed {seed}; name one checkpoint")
    return own[0]


def check_agreement(member: Checkpoint, name: str, labels: Sequence[str], preprocessor: Preprocessor) -> None:
    """Refuse a checkpoint whose tags or units are not those of another one, or of the data it is used on.

    Args:
        member: The checkpoint.
        name: What messages call the other.
        labels: Entity types of the other, in order.
        preprocessor: How the other reads texts.

    Raises:
        InputError: if they differ; it names both, and what differs.
    """
    differing = ["labels"] if member.labels != list(labels) else []
    differing += member.preprocessor.differences(preprocessor)
    if differing:
        raise InputError(f"{member.name} and {name} do not fit together: they differ in {', '.join(differing)}")


def build_model(member: Checkpoint, is_mapped: bool = False) -> EncoderCRF:
    """Build the model of a checkpoint, in fp32, in evaluation mode, on the CPU.

    Args:
        member: The checkpoint.
        is_mapped: Leave its weights in the file, which the system reads as they are used.

    Raises:
        InputError: if its weights are not those of its configuration, or its encoder cannot be used.
    """
    weights = _weights(member)
    _check_built(member, weights)
    try:
        model = _empty_model(member)
        model.load_state_dict(weights, assign=is_mapped)
    except (InputError, RuntimeError) as error:
        raise InputError(f"{member.name}: {_reason(error)}") from None
    if not is_mapped:
        check_use(model.eval(), member)
    return model.eval()


def check_model(member: Checkpoint) -> None:
    """Check that the model of a checkpoint can be built of its weights, before memory is taken for it.

    Raises:
        InputError: if its weights are not those of its configuration.
    """
    _check_built(member, _weights(member))


def _check_built(member: Checkpoint, weights: Mapping[str, Tensor]) -> None:
    try:
        # Sizes that the weights do not have are never allocated, nor are layers built that they do not have.
        with torch.device("meta"), _at_most(2 * len(weights) + SPARE):
            model = _empty_model(member)
        check_fit(weights, model)
        _check_inputs(member.preprocessor, model.encoder)  # type: ignore[arg-type]
    except (InputError, RuntimeError, AttributeError, NotImplementedError) as error:
        raise InputError(f"{member.name}: {_reason(error)}") from None


def _check_inputs(preprocessor: Preprocessor, encoder: PreTrainedModel) -> None:
    limit, window = max_positions(encoder.config), preprocessor.window_tokens
    if limit is not None and window > limit:
        raise InputError(f"it reads {window} tokens at once, but its encoder {limit} at most")
    rows = len(next(encoder.get_input_embeddings().parameters()))
    ids = max(preprocessor.vocabulary_size, preprocessor.text_tokenizer.padding_id + 1)
    if ids > rows:
        raise InputError(f"its tokenizer needs {ids} rows of its encoder's embedding, which has {rows}")


@torch.no_grad()
def check_use(model: Model, member: Checkpoint) -> None:
    """Check that an encoder reads a short text: settings that only then contradict each other are told in one line.

    Raises:
        InputError: if it does not.
    """
    try:
        texts = member.preprocessor.encode([Document("", (Passage("a"),))])
        inputs = member.preprocessor.inputs(texts)
        ids, mask, rows, positions = map(
            torch.from_numpy, (inputs.input_ids, inputs.attention_mask, inputs.rows, inputs.positions)
        )
        model.emissions(ids, mask, rows, positions)
    except Exception as error:
        raise InputError(f"{member.name}: its encoder cannot be used: {_reason(error)}") from error


def _weights(member: Checkpoint) -> dict[str, Tensor]:
    return {name.removeprefix(PREFIX): tensor for name, tensor in member.read_weights().items()}


def _empty_model(member: Checkpoint) -> EncoderCRF:
    config = member.model.get("encoder_config")
    if not isinstance(config, Mapping):
        raise InputError("a damaged checkpoint: it lacks its encoder's configuration")
    check_encoder_config(config, ARCHITECTURES)
    encoder = build_encoder(config)
    return EncoderCRF(encoder, encoder.config.hidden_size, len(LabelSet(member.labels).tags), dropout=0.0)


@contextmanager
def _at_most(count: int) -> Iterator[None]:
    """Stop the building of a model that has more parameters."""
    left = iter(range(count))

    def register(*_: object) -> None:
        if next(left, None) is None:
            raise InputError("its weights are not those of its configuration: they have fewer layers")

    hook = register_module_parameter_registration_hook(register)
    try:
        yield
    finally:
        hook.remove()


def _reason(error: Exception) -> str:
    """Return the message of an error that a model's settings led to."""
    return one_line(error)[:300] or type(error).__name__
