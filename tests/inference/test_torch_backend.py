"""Checkpoints as a backend of torch: what is loaded, and on which device."""

from collections.abc import Iterable
from pathlib import Path

import pytest
import torch

from ner.corpora import Sample
from ner.documents import Document
from ner.errors import InputError
from ner.inference.tagger import Tagger
from ner.inference.torch_backend import TorchBackend, backend_of, load
from ner.nn.models import CRFEnsemble, EncoderCRF


@pytest.fixture(scope="module")
def run(quickstart: Path) -> Path:
    """Folder of a run of two seeds."""
    return quickstart / "checkpoints" / "quickstart"


@pytest.fixture(scope="module")
def backend(run: Path) -> TorchBackend:
    return load(run, "cpu", "32")


def entities(documents: Iterable[Document]) -> set[tuple[object, ...]]:
    return {
        (document.id, span.start, span.label)
        for document in documents
        for passage in document.passages
        for span in passage.spans
    }


def test_a_run_is_the_ensemble_of_its_seeds_and_a_seed_one_model(run: Path, backend: TorchBackend) -> None:
    assert isinstance(backend.model, CRFEnsemble)
    assert len(backend.model.members) == 2
    one, same = load(run / "seed=42", "cpu").model, load(run / "seed=42" / "best.ckpt", "cpu").model
    assert isinstance(one, EncoderCRF)
    assert one.fingerprint() == same.fingerprint()
    assert one.fingerprint() in backend.model.fingerprint().split()


@pytest.mark.parametrize(("is_fast", "used"), [(True, "bf16"), (False, "32")])
def test_auto_is_bf16_where_the_processor_has_it_and_a_line_says_so(
    run: Path, is_fast: bool, used: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": is_fast})
    caplog.set_level("INFO", "ner")
    assert load(run / "seed=42", "cpu").precision == used
    assert caplog.messages == [f"precision auto is {used} on this cpu"]


def test_bf16_finds_about_the_same(run: Path, backend: TorchBackend, caplog: pytest.LogCaptureFixture) -> None:
    low = load(run, precision="bf16")
    assert low.precision == "bf16" or "no instructions for bf16" in caplog.text
    documents = list(Sample().read("dev"))
    mine, theirs = (entities(Tagger(each).tag_documents(documents)) for each in (low, backend))
    assert len(mine & theirs) > 0.9 * len(theirs)


def test_what_cannot_be_loaded_is_one_line(run: Path) -> None:
    with pytest.raises(InputError, match="precision is '64'; use auto, 32, bf16, 16"):
        load(run, precision="64")
    with pytest.raises(InputError, match="a tagger needs a checkpoint"):
        backend_of([])
    for device in ("nonsense", "cuda:99"):
        with pytest.raises(InputError, match=f"device '{device}' cannot be used"):
            load(run, device)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere", "nowhere: no such checkpoint"),
        ("checkpoints", "no checkpoint matches"),
        ("ner/corpora/sample_data/dev.json", "not a checkpoint"),
    ],
)
def test_what_is_no_tagger_is_one_line(
    quickstart: Path, monkeypatch: pytest.MonkeyPatch, path: str, message: str
) -> None:
    monkeypatch.chdir(quickstart)
    with pytest.raises(InputError, match=message):
        load(Path(path))
