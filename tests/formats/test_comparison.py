"""From every format to every other, and what is said of the losses."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from ner.corpora import GutBrainIE
from ner.documents import Document, Passage, Span
from ner.formats.base import Format
from ner.formats.bioc import BioCJSON, BioCXML
from ner.formats.brat import Brat
from ner.formats.comparison import losses
from ner.formats.conll import CoNLL
from ner.formats.doccano import Doccano
from ner.formats.gutbrainie import GutBrainIE as GutBrainIEFormat
from ner.formats.hf_datasets import HFDatasets
from ner.formats.jsonl import JsonLines
from ner.formats.label_studio import LabelStudio
from ner.formats.parquet import Parquet
from ner.formats.plain_text import PlainText
from ner.formats.prodigy import Prodigy
from ner.formats.pubtator import PubTator
from ner.formats.spacy_docbin import SpacyDocBin

ENTITIES = 1117
PROVENANCE = "tiers, annotators or weights of documents"


@pytest.mark.parametrize(
    ("target", "lost"),
    [
        (JsonLines(), {}),
        (Parquet(), {}),
        (BioCXML(), {}),
        (BioCJSON(), {}),
        (BioCJSON(offsets="bytes"), {}),
        (GutBrainIEFormat(), {}),
        (LabelStudio(), {}),
        (Prodigy(), {}),
        (Doccano(), {"identifiers of entities": ENTITIES}),
        (HFDatasets(), {}),
        (
            HFDatasets(schema="tokens"),
            {PROVENANCE: 40, "white space of documents": 40, "identifiers of entities": ENTITIES},
        ),
        (SpacyDocBin(), {}),
        (PubTator(), {PROVENANCE: 40}),
        (Brat(labels=GutBrainIE.labels, title_line=True), {PROVENANCE: 40}),
        (Brat(title_line=True), {PROVENANCE: 40, "labels of entities": 142}),
        (Brat(labels=GutBrainIE.labels), {PROVENANCE: 40, "documents' division into passages": 40}),
        (CoNLL(), {PROVENANCE: 40, "white space of documents": 40, "identifiers of entities": ENTITIES}),
        (
            PlainText(),
            {
                PROVENANCE: 40,
                "identifiers of documents": 40,
                "documents' division into passages": 40,
                "whether documents are annotated": 40,
                "entities": ENTITIES,
                "identifiers of entities": ENTITIES,
            },
        ),
    ],
)
def test_the_dev_set_of_gutbrainie_loses_what_is_said_and_nothing_else(
    gutbrainie: GutBrainIE, tmp_path: Path, target: Format, lost: dict[str, int]
) -> None:
    dev = list(gutbrainie.read("dev"))
    target.write(dev, tmp_path / "there")
    assert losses(dev, target.read(tmp_path / "there")) == {
        "all documents": 40,
        "all entities": ENTITIES,
        **lost,
    }
    JsonLines().write(target.read(tmp_path / "there"), tmp_path / "back.jsonl")
    again = list(JsonLines().read(tmp_path / "back.jsonl"))
    assert Counter(losses(dev, again)) == Counter({"all documents": 40, "all entities": ENTITIES} | lost)


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        ([], {"documents": 1}),
        ([Passage("Mice  ate", "title", (Span(0, 4, "animal", 0.5),))], {"white space of documents": 1}),
        ([Passage("Mice ete", "title", (Span(0, 4, "animal", 0.5),))], {"characters of documents": 1}),
        ([Passage("Mice ate", "", (Span(0, 4, "animal", 0.5),))], {"sections of documents": 1}),
        ([Passage("Mice ate", "title", (Span(0, 4, "human", 0.5),))], {"labels of entities": 1}),
        (
            [Passage("Mice ate", "title", (Span(0, 3, "animal", 0.5),))],
            {"entities": 1, "entities that were not there": 1},
        ),
        ([Passage("Mice ate", "title", (Span(0, 4, "animal"),))], {"scores of entities": 1}),
        (
            [Passage("Mice ate", "title", (Span(0, 4, "animal", 0.5),), 5)],
            {"where the annotation of documents ends": 1},
        ),
        (
            [Passage("Mice", "title", (Span(0, 4, "animal", 0.5),)), Passage("ate")],
            {"documents' division into passages": 1},
        ),
    ],
)
def test_each_loss_has_its_name(after: Sequence[Passage], lost: dict[str, int]) -> None:
    before = [Document("1", (Passage("Mice ate", "title", (Span(0, 4, "animal", 0.5),)),))]
    found = losses(before, [Document("1", tuple(after))] if after else [])
    assert {what: count for what, count in found.items() if not what.startswith("all ")} == lost


def test_documents_in_another_order_are_not_lost() -> None:
    first, second = Document("1", (Passage("a"),)), Document("2", (Passage("b"),))
    assert losses([first, second], [second, first]) == {"all documents": 2, "all entities": 0}
    assert losses([first, second], [first])["documents"] == 1


def test_tokens_are_lost_where_they_are_not_the_same() -> None:
    def mice(text: str, *tokens: tuple[int, int]) -> list[Document]:
        return [Document("1", (Passage(text, tokens=tokens or None),))]

    before = mice("Mice ate", (0, 4), (5, 8))
    assert losses(before, mice("Mice ate"))["tokens of documents"] == 1
    assert losses(before, mice("Mice ate", (0, 8)))["tokens of documents"] == 1
    assert losses(before, mice("Mice  ate", (0, 4), (6, 9)))["tokens of documents"] == 0
    assert losses(mice("Mice ate"), before)["tokens of documents"] == 0


def test_a_character_that_is_replaced_moves_no_entity(tmp_path: Path) -> None:
    spans = (Span(0, 5, "animal"), Span(10, 14, "food"))
    before = [Document("1", (Passage("Mi\x02ce ate rice.", spans=spans),))]
    BioCXML().write(before, tmp_path / "out.xml")
    found = losses(before, BioCXML().read(tmp_path / "out.xml"))
    assert +found == Counter({"all documents": 1, "all entities": 2, "characters of documents": 1})


def test_documents_whose_identifiers_are_lost_are_compared_in_their_order(tmp_path: Path) -> None:
    before = [Document(name, (Passage(f"text of {name}", annotated_until=0),)) for name in "321"]
    PlainText().write(before, tmp_path / "out.txt")
    found = losses(before, PlainText().read(tmp_path / "out.txt"), PlainText.keeps_identifiers)
    assert +found == Counter({"all documents": 3, **dict.fromkeys(["identifiers of documents"], 2)})
    with_empty = [before[0], Document("9", (Passage("", annotated_until=0),)), *before[1:]]
    PlainText().write(with_empty, tmp_path / "out.txt")
    found = losses(with_empty, PlainText().read(tmp_path / "out.txt"), PlainText.keeps_identifiers)
    assert (found["documents"], found["characters of documents"], found["all documents"]) == (1, 0, 3)
