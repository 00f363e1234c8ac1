"""The parser's messages in the words of this project: one line that says what is wrong, and how to fix it."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from inspect import isabstract, signature
from typing import NoReturn

from jsonargparse import ArgumentParser

from ner.corpora.base import Corpus
from ner.errors import InputError
from ner.formats.base import Format
from ner.preprocessing.chunking import Chunking

# The last part of a key that takes a class, and the base of the classes.
BASES: dict[str, type] = {
    "corpus": Corpus,
    "format": Format,
    "predict_format": Format,
    "gold_format": Format,
    "predictions_format": Format,
    "from": Format,
    "to": Format,
    "chunking": Chunking,
}
# The words for a type, by its name.
TYPES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "Seed": "a whole number from 0 to 4294967295",
    "timedelta": "a time, as in 1:30:00",
    "Resamples": "a whole number from 1 to 1000000",
    "NonNegativeInt": "a whole number from 0 on",
    "PositiveInt": "a whole number from 1 on",
    **dict.fromkeys(("Sequence", "Iterable", "list", "tuple", "set"), "a list"),
    **dict.fromkeys(("dict", "Mapping"), "keys with values"),
}

# What stands before a reason: the key, a class whose argument the next key is, and attempts that failed.
PREFIX = re.compile(
    r"(?:- )?(?:"
    r"Parser key \"(?P<key>[^\"]+)\"(?: element \d+)?:|"
    r"Problem with given class_path '(?P<name>[^']+)':|"
    r"Expected a path but .*? either not accessible or invalid(?= - )|"
    r"Unable to load config '.*?'(?= - )"
    r") "
)
UNION = re.compile(
    r"(?:- )?Does not validate against any of the Union subtypes Subtypes: .*? "
    r"Errors: (?P<errors>.*) Given value type: .*? Given value: ?(?P<value>.*)"
)


class PlainParser(ArgumentParser):
    """A parser that reports a mistake in one line, in plain words and without the usage."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if not self.exit_on_error:
            super().error(message, ex)
        parser = getattr(ex, "subcommand_parser", None) or self
        raise InputError(rewrite(message, parser.get_defaults().keys(), parser.prog.replace(" [options]", ""))) from ex


def rewrite(message: str, known: Iterable[str], prog: str) -> str:
    """Return a message of jsonargparse in one line, with the key and its value.

    Args:
        message: The message.
        known: The options that exist, by dotted name.
        prog: The program and the verb, whose help lists them.
    """
    text = " ".join(message.split())
    if found := _LINKED.match(text):
        fix = f"give --{found[2]} instead" if found[2] in known else "leave it out"
        return f"{found[1]} follows from {found[2]}; {fix}"
    for pattern, words in _OF_OPTIONS:
        if found := pattern.match(text):
            return words(found)
    if found := _UNKNOWN.search(text):
        is_option = found["key"] is None
        name, dashes = (found["option"], "--") if is_option else (found["key"], "")
        return f"there is no {dashes or 'key '}{name}; {_meant(name, dashes, known, prog)}"
    if found := _STRAY.match(text):
        return f"{found[1]!r:.80} belongs to no option; {prog} --help lists what there is"
    key, class_path, reason = _located(text)
    for pattern, of_key in _OF_VALUES:
        if found := pattern.match(reason):
            return of_key(key, class_path, found)
    return f"{key}: {reason}" if key else f"{reason}; see {prog} --help"


def check_sections(settings: dict[str, object], known: Iterable[str], path: object) -> None:
    """Refuse a configuration in which a section such as ``trainer`` has no keys.

    Args:
        settings: The configuration.
        known: The options that exist, by dotted name.
        path: Its path, for the message.

    Raises:
        InputError: if there is one.
    """
    sections = {name.partition(".")[0] for name in known if "." in name}
    for key in sections & settings.keys():
        if not isinstance(settings[key], dict):
            raise InputError(f"{path}: {key} is {settings[key]!r:.60}; it should hold keys with values")


