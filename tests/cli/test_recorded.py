"""What an evaluation takes from the training of its checkpoints: all of one's own, little of a stranger's."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ner.checkpoints.checkpoint import Checkpoint
from ner.cli.recorded import trained_settings
from ner.cli.selection import RunSelection, read_selection
from ner.errors import InputError
from ner.preprocessing.preprocessor import Preprocessor

OWN = {"seed_everything": 7, "data": {"corpus": "my_corpus.Tagged", "num_workers": 3}, "model": {"encoder": "x"}}
FORMAT = {
    "class_path": "ner.formats.CoNLL",
    "init_args": {"token_column": 1, "tag_column": None, "on_bad_span": "skip", "labels": ["x"], "evil": "/etc"},
}


def selection(path: Path, corpus: object, preprocessor: Preprocessor, *arguments: str) -> RunSelection:
    member = Checkpoint(str(path), {"labels": ["gene"]}, preprocessor, dict, {"data": {"corpus": corpus}})
    return replace(read_selection(arguments), paths=(path,), members=(member,))


@pytest.mark.parametrize("path", ["checkpoints/mine/seed=7/best.ckpt", "checkpoints/../checkpoints/mine/seed=7/x.ckpt"])
def test_a_run_of_ones_own_is_used_with_its_configuration(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preprocessor: Preprocessor
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "checkpoints" / "mine" / "seed=7"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(OWN | {"trainer": {}}), encoding="utf-8")
    assert trained_settings(selection(Path(path), "evil.Corpus", preprocessor)) == OWN


@pytest.mark.parametrize("folder", ["elsewhere/mine/seed=7", "checkpoints/mine/other", "checkpoints/seed=7"])
def test_a_configuration_elsewhere_is_not_ones_own(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preprocessor: Preprocessor
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(folder).mkdir(parents=True)
    (Path(folder) / "config.yaml").write_text(yaml.safe_dump(OWN), encoding="utf-8")
    path = Path(folder) / "best.ckpt"
    expected = {"class_path": "ner.corpora.Sample", "init_args": {}}
    assert trained_settings(selection(path, "ner.corpora.Sample", preprocessor)) == {
        "model": {"encoder": str(path)},
        "data": {"corpus": expected},
    }


def test_beside_a_link_to_ones_own_checkpoint_nothing_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preprocessor: Preprocessor
) -> None:
    monkeypatch.chdir(tmp_path)
    own, evil = Path("checkpoints/mine/seed=7"), Path("downloaded")
    for folder, settings in ((own, OWN), (evil, OWN | {"data": {"corpus": "downloaded.evil.Corpus"}})):
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    (own / "best.ckpt").touch()
    (evil / "model.ckpt").symlink_to(tmp_path / own / "best.ckpt")
    assert trained_settings(selection(evil / "model.ckpt", "evil.Corpus", preprocessor)) == OWN


def test_of_a_strangers_corpus_neither_paths_nor_addresses_are_taken(preprocessor: Preprocessor) -> None:
    for name, arguments, taken in (
        (
            "GutBrainIE",
            {"root": "/etc", "download": True, "base_url": "http://evil", "cache": "x", "augmented": "y"},
            {},
        ),
        ("FileCorpus", {"format": "os.path", "train": "/etc", "dev": "x", "labels": ["other"]}, {"labels": ["gene"]}),
        (
            "FileCorpus",
            {"format": FORMAT, "test": "/etc/passwd"},
            {
                "labels": ["gene"],
                "format": {
                    "class_path": "ner.formats.CoNLL",
                    "init_args": {"token_column": 1, "tag_column": None, "on_bad_span": "skip"},
                },
            },
        ),
    ):
        corpus = {"class_path": f"ner.corpora.{name}", "init_args": arguments}
        data = trained_settings(selection(Path("x.ckpt"), corpus, preprocessor))["data"]
        assert data == {"corpus": {"class_path": f"ner.corpora.{name}", "init_args": taken}}


@pytest.mark.parametrize(
    "corpus", ["my_corpus.Tagged", "ner.corpora.base.Corpus", "ner.corpora.evil.Evil", None, 3, [{}]]
)
def test_any_other_corpus_has_to_be_named(corpus: object, preprocessor: Preprocessor) -> None:
    with pytest.raises(InputError, match=r"^x\.ckpt: was trained on a corpus of your own.* --data\.corpus"):
        trained_settings(selection(Path("x.ckpt"), corpus, preprocessor))
    named = selection(Path("x.ckpt"), corpus, preprocessor, "--data.corpus", "my_corpus.Tagged")
    assert trained_settings(named)["data"] == {}
