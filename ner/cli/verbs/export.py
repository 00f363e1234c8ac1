"""Write checkpoints as a folder that other programs read."""

from collections.abc import Sequence
from pathlib import Path

import torch
import transformers
from rich.console import Console

from ner import __version__
from ner.checkpoints import ensemble as members
from ner.checkpoints import runs
from ner.checkpoints.export import write_folder
from ner.checkpoints.onnx import check_installed
from ner.cli.parser import LightParser
from ner.io.files import check_writable
from ner.reports.model_card import UNKNOWN_LICENSE, model_card


def main(arguments: Sequence[str]) -> int:
    """Write the folder, print its path, and return the exit code.

    Raises:
        InputError: if a checkpoint cannot be read, they do not fit together, or the folder cannot be written.
    """
    parser = LightParser(prog="export", description="Write checkpoints as one safe, self-contained folder.")
    parser.add_argument(
        "--checkpoints",
        nargs="+",
        required=True,
        metavar="PATTERN",
        help="the members, such as 'checkpoints/minilm_crf/seed=*/best.ckpt'",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="a new folder")
    parser.add_argument(
        "--onnx",
        action="store_true",
        help="also write each member as ONNX, for Tagger.load(..., backend='onnx'); needs the extra `onnx`",
    )
    parser.add_argument(
        "--license",
        default=UNKNOWN_LICENSE,
        metavar="IDENTIFIER",
        help="licence of the weights, by the hub's identifier, such as cc-by-4.0 (default: %(default)s)",
    )
    chosen = parser.parse_args(list(arguments))
    check_writable(chosen.output, is_folder=True)
    if chosen.onnx:
        check_installed()
    found = members.read(runs.find(chosen.checkpoints))
    versions = {"ner": __version__, "torch": str(torch.__version__), "transformers": transformers.__version__}
    card = model_card(found, versions, chosen.license, chosen.onnx)
    write_folder([(member, members.build_model(member)) for member in found], chosen.output, card, chosen.onnx)
    Console(soft_wrap=True).print(f"{len(found)} members: {chosen.output}", markup=False, highlight=False)
    return 0
