"""What a command line and its configuration files say, before anything is parsed."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from ner.errors import InputError

CONFIG = ("--config", "-c")


def read_config(path: Path) -> dict[str, object]:
    """The keys of a configuration file.

    Raises:
        InputError: if it cannot be read, or is not YAML with keys.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a configuration: it should hold keys such as model and data")
    return content


def split_configs(arguments: Sequence[str]) -> tuple[list[Path], list[str]]:
    """The configuration files, in order, and the other arguments."""
    configs: list[Path] = []
    others: list[str] = []
    following = iter(arguments)
    for argument in following:
        name, equals, value = argument.partition("=")
        if name in CONFIG:
            configs.append(Path(value if equals else next(following, "")))
        else:
            others.append(argument)
    return configs, others


def given(arguments: Sequence[str], key: str) -> object:
    """The value of a setting, by dotted name: the last that options and configuration files say, else ``None``.

    Raises:
        InputError: if a configuration file cannot be read.
    """
    found: object = None
    for name, value in _options(arguments):
        if name in CONFIG:
            content: object = read_config(Path(value))
            path = key.split(".")
        elif f"--{key}.".startswith(f"{name}."):
            content = _parsed(value)
            path = key[len(name) - 1 :].split(".") if name != f"--{key}" else []
        else:
            continue
        for part in path:
            content = content.get(part) if isinstance(content, Mapping) else None
        found = found if content is None else content
    return found


def is_given(arguments: Sequence[str], key: str) -> bool:
    """Whether an option of the command line itself says something of a setting."""
    return any(f"--{key}.".startswith(f"{name}.") or name.startswith(f"--{key}.") for name, _ in _options(arguments))


def run_name(arguments: Sequence[str]) -> str:
    """The name of a run: its key ``run``, else the stem of the last configuration.

    Raises:
        InputError: if a configuration file cannot be read.
    """
    configs, _ = split_configs(arguments)
    return str(given(arguments, "run") or (configs[-1].stem if configs else "run"))


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Names and values of the options, in both of their forms, in order."""
    for position, argument in enumerate(arguments):
        if argument.startswith("-"):
            name, equals, value = argument.partition("=")
            following = arguments[position + 1] if position + 1 < len(arguments) else ""
            yield name, value if equals else following


def _parsed(value: str) -> object:
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        return value
