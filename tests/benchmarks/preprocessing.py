"""Documents to tensors, and paths to documents, beside the tokenizer alone: bar 12."""

from collections.abc import Iterator, Sequence

from ner.documents import Document
from ner.inference.assembly import Assembler
from ner.inference.backends import TaggedTexts
from ner.inference.pipeline import batches_of
from ner.preprocessing.bucketing import CPU_TOKENS
from ner.preprocessing.collate import collate
from ner.preprocessing.ragged import Integers, padded
from tests.benchmarks.measuring import Bar, at_most, interleaved
from tests.benchmarks.texts import POOL, Setting


def bars(setting: Setting) -> Iterator[Bar]:
    """What a document costs beside the tokenizer, the encoder and the CRF."""
    documents = list(setting.data.documents("dev"))
    documents += list(setting.data.documents("train"))[: POOL - len(documents)]
    texts = [passage.text for document in documents for passage in document.passages]
    tokenizer = setting.data.preprocessor.text_tokenizer._tokenizer
    batches = batches_of(enumerate(documents), setting.data.preprocessor, CPU_TOKENS)
    known = (batch.with_tags(setting.data.label_set) for batch in batches)
    tags = [padded(batch.tags, batch.unit_counts) for batch in known]
    times = interleaved(
        {
            "tokenizer": lambda: tokenizer.encode_batch(texts, add_special_tokens=False),
            "tensors": lambda: to_tensors(setting, documents),
            "all": lambda: to_entities(setting, documents, tags),
        },
        rounds=31,
    )
    what = f"{len(documents)} documents"
    yield at_most("12a", f"{what} to tensors; tokenizer alone", times["tensors"], times["tokenizer"], 1.45)
    yield at_most("12b", f"{what}, all but encoder and CRF; tokenizer alone", times["all"], times["tokenizer"], 1.9)


def to_tensors(setting: Setting, documents: Sequence[Document]) -> None:
    """Make the batches that `predict` makes."""
    for texts in batches_of(enumerate(documents), setting.data.preprocessor, CPU_TOKENS):
        collate(texts, setting.data.preprocessor)


def to_entities(setting: Setting, documents: Sequence[Document], tags: Sequence[Integers]) -> list[Document]:
    """Do what `predict` does, with the gold tags of each batch in place of the model's."""
    labels, assembler = setting.data.label_set, Assembler()
    found: list[Document] = []
    batches = batches_of(enumerate(documents), setting.data.preprocessor, CPU_TOKENS)
    for texts, paths in zip(batches, tags, strict=True):
        collate(texts, setting.data.preprocessor)
        found += assembler.add(TaggedTexts(texts, paths, texts.spans(labels.decode(paths), labels))).values()
    return found
