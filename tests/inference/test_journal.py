"""The journal of a prediction: places, order, and documents that come back as they were."""

from dataclasses import replace
from pathlib import Path

import pytest

from ner.corpora import Sample
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.inference.journal import Done, PredictionJournal, checksum, documents_in


def document(number: int) -> Document:
    return Document(f"id{number}", (Passage(f"Mice ate, \u2028 {number}.", "title"),))


def test_documents_come_back_in_the_order_of_the_input(tmp_path: Path) -> None:
    paths = [tmp_path / "part0of2", tmp_path / "part1of2"]
    for rank, places in enumerate(([4, 0, 2], [3, 1])):
        journal = PredictionJournal(paths[rank], Done(rank, 2))
        journal.open({})
        for place in places:
            journal.write({place: document(place)})
        journal.close()
    assert list(documents_in(paths)) == [document(place) for place in range(5)]


def test_annotated_documents_survive(tmp_path: Path) -> None:
    found = list(Sample().read("dev"))
    journal = PredictionJournal(tmp_path / "journal", Done())
    journal.open({})
    journal.write(dict(enumerate(found)))
    journal.close()
    assert list(documents_in([tmp_path / "journal"])) == found


def test_a_resumed_journal_knows_its_documents(tmp_path: Path) -> None:
    for places in ((0, 3), (6, 1)):
        journal = PredictionJournal(tmp_path / "journal", Done())
        journal.open({})
        journal.write({place: document(place) for place in places})
        journal.close()
    done = PredictionJournal(tmp_path / "journal", Done()).done
    assert [place in done for place in range(7)] == [True, True, False, True, False, False, True]


@pytest.mark.parametrize(
    "record",
    [
        '[100000000, {"id": "a", "text": "b"}]',
        '[-1, {"id": "a", "text": "b"}]',
        "7",
        "[7]",
        '["7", {"id": "a", "text": "b"}]',
        '[7, {"id": "a", "spans": []}]',
    ],
)
def test_a_record_of_something_else_is_refused(tmp_path: Path, record: str) -> None:
    (tmp_path / "journal").write_text(f'{{"settings": {{}}}}\n{record}\n', encoding="utf-8")
    with pytest.raises(InputError, match="journal: line 2 is damaged; delete it to start over"):
        PredictionJournal(tmp_path / "journal", Done())


def test_a_document_is_known_by_all_that_predictions_keep_of_it() -> None:
    found = Document("1", (Passage("IL-2 gene", spans=(Span(0, 4, "gene"),)),), year=1999)
    bare = Document("1", (Passage("IL-2 gene", annotated_until=0),), year=1999)
    assert checksum(found) == checksum(bare)
    others = [
        replace(found, id="2"),
        replace(found, year=2000),
        replace(found, tier="gold"),
        replace(found, passages=(Passage("IL-2 gene", "title"),)),
        replace(found, passages=(Passage("IL-2 gene", tokens=((0, 4), (5, 9))),)),
    ]
    assert len({checksum(document) for document in (found, *others)}) == 1 + len(others)


def test_documents_that_are_tagged_are_known_in_any_order() -> None:
    done = Done(1, 3)
    for place in (7, 1, 13):
        done.add(place)
    assert (len(done), done.due) == (3, 4)
    assert [place in done for place in (1, 4, 7, 10, 13, 16)] == [True, False, True, False, True, False]
    done.add(4)
    assert done.due == 10
