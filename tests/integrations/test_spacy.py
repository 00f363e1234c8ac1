"""The component of spaCy pipelines, as spaCy tests its own: order, batches, round trips, processes."""

import pickle
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from shutil import copytree, move

import pytest

from main import main
from ner import Tagger
from ner.corpora.sample import Sample
from ner.documents import Document, Span
from ner.errors import InputError

spacy = pytest.importorskip("spacy", reason="spacy is not installed (extra `test`)")

from spacy.language import Language  # noqa: E402
from spacy.tokens import Doc  # noqa: E402
from spacy.training import Example  # noqa: E402

from ner.integrations.spacy import NerCRF, make_ner_crf  # noqa: E402

REPOSITORY = Path(__file__).parents[2]
TEXTS = [passage.text for document in Sample().read("dev") for passage in document.passages]


@pytest.fixture(scope="module")
def model(trained: Path) -> str:
    """An exported folder of two seeds."""
    pattern = str(trained / "checkpoints" / "quickstart" / "seed=*" / "best.ckpt")
    assert main(["export", "--checkpoints", pattern, "--output", str(trained / "exported")]) == 0
    return str(trained / "exported")


def pipeline(model: str, **config: object) -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("ner_crf", config={"model": model, "precision": "32", **config})
    return nlp


def found(nlp: Language) -> list[list[tuple[int, int, str]]]:
    return [[(e.start_char, e.end_char, e.label_) for e in doc.ents] for doc in nlp.pipe(TEXTS)]


@pytest.fixture(scope="module")
def nlp(model: str) -> Language:
    return pipeline(model)


@pytest.fixture(scope="module")
def expected(nlp: Language) -> list[list[tuple[int, int, str]]]:
    return found(nlp)


def test_the_component_is_found_by_its_entry_point() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    [(name, value)] = project["entry-points"]["spacy_factories"].items()
    assert name == "ner_crf"
    assert EntryPoint(name, value, "spacy_factories").load() is make_ner_crf


def test_entities_and_scores_are_those_of_the_tagger(nlp: Language, model: str) -> None:
    tagger = Tagger.load(model, precision="32")
    number = 0
    for doc, entities in zip(nlp.pipe(TEXTS), tagger.tag_texts(TEXTS), strict=True):
        group = doc.spans["ner_crf"]
        assert group.attrs["offsets"] == [[e.start, e.end] for e in entities]
        assert list(group.attrs["scores"]) == pytest.approx([e.score for e in entities])
        assert [span.label_ for span in group] == [e.label for e in entities]
        for span, e in zip(group, entities, strict=True):
            assert span.start_char <= e.start < e.end <= span.end_char
        assert {(e.start_char, e.end_char) for e in doc.ents} <= {(s.start_char, s.end_char) for s in group}
        number += len(doc.ents)
    assert number > 50


def test_batches_and_single_texts_are_alike(nlp: Language, expected: list[list[tuple[int, int, str]]]) -> None:
    one = [[(e.start_char, e.end_char, e.label_) for e in nlp(text).ents] for text in TEXTS]
    few = [[(e.start_char, e.end_char, e.label_) for e in doc.ents] for doc in nlp.pipe(TEXTS, batch_size=3)]
    assert one == few == expected


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\0"])
def test_a_text_without_entities_is_a_document(nlp: Language, text: str) -> None:
    for doc in (nlp(text), *nlp.pipe([text])):
        assert doc.text == text
        assert len(doc.spans["ner_crf"]) == len(doc.ents) == 0


RoundTrip = Callable[[Language, Path], Language]


def from_disk(nlp: Language, folder: Path) -> Language:
    nlp.to_disk(folder / "a")
    nlp.to_disk(folder / "a")  # over itself, as an update does
    move(folder / "a", folder / "b")
    return spacy.load(folder / "b")


