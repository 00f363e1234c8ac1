"""Configuration files: found by path, or by the name under which they ship, and read once."""

from copy import deepcopy
from functools import cache
from pathlib import Path

import yaml
from jsonargparse import get_loader, set_loader

from ner.checkpoints.renames import present
from ner.errors import InputError, one_line
from ner.io.paths import exists

PARSER_MODE = "configuration"


def shipped_configs() -> dict[str, Path]:
    """Return the configurations of the project, by their names, such as ``quickstart``."""
    package = Path(__file__).parents[1]
    # An installed package has them inside, the repository beside.
    folder = next(parent / "configs" for parent in (package, package.parent) if (parent / "configs").is_dir())
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.yaml"))}


def find_config(name: str) -> Path:
    """Return the file that has this path, else the configuration that ships under this name; a folder does not count.

    Raises:
        InputError: if there is no name.
    """
    if not name or name.startswith("--"):
        raise InputError(f"--config has no value; name a file, or one that ships: {', '.join(shipped_configs())}")
    is_there = exists(name) and not Path(name).is_dir()
    return Path(name) if is_there else shipped_configs().get(name, Path(name))


class ConfigFiles:
    """Configuration files, each opened once however often it is asked for."""

    def __init__(self) -> None:
        self._texts: dict[Path, str] = {}
        self._checked: set[Path] = set()

    def text(self, path: Path) -> str:
        """Return the text of a configuration.

        Raises:
            InputError: if it cannot be read.
        """
        if path not in self._texts:
            try:
                self._texts[path] = path.read_text(encoding="utf-8")
            except OSError as error:
                fix = f"check the path, or name one that ships: {', '.join(shipped_configs())}"
                raise InputError(f"{path}: cannot be read ({error.strerror}); {fix}") from None
            except UnicodeDecodeError as error:
                raise InputError(f"{path}: cannot be read as YAML: {error}") from error
        return self._texts[path]

    def settings(self, path: Path) -> dict[str, object]:
        """Return the settings of a configuration, by key.

        Raises:
            InputError: if it cannot be read, or is not YAML with keys.
        """
        try:
            content = load_yaml(self.text(path))
            if path not in self._checked:
                check_keys(yaml.compose(self.text(path), yaml.SafeLoader), path)
                self._checked.add(path)
        except yaml.YAMLError as error:
            raise InputError(f"{path}: cannot be read as YAML: {one_line(error)}") from error
        if not isinstance(content, dict):
            raise InputError(f"{path}: not a configuration: it should hold keys such as model and data")
        return content


def check_keys(root: yaml.Node | None, path: Path) -> None:
    """Refuse a key that is given twice, of which YAML takes the last.

    Raises:
        InputError: if there is one; it names the key and both lines.
    """
    nodes, seen = [root], set[int]()
    while nodes:
        node = nodes.pop()
        if id(node) in seen:  # an alias, which may even hold itself
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
        elif isinstance(node, yaml.MappingNode):
            nodes += [value for _, value in node.value]
            _check_mapping(node, path)


def _check_mapping(node: yaml.MappingNode, path: Path) -> None:
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            line = key.start_mark.line + 1
            first = lines.setdefault((key.tag, key.value), line)
            if first != line:
                twice = f"the key {key.value:.60} is given twice, in lines {first} and {line}"
                raise InputError(f"{path}: {twice}; keep one of them")


def load_yaml(text: str) -> object:
    """Load YAML as the parser does; a configuration of an earlier version gets the names of this one."""
    return deepcopy(_loaded(text))


@cache
def _loaded(text: str) -> object:
    content: object = get_loader("yaml")(text)
    return present(content) if isinstance(content, dict) else content


set_loader(PARSER_MODE, load_yaml, (yaml.YAMLError,))
