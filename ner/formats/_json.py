"""Checked access to JSON: what is wrong, where, and how to fix it."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ner.errors import InputError
from ner.formats._quoting import excerpt
from ner.io.files import reading

SHOWN_CHARACTERS = 40
# Beyond what any text needs, and far from integers that Python refuses to print.
LARGEST_INTEGER = 10**12


class JSONError(ValueError):
    """A part of a JSON text that is not as it should be.

    Args:
        what: The fault and its place.
        fix: The remedy.
    """

    def __init__(self, what: str, fix: str = "correct it") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


class Fields:
    """An object of JSON with checks of its fields.

    Args:
        value: The value that should be an object.
        place: Its place as messages name it, such as ``entities[0]``; none for the whole.

    Raises:
        JSONError: if it is no object, or a key stands twice in it.
    """

    __slots__ = ("_place", "values")

    def __init__(self, value: object, place: str = "") -> None:
        self._place = place
        if not isinstance(value, dict):
            raise JSONError(f"{self._where}{shown(value)} is not an object", "write it as {...}")
        if isinstance(value, Repeated):
            raise JSONError(f"{self._where}{value.again[0]!r:.100} stands there twice", "keep one of them")
        self.values: Mapping[str, object] = value

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def string(self, key: str, default: str | None = None) -> str:
        """Return a text; a default stands for null too.

        Raises:
            JSONError: if there is none, or it cannot be encoded.
        """
        value = self.values.get(key)
        value = default if value is None else value
        if not isinstance(value, str):
            raise self.error(key, "a text", 'write it as "..."')
        return value if value.isascii() else encodable(value, f"{self._where}`{key}`")

    def integer(self, key: str) -> int:
        """Return an integer of at most twelve digits.

        Raises:
            JSONError: if there is none.
        """
        value = self.values.get(key)
        # JSON's true and false are integers to Python.
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.error(key, "an integer", "write it without quotes")
        if abs(value) > LARGEST_INTEGER:
            raise JSONError(f"{self._where}`{key}` is an integer beyond {LARGEST_INTEGER}")
        return value

    def number(self, key: str, default: float) -> float:
        """Return a number, or a default where there is none, or null.

        Raises:
            JSONError: if something else is there.
            OverflowError: if it is an integer that no float can hold.
        """
        value = self.values.get(key)
        value = default if value is None else value
        if not isinstance(value, float | int) or isinstance(value, bool):
            raise self.error(key, "a number", "write it without quotes")
        return float(value)

    def probability(self, key: str) -> float | None:
        """Return a number from 0 to 1, or ``None`` where there is none.

        Raises:
            JSONError: if something else is there.
        """
        if key not in self.values:
            return None
        value = self.values[key]
        if not isinstance(value, float | int) or isinstance(value, bool) or not 0 <= value <= 1:
            raise self.error(key, "a number from 0 to 1")
        return float(value)

    def array(self, key: str) -> list[object]:
        """Return a list.

        Raises:
            JSONError: if there is none.
        """
        value = self.values.get(key)
        if not isinstance(value, list):
            raise self.error(key, "a list", "write it as [...]")
        return value

    def strings(self, key: str) -> list[str]:
        """Return a list of texts.

        Raises:
            JSONError: if there is none, or one of its values is something else.
        """
        place = self._child(key)
        parts = [Fields({"": value}, f"{place}[{number}]") for number, value in enumerate(self.array(key))]
        return [part.string("") for part in parts]

    def objects(self, key: str) -> "list[Fields]":
        """Return a list of objects.

        Raises:
            JSONError: if there is none, or one of its values is something else.
        """
        place = self._child(key)
        return [Fields(value, f"{place}[{number}]") for number, value in enumerate(self.array(key))]

    def nested(self, key: str) -> "Fields":
        """Return an object.

        Raises:
            JSONError: if there is none.
        """
        value = self.values.get(key)
        if not isinstance(value, dict):
            raise self.error(key, "an object", "write it as {...}")
        return Fields(value, self._child(key))

    def error(self, key: str, kind: str, fix: str = "correct it") -> JSONError:
        """Return the error for a field of another kind than it should have."""
        if key not in self.values:
            return JSONError(f"{self._where}`{key}` is missing", "add it")
        return JSONError(f"{self._where}`{key}` is {shown(self.values[key])}, not {kind}", fix)

    def _child(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key

    @property
    def _where(self) -> str:
        return f"{self._place}: " if self._place else ""


def parse(text: str) -> object:
    """Return the value of a JSON text.

    Raises:
        JSONError: if it is none.
    """
    try:
        return json.loads(text, object_pairs_hook=fields_of)
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if "\n" in text.strip() else ""
        raise JSONError(f"broken JSON at {line}column {error.colno}: {error.msg}", "fix it") from None
    except (ValueError, RecursionError) as error:
        # Python refuses integers of thousands of digits and very deep nesting, both with errors of their own.
        raise JSONError(f"unreadable JSON: {str(error).partition(';')[0]}", "fix it") from None


def read_object(path: Path, repeated: Callable[[str], object] | None = None) -> Fields:
    """Return the object that a file holds.

    Args:
        path: The file.
        repeated: Called with each key that stands there again, whose first value is kept; without it that is an error.

    Raises:
        InputError: if the file cannot be read, is not JSON in UTF-8, or holds something else.
    """
    with reading(path) as file:
        content = file.read()
    try:
        value = parse(content)
        if repeated and isinstance(value, Repeated):
            for key in value.again:
                repeated(key)
            value = dict(value)
        return Fields(value)
    except JSONError as error:
        raise InputError(f"{path}: {error.what}; {error.fix}") from None


@contextmanager
def placed(where: str) -> Iterator[None]:
    """Name the place of what is wrong with a document.

    Raises:
        InputError: in place of any other ``ValueError``, or error of arithmetic.
    """
    try:
        yield
    except InputError:
        raise
    except JSONError as error:
        raise InputError(f"{where}: {error.what}; {error.fix}") from None
    except (ArithmeticError, ValueError) as error:
        raise InputError(f"{where}: {error}; correct it") from None


def encodable(text: str, name: str) -> str:
    """Return a text that a file can hold; name it in the message if it is none.

    Raises:
        JSONError: if an escape makes half a surrogate pair, which is no character.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise JSONError(f"character {error.start} of {name} is half a surrogate pair", "correct the escape") from None
    return text


def shown(value: object) -> str:
    """Return a value as messages show it: short and on one line."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, str):
        return excerpt(value, SHOWN_CHARACTERS)
    return json.dumps(value)[:SHOWN_CHARACTERS]


class Repeated(dict[str, object]):
    """An object in which keys come again, with their first values; a plain ``dict`` keeps the last ones silently."""

    again: list[str]


def fields_of(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object of JSON, in which a key that stands twice is known."""
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    repeated = Repeated()
    repeated.again = []
    for key, value in pairs:
        if key in repeated:
            repeated.again.append(key)
        else:
            repeated[key] = value
    return repeated
