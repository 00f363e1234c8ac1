"""What the README and the guide show works as it stands."""

import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from ner.corpora import Corpus
from ner.training.datamodule import NERDataModule

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def test_the_first_screen_holds_the_two_commands() -> None:
    screen = "\n".join(README.splitlines()[:32])
    assert "pip install -c constraints.txt -e . && python main.py fit --config configs/quickstart.yaml" in screen
    assert "pip install -c constraints.txt -e '.[test]' && pytest" in screen


def test_the_corpus_of_ones_own_trains(tmp_path: Path, tiny_encoder: str) -> None:
    page = (REPOSITORY / "docs" / "corpora.md").read_text(encoding="utf-8")
    [source] = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    module = ModuleType("my_corpus")
    exec(source, module.__dict__)
    (tmp_path / "train.txt").write_text("BDNF and aspirin\t0 4 gene 9 16 drug\nnothing\n", encoding="utf-8")
    (tmp_path / "dev.txt").write_text("aspirin\t0 7 drug\n", encoding="utf-8")
    corpus: Corpus = module.Tagged(str(tmp_path))
    data = NERDataModule(corpus=corpus, tokenizer=tiny_encoder)
    data.setup("fit")
    [batch] = data.train_dataloader()
    assert sorted(tag for tags in batch.tags.tolist() for tag in tags if tag % 2) == [1, 3]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_links_to_exists(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_readme_is_a_first_page() -> None:
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("path", sorted((REPOSITORY / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_every_configuration_parses(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from main import main

    with pytest.raises(SystemExit) as stop:
        main(["fit", "--config", str(path), "--print_config"])
    assert stop.value.code == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert printed["run"] == path.stem
    assert printed["model"]["encoder"] == written["model"]["encoder"]
    assert printed["trainer"]["max_epochs"] == written["trainer"]["max_epochs"]
