"""Export encoder and linear emissions to ONNX, with both dimensions of the input free, in fp32 and in int8."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from ner.errors import InputError, one_line
from ner.io.extras import command
from ner.nn.models import EncoderCRF

# The exporter needs the first and the last (which brings onnx_ir); the other runs the exported graph.
PACKAGES = ("onnx", "onnxruntime", "onnxscript")
GRAPH = "emissions.onnx"
INT8_GRAPH = "emissions.int8.onnx"
INPUTS = ("input_ids", "attention_mask")
OUTPUT = "emissions"
# Windows and tokens of the traced input, not 1, which the exporter would take for fixed, and of the trials.
TRACED = (2, 8)
TRIED = ((1, 2), (3, 17))
# Kernels differ by about 1e-6; a graph that computes something else differs by far more.
TOLERANCE = 1e-3


def check_installed() -> None:
    """Check before the work that the packages are installed.

    Raises:
        InputError: if a package is missing.
    """
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise InputError(f"ONNX needs {', '.join(missing)}: {command('onnx')}")


def write_emissions(model: EncoderCRF, path: Path) -> None:
    """Write one member's encoder and linear layer, and compare the graph with the original.

    The graph maps ``input_ids`` and ``attention_mask``, both int64 (W, L) for any W and any L that the encoder can
    read, to ``emissions``, float32 (W, L, K). Weights of more than 1.5 GB lie in a file beside it.

    Args:
        model: The member, in evaluation mode, on the CPU.
        path: The file; its folder exists.

    Raises:
        InputError: if the encoder cannot be translated, or the graph's emissions are not the encoder's.
    """
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass  # noqa: PLC0415 - an extra, as the next

    network = _Emissions(model).eval()
    axes = {0: "windows", 1: "tokens"}
    example = tuple(torch.ones(TRACED, dtype=torch.long) for _ in INPUTS)
    try:
        with _quiet():
            program = torch.onnx.export(
                network,
                example,
                dynamo=True,
                input_names=INPUTS,
                output_names=[OUTPUT],
                dynamic_shapes=dict.fromkeys(INPUTS, axes),
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = one_line(error)[:200]
        raise InputError(f"{path.parent.name}: its encoder cannot be written as ONNX: {reason}") from error
    assert program is not None  # always returned with dynamo
    # The places where nodes were traced name folders of this machine.
    ClearMetadataAndDocStringPass()(program.model)
    program.save(path)
    difference = _difference(network, path)
    if not difference <= TOLERANCE:
        raise InputError(
            f"{path.parent.name}: its encoder cannot be written as ONNX: emissions differ by {difference:.2g}"
        )


def write_int8(graph: Path, path: Path) -> None:
    """Write a graph of :func:`write_emissions` with the encoder's matrix products in int8, the rest of it in fp32.

    Weights are rounded by output channel, activations by tensor as they come. The second product of each feed-forward
    layer in the lower half of the encoder stays in fp32: what it reads has outliers that leave little of the 8 bits to
    the rest (docs/results.md says what that is worth). What rounding costs is not checked here.

    Args:
        graph: The graph in fp32.
        path: The file to write, in its folder.
    """
    import onnx  # noqa: PLC0415 - an extra, as the next
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415

    network = onnx.load(graph, load_external_data=False).graph
    shapes = {weights.name: weights.dims for weights in network.initializer}
    products = [node for node in network.node if node.op_type == "MatMul" and node.input[1] in shapes]
    # The last one is the linear layer, which a member shares with nobody and which costs little.
    *encoder, linear = products
    narrowing = [node for node in encoder if (shape := shapes[node.input[1]])[0] > shape[1]]
    exact = [linear, *narrowing[: len(narrowing) // 2]]
    with _quiet():
        quantize_dynamic(
            graph,
            path,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            # In 7 bits, as sums of two products of 8 bits overflow where a processor has no instructions for them.
            reduce_range=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[node.name for node in exact],
            use_external_data_format=graph.with_name(f"{graph.name}.data").exists(),
            extra_options={"MatMulConstBOnly": True},
        )


class _Emissions(nn.Module):
    """The inputs and the output of the graph."""

    def __init__(self, model: EncoderCRF) -> None:
        super().__init__()
        self.encoder = model.encoder
        self.classifier = model.classifier

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self.encoder(input_ids=input_ids, attention_mask=attention_mask)[0])
        return scores


@torch.no_grad()
def _difference(network: nn.Module, path: Path) -> float:
    """Return the largest difference of the graph's emissions from the original's, over windows of several lengths."""
    from onnxruntime import InferenceSession  # noqa: PLC0415

    session = InferenceSession(path)
    worst = 0.0
    for count, width in TRIED:
        # Ids that every vocabulary has.
        input_ids = torch.arange(count * width).reshape(count, width)
        lengths = torch.arange(width, 0, -width // count)
        mask = torch.arange(width) < lengths[:, None]
        [found] = session.run([OUTPUT], {"input_ids": input_ids.numpy(), "attention_mask": mask.long().numpy()})
        difference = torch.from_numpy(found) - network(input_ids, mask.long())
        worst = max(worst, float(difference.abs()[mask].max()))
    return worst


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's notes to its own developers."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
