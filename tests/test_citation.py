"""What says how to cite the project agrees with the package."""

import json
import tomllib
from pathlib import Path

import yaml

import ner

REPOSITORY = Path(__file__).parents[1]
CITATION = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
ZENODO = json.loads((REPOSITORY / ".zenodo.json").read_text(encoding="utf-8"))


def test_the_version_is_said_in_one_place_and_cited_as_it_is() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" not in project
    assert CITATION["version"] == ZENODO["version"] == ner.__version__
    assert f"## {ner.__version__}" in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")


def test_both_files_cite_the_same() -> None:
    assert (CITATION["title"], CITATION["license"]) == (ZENODO["title"], ZENODO["license"])
    assert [author["name"] for author in CITATION["authors"]] == [creator["name"] for creator in ZENODO["creators"]]
    assert CITATION["keywords"] == ZENODO["keywords"]


def test_templates_are_forms() -> None:
    for path in (REPOSITORY / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        if path.stem != "config":
            assert {"name", "description", "body"} <= form.keys()
            assert len({field["id"] for field in form["body"]}) == len(form["body"])