def from_disk_again(nlp: Language, folder: Path) -> Language:
    again = from_disk(nlp, folder)
    again.to_disk(folder / "b")  # the folder that it reads
    again.to_disk(folder / "c")
    return spacy.load(folder / "c")


def from_bytes(nlp: Language, folder: Path) -> Language:
    again = spacy.blank("en")
    again.add_pipe("ner_crf")
    return again.from_bytes(nlp.to_bytes())


def pickled(nlp: Language, folder: Path) -> Language:
    return pickle.loads(pickle.dumps(nlp))


def bytes_to_disk(nlp: Language, folder: Path) -> Language:
    return from_disk(pickled(from_bytes(nlp, folder), folder), folder)


@pytest.mark.parametrize("round_trip", [from_disk, from_disk_again, from_bytes, pickled, bytes_to_disk])
def test_a_pipeline_that_is_saved_tags_the_same(
    model: str, expected: list[list[tuple[int, int, str]]], round_trip: RoundTrip, tmp_path: Path
) -> None:
    own = copytree(model, tmp_path / "own")
    again = round_trip(pipeline(str(own)), tmp_path)
    if round_trip is not pickled:
        move(own, tmp_path / "gone")
    assert found(again) == expected
    assert again.get_pipe("ner_crf").labels == tuple(Sample.labels)


def test_a_run_is_saved_as_an_exported_folder(
    trained: Path, expected: list[list[tuple[int, int, str]]], tmp_path: Path
) -> None:
    run = pipeline(str(trained / "checkpoints" / "quickstart"))
    assert found(run) == expected
    run.to_disk(tmp_path / "saved")
    assert (tmp_path / "saved" / "ner_crf" / "model" / "labels.json").is_file()
    assert found(spacy.load(tmp_path / "saved")) == expected


def test_nothing_is_loaded_before_the_first_text(model: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Tagger, "load", lambda *_: pytest.fail("loaded"))
    nlp = pipeline(model)
    nlp.to_disk(tmp_path / "saved")
    again = spacy.load(tmp_path / "saved")
    assert "ner_crf" not in again.meta["labels"]


def test_bytes_cannot_write_elsewhere() -> None:
    srsly = pytest.importorskip("srsly")
    names = ("../evil", "/tmp/evil", "a/../../evil", "..\\evil", "C:evil", "a//b", "a\0", "")
    contents = [srsly.msgpack_dumps({name: b""}) for name in names]
    for content in (*contents, srsly.msgpack_dumps({"a": 3}), srsly.msgpack_dumps([]), b"", b"more than that"):
        with pytest.raises(InputError, match="these bytes hold no model"):
            NerCRF().from_bytes(content)


def test_a_component_without_a_model_says_so() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("ner_crf")
    with pytest.raises(InputError, match=r"ner_crf has no model; name one: nlp\.add_pipe") as error:
        nlp("Mice")
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="nowhere"):
        pipeline("nowhere")("Mice")
    with pytest.raises(InputError, match="user/nothing: no such path, not whole in the hub's cache"):
        pipeline("user/nothing")("Mice")


@dataclass
class Found:
    """A tagger that finds the same entities in every text."""

    spans: list[Span]
    labels: list[str] = field(default_factory=list)

    def tag_documents(self, documents: Iterator[Document]) -> Iterator[Document]:
        for document in documents:
            passages = [replace(passage, spans=tuple(self.spans)) for passage in document.passages]
            yield replace(document, passages=tuple(passages))


def with_entities(spans: list[Span], text: str = "IL-2-like (GLP-1R) mice", **config: object) -> Doc:
    component = NerCRF(**config)  # type: ignore[arg-type]
    component._tagger = Found(spans)  # type: ignore[assignment]
    return component(spacy.blank("en")(text))


