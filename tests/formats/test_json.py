"""Checked access to JSON: each fault with its place and its fix."""

from collections.abc import Callable

import pytest

from ner.formats._json import Fields, JSONError, parse, shown

FIELDS = '{"a": {"b": [{"c": "x"}, {"c": 3, "d": true, "e": 0.5, "f": "\\ud800"}]}, "g": null}'


def second() -> Fields:
    return Fields(parse(FIELDS)).nested("a").objects("b")[1]


def test_fields_are_given_as_they_are() -> None:
    fields = second()
    assert (fields.integer("c"), fields.number("e", 1.0), fields.number("x", 1.0)) == (3, 0.5, 1.0)
    assert (fields.probability("e"), fields.probability("x"), fields.string("x", "")) == (0.5, None, "")
    assert "c" in fields
    assert "x" not in fields


@pytest.mark.parametrize(
    ("access", "what", "fix"),
    [
        (lambda fields: fields.string("c"), "a.b[1]: `c` is 3, not a text", 'write it as "..."'),
        (
            lambda fields: fields.string("f"),
            "character 0 of a.b[1]: `f` is half a surrogate pair",
            "correct the escape",
        ),
        (lambda fields: fields.integer("d"), "a.b[1]: `d` is true, not an integer", "write it without quotes"),
        (lambda fields: fields.integer("e"), "a.b[1]: `e` is 0.5, not an integer", "write it without quotes"),
        (lambda fields: fields.number("d", 1.0), "a.b[1]: `d` is true, not a number", "write it without quotes"),
        (lambda fields: fields.probability("c"), "a.b[1]: `c` is 3, not a number from 0 to 1", "correct it"),
        (lambda fields: fields.integer("x"), "a.b[1]: `x` is missing", "add it"),
        (lambda fields: fields.nested("c"), "a.b[1]: `c` is 3, not an object", "write it as {...}"),
        (lambda fields: fields.objects("c"), "a.b[1]: `c` is 3, not a list", "write it as [...]"),
    ],
)
def test_a_fault_has_its_place_and_its_fix(access: Callable[[Fields], object], what: str, fix: str) -> None:
    with pytest.raises(JSONError) as caught:
        access(second())
    assert (caught.value.what, caught.value.fix) == (what, fix)


def test_a_key_that_stands_twice_is_found_in_the_object_that_is_read() -> None:
    fields = Fields(parse('{"a": {"b": 1, "b": 2}, "c": {}}'))
    assert fields.nested("c").values == {}
    with pytest.raises(JSONError, match="a: 'b' stands there twice"):
        fields.nested("a")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "broken JSON at column 2: Expecting property name"),
        ('{"a": 1,\n "b"}', "broken JSON at line 2, column 5: Expecting ':'"),
        ("[" * 100_000, "unreadable JSON: "),
        ("9" * 5000, "unreadable JSON: Exceeds the limit"),
    ],
)
def test_a_text_that_is_no_json_is_one_line(text: str, what: str) -> None:
    with pytest.raises(JSONError) as caught:
        parse(text)
    assert caught.value.what.startswith(what)
    assert "\n" not in caught.value.what


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "true"),
        (float("nan"), "NaN"),
        ({"a": 1}, "an object"),
        ([1], "a list"),
        ("a\nb", r"'a\nb'"),
        ("x" * 100, f"'{'x' * 40}…'"),
    ],
)
def test_a_value_is_shown_on_one_short_line(value: object, words: str) -> None:
    assert shown(value) == words
