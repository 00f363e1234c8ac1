from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer

from ner.corpora import Corpus, Sample, Split
from ner.corpora.files import FileCorpus
from ner.corpora.sample import FOLDER
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats.base import Format
from ner.formats.jsonl import JsonLines
from ner.formats.plain_text import PlainText
from ner.preprocessing.chunking import JointPassages, SeparatePassages
from ner.preprocessing.collate import Batch
from ner.training.datamodule import NERDataModule
from ner.training.sampler import LengthBatchSampler


class Lines(Corpus):
    """A corpus of one's own: texts in memory."""

    labels = ("animal",)

    def read(self, split: Split) -> Iterator[Document]:
        is_test = split == "test"
        spans = () if is_test else (Span(0, 4, "animal"),)
        yield Document("1", (Passage("Mice ate.", spans=spans, annotated_until=0 if is_test else None),))


@dataclass
class OneLineEach(Format):
    """A format of one's own: one text a line."""

    def read(self, path: Path) -> Iterator[Document]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
            yield Document(str(number), (Passage(line, annotated_until=0),))


class InOwnFormat(Lines):
    format = OneLineEach()


def test_a_corpus_of_ones_own_needs_no_edit_elsewhere(tiny_encoder: str) -> None:
    data = NERDataModule(Lines(), tiny_encoder)
    data.setup("fit")
    [batch] = data.train_dataloader()
    assert isinstance(batch, Batch)
    assert data.labels == ["animal"]
    assert batch.tags[0, 0] == 1


def test_any_module_can_use_it(tiny_encoder: str) -> None:
    class Counting(LightningModule):
        texts = 0

        def predict_step(self, batch: Batch) -> int:
            Counting.texts += len(batch)
            return len(batch)

    data = NERDataModule(Sample(), tiny_encoder, window_tokens=128, overlap_tokens=32)
    trainer = Trainer(logger=False, accelerator="cpu", enable_progress_bar=False, use_distributed_sampler=False)
    trainer.predict(Counting(), datamodule=data)
    assert Counting.texts == sum(len(document.passages) for document in Sample().read("test"))


