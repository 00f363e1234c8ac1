"""The steps of the Dockerfile, as far as they can run without Docker: its context, the wheel, and the last commands."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.serving import Client, Process

REPOSITORY = Path(__file__).parents[1]
LINES = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8").splitlines()
STEPS = [line.partition(" ")[::2] for line in LINES if line and not line.startswith("#")]


def words_of(instruction: str) -> list[str]:
    """Return the words of the last instruction of a kind; a health check has options before its own."""
    [*_, text] = [rest for name, rest in STEPS if name == instruction]
    words = text[text.index("[") :] if "[" in text else json.dumps(shlex.split(text))
    return json.loads(words)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the build sees: those of .dockerignore's exceptions that it copies."""
    ignored = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    folder = tmp_path_factory.mktemp("context")
    for name in (line[1:] for line in ignored if line.startswith("!")):
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


def test_the_build_copies_what_the_context_has_and_nothing_is_there_in_vain(context: Path) -> None:
    copied = [word for name, rest in STEPS if name == "COPY" and "--from" not in rest for word in rest.split()[:-1]]
    assert sorted(copied) == sorted(path.name for path in context.iterdir())


def test_what_is_installed_is_constrained_and_an_extra_of_the_project() -> None:
    installs = [rest for name, rest in STEPS if name == "RUN" and "uv pip install" in rest]
    assert all("--torch-backend cpu -c constraints.txt" in install for install in installs)
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [extra] = re.findall(r"\.\[(\w+)\]", installs[-1])
    pinned = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").lower().replace("_", "-")
    for requirement in project["optional-dependencies"][extra]:
        assert f"\n{re.split('[<>=]', requirement)[0]}==" in pinned


def test_the_context_builds_a_wheel_with_the_page(context: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
    ]
    subprocess.run([*command, "."], cwd=context, check=True, capture_output=True)
    [wheel] = tmp_path.glob("ner-*.whl")
    with ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {"ner/reports/templates/serve.html", "ner/cli/verbs/serve.py", "ner/configs/quickstart.yaml"} <= set(names)


def test_the_last_command_serves_is_found_healthy_and_ends_as_it_should(quickstart: Path, tmp_path: Path) -> None:
    assert words_of("USER")[0].isdecimal()
    assert words_of("USER") != ["0"]
    verb, *entry = words_of("ENTRYPOINT")[1:]
    assert (words_of("ENTRYPOINT")[0], verb) == ("ner", "serve")
    [port] = words_of("EXPOSE")
    assert entry[-2:] == ["--port", port]
    (tmp_path / "model").symlink_to(quickstart / "checkpoints" / "quickstart" / "seed=42")
    command = [word.replace("/model", str(tmp_path / "model")) for word in words_of("CMD")]
    with Process([*entry[:-2], *command], tmp_path) as process:
        check = [word.replace(f":{port}/", f":{process.port}/") for word in words_of("HEALTHCHECK")]
        assert check[0] == "python"
        subprocess.run([sys.executable, *check[1:]], check=True)
        assert Client(process.port).get("/health", Host="ner.example").status == 200
        assert "anyone who reaches this machine can use it; set NER_SERVE_TOKEN" in process.errors
        assert process.end() == 0
        assert subprocess.run([sys.executable, *check[1:]], capture_output=True, check=False).returncode == 1
