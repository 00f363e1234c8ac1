"""Train a tagger, or resume with --ckpt_path last."""

from collections.abc import Sequence

from ner.cli.lightning import run
from ner.errors import InputError

RESUME = "once an epoch is finished, the same command with --ckpt_path last resumes after it"


def main(arguments: Sequence[str]) -> int:
    """Train.

    Returns:
        The exit code.

    Raises:
        InputError: if the arguments cannot be used.
    """
    if not arguments:
        raise InputError("fit needs a configuration: give --config quickstart, say; or see fit --help")
    run("fit", arguments)
    return 0
