"""Classes found in the files of a folder, so that a new one is one new file."""

from collections.abc import Iterable
from importlib import import_module
from inspect import isabstract
from pkgutil import iter_modules


def subclasses(package: str, folders: Iterable[str], base: type) -> dict[str, type]:
    """Import every public module of a package, and return the subclasses of a class that they hold, by name.

    Args:
        package: The package's name.
        folders: Its ``__path__``.
        base: The class; abstract subclasses and private ones are left out.
    """
    found: dict[str, type] = {}
    for module in iter_modules(folders):
        if not module.name.startswith("_"):
            members = vars(import_module(f"{package}.{module.name}"))
            found |= {name: member for name, member in members.items() if _is_public_subclass(name, member, base)}
    return found


def _is_public_subclass(name: str, member: object, base: type) -> bool:
    return not name.startswith("_") and isinstance(member, type) and issubclass(member, base) and not isabstract(member)
