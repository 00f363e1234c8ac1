"""The manifest of an exported folder, whole and damaged."""

import json
from pathlib import Path

import pytest

from ner.checkpoints.manifest import Manifest, is_exported, read_manifest
from ner.errors import InputError
from ner.preprocessing.preprocessor import Preprocessor


@pytest.fixture
def exported(preprocessor: Preprocessor, tmp_path: Path) -> Path:
    """An exported folder without weights, which a manifest does not open."""
    reading = {key: value for key, value in preprocessor.to_dict().items() if key != "tokenizer"}
    settings = {"format": 1, "members": ["11", "7"], "reading": reading, "config": {"model": {"encoder": "a"}}}
    for member in ("11", "7"):
        (tmp_path / "members" / member).mkdir(parents=True)
    (tmp_path / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    (tmp_path / "labels.json").write_text('["gene", "drug"]', encoding="utf-8")
    (tmp_path / "tokenizer.json").write_text(preprocessor.tokenizer, encoding="utf-8")
    return tmp_path


def change(exported: Path, **settings: object) -> None:
    path = exported / "settings.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | settings), encoding="utf-8")


def test_it_holds_labels_members_and_preprocessing_in_order(exported: Path, preprocessor: Preprocessor) -> None:
    assert is_exported(exported)
    assert not is_exported(exported / "members")
    members = (exported / "members" / "11", exported / "members" / "7")
    expected = Manifest(("gene", "drug"), members, preprocessor, {"model": {"encoder": "a"}}, {})
    assert read_manifest(exported) == expected
    change(exported, min_scores={"gene": 0.5})
    assert read_manifest(exported).min_scores == {"gene": 0.5}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"format": 2}, r"settings\.json: of a format that this version does not know"),
        ({"members": None}, r"settings\.json: a damaged export"),
        ({"members": []}, "a damaged export"),
        ({"members": ["12"]}, "members/12: missing from the export"),
        ({"reading": {}}, "a damaged export: it does not say how texts are read"),
        ({"config": 3}, r"settings\.json: a damaged export"),
        ({"min_scores": {"food": 0.5}}, "min_scores has 'food', which is none of its labels"),
        ({"min_scores": {"gene": 1.5}}, "min_scores of 'gene' is 1.5; a probability lies between 0 and 1"),
        ({"min_scores": {"gene": True}}, "min_scores of 'gene' is True"),
        ({"min_scores": 0.5}, "min_scores is 0.5, and not of type dict"),
    ],
)
def test_damaged_settings_are_one_line(exported: Path, settings: dict[str, object], message: str) -> None:
    change(exported, **settings)
    with pytest.raises(InputError, match=message) as error:
        read_manifest(exported)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["settings.json", "labels.json", "tokenizer.json"])
@pytest.mark.parametrize("content", [None, b"{", b"\xff"])
def test_a_missing_or_damaged_file_is_named(exported: Path, name: str, content: bytes | None) -> None:
    if content is None:
        (exported / name).unlink()
    else:
        (exported / name).write_bytes(content)
    with pytest.raises(InputError, match=name.removesuffix(".json")) as error:
        read_manifest(exported)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("labels", ["{}", "[1]", '"gene"'])
def test_labels_that_are_no_list_of_names_are_refused(exported: Path, labels: str) -> None:
    (exported / "labels.json").write_text(labels, encoding="utf-8")
    with pytest.raises(InputError, match=r"labels\.json: a damaged export: its labels are not a list of names"):
        read_manifest(exported)


def test_a_chunking_that_is_none_is_refused(exported: Path) -> None:
    path = exported / "settings.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["reading"]["chunking"] = {"class_path": "os.path.join"}
    path.write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(InputError, match=r"a damaged export: the chunking 'os\.path\.join' is unknown"):
        read_manifest(exported)
