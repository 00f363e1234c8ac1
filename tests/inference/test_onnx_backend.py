"""An exported folder on onnxruntime, beside the same folder on torch."""

import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ner.checkpoints import ensemble as members
from ner.checkpoints.export import read_folder
from ner.corpora import GutBrainIE, Sample
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.inference.onnx_backend import OnnxBackend, load
from ner.inference.pipeline import DOCUMENT_TOKENS, FIRST_POOL_BATCHES
from ner.inference.tagger import Tagger
from ner.nn.models import CRFEnsemble
from ner.preprocessing.bucketing import CPU_TOKENS
from ner.preprocessing.collate import collate
from ner.preprocessing.ragged import prefixes

REPOSITORY = Path(__file__).parents[2]
PATTERN = "checkpoints/quickstart/seed=*/best.ckpt"
TEXTS = {
    "a short one": ["Mice ate."],
    "one without tokens": [""],
    "one of several windows": ["the gut microbiome of mice " * 60],
    "mixed lengths": ["Mice ate.", "the gut microbiome " * 80, "", "kimchi " * 30, "IL-6 and LPS " * 40],
}


@pytest.fixture(scope="module")
def trained(trained: Path) -> Path:
    """A folder in which two seeds were trained, and exported into ``exported``."""
    arguments = ["export", "--checkpoints", PATTERN, "--output", "exported", "--onnx", "--license", "cc-by-4.0"]
    command = [sys.executable, str(REPOSITORY / "main.py"), *arguments]
    outcome = subprocess.run(command, cwd=trained, capture_output=True, text=True, check=False)
    # The exporter has much to say, and nothing that a user wants to know.
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "2 members: exported\n", "")
    return trained


@pytest.fixture(scope="module")
def exported(trained: Path) -> Path:
    return trained / "exported"


@pytest.fixture(scope="module")
def backend(exported: Path) -> OnnxBackend:
    return load(exported, threads=1)


@pytest.fixture(scope="module")
def tagger(backend: OnnxBackend) -> Tagger:
    return Tagger(backend)


def test_a_tagger_shows_what_it_is(tagger: Tagger) -> None:
    assert repr(tagger).endswith("units='subwords', OnnxBackend(2 members))")


@pytest.fixture(scope="module")
def ensemble(exported: Path) -> CRFEnsemble:
    return CRFEnsemble([members.build_model(member) for member in read_folder(exported)]).eval()


@pytest.fixture
def copied(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "copied"))


@pytest.fixture(scope="module")
def by_torch(exported: Path) -> Tagger:
    return Tagger.load(exported, device="cpu", precision="32")


def entities(documents: Iterable[Document]) -> list[list[Span]]:
    return [[span for passage in document.passages for span in passage.spans] for document in documents]


@pytest.mark.parametrize("kind", TEXTS)
def test_emissions_are_those_of_torch(backend: OnnxBackend, ensemble: CRFEnsemble, kind: str) -> None:
    documents = [Document(str(number), (Passage(text, "title"),)) for number, text in enumerate(TEXTS[kind])]
    texts = backend.preprocessor.encode(documents)
    batch = collate(texts, backend.preprocessor)
    if "several" in kind:
        assert len(batch.input_ids) > 1
    with torch.no_grad():
        expected = ensemble(batch.input_ids, batch.attention_mask, batch.rows, batch.positions)
    found = torch.from_numpy(backend.emissions(texts))
    assert found.dtype == torch.float32
    assert torch.allclose(found[batch.mask], expected[batch.mask], rtol=0, atol=1e-4)


