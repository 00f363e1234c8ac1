"""JSON that is read value by value, so that a file may be larger than memory."""

import json
import re
from collections.abc import Iterator
from typing import TextIO

from ner.formats._json import JSONError, fields_of

BLOCK_CHARACTERS = 1 << 16
# What a block cuts in two is found broken near its end: a word, an escape, the digits of a code point.
LONGEST_WORD = 16
# A number that a block cuts in two is read as a shorter one, with at most `e+` after it: 1e+|5.
LONGEST_TAIL = 2
WHITE_SPACE = re.compile(r"[ \t\n\r]*")


class JSONStream:
    """A JSON text, read from its beginning to its end.

    Only the value that is asked for is in memory. A method raises :class:`JSONError` where the text is broken.

    Args:
        file: The opened text.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._decoder = json.JSONDecoder(object_pairs_hook=fields_of)
        self._text = ""
        self._at = 0
        # The place of the first character of the text in the file, counted from 0.
        self._line, self._column = 0, 0

    def peek(self) -> str:
        """Return the next character that is no white space, or nothing at the end."""
        while True:
            self._at = WHITE_SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # it always matches
            if self._at < len(self._text) or not self._read_on():
                return self._text[self._at : self._at + 1]

    def value(self) -> object:
        """Return the next value."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                is_cut = "Unterminated string" in error.msg or error.pos > len(self._text) - LONGEST_WORD
                if not is_cut or not self._read_on():
                    raise self._broken(error.msg, error.pos) from None
                continue
            if end + LONGEST_TAIL < len(self._text) or not self._read_on():
                self._at = end
                return value

    def elements(self) -> Iterator[int]:
        """Yield the number of each element of an array, which the caller reads before it asks for the next one."""
        self._expect("[")
        number = 0
        while number or self.peek() != "]":
            yield number
            number += 1
            if self.peek() == "]":
                break
            self._expect(",")
        self._expect("]")

    def members(self) -> Iterator[str]:
        """Yield each key of an object, whose value the caller reads before it asks for the next one."""
        self._expect("{")
        is_first = True
        while not is_first or self.peek() != "}":
            if self.peek() != '"':
                raise self._broken("Expecting property name enclosed in double quotes", self._at)
            key = str(self.value())
            self._expect(":")
            yield key
            is_first = False
            if self.peek() == "}":
                break
            self._expect(",")
        self._expect("}")

    def end(self) -> None:
        """Check that nothing follows."""
        if self.peek():
            raise self._broken("Extra data", self._at)

    def _expect(self, character: str) -> None:
        if self.peek() != character:
            raise self._broken(f"Expecting '{character}'", self._at)
        self._at += 1

    def _read_on(self) -> bool:
        """Forget what was read and double what waits, so that a long value is not parsed often; False at the end."""
        block = self._file.read(max(BLOCK_CHARACTERS, len(self._text) - self._at))
        if block:
            self._line, self._column = self._place(self._at)
            self._text = self._text[self._at :] + block
            self._at = 0
        return bool(block)

    def _place(self, position: int) -> tuple[int, int]:
        lines = self._text.count("\n", 0, position)
        begin = self._text.rfind("\n", 0, position) + 1
        return self._line + lines, position - begin if lines else self._column + position

    def _broken(self, what: str, position: int) -> JSONError:
        line, column = self._place(position)
        return JSONError(f"broken JSON at line {line + 1}, column {column + 1}: {what}", "fix it")