@contextmanager
def warned_before() -> Iterator[None]:
    """Log no warning: what is read again has been warned of."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _located(text: str) -> tuple[str, str, str]:
    """Return the whole key that a message is of, the class whose argument it is, and the reason."""
    key = class_path = ""
    while found := PREFIX.match(text):
        text = text[found.end() :]
        if found["key"]:
            is_whole = not key or f"{found['key']}.".startswith(f"{key}.")
            key = found["key"] if is_whole else f"{key}.{found['key']}"
        class_path = found["name"] or class_path
        union = UNION.match(text)
        # Of the attempts with each type the one counts that came as far as a class.
        if union and (start := union["errors"].find("Problem with given class_path")) >= 0:
            text = re.split(r" - (?=Expected a |Problem with )", union["errors"][start:])[0]
    return key, class_path, text


def _value(key: str, value: str, expected: str) -> str:
    return f"{key} is {value!r:.80}; it should be {expected}"


def _of_type(key: str, _: str, found: re.Match[str]) -> str:
    if found["value"] == "None":
        return f"{key} is missing; give --{key}, or a configuration that has it"
    return _value(key, found["value"], _expected([found["type"]]))


def _of_union(key: str, class_path: str, found: re.Match[str]) -> str:
    if option := re.match(r"NestedArg\(key='(.*?)'", found["value"]):
        fix = f"give --{key} before it" if key.rpartition(".")[2] in BASES else f"--{key} takes one value"
        return f"there is no --{key}.{option[1]}; {fix}"
    if any(words in found["errors"] for words in ("dot import path", "Import path", "Not a valid subclass")):
        return _unknown_class(key, class_path, found)
    # Errors of types inside these types are not of the whole value. The parser drops "a" where that is the value.
    outer = found["errors"].partition("Does not validate")[0]
    if (part := _OF_PART.search(outer)) and part["value"].casefold() != found["value"].casefold():
        return f"{key} has {part['value']!r:.80} in it, which should be {_expected([part['type']])}"
    types = re.findall(r"- (?:Expected (?:a )?|Not of type )(.+?)(?=\. Got value| - |: |$)", outer)
    return _value(key, found["value"], _expected(types))


def _expected(types: Iterable[str]) -> str:
    """Return the words for one of some types, as the parser writes them."""
    words: dict[str, None] = {}
    options: dict[str, None] = {}
    for kind in types:
        if literal := re.fullmatch(r"typing\.Literal\[(.*)\]", kind):
            options |= dict.fromkeys(option.strip("'") for option in literal[1].split(", "))
        elif (name := re.split(r"[.' ]", kind.rstrip("'>"))[-1]) != "NoneType":
            words[TYPES.get(name, name)] = None
    if TYPES["float"] in words:
        words.pop(TYPES["int"], None)
    listed = [f"{'one of ' * (len(options) > 1)}{', '.join(options)}"] * bool(options)
    return " or ".join([*words, *listed])


def _unknown_class(key: str, class_path: str, found: re.Match[str]) -> str:
    given = found.groupdict().get("value") or class_path
    base = BASES.get(key.rpartition(".")[2])
    if base is None:
        return f"{key} is {given!r:.80}, which is no class; give it by its path, as my_module.MyClass"
    kind = base.__name__.lower()
    if base is Corpus and given in _names(Format):
        return f"{key} is {given!r}, which is a format; give --{key} FileCorpus --{key}.format {given}"
    names = sorted(_names(base))
    near = get_close_matches(given.casefold(), [name.casefold() for name in names], n=1)
    meant = next((name for name in names if name.casefold() in near), None)
    fix = f"do you mean {meant}?" if meant else f"there are {', '.join(names)}, and your own, as my_module.MyClass"
    return f"{key} is {given!r:.80}, which is no {kind}; {fix}"


def _not_imported(key: str, class_path: str, found: re.Match[str]) -> str:
    problem = found["problem"].replace("No module", "there is no module")
    return f"{key} is {class_path!r}, but {problem}; correct it, or set PYTHONPATH to the folder of its module"


def _names(base: type[object]) -> Iterator[str]:
    """Yield the names of the project's classes that a base has, without those that a module keeps for itself."""
    for subclass in base.__subclasses__():
        is_own = subclass.__module__.startswith("ner.") and not subclass.__name__.startswith("_")
        if is_own and not isabstract(subclass):
            yield subclass.__name__
        yield from _names(subclass)