@pytest.mark.parametrize("one_by_one", [False, True])
def test_windows_may_be_read_in_parts(backend: OnnxBackend, one_by_one: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = backend.preprocessor.encode([Document("1", (Passage(text),)) for text in TEXTS["mixed lengths"]])
    expected = backend.emissions(texts)
    monkeypatch.setattr("ner.inference.onnx_backend.GPU_TOKENS", 300)
    settings = (backend.crf, backend.labels, backend.preprocessor, {}, one_by_one)
    mask = prefixes(texts.unit_counts)
    found = OnnxBackend(backend.sessions, *settings).emissions(texts)
    assert np.allclose(found[mask], expected[mask], rtol=0, atol=1e-4)


def test_it_finds_the_entities_of_the_ensemble_in_the_sample(tagger: Tagger, by_torch: Tagger) -> None:
    documents = list(Sample().read("dev"))
    found = list(tagger.tag_documents(documents))
    assert entities(found) == entities(by_torch.tag_documents(documents))
    assert sum(map(len, entities(found))) > 50
    assert [document.id for document in found] == [document.id for document in documents]
    for ours, theirs in zip(entities(found), entities(by_torch.tag_documents(documents)), strict=True):
        assert [span.score for span in ours] == pytest.approx([span.score for span in theirs], abs=1e-4)


def test_it_finds_the_entities_of_the_ensemble_in_real_abstracts(
    tagger: Tagger, by_torch: Tagger, gutbrainie: GutBrainIE
) -> None:
    documents = list(gutbrainie.read("dev"))[:20]
    found = entities(tagger.tag_documents(documents))
    assert found == entities(by_torch.tag_documents(documents))
    assert sum(map(len, found)) > 100


def test_documents_are_read_as_they_are_needed_and_come_back_in_order(tagger: Tagger) -> None:
    pool = FIRST_POOL_BATCHES * CPU_TOKENS // DOCUMENT_TOKENS
    count = 3 * pool + 1
    read = []

    def documents() -> Iterator[Document]:
        for number in range(count):
            read.append(number)
            # Annotation of the input need not fit the labels.
            spans = (Span(0, 4, "of another corpus"),)
            yield Document(str(number), (Passage("Mice ate. " * (1 + number % 7), spans=spans, annotated_until=9),))

    found = tagger.tag_documents(documents())
    first = next(found)
    assert len(read) == pool
    rest = list(found)
    assert [document.id for document in (first, *rest)] == [str(number) for number in range(count)]
    assert all(passage.annotated_until is None for passage in first.passages)
    assert "of another corpus" not in {span.label for spans in entities([first, *rest]) for span in spans}


def test_batches_of_other_sizes_find_the_same(tagger: Tagger) -> None:
    documents = list(Sample().read("dev"))
    assert list(tagger.tag_documents(documents, batch_tokens=1)) == list(tagger.tag_documents(documents))


def test_torch_is_never_imported(exported: Path) -> None:
    heavy = "{'torch', 'transformers', 'lightning', 'onnx', 'onnxscript'} & set(sys.modules)"
    code = (
        "import sys; from ner import Tagger; from ner.corpora import Sample; "
        f"tagger = Tagger.load({str(exported)!r}, backend='onnx'); "
        f"assert list(tagger.tag_documents(Sample().read('dev'))); sys.exit(', '.join({heavy}) or 0)"
    )
    outcome = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")


def test_no_path_of_the_machine_is_written(exported: Path) -> None:
    for path in exported.rglob("*.onnx"):
        content = path.read_bytes()
        for folder in (REPOSITORY, Path(torch.__file__).parent.parent, exported.parent):
            assert str(folder).encode() not in content
        assert b"site-packages" not in content


def test_the_card_says_what_the_checkpoints_and_the_command_say(exported: Path) -> None:
    card = (exported / "README.md").read_text(encoding="utf-8")
    assert "\nlicense: cc-by-4.0\n" in card.split("---\n")[1]
    for text in ("`ner.corpora.Sample`", "| epochs planned | 4 |", "| 1 | 11 | 4 | 0.", "| 2 | 42 | 4 | 0.", ".onnx"):
        assert text in card
    assert str(exported.parent) not in card


def test_without_the_extra_the_tagger_says_what_to_install(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match="the backend onnx needs onnxruntime: pip install"):
        load(exported)


@pytest.mark.parametrize("name", ["settings.json", "crf.safetensors", "members/11/emissions.onnx", "members/11"])
@pytest.mark.parametrize("is_missing", [True, False])
def test_a_file_that_is_missing_or_damaged_is_one_line(copied: Path, name: str, is_missing: bool) -> None:
    path = copied / name
    if is_missing or path.is_dir():
        path.rename(copied / "elsewhere")
    else:
        path.write_bytes(b"{")
    with pytest.raises(InputError) as error:
        load(copied)
    assert str(copied) in str(error.value)
    assert "\n" not in str(error.value)


def test_labels_that_are_not_those_of_the_crf_are_refused(copied: Path) -> None:
    (copied / "labels.json").write_text('["gene"]', encoding="utf-8")
    with pytest.raises(InputError, match=r"its scores are not those of 3 tags, which labels\.json makes"):
        load(copied)


def test_a_provider_that_is_not_there_is_refused(exported: Path) -> None:
    with pytest.raises(InputError, match=r"onnxruntime has no CUDAExecutionProvider here; it has .*CPU"):
        load(exported, device="cuda")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"device": "tpu"}, "device is 'tpu'.*use one of cpu, cuda"), ({"precision": "bf16"}, "precision is 'bf16'")],
)
def test_what_onnx_cannot_do_is_refused(exported: Path, arguments: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Tagger.load(exported, backend="onnx", **arguments)  # type: ignore[arg-type]


def test_a_checkpoint_is_no_exported_folder(trained: Path) -> None:
    with pytest.raises(InputError, match="no exported folder, which the backend onnx needs"):
        Tagger.load(trained / "checkpoints" / "quickstart", backend="onnx")


def test_documents_with_one_passage_of_no_section_read_as_abstracts(tagger: Tagger) -> None:
    text = "Kimchi lowers cortisol in older adults."
    plain, abstract = (Document("1", (Passage(text, section),)) for section in ("", "abstract"))
    [found], [expected] = (list(tagger.tag_documents([document])) for document in (plain, abstract))
    assert found.passages[0] == replace(expected.passages[0], section="")


def test_the_labels_come_in_the_order_of_the_tags(tagger: Tagger) -> None:
    assert tagger.labels == list(Sample.labels)
