"""Parsers of verbs that need no configuration."""

import sys

import pytest

from ner.cli.parser import LightParser, program
from ner.errors import InputError


@pytest.mark.parametrize(
    ("started", "called"),
    [("/a/main.py", "python main.py"), ("/a/ner/__main__.py", "python -m ner"), ("/usr/bin/ner", "ner")],
)
def test_the_program_is_named_as_its_user_types_it(started: str, called: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [started])
    assert program() == called
    assert LightParser("score").prog == f"{called} score"


def parser() -> LightParser:
    found = LightParser("score")
    found.add_number("--resamples", "Resamples", 10, least=1, most=100)
    found.add_number("--seed", "Seed", 42)
    return found


def test_a_number_is_a_number_and_absent_where_it_is_not_given() -> None:
    assert vars(parser().parse_args(["--resamples", "100", "--seed", "0"])) == {"resamples": 100, "seed": 0}
    assert vars(parser().parse_args([])) == {}
    assert "(default: 10)" in parser().format_help()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *[(["--resamples", text], f"should be a whole number from 1 to 100, not {text!r}") for text in ("0", "101")],
        *[(["--seed", text], f"should be a whole number from 0 on, not {text!r}") for text in ("1_0", "٣", " 1", "+1")],
        (["--see", "1"], "unrecognized arguments: --see 1"),
        (["--seed"], "argument --seed: expected one argument"),
    ],
)
def test_a_mistake_is_one_line_that_points_to_the_help(arguments: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        parser().parse_args(arguments)
    assert message in str(caught.value)
    assert str(caught.value).endswith(f"; see {program()} score --help")
    assert "\n" not in str(caught.value)
