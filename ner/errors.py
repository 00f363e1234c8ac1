"""The exception for a mistake that a user can fix, and the messages of others in it."""


class InputError(ValueError):
    """A file, argument or checkpoint that cannot be used as it is.

    Its message is one line that says what is wrong, where, and how to fix it. The command line prints that line and
    exits with code 2; a caller of the library catches it like any ``ValueError``.
    """


def one_line(error: BaseException) -> str:
    """Return the message of a library's error as a part of a line."""
    return " ".join(str(error).split())