def test_entities_are_moved_to_tokens_as_the_option_says() -> None:
    doc = with_entities([Span(12, 20, "x", 0.5, ("D1", "D2"))])
    assert [(e.text, e.kb_id_) for e in doc.ents] == [("GLP-1R) mice", "D1|D2")]
    assert doc.spans["ner_crf"].attrs["offsets"] == [[12, 20]]
    assert [e.text for e in with_entities([Span(12, 22, "x")], alignment="contract").ents] == [")"]


@pytest.mark.parametrize("alignment", ["strict", "contract"])
def test_an_entity_that_fits_no_token_is_left_out_with_a_warning(alignment: str) -> None:
    with pytest.warns(UserWarning, match="ner_crf: left out: 1 entities that do not fit the tokens, such as 'ic'"):
        doc = with_entities([Span(20, 22, "x"), Span(0, 9, "y")], alignment=alignment)
    assert [e.text for e in doc.ents] == [span.text for span in doc.spans["ner_crf"]] == ["IL-2-like"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(with_entities([Span(20, 22, "x"), Span(0, 9, "y")]).ents) == 2


def test_entities_that_share_a_token_are_all_in_the_group() -> None:
    doc = with_entities([Span(0, 4, "short", 0.9), Span(5, 9, "other", 0.8), Span(0, 18, "long", 0.1)])
    assert [e.label_ for e in doc.ents] == ["long"]
    assert [span.label_ for span in doc.spans["ner_crf"]] == ["short", "other", "long"]
    assert list(doc.spans["ner_crf"].attrs["scores"]) == [0.9, 0.8, 0.1]


def test_entities_of_earlier_components_stay_unless_told(model: str) -> None:
    for overwrite in (False, True):
        nlp = spacy.blank("en")
        nlp.add_pipe("entity_ruler").add_patterns([{"label": "RULE", "pattern": "anxiety in mice"}])
        nlp.add_pipe("ner_crf", config={"model": model, "overwrite": overwrite}, last=True)
        assert nlp.pipe_names == ["entity_ruler", "ner_crf"]
        doc = nlp("Probiotics reduced anxiety in mice.")
        assert ("RULE" in {e.label_ for e in doc.ents}) is not overwrite
        assert len(doc.spans["ner_crf"]) >= 2


def test_a_handler_of_errors_gets_the_batch(nlp: Language, model: str) -> None:
    own = pipeline(model)
    failed: list[int] = []
    own.set_error_handler(lambda *found: failed.append(len(found[2])))
    component = own.get_pipe("ner_crf")
    component._tagger = None
    component.model = "nowhere"
    assert list(own.pipe(["Mice", "Rice", "Ice"], batch_size=2)) == []
    assert failed == [2, 1]


def test_a_pipeline_is_evaluated(nlp: Language) -> None:
    docs = list(nlp.pipe(TEXTS[:6]))
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in docs]
    assert nlp.evaluate(examples)["ents_f"] == 1.0


def test_several_processes_find_the_same(model: str) -> None:
    code = (
        "import spacy, ner.integrations.spacy\n"
        "nlp = spacy.blank('en')\n"
        f"nlp.add_pipe('ner_crf', config={{'model': {model!r}, 'precision': '32'}})\n"
        "texts = ['Probiotics reduced anxiety in mice.'] * 6\n"
        "docs = list(nlp.pipe(texts, n_process=2, batch_size=2))\n"
        "alone = nlp(texts[0])\n"
        "assert len(alone.ents) and len(docs) == 6\n"
        "for doc in docs:\n"
        "    assert [(e.text, e.label_) for e in doc.ents] == [(e.text, e.label_) for e in alone.ents]\n"
        "    assert len(doc.spans['ner_crf'].attrs['scores']) == len(doc.spans['ner_crf'])\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, cwd=REPOSITORY)


def test_the_module_needs_no_torch_until_it_tags() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"  # spaCy imports it where it is
        "import spacy, ner.integrations.spacy\n"
        "spacy.blank('en').add_pipe('ner_crf', config={'model': 'nowhere'})\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=REPOSITORY)
