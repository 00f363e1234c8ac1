"""Packages that only an extra installs."""

from importlib import import_module
from types import ModuleType

from ner.errors import InputError


def command(extra: str) -> str:
    """Return what installs an extra."""
    return f"pip install -c constraints.txt -e '.[{extra}]'"


def imported(module: str, need: str, extra: str) -> ModuleType:
    """Import a module of a package that an extra installs.

    Args:
        module: Its name.
        need: What needs which package, as in ``Parquet needs pyarrow``.
        extra: The extra.

    Raises:
        InputError: if it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise InputError(f"{need}, the extra `{extra}`: {command(extra)}") from None
