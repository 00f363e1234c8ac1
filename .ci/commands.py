"""Prints the commands in the fenced blocks of one language of some pages, joined into a script."""

import argparse
import re
import sys
from pathlib import Path


def blocks(text: str, language: str) -> list[str]:
    """The contents of the fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("language")
    parser.add_argument("pages", nargs="+", type=Path, help="In the order in which their commands need each other.")
    parser.add_argument("--append", default="", help="What to add to each command.")
    arguments = parser.parse_args()
    found = []
    for page in arguments.pages:
        own = blocks(page.read_text(encoding="utf-8"), arguments.language)
        if not own:
            sys.exit(f"{page}: no block of {arguments.language}")
        found += own
    commands = "".join(found).replace("\\\n", " ").splitlines()
    sys.stdout.write("".join(f"{command}{arguments.append}\n" for command in commands if command.strip()))


if __name__ == "__main__":
    main()
