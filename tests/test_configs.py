"""The commands of the guide that are not run are taken as they stand: options and configurations; of the recipes also
the order in which they need each other and, for one of the encoders, all that they do, on a toy."""

import json
import re
import shlex
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from main import main
from ner.cli.dispatcher import verbs
from ner.corpora.gutbrainie.corpus import DEV_FILE, TEST_FILE, TIER_FILES, GutBrainIE

REPOSITORY = Path(__file__).parents[1]
RECIPES = (REPOSITORY / "docs" / "recipes.md").read_text(encoding="utf-8")
GUIDE = (REPOSITORY / "docs" / "accuracy.md").read_text(encoding="utf-8")
SAMPLE = REPOSITORY / "ner" / "corpora" / "sample_data"


def commands(text: str) -> list[str]:
    blocks = re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]


COMMANDS = commands(RECIPES)
PAGES = sorted((REPOSITORY / "docs").glob("*.md"))


@pytest.mark.parametrize("command", [command for page in PAGES for command in commands(page.read_text("utf-8"))])
def test_a_command_is_understood(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(REPOSITORY)
    python, program, verb, *arguments = shlex.split(command)
    assert (python, program) == ("python", "main.py")
    if verb in ("fit", "fit-seeds", "predict"):
        with pytest.raises(SystemExit) as stop:
            main([verb, *arguments, "--print_config"])
        assert stop.value.code == 0
        assert "max_epochs" in capsys.readouterr().out
        return
    assert verb in verbs()
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    known = capsys.readouterr().out
    assert [option for option in arguments if option[:2] == "--" and not re.search(rf"[\s[]{option}\b", known)] == []


def test_the_annotation_of_folds_is_written_as_the_guide_shows(
    gutbrainie: GutBrainIE, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("build").mkdir()
    [snippet] = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.M | re.S)
    exec(snippet, {})
    expected = [document for fold in (0, 1) for document in GutBrainIE(gutbrainie.root, fold=fold).read("dev")]
    found = list(GutBrainIE.format.read(tmp_path / "build" / "gold.json"))
    assert found == [replace(document, tier="") for document in expected]


def test_every_run_of_a_recipe_was_trained_by_an_earlier_command() -> None:
    trained: set[str] = set()
    for command in COMMANDS:
        arguments = shlex.split(command)
        needed = re.findall(r"checkpoints/(\w+)/", command)
        run = arguments[arguments.index("--run") + 1] if "--run" in arguments else ""
        if arguments[2] == "predict":
            needed.append(run)
        assert trained >= set(needed), command
        if arguments[2] in ("fit", "fit-seeds"):
            trained.add(run)


@pytest.mark.parametrize("path", re.findall(r"configs/\S+\.yaml", RECIPES))
def test_every_configuration_of_a_recipe_is_there(path: str) -> None:
    assert (REPOSITORY / path).is_file()


def sample_release(root: Path) -> None:
    """The sample corpus as a release of GutBrainIE: a quarter of its training documents in each tier."""
    documents = list(json.loads((SAMPLE / "train.json").read_text(encoding="utf-8")).items())
    parts = {tier: dict(documents[number::4]) for number, tier in enumerate(["platinum", "gold", "silver", "bronze"])}
    for tier, part in parts.items():
        file = root / TIER_FILES[tier]
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(part), encoding="utf-8")
    for name, file in (("dev.json", DEV_FILE), ("test.json", TEST_FILE)):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SAMPLE / name, root / file)


def test_the_four_runs_of_a_section_end_in_a_submission(
    tmp_path: Path, tiny_encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample_release(tmp_path / "release")
    monkeypatch.setenv("GUTBRAINIE_ROOT", str(tmp_path / "release"))
    shutil.copytree(REPOSITORY / "configs", tmp_path / "configs")
    shutil.copy(SAMPLE / "test.json", tmp_path / "articles_test.json")
    articles = json.loads((SAMPLE / "test.json").read_text(encoding="utf-8"))
    (tmp_path / "build").mkdir()
    fetched = {f"{pmid}0": article for pmid, article in articles.items()}
    (tmp_path / "build" / "pubmed.json").write_text(json.dumps(fetched), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    toy = ["--model.encoder", tiny_encoder, "--model.pretrained", "false", "--data.window_tokens", "128"]
    toy += ["--data.overlap_tokens", "32", "--trainer.max_epochs", "1", "--trainer.accelerator", "cpu"]
    section = RECIPES.partition("## With MiniLM")[2].partition("## Variations")[0]
    for command in commands(section):
        _, _, verb, *arguments = shlex.split(command)
        if verb != "fetch-pubmed":  # tests/commands/test_fetch_pubmed.py has a server for it
            assert main([verb, *arguments, *(toy if verb in ("fit", "fit-seeds") else [])]) == 0, command
    with zipfile.ZipFile("build/minilm_submission/Team_GutBrainIE_2025.zip") as packed:
        assert len(packed.namelist()) == 8
        metas = [packed.read(name).decode() for name in packed.namelist() if name.endswith(".meta")]
    assert all(not line.endswith(": ") for meta in metas for line in meta.splitlines())
