"""Checkpoints as a backend of torch: what is loaded, and on which device."""

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ner.checkpoints.checkpoint import read_checkpoint
from ner.corpora import Sample
from ner.documents import Document
from ner.errors import InputError
from ner.inference.backends import TaggedTexts
from ner.inference.tagger import Tagger
from ner.inference.torch_backend import TorchBackend, backend_of, load
from ner.nn.models import CRFEnsemble, EncoderCRF
from ner.preprocessing.texts import Texts


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


def test_members_read_in_the_windows_of_the_shortest_whatever_their_order(run: Path) -> None:
    long = read_checkpoint(run / "seed=42" / "best.ckpt")
    short = replace(long, preprocessor=replace(long.preprocessor, window_tokens=64, overlap_tokens=8))
    for members in ([long, short], [short, long]):
        assert backend_of(members, "cpu").preprocessor == short.preprocessor


@pytest.fixture
def four_threads() -> Iterator[None]:
    own = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(own)


def batches_of_sample(backend: TorchBackend, count: int) -> list[Texts]:
    texts = backend.preprocessor.encode(list(Sample().read("dev")))
    return [texts.take([number % len(texts)]) for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 50])
def test_many_batches_are_tagged_two_at_once_in_their_order(
    count: int, backend: TorchBackend, four_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches, used, tag = batches_of_sample(backend, count), [], backend.tag

    def noting(texts: Texts) -> TaggedTexts:
        used.append((threading.current_thread().name, torch.get_num_threads()))
        return tag(texts)

    monkeypatch.setattr(backend, "tag", noting)
    found = list(backend.tag_all(batches))
    assert [tagged.texts for tagged in found] == batches
    assert [tagged.spans for tagged in found] == [tag(texts).spans for texts in batches]
    assert {threads for _, threads in used} <= {2 if count >= 4 else 4}
    assert ("MainThread" in {name for name, _ in used}) == (0 < count < 4)
    assert torch.get_num_threads() == 4


def test_threads_that_come_later_have_all_threads_of_torch(backend: TorchBackend, four_threads: None) -> None:
    batches, found = batches_of_sample(backend, 8), []

    def tag() -> None:
        found.append(torch.get_num_threads())
        list(backend.tag_all(batches))

    for _ in range(3):
        thread = threading.Thread(target=tag)
        thread.start()
        thread.join()
    assert found == [4, 4, 4]


def test_two_streams_at_once_leave_torch_its_threads(
    backend: TorchBackend, four_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (iter(backend.tag_all(batches_of_sample(backend, 8))) for _ in range(2))
    next(first)
    used = []
    tag = backend.tag

    def noting(texts: Texts) -> TaggedTexts:
        used.append(torch.get_num_threads())
        return tag(texts)

    monkeypatch.setattr(backend, "tag", noting)
    # The thread of the second is new, and shares the number of the first one's workers.
    thread = threading.Thread(target=lambda: list(second))
    thread.start()
    thread.join()
    assert set(used) == {1}
    list(first)
    found: list[int] = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
        thread.start()
        thread.join()
    assert (found, torch.get_num_threads()) == ([4, 4], 4)


def test_who_stops_listening_has_no_more_than_a_few_batches_tagged(
    backend: TorchBackend, four_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, tag = [], backend.tag

    def noting(texts: Texts) -> TaggedTexts:
        begun.append(texts)
        return tag(texts)

    monkeypatch.setattr(backend, "tag", noting)
    stream = backend.tag_all(batches_of_sample(backend, 100))
    next(stream)
    time.sleep(1)
    before = len(begun)
    assert before <= 5
    stream.close()  # type: ignore[attr-defined]
    assert len(begun) == before
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tagger")]


def test_a_batch_that_fails_ends_the_others(
    backend: TorchBackend, four_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches, begun, tag = batches_of_sample(backend, 200), [], backend.tag

    def failing(texts: Texts) -> TaggedTexts:
        begun.append(texts)
        if texts is batches[6]:
            raise InputError("no such luck")
        return tag(texts)

    monkeypatch.setattr(backend, "tag", failing)
    with pytest.raises(InputError, match="no such luck"):
        list(backend.tag_all(batches))
    assert len(begun) < 100
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tagger")]


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
