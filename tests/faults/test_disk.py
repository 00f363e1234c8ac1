"""A full disk: one line and exit code 2, nothing torn under its name, and the same command again once there is room."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.faults.commands import COMMANDS
from tests.faults.harness import Undisturbed, contents

# Both mount a disk that only these processes see, copy the inputs to it, and run a command there.
FULL = """
mount -t tmpfs -o size="$1"k none disk && cp -r "$2"/. disk && cd disk || exit 99
shift 2
"$@" 2>../errors.txt
echo $? >../code.txt
cp -r . ../full
mount -o remount,size=100m .
[ -z "$(find . -name last.ckpt)" ] || set -- "$@" --ckpt_path last
"$@" && cp -r . ../again
"""
READ_ONLY = """
mount -t tmpfs none disk && cp -r "$1"/. disk && cd disk && mount -o remount,ro . || exit 99
shift
"$@" 2>../errors.txt
echo $? >../code.txt
"""
MAIN = Path(__file__).parents[2] / "main.py"
PAGE = 4096


@pytest.fixture(scope="module")
def namespace() -> list[str]:
    """The command that lets others mount disks of their own."""
    command = ["unshare", "--map-root-user", "--mount"]
    try:
        subprocess.run([*command, "mount", "-t", "tmpfs", "none", "/mnt"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no disk can be mounted here ({error}); tests/training/test_checkpoint_io.py limits files instead")
    return command


def error_on_disk(
    namespace: Sequence[str], script: str, options: Sequence[str], undisturbed: Undisturbed, folder: Path
) -> str:
    """Run a command on a disk, and return the line that it ends with."""
    (folder / "disk").mkdir()
    command = [sys.executable, str(MAIN), *undisturbed.command.arguments]
    arguments = ["sh", "-c", script, "sh", *options, str(undisturbed.inputs), *command]
    subprocess.run([*namespace, *arguments], cwd=folder, check=True)
    errors = (folder / "errors.txt").read_text(encoding="utf-8")
    assert (folder / "code.txt").read_text(encoding="utf-8") == "2\n", errors
    assert "Traceback" not in errors
    *_, line = errors.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    ("verb", "kib"),
    [
        pytest.param("fit", 4, marks=pytest.mark.faults),  # no room for the logger's settings,
        pytest.param("fit", 8, marks=pytest.mark.faults),  # its metrics,
        pytest.param("fit", 100, marks=pytest.mark.faults),  # the first checkpoint,
        pytest.param("fit", 8000, marks=pytest.mark.faults),  # the second one
        pytest.param("predict", 300, marks=pytest.mark.faults),  # the journal,
        pytest.param("predict", 1500, marks=pytest.mark.faults),  # the output beside the journal
        pytest.param("export", 1000, marks=pytest.mark.faults),
        ("convert", 500),
    ],
)
def test_a_full_disk_is_one_line_and_loses_nothing(
    verb: str, kib: int, namespace: list[str], undisturbed: Callable[[str], Undisturbed], tmp_path: Path
) -> None:
    expected = undisturbed(verb)
    used = sum(-(-path.stat().st_size // PAGE) for path in expected.inputs.iterdir()) * PAGE // 1024
    line = error_on_disk(namespace, FULL, [str(used + kib)], expected, tmp_path)
    assert "cannot be written (" in line
    assert "No space left on device" in line
    left = contents(tmp_path / "full")  # which reads the checkpoints
    assert left.keys() - expected.contents.keys() <= {"out.jsonl.part"}
    assert all(digest == expected.contents.get(name, digest) for name, digest in left.items() if ".ckpt" not in name)
    assert contents(tmp_path / "again") == expected.contents


@pytest.mark.parametrize(
    "verb", [verb if verb == "convert" else pytest.param(verb, marks=pytest.mark.faults) for verb in COMMANDS]
)
def test_a_read_only_folder_is_refused_at_the_start(
    verb: str, namespace: list[str], undisturbed: Callable[[str], Undisturbed], tmp_path: Path
) -> None:
    line = error_on_disk(namespace, READ_ONLY, [], undisturbed(verb), tmp_path)
    assert "cannot be written (Read-only file system); choose another path" in line
