"""Upload a model to the Hugging Face hub."""

import re
import sys
from collections.abc import Sequence

from ner.checkpoints import runs
from ner.cli.parser import LightParser
from ner.errors import InputError

DESCRIPTION = """Upload checkpoints, exported for it, or one exported folder as it is, with the model card. The token is
that of `hf auth login`, or of the variable HF_TOKEN. Whoever may read the repository then names it like a path, as in
--checkpoints user/name."""


def main(arguments: Sequence[str]) -> int:
    """Upload, print the name of what was made, and return the exit code.

    Raises:
        InputError: if nobody is logged in, a checkpoint cannot be used, or the hub refuses.
    """
    parser = LightParser(prog="push", description=DESCRIPTION)
    parser.add_checkpoints()
    parser.add_argument(
        "--repo", required=True, metavar="USER/NAME", help="the repository, which is created if need be"
    )
    parser.add_argument("--private", action="store_true", help="let only its owners see it")
    parser.add_argument(
        "--license",
        metavar="IDENTIFIER",
        help="licence of the weights, by the hub's identifier, such as cc-by-4.0 (default: other)",
    )
    if any(re.match(r"--?[\w-]*token", argument, re.I) for argument in arguments):
        # Nor is it repeated in a message.
        raise InputError(
            "--token: other users of the machine could read it; set HF_TOKEN, or log in with `hf auth login`"
        )
    chosen = parser.parse_args(list(arguments))
    from ner.reports.publishing import push  # noqa: PLC0415 - with torch, for which --help need not wait

    commit = push(runs.find(chosen.checkpoints), chosen.repo, chosen.private, chosen.license)
    sys.stdout.write(f"pushed: {chosen.repo}@{commit}\n")
    return 0
