"""The verb ``export``: trained taggers as one folder that other programs read; see ``ner.exported``."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ner import members
from ner.commands.parser import LightParser
from ner.exported import write_folder


def main(arguments: Sequence[str]) -> int:
    """Write the folder, and print its path.

    Returns:
        The exit code.

    Raises:
        InputError: if a checkpoint cannot be read, they do not fit together, or the folder cannot be written.
    """
    parser = LightParser(
        prog="main.py export", description="Write checkpoints as one safe, self-contained folder.", allow_abbrev=False
    )
    parser.add_argument(
        "--checkpoints",
        nargs="+",
        required=True,
        metavar="PATTERN",
        help="the members, such as 'checkpoints/minilm_crf/seed=*/best.ckpt'",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="a folder that is not there yet")
    chosen = parser.parse_args(list(arguments))
    found = members.read(members.find(chosen.checkpoints))
    write_folder([(member, members.build_tagger(member)) for member in found], chosen.output)
    Console(soft_wrap=True).print(f"{len(found)} members: {chosen.output}", markup=False, highlight=False)
    return 0
