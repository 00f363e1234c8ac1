"""The Python API: what it finds is what `predict` finds, in any text."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

import ner
from main import main
from ner import Entity, Tagger
from ner.checkpoints.manifest import is_exported
from ner.checkpoints.pretrained import tokenizer_json
from ner.corpora.sample import FOLDER, Sample
from ner.documents import Document, Passage
from ner.errors import InputError
from ner.formats.jsonl import JsonLines
from ner.formats.pubtator import PubTator
from ner.inference.backends import Backend, TaggedTexts
from ner.labels import LabelSet
from ner.preprocessing.chunking import Chunking, JointPassages, SeparatePassages
from ner.preprocessing.preprocessor import Preprocessor, Units
from ner.preprocessing.texts import Texts

REPOSITORY = Path(__file__).parents[2]
DEV = FOLDER / "dev.json"
MOUSE = "Probiotics reduced anxiety in mice."
TEXTS = {
    "empty": "",
    "blank": " \n\t ",
    "long": f"{MOUSE} " * (100_000 // (len(MOUSE) + 1)),
    "nul": f"\0{MOUSE}\0",
    "emoji": f"👩🏽‍🔬🐁 {MOUSE} 🐁",
    "right to left": f"الفئران {MOUSE} \u202eעכברים",
    "half a pair": f"\ud83d {MOUSE}",
    "combining": f"é̂̃ {MOUSE}",
    "special": f"[SEP] [PAD] [TITLE] {MOUSE}",
}


@pytest.fixture(scope="module")
def trained(trained: Path) -> Path:
    """A folder with a run of two seeds, and their export."""
    pattern = str(trained / "checkpoints" / "quickstart" / "seed=*" / "best.ckpt")
    assert main(["export", "--checkpoints", pattern, "--output", str(trained / "exported")]) == 0
    return trained


@pytest.fixture(scope="module")
def tagger(trained: Path) -> Tagger:
    return Tagger.load(trained / "checkpoints" / "quickstart", precision="32")


def test_a_run_is_tagged_as_predict_does(trained: Path, tagger: Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    command = ["predict", "--run", "quickstart", "--data.predict_path", str(DEV), "--predictions.scores", "true"]
    command += ["--predictions.format", "JsonLines", "--predictions.path", "dev.jsonl", "--trainer.precision", "32"]
    assert main(command) == 0
    expected = list(JsonLines().read(trained / "dev.jsonl"))
    found = list(tagger.tag_documents(Sample().read("dev"), batch_tokens=300))
    assert found == [replace(document, annotator=own.annotator) for document, own in zip(expected, found, strict=True)]
    pairs = [
        (span.score, own.score)
        for document, ours in zip(expected, found, strict=True)
        for passage, mine in zip(document.passages, ours.passages, strict=True)
        for span, own in zip(passage.spans, mine.spans, strict=True)
    ]
    assert len(pairs) > 20
    for theirs, score in pairs:
        assert score == pytest.approx(theirs, abs=1e-5)


def test_checkpoint_seed_folder_and_export_load_alike(trained: Path, tagger: Tagger) -> None:
    run = trained / "checkpoints" / "quickstart"
    one, same = (Tagger.load(path, precision="32") for path in (run / "seed=42", str(run / "seed=42" / "best.ckpt")))
    exported = Tagger.load(trained / "exported", device="cpu", precision="32")
    documents = list(Sample().read("dev"))
    assert list(one.tag_documents(documents)) == list(same.tag_documents(documents))
    assert list(exported.tag_documents(documents)) == list(tagger.tag_documents(documents))
    assert list(one.tag_documents(documents)) != list(tagger.tag_documents(documents))
    assert tagger.labels == list(Sample.labels)


def test_entities_quote_their_text(tagger: Tagger) -> None:
    [document] = [document for document in Sample().read("dev") if document.id == "90000049"]
    entities = tagger.tag(document)
    assert {entity.passage for entity in entities} == {0, 1}
    for entity in entities:
        assert document.passages[entity.passage].text[entity.start : entity.end] == entity.text
        assert 0 < entity.score <= 1
    title = [(entity.start, entity.end, entity.label) for entity in entities if entity.passage == 0]
    assert [(entity.start, entity.end, entity.label) for entity in tagger.tag(document.passages[0])] == title


@pytest.mark.parametrize("name", TEXTS)
def test_any_text_has_right_offsets(tagger: Tagger, name: str) -> None:
    text = TEXTS[name]
    entities = tagger.tag(text)
    assert entities == sorted(entities, key=lambda entity: entity.start)
    for entity in entities:
        assert text[entity.start : entity.end] == entity.text
    if name == "long":
        assert len(entities) > 100
    assert bool(entities) == bool(text.strip())


def test_half_a_surrogate_pair_is_no_character_in_a_document_either(tagger: Tagger) -> None:
    text = TEXTS["half a pair"]
    found = tagger.tag(text)
    assert found
    assert tagger.tag(Passage(text)) == tagger.tag(Document("1", (Passage(text),))) == found


@dataclass
class Everything(Backend):
    """A backend that finds one entity in each text: all of it."""

    preprocessor: Preprocessor
    labels = LabelSet(["x"])
    batch_tokens = 64

    def tag(self, texts: Texts) -> TaggedTexts:
        columns = np.arange(texts.unit_counts.max())
        paths = np.where(columns < texts.unit_counts[:, None], np.where(columns == 0, 1, 2), 0)
        return TaggedTexts(texts, paths, texts.spans(self.labels.decode(paths), self.labels))


@pytest.mark.parametrize("units", ["subwords", "words"])
@pytest.mark.parametrize("chunking", [SeparatePassages(), JointPassages()])
def test_an_entity_is_the_callers_own_characters(tiny_encoder: str, units: Units, chunking: Chunking) -> None:
    tagger = Tagger(Everything(Preprocessor(tokenizer_json(tiny_encoder), chunking, units=units)))
    texts = ["\ud83dMice\udc00 a\ud83dte.\udc00", "a\ud83d\ude00b \ud83d c", "\udc00 \ud83d"]
    found = [[(entity.text, text[entity.start : entity.end]) for entity in tagger.tag(text)] for text in texts]
    assert found == [[("Mice\udc00 a\ud83dte.",) * 2], [("a\ud83d\ude00b \ud83d c",) * 2], []]
    passages = tuple(Passage(text, section) for text, section in zip(texts, ["title", "abstract"], strict=False))
    entities = tagger.tag(Document("1", passages))
    assert entities
    for entity in entities:
        assert entity.text == texts[entity.passage][entity.start : entity.end]
    [document] = tagger.tag_documents([Document("1", passages)])
    assert [passage.text for passage in document.passages] == texts[:2]


def test_many_texts_are_read_as_they_are_needed(tagger: Tagger) -> None:
    read = 0

    def texts() -> Iterator[str]:
        nonlocal read
        for _ in range(5000):
            read += 1
            yield MOUSE

    found = tagger.tag_texts(texts(), batch_tokens=64)
    first = next(found)
    assert read < 100
    assert first == tagger.tag(MOUSE)
    assert list(tagger.tag_texts([])) == []


def test_entities_of_many_texts_are_a_table(tagger: Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = list(Sample().read("dev"))
    frame = tagger.to_frame([*documents, MOUSE, ""])
    expected = [
        (document.id or str(number), e.passage, e.start, e.end, e.label, e.text)
        for number, document in enumerate([*documents, Document("", (Passage(MOUSE),))])
        for e in tagger.tag(document)
    ]
    columns = ["document", "passage", "start", "end", "label", "text"]
    assert list(frame[columns].itertuples(index=False, name=None)) == expected
    assert expected[-1][0] == str(len(documents))
    assert frame["score"].between(0, 1).all()
    assert list(frame.columns) == [*columns, "score", "identifiers"]
    empty = tagger.to_frame([])
    assert (len(empty), list(empty.dtypes)) == (0, list(frame.dtypes))
    monkeypatch.setitem(sys.modules, "pandas", None)
    line = r"to_frame needs pandas, the extra `datasets`: pip install -c constraints.txt -e '\.\[datasets\]'"
    with pytest.raises(InputError, match=line):
        tagger.to_frame([MOUSE])


def test_wrong_arguments_are_errors(trained: Path, tagger: Tagger) -> None:
    with pytest.raises(InputError, match="batch_tokens is 0"):
        list(tagger.tag_documents([Document("1", (Passage("a"),))], batch_tokens=0))
    for name, value in (("precision", "64"), ("device", "nonsense"), ("backend", "tensorflow")):
        with pytest.raises(InputError, match=f"{name} (is )?'{value}'"):
            Tagger.load(trained / "checkpoints" / "quickstart", **{name: value})  # type: ignore[arg-type]


def test_what_is_no_text_is_one_line(tagger: Tagger) -> None:
    for call in (tagger.tag_texts, tagger.tag_documents):
        for text in (MOUSE, Passage(MOUSE), Document("1", (Passage(MOUSE),))):
            with pytest.raises(InputError, match=r"^a single text in place of many; put it into a list, or call tag$"):
                call(text)  # type: ignore[arg-type]
    for value, shown in ((None, "None"), (3, "3"), ([MOUSE], r"\['Probiotics")):
        message = rf"^a tagger reads a text, a Passage or a Document, not {shown}"
        with pytest.raises(InputError, match=message):
            tagger.tag(value)  # type: ignore[arg-type]
        with pytest.raises(InputError, match=message):
            list(tagger.tag_texts([MOUSE, value]))  # type: ignore[list-item]


def test_a_tagger_shows_what_it_is(trained: Path, tagger: Tagger) -> None:
    labels = "['DDF', 'anatomical location', 'animal', 'bacteria', 'biomedical technique', 'chemical', ...]"
    size = sum(tensor.numel() for tensor in tagger.backend.model.members[0].parameters())  # type: ignore[attr-defined]
    ensemble = f"TorchBackend(2 x {size:,} parameters, 'cpu', precision 32)"
    alone = f"TorchBackend(1 x {size:,} parameters, 'cpu', precision 32)"
    assert repr(tagger) == f"Tagger(labels={labels}, units='subwords', {ensemble})"
    single = Tagger.load(trained / "checkpoints" / "quickstart" / "seed=42", device="cpu", precision="32")
    assert repr(single) == f"Tagger(labels={labels}, units='subwords', {alone})"


def test_a_checkpoint_cannot_name_code_to_run(trained: Path, tmp_path: Path) -> None:
    content = torch.load(trained / "checkpoints" / "quickstart" / "seed=42" / "best.ckpt", weights_only=True)
    content["NERDataModule"]["chunking"] = {"class_path": "pathlib.Path", "init_args": {}}
    torch.save(content, tmp_path / "evil.ckpt")
    with pytest.raises(InputError, match=r"the chunking 'pathlib\.Path' is unknown"):
        Tagger.load(tmp_path / "evil.ckpt")


def test_the_readme_and_the_guide_show_what_works(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints").symlink_to(trained / "checkpoints")
    dev = list(Sample().read("dev"))
    (tmp_path / "texts").mkdir()
    PubTator().write(dev, tmp_path / "texts" / "dev.txt")
    for page in ("README.md", "docs/python.md"):
        [snippet] = re.findall(r"^```python\n(.*?)^```$", (REPOSITORY / page).read_text("utf-8"), re.M | re.S)
        exec(snippet, {})
        assert "anxiety" in capsys.readouterr().out
    found = list(PubTator().read(tmp_path / "tagged.txt"))
    assert [document.id for document in found] == [document.id for document in dev]
    assert any(passage.spans for document in found for passage in document.passages)


def test_importing_it_brings_no_lightning(trained: Path) -> None:
    code = (
        "import sys, ner; assert 'torch' not in sys.modules\n"
        "from ner import Tagger\n"
        f"print(json.dumps([e.text for e in Tagger.load({str(trained / 'exported')!r}).tag({MOUSE!r})]))\n"
        "assert not {'lightning', 'jsonargparse', 'torchmetrics'} & set(sys.modules)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", f"import json\n{code}"], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert json.loads(process.stdout) == [entity.text for entity in Tagger.load(trained / "exported").tag(MOUSE)]
    assert is_exported(trained / "exported")


def test_the_package_has_no_other_secrets() -> None:
    assert ner.Tagger is Tagger
    assert ner.Entity is Entity
    with pytest.raises(AttributeError, match="no attribute 'tagget'"):
        _ = ner.tagget  # type: ignore[attr-defined]
