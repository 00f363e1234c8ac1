"""Shells complete command lines with the scripts that `completion` prints."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ner.cli.dispatcher import main, verbs
from ner.cli.verbs.completion import Option, options_of

# How each shell is asked what it would complete, of a script and a command line.
ASK = {
    "bash": """
source "$1"; COMP_LINE=$2; COMP_POINT=${#2}
read -ra COMP_WORDS <<< "$2"; [[ $2 == *' ' ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_TYPE=9
complete_ner=$(complete -p ner); function=${complete_ner##*-F }; function=${function%% *}
$function ner "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
""",
    "fish": 'source $argv[1]; complete -C "$argv[2]"',
}
# zsh completes only at a prompt: one is put into a pseudo-terminal, and what it lists is read back.
ZSH = r"""
zmodload zsh/zpty; zpty shell zsh -f -i
zpty -w shell "PS1=; fpath=($(dirname $1) \$fpath); autoload -Uz compinit; compinit -u -D; compdef _ner ner"
zpty -w shell "LISTMAX=1000; stty rows 500 columns 200; print READY"
zpty -r -m shell REPLY '*READY*'; sleep 0.5
zpty -n -w shell "$2"$'\t\t'; sleep 1; zpty -n -w shell $'\C-u'; sleep 0.2; zpty -w shell exit
while zpty -r shell REPLY; do print -rn -- $REPLY; done
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the script of each shell, as `ner completion` prints it."""
    folder = tmp_path_factory.mktemp("completion")
    for shell in ("bash", "fish", "zsh"):
        command = [sys.executable, "-c", "from main import main; main()", "completion", shell]
        script = subprocess.run(
            command, env=os.environ | {"PYTHONPATH": "."}, capture_output=True, check=True, text=True
        ).stdout
        (folder / ("_ner" if shell == "zsh" else f"ner.{shell}")).write_text(script, encoding="utf-8")
    return folder


def asked(shell: str, folder: Path, line: str) -> set[str]:
    """Return the words that a shell lists for the end of a command line."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = folder / ("_ner" if shell == "zsh" else f"ner.{shell}")
    arguments = [shell, "-c", ASK.get(shell, ZSH)]
    arguments += [str(script), line] if shell == "fish" else ["ask", str(script), line]
    answer = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False, timeout=60).stdout
    if shell == "zsh":
        return set(re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", " ", answer).split())
    return {row.partition("\t")[0].strip() for row in answer.splitlines()}


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_a_shell_completes_verbs_options_values_and_files(shell: str, scripts: Path) -> None:
    (scripts / "gold.json").touch()
    assert set(verbs()) <= asked(shell, scripts, "ner ")
    assert {"fit", "fit-seeds"} <= asked(shell, scripts, "ner fi")
    assert {"--model.crf_lr", "--model.crf_weight_decay"} <= asked(shell, scripts, "ner fit --model.crf")
    assert asked(shell, scripts, "ner convert --from PubT") & {"PubTator", "Brat"} == {"PubTator"}
    assert {"subwords", "words"} <= asked(shell, scripts, "ner fit --data.units ")
    assert "gold.json" in asked(shell, scripts, "ner score --gold gol")


def test_the_options_of_a_help_are_read_with_their_values() -> None:
    text = """usage: ner x [-h] [--a {b,c}]

options:
  -h, --help            Show this help message and exit.
  -c CONFIG, --config CONFIG
                        Configuration: path or name; may be repeated.
  --a {b,c}             Which. Or not. (default: b)
  --quick               be quick
  --from FROM           format (known
                        subclasses: ner.formats.Brat,
                        ner.formats.CoNLL)
  --list LIST, --list+ LIST
                        names (default: {a: b})
"""
    assert list(options_of(text)) == [
        Option(("-h", "--help"), (), "Show this help message and exit"),
        Option(("-c", "--config"), None, "Configuration"),
        Option(("--a",), ("b", "c"), "Which"),
        Option(("--quick",), (), "be quick"),
        Option(("--from",), ("Brat", "CoNLL"), "format"),
        Option(("--list",), None, "names"),
    ]


@pytest.mark.parametrize(("shell", "code"), [("powershell", 2), ("", 2)])
def test_another_shell_is_one_line(shell: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", *shell.split()]) == code
    assert len(capsys.readouterr().err.splitlines()) == 1
