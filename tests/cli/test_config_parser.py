"""Parsers with configurations."""

from pathlib import Path

import pytest

from ner.cli.config_parser import ConfigParser, config_parser
from ner.cli.configs import ConfigFiles
from ner.errors import InputError


@pytest.fixture
def parser() -> ConfigParser:
    found = config_parser(ConfigFiles(), "check", "Report.")
    found.add_argument("--model.encoder", type=str, default="none")
    found.add_argument("--epochs", type=int, default=1)
    return found


def test_what_comes_later_overrides_file_by_file_and_key_by_key(parser: ConfigParser, tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("model: {encoder: a}\nepochs: 2\n", encoding="utf-8")
    second.write_text("epochs: 3\n", encoding="utf-8")
    files = ["--config", str(first), "-c", str(second)]
    for arguments, encoder, epochs in (
        (files, "a", 3),
        ([*files, "--model.encoder", "b"], "b", 3),
        (["--model.encoder", "b", "--epochs", "4", *files], "a", 3),
    ):
        config = parser.parse_args(arguments)
        assert (config.model.encoder, config.epochs) == (encoder, epochs)


def test_a_configuration_that_was_read_is_not_read_again(parser: ConfigParser, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("epochs: 5\n", encoding="utf-8")
    parser.files.settings(path)
    path.write_text("epochs: 6\n", encoding="utf-8")
    assert parser.parse_args(["--config", str(path)]).epochs == 5


@pytest.mark.parametrize("arguments", [["--epoch", "3"], ["--epochs", "many"], ["--config", "no/such.yaml"]])
def test_a_mistake_is_one_line_and_options_are_not_abbreviated(parser: ConfigParser, arguments: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        parser.parse_args(arguments)
    assert "\n" not in str(caught.value)
    assert "usage" not in str(caught.value)
