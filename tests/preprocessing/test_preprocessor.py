from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from ner.documents import Document, Passage
from ner.errors import InputError
from ner.preprocessing.chunking import Chunk, Chunking, JointPassages, SeparatePassages
from ner.preprocessing.preprocessor import Preprocessor


@dataclass(frozen=True)
class First(Chunking):
    """The first passages of a document."""

    count: int = 1

    def chunks(self, document: Document) -> list[Chunk]:
        return SeparatePassages().chunks(document)[: self.count]


@pytest.mark.parametrize("chunking", [SeparatePassages(), JointPassages(), First(2)])
def test_a_preprocessor_comes_back_from_plain_types(minilm_tokenizer: str, chunking: Chunking) -> None:
    own = Preprocessor(minilm_tokenizer, chunking, markers=False, window_tokens=128, overlap_tokens=8, units="words")
    assert Preprocessor.from_dict(own.to_dict()) == own


def test_settings_without_units_are_those_of_subwords(minilm_tokenizer: str) -> None:
    settings = Preprocessor(minilm_tokenizer).to_dict()
    del settings["units"]
    assert Preprocessor.from_dict(settings) == Preprocessor(minilm_tokenizer)


@pytest.mark.parametrize(
    "chunking",
    [
        None,
        "SeparatePassages",
        {"class_path": "os.path.join"},
        {"class_path": "ner.labels.LabelSet"},
        {"class_path": "ner.preprocessing.chunking.Chunking"},
        {"class_path": "ner.preprocessing.chunking.SeparatePassages", "init_args": {"nested": 1}},
        {"class_path": "ner.preprocessing.chunking.SeparatePassages", "init_args": [1]},
        {"class_path": ["a"], "init_args": {}},
    ],
)
def test_what_is_no_chunking_is_refused(minilm_tokenizer: str, chunking: object) -> None:
    with pytest.raises(InputError, match=r"the chunking .* (is unknown|has other arguments)"):
        Preprocessor.from_dict(Preprocessor(minilm_tokenizer).to_dict() | {"chunking": chunking})


def test_no_module_is_imported_for_a_chunking(
    minilm_tokenizer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "unasked.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    settings = Preprocessor(minilm_tokenizer).to_dict() | {"chunking": {"class_path": "unasked.Chunking"}}
    with pytest.raises(InputError, match=r"the chunking 'unasked.Chunking' is unknown"):
        Preprocessor.from_dict(settings)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("markers", 1, "markers is 1, and not of type bool"),
        ("window_tokens", "512", "window_tokens is '512', and not of type int"),
        ("units", "letters", "data.units is 'letters'; use one of subwords, words"),
        ("tokenizer", "{}", "the tokenizer's JSON is damaged"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(minilm_tokenizer: str, key: str, value: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Preprocessor.from_dict(Preprocessor(minilm_tokenizer).to_dict() | {key: value})


def test_a_missing_setting_is_named(minilm_tokenizer: str) -> None:
    settings = Preprocessor(minilm_tokenizer).to_dict()
    del settings["markers"]
    with pytest.raises(InputError, match="it does not say how texts are read: 'markers' is missing"):
        Preprocessor.from_dict(settings)


def test_an_overlap_as_large_as_the_window_is_refused(minilm_tokenizer: str) -> None:
    with pytest.raises(InputError, match=r"window_tokens larger or data\.overlap_tokens smaller"):
        Preprocessor(minilm_tokenizer, window_tokens=128, overlap_tokens=128)


def test_windows_make_no_difference_to_units_and_all_else_does(minilm_tokenizer: str) -> None:
    own = Preprocessor(minilm_tokenizer)
    assert own.differences(replace(own, window_tokens=128, overlap_tokens=0)) == []
    assert own.differences(replace(own, markers=False, units="words")) == ["markers", "units"]
    assert own.differences(replace(own, chunking=JointPassages())) == ["chunking"]


def test_the_input_holds_marker_and_text(preprocessor: Preprocessor) -> None:
    texts = preprocessor.encode([Document("1", (Passage("gut", "title"), Passage("gut brain", "abstract")))])
    inputs = preprocessor.inputs(texts)
    vocabulary = Tokenizer.from_str(preprocessor.tokenizer).get_vocab()
    first, last, gut, brain = (vocabulary[token] for token in ("[CLS]", "[SEP]", "gut", "brain"))
    title, abstract = len(vocabulary), len(vocabulary) + 1
    assert inputs.input_ids.tolist() == [[first, title, gut, last, 0], [first, abstract, gut, brain, last]]
    assert inputs.attention_mask.tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
    assert (inputs.rows.tolist(), inputs.positions.tolist()) == ([[0, 0], [1, 1]], [[2, 0], [2, 3]])
