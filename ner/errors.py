"""The one exception that stands for a mistake a user can mend."""


class InputError(ValueError):
    """A file, argument or checkpoint that cannot be used as it is.

    Its message is one line that says what is wrong, where, and how to mend it. The command line prints that line and
    exits with code 2; a caller of the library catches it like any ``ValueError``.
    """
