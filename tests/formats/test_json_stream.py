"""JSON value by value: what `json` finds, wherever blocks of the file end."""

import json
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.formats import _json_stream
from ner.formats._json import JSONError
from ner.formats._json_stream import JSONStream

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@pytest.fixture(params=[1, 2, 7, 1 << 16])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_json_stream, "BLOCK_CHARACTERS", request.param)


def read(text: str) -> object:
    stream = JSONStream(StringIO(text))
    found: object
    if stream.peek() == "[":
        found = [stream.value() for _ in stream.elements()]
    elif stream.peek() == "{":
        found = {key: stream.value() for key in stream.members()}
    else:
        found = stream.value()
    stream.end()
    return found


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("indent", [None, 2])
def test_values_are_those_of_json(indent: int | None) -> None:
    @given(values)
    def check(value: object) -> None:
        assert read(json.dumps(value, indent=indent, ensure_ascii=False)) == value

    check()


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: Expecting value"),
        ("[1\n 2]", "line 2, column 2: Expecting ','"),
        ("[1,\n]", "line 2, column 1: Expecting value"),
        ('{"a" 1}', "line 1, column 6: Expecting ':'"),
        ("{1: 2}", "line 1, column 2: Expecting property name"),
        ('{"a": 1,}', "line 1, column 9: Expecting property name"),
        ("[1] 2", "line 1, column 5: Extra data"),
        ('["a\nb"]', "line 1, column 4: Invalid control character"),
        ("[[1, 2", "line 1, column 7: Expecting ','"),
    ],
)
def test_what_is_broken_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(JSONError, match=message):
        read(text)


def test_a_mistake_is_found_before_the_rest_is_read() -> None:
    file = StringIO('[{"id": "1",, }' + " " * 10_000_000)
    stream = JSONStream(file)
    next(stream.elements())
    with pytest.raises(JSONError, match="line 1, column 13"):
        stream.value()
    assert file.tell() < 1_000_000


def test_only_the_value_that_is_asked_for_is_in_memory() -> None:
    class Counting(StringIO):
        taken = 0

        def read(self, size: int | None = -1) -> str:
            self.taken += size or 0
            return super().read(size)

    file = Counting(json.dumps([["x" * 1000]] * 1000))
    elements = JSONStream(file)
    for number in elements.elements():
        elements.value()
        assert file.taken <= 1010 * number + 2 * _json_stream.BLOCK_CHARACTERS