def _unknown_argument(key: str, class_path: str, found: re.Match[str]) -> str:
    module, _, name = class_path.rpartition(".")
    arguments = list(signature(getattr(import_module(module), name)).parameters) if module else []
    near = get_close_matches(found["value"], arguments, n=1)
    listed = f"it has {', '.join(arguments)}" if arguments else "it has none"
    return f"{key}.{found['value']}: {name} has no such option; {f'do you mean --{key}.{near[0]}?' if near else listed}"


def _missing(key: str, class_path: str, found: re.Match[str]) -> str:
    if not key:
        return f"{found['value']}: missing; give a value to each"
    names = [f"--{key}.{name}" for name in found["value"].split(", ")]
    return f"{class_path.rpartition('.')[2]} needs {', '.join(names)}"


def _meant(name: str, dashes: str, known: Iterable[str], prog: str) -> str:
    names = list(known)
    last = name.rpartition(".")[2]
    same = [option for option in names if option.rpartition(".")[2] == last]
    meant = same or get_close_matches(name, names, n=1, cutoff=0.75)
    return (
        f"do you mean {' or '.join(f'{dashes}{option}' for option in meant)}?"
        if meant
        else f"{prog} --help lists what there is"
    )


_UNKNOWN = re.compile(r"unrecognized arguments: --(?P<option>[\w.-]+)|does not accept option '(?P<key>[\w.-]+)")
_STRAY = re.compile(r"unrecognized arguments: (\S+)")
_OF_PART = re.compile(r"Expected a (?P<type>.+?)\. Got value: (?P<value>.+?)(?= - |$)")
_LINKED = re.compile(r'Linked "(.*?)" must be given via "(.*?)"')
_OF_OPTIONS: list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = [
    (
        re.compile(r"argument \w+\((.*?)\) --> (\S+?):"),
        lambda found: f"{found[2]} follows from {found[1]}; give these instead",
    ),
    (
        re.compile(r"argument \S*?(--\S+?): expected (?:at least )?one argument"),
        lambda found: f"{found[1]} has no value; give it one",
    ),
]
_OF_VALUES: list[tuple[re.Pattern[str], Callable[[str, str, re.Match[str]], str]]] = [
    (UNION, _of_union),
    (re.compile(r"(?:- )?Expected a dot import path string: (?P<value>.*)"), _unknown_class),
    (re.compile(r"(?:- )?Unexpected import path format: (?P<value>.*)"), _unknown_class),
    (re.compile(r"(?:- )?Not a valid subclass of \w+\. Got value: (?P<value>.*?) Subclass types"), _unknown_class),
    (re.compile(r"(?:- )?Import path (?P<value>\S+) does not correspond to a subclass"), _unknown_class),
    (re.compile(r"(?:- )?Expected an instantiatable class, but (?P<value>\S+) is abstract"), _unknown_class),
    (re.compile(r"(?P<problem>No module named .*|.*module .* has no attribute .*)"), _not_imported),
    (re.compile(r"Expected a (?P<type>.+?)\. Got value: (?P<value>.*)"), _of_type),
    (re.compile(r"Not of type (?P<type>\w+): int\(\) argument .*'(?P<value>None)Type'"), _of_type),
    (re.compile(r"Not of type (?P<type>\w+): (?:.*: '(?=.*'$))?(?P<value>.*?)(?:'$| does not conform)"), _of_type),
    (re.compile(r"Option '(?P<value>.*?)' is not accepted"), _unknown_argument),
    (re.compile(r"the following arguments are required: (?P<value>[\w., -]+?)(?: - |$)"), _missing),
    (
        re.compile(r"(?:- )?Unable to load config [\"'](?P<value>.*)[\"']"),
        lambda key, _, found: _value(key, found["value"], "keys with values"),
    ),
]
