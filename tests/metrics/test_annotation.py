"""Annotation of files: the same mentions from every format, at the places of the gold."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats import BioCJSON, BioCXML, Brat, CoNLL, Format, GutBrainIE, GutBrainIESubmission, JsonLines, PubTator
from ner.metrics.annotation import Annotation, aligned, read_annotation
from ner.metrics.official import Mention, mentions
from tests.submissions import entity, write

TITLE = Passage("Gut microbiota of mice", "title", (Span(4, 14, "microbiome"), Span(18, 22, "animal")))
ABSTRACT = Passage("GABA , in old mice .", "abstract", (Span(0, 4, "chemical", 0.25), Span(14, 18, "animal")))
DOCUMENTS = (
    Document("1", (TITLE, ABSTRACT)),
    Document("2", (Passage("No entity", "title"), Passage("here .", "abstract"))),
)
MENTIONS = {
    "1": [
        Mention(4, 14, "title", "microbiota", "microbiome"),
        Mention(18, 22, "title", "mice", "animal"),
        Mention(0, 4, "abstract", "GABA", "chemical"),
        Mention(14, 18, "abstract", "mice", "animal"),
    ],
    "2": [],
}


def annotation(path: Path, *documents: Document) -> Annotation:
    JsonLines().write(documents, path)
    return read_annotation(path, JsonLines())


@pytest.fixture
def gold(tmp_path: Path) -> Annotation:
    return annotation(tmp_path / "gold.jsonl", *DOCUMENTS)


def one(path: Path, text: str, *spans: Span, name: str = "1", until: int | None = None) -> Annotation:
    return annotation(path, Document(name, (Passage(text, spans=spans, annotated_until=until),)))


@pytest.mark.parametrize(
    "source",
    [PubTator(), BioCXML(), BioCJSON(), Brat(), CoNLL(), JsonLines(), GutBrainIE(), GutBrainIESubmission()],
    ids=lambda source: type(source).__name__,
)
def test_mentions_of_every_format_stand_where_those_of_the_gold_do(
    source: Format, gold: Annotation, tmp_path: Path
) -> None:
    source.write(DOCUMENTS, tmp_path / "predicted")
    found = aligned(read_annotation(tmp_path / "predicted", source), gold)
    assert found.mentions == gold.mentions == MENTIONS
    assert all(map(found.is_annotated, MENTIONS))


def test_scores_come_along(gold: Annotation, tmp_path: Path) -> None:
    assert gold.scores == {"1": [None, None, 0.25, None], "2": []}
    path = tmp_path / "submission.json"
    GutBrainIESubmission().write(DOCUMENTS, path)
    assert read_annotation(path, GutBrainIE(), with_scores=True).scores == gold.scores
    assert read_annotation(path, GutBrainIE()).scores == {}


@pytest.mark.parametrize("sections", [("a", "a"), ("", "")])
def test_passages_of_the_same_section_are_told_apart(sections: tuple[str, str], tmp_path: Path) -> None:
    passages = tuple(Passage("mice", section, (Span(0, 4, "animal"),)) for section in sections)
    found = annotation(tmp_path / "a.jsonl", Document("1", passages)).mentions["1"]
    assert [mention.location for mention in found] == [
        f"{section} {n}".strip() for n, section in enumerate(sections, 1)
    ]


def test_a_section_that_is_called_like_a_numbered_one_is_told_apart_too(tmp_path: Path) -> None:
    passages = tuple(Passage("mice", section, (Span(0, 4, "animal"),)) for section in ("table", "table", "table 1"))
    found = annotation(tmp_path / "a.jsonl", Document("1", passages)).mentions["1"]
    assert len({mention.location for mention in found}) == len(found) == 3


def test_mentions_move_to_the_same_characters_of_another_text(tmp_path: Path) -> None:
    gold = one(tmp_path / "gold.jsonl", "old  mice(s)", Span(5, 9, "animal"))
    predictions = one(tmp_path / "a.jsonl", "old mice ( s )\n", Span(4, 8, "a"), Span(3, 9, "b"), Span(8, 9, "c"))
    # One is trimmed, and one of nothing but white space has no characters and stays as it is.
    assert aligned(predictions, gold).mentions["1"] == [
        Mention(5, 9, "", "mice", "a"),
        Mention(5, 9, "", "mice", "b"),
        Mention(8, 9, "", " ", "c"),
    ]


# Characters, each with the white space before it in the gold and in the text that was tagged.
spaced = st.lists(st.tuples(st.sampled_from("aβ.𝔸"), *(st.sampled_from(["", "", " ", "\n\u00a0"]),) * 2), min_size=1)


@given(spaced, st.data())
def test_a_mention_covers_the_same_characters_whatever_the_white_space(
    characters: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    borders = st.tuples(*(st.integers(0, len(characters) - 1),) * 2).map(sorted)
    chosen = data.draw(st.lists(borders, max_size=5))
    sides = []
    for side in (1, 2):
        text, places = "", []
        for character in characters:
            text += character[side]
            places.append(len(text))
            text += character[0]
        spans = tuple(Span(places[first], places[last] + 1, "x") for first, last in chosen)
        passage = Passage(text, spans=spans)
        sides.append(Annotation(Path(), {"1": mentions(passage, spans)}, {"1": {"": passage}}, {}))
    assert aligned(sides[1], sides[0]).mentions == sides[0].mentions


def test_a_mention_that_reaches_into_the_next_passage_reaches_beyond_its_own(gold: Annotation, tmp_path: Path) -> None:
    text = f"{TITLE.text} {ABSTRACT.text}"
    predictions = one(tmp_path / "a.jsonl", text, Span(18, 27, "animal"), Span(18, 22, "animal"))
    crossing, within = aligned(predictions, gold).mentions["1"]
    assert (crossing.start, crossing.end, crossing.location) == (18, len(TITLE.text) + 1, "title")
    assert within == MENTIONS["1"][1]


def test_another_text_is_one_line_that_says_where(gold: Annotation, tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    other = annotation(path, *(Document(name, (Passage("Gut microbes"),)) for name in "12"))
    with pytest.raises(InputError) as caught:
        aligned(other, gold)
    what = "PMID 1 reads 'Gutmicrobes' but the gold says 'GutmicrobiotaofmiceGABA,inoldm…', white space apart"
    more = "documents that differ: 2; score predictions for the gold's texts"
    assert str(caught.value) == f"{path} against {gold.path}: {what}; {more}"


def test_documents_without_common_names_are_matched_in_order_if_there_are_as_many(tmp_path: Path) -> None:
    for name, tags in (("gold", "B-animal"), ("found", "O"), ("changed", "O")):
        tokens = [["mice"], ["rats" if name == "changed" else "mouse"]]
        (tmp_path / f"{name}.conll").write_text("\n".join("".join(f"{t}\t{tags}\n" for t in s) for s in tokens))
    (tmp_path / "short.conll").write_text("mice\tO\n")
    gold, found, changed, short = (
        read_annotation(tmp_path / f"{name}.conll", CoNLL()) for name in ("gold", "found", "changed", "short")
    )
    assert list(found.mentions) == ["found:1", "found:2"]
    after = aligned(found, gold)
    assert after.mentions.keys() == after.passages.keys() == after.scores.keys() == gold.mentions.keys()
    with pytest.raises(InputError, match="document gold:2 reads 'rats' but the gold says 'mouse'"):
        aligned(changed, gold)
    with pytest.raises(InputError) as caught:
        aligned(short, gold)
    what = "no document is in both: 1 are predicted and 2 in the gold; score predictions for the gold's documents"
    assert str(caught.value) == f"{short.path} against {gold.path}: {what}, with their identifiers"


def test_as_many_documents_of_other_names_and_texts_are_other_documents(gold: Annotation, tmp_path: Path) -> None:
    other = annotation(tmp_path / "a.jsonl", *(Document(name, (Passage("rats"),)) for name in "34"))
    with pytest.raises(InputError, match="no document is in both: 2 are predicted and 2 in the gold"):
        aligned(other, gold)
    none = annotation(tmp_path / "none.jsonl")
    assert aligned(none, gold).mentions == {}


def test_predictions_where_the_gold_is_not_annotated_are_left_out_with_their_scores(tmp_path: Path) -> None:
    spans = (Span(0, 3, "animal", 0.1), Span(2, 5, "animal", 0.2), Span(4, 8, "animal", 0.3))
    predictions = one(tmp_path / "a.jsonl", "old mice", *spans)
    for until, kept in ((None, 3), (8, 3), (5, 2), (3, 1), (0, 0)):
        found = aligned(predictions, one(tmp_path / "gold.jsonl", "old mice", until=until))
        assert (len(found.mentions["1"]), found.scores["1"]) == (kept, [0.1, 0.2, 0.3][:kept])


def test_a_document_without_annotation_is_told_from_one_without_entities(tmp_path: Path) -> None:
    found = annotation(
        tmp_path / "a.jsonl",
        Document("1", (Passage("mice"), Passage("rats", annotated_until=0))),
        Document("2", (Passage("mice", annotated_until=0),)),
    )
    assert [found.is_annotated(name) for name in ("1", "2", "3")] == [True, False, False]


def test_two_documents_of_one_name_are_refused_or_the_second_left_out(tmp_path: Path) -> None:
    documents = (Document("1", (Passage(text),)) for text in ("mice", "rats"))
    JsonLines().write(documents, tmp_path / "twice.jsonl")
    with pytest.raises(InputError, match=r"twice\.jsonl: '1' has come before; .*on_duplicate: skip"):
        read_annotation(tmp_path / "twice.jsonl", JsonLines())
    assert read_annotation(tmp_path / "twice.jsonl", JsonLines(on_duplicate="skip")).texts("1") == {"": "mice"}


def test_gutbrainie_against_gutbrainie_is_left_as_it_stands(tmp_path: Path) -> None:
    odd = {**entity(90, 3, "gene"), "location": "body", "text_span": "X"}
    files = [
        write(tmp_path / f"{name}.json", {name: {"metadata": {"title": name}, "entities": [odd]}}) for name in "ab"
    ]
    gold, predictions = (read_annotation(path, GutBrainIE()) for path in files)
    assert aligned(predictions, gold) is predictions
    assert predictions.mentions == {"b": [Mention(90, 4, "body", "X", "gene")]}


def test_entities_of_a_submission_that_fit_no_text_stay_as_they_are(gold: Annotation, tmp_path: Path) -> None:
    entities = [
        {**entity(start, end, "gene"), "location": location}
        for start, end, location in ((-5, 2, "title"), (90, 95, "title"), (5, 2, "title"), (0, 1, "body"))
    ]
    metadata = {"title": f" {TITLE.text}", "abstract": ABSTRACT.text}
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"1": {"metadata": metadata, "entities": [*entities, entity(19, 22, "animal")]}}))
    predictions = read_annotation(path, GutBrainIE())
    assert aligned(predictions, gold).mentions["1"] == [*predictions.mentions["1"][:4], MENTIONS["1"][1]]
