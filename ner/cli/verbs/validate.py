"""Score checkpoints on the dev split."""

from collections.abc import Sequence

from ner.cli.lightning import run


def main(arguments: Sequence[str]) -> int:
    """Score them.

    Returns:
        The exit code.

    Raises:
        InputError: if the arguments or the checkpoints cannot be used.
    """
    run("validate", arguments)
    return 0
