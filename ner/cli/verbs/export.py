"""Write checkpoints as a folder that other programs read."""

from collections.abc import Sequence
from pathlib import Path

from jsonargparse import Namespace
from rich.console import Console

from ner.checkpoints import ensemble as members
from ner.checkpoints import runs
from ner.checkpoints.onnx import check_installed
from ner.cli.messages import PlainParser
from ner.cli.parser import program
from ner.documents import Document
from ner.errors import InputError
from ner.formats import Format
from ner.formats.base import documents_at
from ner.inference.tagger import Tagger
from ner.io.files import check_writable
from ner.metrics.thresholds import compare
from ner.reports.model_card import UNKNOWN_LICENSE
from ner.reports.publishing import write_export

GUTBRAINIE = {"class_path": "ner.formats.GutBrainIE"}


def main(arguments: Sequence[str]) -> int:
    """Write the folder, print its path, and return the exit code.

    Raises:
        InputError: if a checkpoint cannot be read, they do not fit together, the folder cannot be written, or int8
            loses too much.
    """
    chosen = _chosen(arguments)
    check_writable(chosen.output, is_folder=True)
    with_onnx = chosen.onnx or chosen.int8
    if with_onnx:
        check_installed()
    gold = list(documents_at(chosen.gold, chosen.gold_format, "gold_format")) if chosen.int8 else []
    found = members.read(runs.find(chosen.checkpoints))
    lines: list[str] = []
    check = (lambda folder: lines.append(_check_int8(folder, gold, chosen))) if chosen.int8 else None
    write_export(found, chosen.output, chosen.license, with_onnx, check)
    console = Console(soft_wrap=True, markup=False, highlight=False)
    for line in (*lines, f"{len(found)} members: {chosen.output}"):
        console.print(line)
    return 0


def _chosen(arguments: Sequence[str]) -> Namespace:
    description = "Write checkpoints as one safe, self-contained folder."
    parser = PlainParser(prog=f"{program()} export", description=description, allow_abbrev=False)
    parser.add_argument(
        "--checkpoints",
        type=str,
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
        "--int8",
        action="store_true",
        help="also write each member as ONNX in int8, for Tagger.load(..., backend='onnx', precision='int8'), if it"
        " finds the entities of --gold about as well",
    )
    parser.add_argument("--gold", type=Path | None, metavar="FILE", help="annotated file on which int8 is tried")
    parser.add_argument("--gold_format", type=Format, default=GUTBRAINIE, help="its format (default: GutBrainIE)")
    parser.add_argument("--max_loss", type=float, default=0.003, help="most micro-F1 that int8 may lose there")
    parser.add_argument(
        "--license",
        type=str,
        default=UNKNOWN_LICENSE,
        metavar="IDENTIFIER",
        help="licence of the weights, by the hub's identifier, such as cc-by-4.0 (default: %(default)s)",
    )
    chosen: Namespace = parser.instantiate_classes(parser.parse_args(list(arguments)))
    if chosen.int8 and chosen.gold is None:
        raise InputError("--int8 is tried before it is written: name an annotated file with --gold, such as dev's")
    given = {argument.partition("=")[0].partition(".")[0] for argument in arguments}
    if (trial := [name for name in ("--gold", "--gold_format", "--max_loss") if name in given]) and not chosen.int8:
        raise InputError(f"{trial[0]} is for the trial of --int8; leave it out, or give --int8 and --gold")
    if not 0 <= chosen.max_loss <= 1:
        raise InputError(f"max_loss is {chosen.max_loss}; it should lie between 0 and 1")
    return chosen


def _check_int8(folder: Path, gold: Sequence[Document], chosen: Namespace) -> str:
    """Compare int8 with fp32 on annotated documents, and return a line that says what it loses.

    Raises:
        InputError: if it is too much, or nothing is annotated.
    """
    taggers = [Tagger.load(folder, backend="onnx", precision=precision) for precision in ("32", "int8")]
    exact, quick = (list(tagger.tag_documents(gold)) for tagger in taggers)
    before, after = (compare(gold, found) for found in (exact, quick))
    if not sum(before.gold.values()):
        raise InputError(f"{chosen.gold}: nothing is annotated in it, so that int8 cannot be tried")
    loss = before.f1({}) - after.f1({})
    same = compare(exact, quick).f1({})
    line = f"int8 on {chosen.gold}: micro-F1 {after.f1({}):.4f}, {before.f1({}):.4f} in fp32"
    if loss > chosen.max_loss:
        raise InputError(f"{line}: it loses more than --max_loss {chosen.max_loss}; export without --int8")
    return f"{line}; {same:.1%} of their entities are the same"