def test_predict_reads_files_of_the_corpus_format(tiny_encoder: str, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("Rats slept.\nNobody ate.\n", encoding="utf-8")
    data = NERDataModule(InOwnFormat(), tiny_encoder, predict_path=str(tmp_path / "texts.txt"))
    data.setup("predict")
    [batch] = data.predict_dataloader()
    assert isinstance(batch, Batch)
    assert sorted(chunk.document.id for chunk in batch.texts.chunks) == ["0", "1"]


def test_a_corpus_without_a_format_needs_one_for_files(tiny_encoder: str, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("Rats slept.\n", encoding="utf-8")
    path = str(tmp_path / "texts.txt")
    with pytest.raises(InputError, match=r"Lines has no file format; name one as --data\.predict_format"):
        NERDataModule(Lines(), tiny_encoder, predict_path=path).setup("predict")
    NERDataModule(Lines(), tiny_encoder, predict_path=path, predict_format=PlainText()).setup("predict")


class PartlyAnnotated(InOwnFormat):
    """One text is annotated and one is not."""

    def read(self, split: Split) -> Iterator[Document]:
        yield from super().read(split)
        yield Document("2", (Passage("Nobody slept.", annotated_until=0),))


@pytest.mark.parametrize(("batches", "is_same"), [(0, False), (2, True)])
def test_only_batches_to_be_overfitted_come_in_one_order(tiny_encoder: str, batches: int, is_same: bool) -> None:
    data = NERDataModule(Sample(), tiny_encoder, batch_size=4)
    data.trainer = Trainer(overfit_batches=batches, logger=False, enable_checkpointing=False)
    data.setup("fit")
    sampler = data.train_dataloader().batch_sampler
    assert isinstance(sampler, LengthBatchSampler)
    orders = []
    for epoch in range(2):
        sampler.set_epoch(epoch)
        orders.append(list(sampler))
    assert (orders[0] == orders[1]) is is_same


def test_texts_without_annotation_are_trained_on_where_that_is_asked_for(tiny_encoder: str, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("Rats slept.\nNobody ate.\n", encoding="utf-8")

    def trained(unlabelled: list[str] | None) -> list[str]:
        data = NERDataModule(PartlyAnnotated(), tiny_encoder, unlabelled=unlabelled)
        data.setup("fit")
        return [chunk.passage.text for batch in data.train_dataloader() for chunk in batch.texts.chunks]

    assert sorted(trained(None)) == ["Mice ate."]
    assert sorted(trained([])) == ["Mice ate.", "Nobody slept."]
    assert sorted(trained([str(tmp_path / "texts.txt")])) == [
        "Mice ate.",
        "Nobody ate.",
        "Nobody slept.",
        "Rats slept.",
    ]


def test_annotation_of_texts_that_are_read_without_it_is_not_trained_on(tiny_encoder: str) -> None:
    plain = NERDataModule(Sample(), tiny_encoder)
    data = NERDataModule(Sample(), tiny_encoder, unlabelled=[str(FOLDER / "dev.json")])
    for each in (plain, data):
        each.setup("fit")
    assert (data.train_texts.annotated > 0).sum() == len(plain.train_texts)
    documents = [document for split in ("train", "dev") for document in Sample().read(split)]
    assert len(data.train_texts) == sum(len(document.passages) for document in documents)


def test_a_corpus_without_a_format_cannot_read_further_texts(tiny_encoder: str) -> None:
    data = NERDataModule(Lines(), tiny_encoder, unlabelled=["more.txt"])
    with pytest.raises(InputError, match=r"more\.txt: Lines has no file format to read texts without annotation in"):
        data.setup("fit")


def test_training_without_annotation_is_refused(tiny_encoder: str, tmp_path: Path) -> None:
    JsonLines().write([Document("1", (Passage("Mice ate.", annotated_until=0),))], tmp_path / "train.jsonl")
    JsonLines().write([Document("2", (Passage("Mice", spans=(Span(0, 4, "animal"),)),))], tmp_path / "dev.jsonl")
    files = (str(tmp_path / f"{split}.jsonl") for split in ("train", "dev"))
    data = NERDataModule(FileCorpus(JsonLines(), ["animal"], *files), tiny_encoder)
    data.setup("fit")
    with pytest.raises(InputError, match="the train split carries no annotation to learn from"):
        data.train_dataloader()


def test_testing_without_annotation_points_to_predict(tiny_encoder: str) -> None:
    with pytest.raises(InputError, match=r"the test split carries no annotation to score; .* with `predict`"):
        NERDataModule(Lines(), tiny_encoder).setup("test")


@pytest.mark.parametrize("stage", ["fit", "validate"])
def test_the_best_epoch_is_not_chosen_without_annotation(tiny_encoder: str, tmp_path: Path, stage: str) -> None:
    annotated, bare = tmp_path / "train.jsonl", tmp_path / "dev.jsonl"
    JsonLines().write([Document("1", (Passage("Mice ate.", spans=(Span(0, 4, "animal"),)),))], annotated)
    JsonLines().write([Document("2", (Passage("Mice ate.", annotated_until=0),))], bare)
    corpus = FileCorpus(JsonLines(), ["animal"], str(annotated), str(bare))
    with pytest.raises(InputError, match="the dev split carries no annotation to score"):
        NERDataModule(corpus, tiny_encoder).setup(stage)


def test_a_label_that_is_not_known_is_found_by_its_file(tiny_encoder: str, tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    JsonLines().write([Document("7", (Passage("Mice ate.", spans=(Span(0, 4, "beast"),)),))], path)
    with pytest.raises(InputError, match=r"train\.jsonl: labels that are not in data\.corpus\.labels: beast \(1\)"):
        NERDataModule(FileCorpus(JsonLines(), ["animal"], str(path)), tiny_encoder).setup("fit")


def test_a_corpus_to_train_on_needs_labels(tiny_encoder: str) -> None:
    with pytest.raises(InputError, match=r"data\.corpus\.labels is empty; name the entity types"):
        NERDataModule(FileCorpus(JsonLines()), tiny_encoder)


def test_a_file_without_documents_is_an_error(tiny_encoder: str, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    data = NERDataModule(InOwnFormat(), tiny_encoder, predict_path=str(tmp_path / "empty.txt"))
    [error] = data.predict_dataloader()
    with pytest.raises(InputError, match=r"empty\.txt holds no documents"):
        data.transfer_batch_to_device(error, torch.device("cpu"), 0)


def test_its_state_tells_another_reading_apart(tiny_encoder: str) -> None:
    state = NERDataModule(Lines(), tiny_encoder).state_dict()
    NERDataModule(Lines(), tiny_encoder).load_state_dict(state)
    with pytest.raises(InputError, match="other settings of: chunking, markers"):
        NERDataModule(Lines(), tiny_encoder, JointPassages(), markers=False).load_state_dict(state)


def test_a_tokenizer_survives_its_serialisation(tiny_encoder: str) -> None:
    first = NERDataModule(Lines(), tiny_encoder)
    second = NERDataModule(Lines(), str(first.state_dict()["tokenizer"]))
    assert second.preprocessor == first.preprocessor
    assert second.vocabulary_size == first.vocabulary_size


@dataclass(frozen=True)
class Sentences(SeparatePassages):
    """A chunking with an argument."""

    longest: int = 5


@dataclass(frozen=True)
class Listed(SeparatePassages):
    """A chunking whose argument is no plain value."""

    lengths: tuple[int, ...] = (5,)


def test_the_arguments_of_a_chunking_are_part_of_the_state(tiny_encoder: str) -> None:
    state = NERDataModule(Lines(), tiny_encoder, Sentences(7)).state_dict()
    assert state["chunking"] == {"class_path": f"{__name__}.Sentences", "init_args": {"longest": 7}}
    with pytest.raises(InputError, match="other settings of: chunking"):
        NERDataModule(Lines(), tiny_encoder, Sentences(8)).load_state_dict(state)


def test_a_chunking_that_cannot_be_kept_is_refused(tiny_encoder: str) -> None:
    with pytest.raises(InputError, match="cannot keep its argument 'lengths'"):
        NERDataModule(Lines(), tiny_encoder, Listed()).state_dict()


class Broken(Lines):
    """A corpus whose reader has no messages of its own."""

    def read(self, split: Split) -> Iterator[Document]:
        if split == "dev":
            raise FileNotFoundError(2, "No such file or directory", "dev.txt")
        yield Document("1", (Passage("Mice", spans=(Span(0, 9, "animal"),)),))


@pytest.mark.parametrize(
    ("split", "message"),
    [("train", "the train split: ValueError: span"), ("dev", r"the dev split: FileNotFoundError: .*dev\.txt")],
)
def test_what_a_corpus_raises_is_one_line_that_names_the_split(split: Split, message: str, tiny_encoder: str) -> None:
    with pytest.raises(InputError, match=f"Broken cannot read {message}"):
        list(NERDataModule(Broken(), tiny_encoder).documents(split))


@pytest.mark.parametrize(
    "numbers",
    [{"num_workers": -1}, {"batch_size": 0}, {"eval_batch_size": 0}, {"overlap_tokens": -1}, {"batch_tokens": 0}],
)
def test_numbers_out_of_range_are_refused(numbers: dict[str, int], tiny_encoder: str) -> None:
    with pytest.raises(InputError, match=f"data.{next(iter(numbers))} is"):
        NERDataModule(Lines(), tiny_encoder, **numbers)  # type: ignore[arg-type]
