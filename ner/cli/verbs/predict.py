"""Tag the test split, or the files of --data.predict_path."""

from collections.abc import Sequence

from ner.cli.lightning import run

RESUME = "the same command resumes after what was tagged"


def main(arguments: Sequence[str]) -> int:
    """Tag them.

    Returns:
        The exit code.

    Raises:
        InputError: if the arguments or the checkpoints cannot be used.
    """
    run("predict", arguments)
    return 0
