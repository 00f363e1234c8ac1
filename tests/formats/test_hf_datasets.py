"""Data sets of `datasets`: round trips, rows of others, and what is no data set."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats.conll import CoNLL
from ner.formats.hf_datasets import HFDatasets
from tests.formats.test_joined import EMOJI, spans
from tests.formats.test_jsonl import documents

datasets = pytest.importorskip("datasets", reason="datasets is not installed (extra `test`)")

TAGS = ["O", "B-animal", "I-animal", "B-plant", "I-plant"]
TOKENS = {"tokens": ["Mice", "ate", "rice"], "ner_tags": [1, 0, 3]}
MICE = Passage("Mice ate rice", spans=(Span(0, 4, "animal"), Span(9, 13, "plant")), tokens=((0, 4), (5, 8), (9, 13)))


@settings(max_examples=20)
@given(found=st.lists(documents, max_size=3))
def test_what_is_written_is_read_again(found: list[Document], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("sets") / "out"
    HFDatasets().write(found, path)
    again = list(HFDatasets().read(path))
    assert again == found
    assert [spans(document) for document in again] == [spans(document) for document in found]


def test_the_library_loads_what_is_written(tmp_path: Path) -> None:
    HFDatasets().write([EMOJI], tmp_path / "out")
    [row] = datasets.load_from_disk(str(tmp_path / "out"))
    assert [row["text"][span["start"] : span["end"]] for span in row["spans"]] == ["🐁 Mice", "🧬", "🌾", "Rice, 🌾"]
    assert row["spans"][0] == {"start": 0, "end": 6, "label": "animal", "score": 0.25, "identifiers": ["D1", "x y"]}


def test_tokens_are_written_and_read_as_those_of_conll_are(tmp_path: Path) -> None:
    found = [
        Document("1", (Passage("Mice ate.", "title", (Span(0, 4, "animal"),)), Passage("Rice, too.", "abstract"))),
        Document("1", (MICE,)),
        Document("2", (Passage("Mice", annotated_until=0),)),
    ]
    HFDatasets(schema="tokens").write(found, tmp_path / "out")
    data = datasets.load_from_disk(str(tmp_path / "out"))
    assert data.features["ner_tags"].feature.names == TAGS
    assert data["ner_tags"][:3] == [[1, 0, 0], [0, 0, 0, 0], [1, 0, 3]]
    again = list(HFDatasets().read(tmp_path / "out"))
    CoNLL().write(found[:1], tmp_path / "conll")
    [conll] = CoNLL().read(tmp_path / "conll")
    assert again[0].passages[0].spans == conll.passages[0].spans == (Span(0, 4, "animal"),)
    assert [passage.text for passage in again[0].passages] == [passage.text for passage in conll.passages]
    assert [passage.section for passage in again[0].passages] == ["title", "abstract"]
    assert again[1:] == [found[1], Document("2", (Passage("Mice", annotated_until=0, tokens=((0, 4),)),))]
    HFDatasets(schema="tokens").for_labels(("plant", "animal", "x")).write(found, tmp_path / "more")
    assert list(HFDatasets().read(tmp_path / "more")) == again
    with pytest.raises(InputError, match=r"document '1': labels that are not in the format's labels: animal \(1\)"):
        HFDatasets(schema="tokens", labels=("plant",)).write(found, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def named(tags: object, **more: object) -> "datasets.Dataset":
    features = datasets.Features(
        {"tokens": datasets.Sequence(datasets.Value("string")), "ner_tags": datasets.Sequence(tags)}
        | {key: datasets.Value("int64" if isinstance(value, int) else "string") for key, value in more.items()}
    )
    return datasets.Dataset.from_list([TOKENS | more], features=features)


def test_saved_folders_and_files_have_the_names_of_their_tags(tmp_path: Path) -> None:
    data = named(datasets.ClassLabel(names=TAGS))
    data.save_to_disk(str(tmp_path / "saved"))
    data.to_parquet(str(tmp_path / "in.parquet"))
    data.to_json(str(tmp_path / "in.jsonl"))
    assert list(HFDatasets().read(tmp_path / "saved")) == [Document("saved:1", (MICE,))]
    assert list(HFDatasets().read(tmp_path / "in.parquet")) == [Document("in:1", (MICE,))]
    with pytest.raises(InputError, match=r"in\.jsonl, row 1: tag 1 has no name; set the format's tag_names"):
        list(HFDatasets().read(tmp_path / "in.jsonl"))
    assert list(HFDatasets(tag_names=tuple(TAGS)).read(tmp_path / "in.jsonl")) == [Document("in:1", (MICE,))]
    named(datasets.ClassLabel(names=TAGS), id=7).save_to_disk(str(tmp_path / "numbered"))
    assert [document.id for document in HFDatasets().read(tmp_path / "numbered")] == ["7"]
    unknown = list(HFDatasets().without_annotation().read(tmp_path / "in.jsonl"))
    assert [passage.annotated_until for document in unknown for passage in document.passages] == [0]


def test_a_folder_of_several_splits_needs_one(tmp_path: Path) -> None:
    data = named(datasets.ClassLabel(names=TAGS))
    datasets.DatasetDict({"train": data, "test": data}).save_to_disk(str(tmp_path / "both"))
    with pytest.raises(InputError, match=r"both: several splits, but train, test; set split: train for the format"):
        list(HFDatasets().read(tmp_path / "both"))
    with pytest.raises(InputError, match=r"both: no split 'dev', but train, test; set split"):
        list(HFDatasets(split="dev").read(tmp_path / "both"))
    assert list(HFDatasets(split="test").read(tmp_path / "both")) == [Document("both:1", (MICE,))]
    datasets.DatasetDict({"train": data}).save_to_disk(str(tmp_path / "one"))
    assert list(HFDatasets().read(tmp_path / "one")) == [Document("one:1", (MICE,))]


ANIMAL = Document("in:1", (Passage("Mice", spans=(Span(0, 4, "animal"),)),))
ROWS: list[tuple[object, Document]] = [
    ({"text": "Mice", "spans": [{"start": 0, "end": 4, "label": "animal"}]}, ANIMAL),
    ([{"text": "Mice", "spans": {"start": [0], "end": [4], "label": ["animal"]}}], ANIMAL),
    ({"id": 3, "text": "Mice", "spans": None}, Document("3", (Passage("Mice", annotated_until=0),))),
    ({"text": "Mice", "spans": []}, Document("in:1", (Passage("Mice"),))),
    (
        {"tokens": ["Mice"], "ner_tags": ["S-animal"]},
        Document("in:1", (Passage("Mice", spans=(Span(0, 4, "animal"),), tokens=((0, 4),)),)),
    ),
    ({"text": "Mice", "image": None, "passage": 0, "spans": []}, Document("in:1", (Passage("Mice"),))),
    ({"text": "Mice", "tokens": ["Mice"], "spans": [{"start": 0, "end": 4, "label": "animal"}]}, ANIMAL),
    (
        {"tokens": ["Mice"], "spans": [{"start": 0, "end": 4, "label": "animal"}]},
        Document("in:1", (Passage("Mice", annotated_until=0, tokens=((0, 4),)),)),
    ),
    ({"tokens": [], "ner_tags": []}, Document("in:1", (Passage("", tokens=()),))),
]


@pytest.mark.parametrize(("content", "found"), ROWS)
def test_rows_of_others_are_read(content: object, found: Document, tmp_path: Path) -> None:
    (tmp_path / "in").write_text(json.dumps(content), "utf-8")
    assert list(HFDatasets().read(tmp_path / "in")) == [found]


def test_each_row_with_a_text_is_a_document(tmp_path: Path) -> None:
    rows = [{"id": "1", "passage": number, "text": text} for number, text in enumerate(("Mice", "Rice"))]
    (tmp_path / "in").write_text(json.dumps(rows), "utf-8")
    assert [document.passages[0].text for document in HFDatasets().read(tmp_path / "in")] == ["Mice", "Rice"]


def test_other_columns_are_neither_decoded_nor_fetched(tmp_path: Path) -> None:
    features = datasets.Features({"text": datasets.Value("string"), "image": datasets.Image()})
    picture = tmp_path / "image.png"
    picture.touch()
    row = {"text": "Mice", "image": {"path": str(picture), "bytes": None}}
    datasets.Dataset.from_list([row], features=features).save_to_disk(str(tmp_path / "saved"))
    picture.unlink()  # to read it would be an error
    assert [document.passages[0].text for document in HFDatasets().read(tmp_path / "saved")] == ["Mice"]


def test_a_folder_is_read_in_whatever_format_it_was_saved(tmp_path: Path) -> None:
    data = datasets.Dataset.from_list([{"text": "Mice", "spans": [{"start": 0, "end": 4, "label": "animal"}]}])
    data.with_format("numpy", columns=["spans"]).save_to_disk(str(tmp_path / "in"))
    assert list(HFDatasets().read(tmp_path / "in")) == [ANIMAL]


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    row = {"words": ["Mice"], "tags": ["B-x"]}
    (tmp_path / "in").write_text(json.dumps(row), "utf-8")
    [document] = HFDatasets(tokens_column="words", tags_column="tags").read(tmp_path / "in")
    assert document.passages[0].spans == (Span(0, 4, "x"),)
    row = {"body": "Mice", "entities": [{"start": 0, "end": 4, "label": "x"}]}
    (tmp_path / "in").write_text(json.dumps(row), "utf-8")
    [document] = HFDatasets(text_column="body", spans_column="entities").read(tmp_path / "in")
    assert document.passages[0].spans == (Span(0, 4, "x"),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": 1}, "in, row 1: `text` is missing; add it"),
        ([3], r"in: \[0\]3? ?.*is not an object; rows in JSON are needed"),
        ({"text": "Mice", "spans": 3}, "row 1: `spans` is 3, not a list"),
        ({"text": "Mice", "spans": [{"start": 0, "end": 9, "label": "x"}]}, r"spans\[0\]: \[0, 9\) lies in none of"),
        ({"text": "Mice", "spans": [{"start": 0, "end": 4, "label": 3}]}, "`label` is 3, not a name"),
        ({"text": "Mice", "spans": [{"start": 0, "end": 4, "label": "\ud800"}]}, "`label` is half a surrogate pair"),
        ({"tokens": ["Mice"], "ner_tags": ["B-\ud800"]}, "the tag is half a surrogate pair"),
        ({"id": "\ud800", "tokens": ["Mice"]}, "row 1: character 0 of `id` is half a surrogate pair"),
        ({"tokens": ["Mice"], "ner_tags": []}, "row 1: 1 tokens, but 0 tags"),
        ({"tokens": [""], "ner_tags": ["O"]}, "row 1: token 0 is empty"),
        ({"tokens": ["a"], "ner_tags": ["x"]}, "the tag 'x' is neither O nor like B-gene"),
        ({"tokens": [1], "ner_tags": ["O"]}, r"row 1: tokens\[0\]: `` is 1, not a text"),
    ],
)
def test_a_mistake_is_one_line(content: object, message: str, tmp_path: Path) -> None:
    (tmp_path / "in").write_text(json.dumps(content), "utf-8")
    with pytest.raises(InputError, match=message) as error:
        list(HFDatasets().read(tmp_path / "in"))
    assert str(tmp_path / "in") in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("folder", ["in", "in/train"])
def test_rows_of_another_folder_are_not_read(folder: str, tmp_path: Path) -> None:
    data = named(datasets.ClassLabel(names=TAGS))
    data.save_to_disk(str(tmp_path / "private"))
    (datasets.DatasetDict({"train": data}) if "/" in folder else data).save_to_disk(str(tmp_path / "in"))
    state = tmp_path / folder / "state.json"
    [arrow] = (tmp_path / "private").glob("*.arrow")
    for name in (str(arrow), f"{'../' * folder.count('/')}../private/{arrow.name}"):
        state.write_text(json.dumps(json.loads(state.read_text()) | {"_data_files": [{"filename": name}]}))
        with pytest.raises(InputError, match=r"state\.json: '.* is no file beside it; save the data set anew"):
            list(HFDatasets().read(tmp_path / "in"))


@pytest.mark.parametrize("name", ["../private", "a/b", "..", 7])
def test_splits_elsewhere_are_not_read(name: object, tmp_path: Path) -> None:
    data = named(datasets.ClassLabel(names=TAGS))
    data.save_to_disk(str(tmp_path / "private"))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "dataset_dict.json").write_text(json.dumps({"splits": [name]}))
    with pytest.raises(InputError, match=r"dataset_dict\.json: .* is no folder beside it; save the data set anew"):
        list(HFDatasets().read(tmp_path / "in"))


def test_a_key_that_stands_twice_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "in").write_text('{"text": "Mice", "spans": [{"start": 0, "start": 1, "end": 4, "label": "x"}]}')
    with pytest.raises(InputError, match=r"in, row 1: spans\[0\]: 'start' stands there twice; keep one of them"):
        list(HFDatasets().read(tmp_path / "in"))


def test_a_damaged_folder_is_one_line_or_leaves_documents(tmp_path: Path) -> None:
    HFDatasets().write([EMOJI] * 3, tmp_path / "whole")
    refused = 0
    for file in sorted((tmp_path / "whole").iterdir()):
        content = file.read_bytes()
        for number, place in enumerate(range(0, len(content), max(len(content) // 15, 1))):
            folder = tmp_path / f"{file.name}-{number}"
            copytree(tmp_path / "whole", folder)
            (folder / file.name).write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
            refused += is_refused(folder)
        (folder / file.name).write_bytes(content[: len(content) // 2])
        refused += is_refused(folder)
    assert refused > 5


def is_refused(path: Path) -> bool:
    try:
        list(HFDatasets().read(path))
    except InputError as error:
        return str(path) in str(error) and "\n" not in str(error)
    return False


def test_without_datasets_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    HFDatasets().write([EMOJI], tmp_path / "in")
    monkeypatch.setitem(sys.modules, "datasets", None)
    uses: list[Callable[[], object]] = [
        lambda: list(HFDatasets().read(tmp_path / "in")),
        lambda: HFDatasets().write([], tmp_path / "out"),
    ]
    for use in uses:
        with pytest.raises(InputError, match=r"pip install -c constraints.txt -e '\.\[datasets\]'"):
            use()
    assert not (tmp_path / "out").exists()


def test_a_split_of_files_is_that_of_their_names(tmp_path: Path) -> None:
    for split in ("train", "test"):
        line = json.dumps({"text": f"of {split}", "spans": []})
        (tmp_path / f"{split}-00000-of-00001.jsonl").write_text(line + "\n", encoding="utf-8")
    [found] = HFDatasets(split="test").read(tmp_path)
    assert found.passages[0].text == "of test"
    with pytest.raises(InputError, match="no file begins with dev- or dev"):
        list(HFDatasets(split="dev").read(tmp_path))


def test_a_split_that_a_saved_data_set_is_not_is_refused(tmp_path: Path) -> None:
    data = named(datasets.ClassLabel(names=TAGS))
    datasets.DatasetDict({"train": data, "test": data}).save_to_disk(str(tmp_path / "both"))
    assert list(HFDatasets().read(tmp_path / "both" / "test")) == [Document("test:1", (MICE,))]
    assert list(HFDatasets(split="test").read(tmp_path / "both" / "test")) == [Document("test:1", (MICE,))]
    with pytest.raises(InputError, match="train: has no split 'test'; leave out split, or correct it"):
        list(HFDatasets(split="test").read(tmp_path / "both" / "train"))
