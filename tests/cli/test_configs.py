from pathlib import Path

import pytest
import yaml

from ner.cli.configs import ConfigFiles, find_config, load_yaml, shipped_configs
from ner.errors import InputError

REPOSITORY = Path(__file__).parents[2]


def test_every_configuration_ships_under_its_name() -> None:
    assert {"quickstart", "minilm_crf", "pubmedbert_crf", "tiers/good"} <= shipped_configs().keys()
    assert set(shipped_configs().values()) == set((REPOSITORY / "configs").rglob("*.yaml"))


def test_a_file_goes_before_a_configuration_that_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config("quickstart") == REPOSITORY / "configs" / "quickstart.yaml"
    Path("bc5cdr").mkdir()
    assert find_config("bc5cdr") == REPOSITORY / "configs" / "bc5cdr.yaml"
    Path("quickstart").touch()
    assert find_config("quickstart") == Path("quickstart")
    assert find_config("nowhere") == Path("nowhere")


def test_a_configuration_is_read_and_checked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, files = tmp_path / "a.yaml", ConfigFiles()
    path.write_text("data: {corpus: Sample}\n", encoding="utf-8")
    first = files.settings(path)
    path.unlink()
    monkeypatch.setattr("ner.cli.configs.check_keys", None)
    first["data"] = "changed by its reader"
    assert files.settings(path) == yaml.safe_load(files.text(path)) == {"data": {"corpus": "Sample"}}


def test_a_configuration_gets_the_names_of_this_version() -> None:
    loaded = load_yaml("predictions: {writer: Brat}")
    assert loaded == {"predictions": {"format": {"class_path": "ner.formats.Brat"}}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"a\.yaml: cannot be read \(No such file .*; check the path, or name one that ships: bc5cdr, "),
        (b"\xff", r"a\.yaml: cannot be read as YAML: .*utf-8"),
        (b"a: b: c", r"a\.yaml: cannot be read as YAML: mapping values"),
        (b"a: 1\nb: {c: 1,\n  c: 2}", r"a\.yaml: the key c is given twice, in lines 2 and 3; keep one of them"),
        (b"- a", r"a\.yaml: not a configuration: it should hold keys"),
        (b"", r"a\.yaml: not a configuration"),
    ],
)
def test_a_broken_configuration_is_named(content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(InputError, match=message):
        ConfigFiles().settings(tmp_path / "a.yaml")


def test_keys_are_compared_within_one_mapping_and_through_aliases(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: &x {b: 1}\nc: [*x, *x]\nd: {b: 2}\n", encoding="utf-8")
    assert ConfigFiles().settings(tmp_path / "a.yaml")["d"] == {"b": 2}
