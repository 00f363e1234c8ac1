"""The annotation of a file in any format, as mentions by document that can be scored."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import TypeAlias

from ner.documents import Document, Passage
from ner.errors import InputError
from ner.formats import Format
from ner.formats._quoting import difference
from ner.formats.base import documents_at
from ner.formats.gutbrainie import GutBrainIE, GutBrainIESubmission
from ner.metrics.official import Mention, document_name, mentions
from ner.metrics.submissions import confidences_in, mentions_in, read_content, texts_in

Passages: TypeAlias = Mapping[str, Passage]


@dataclass(frozen=True, slots=True)
class Annotation:
    """The mentions of a file by document, gold or predicted.

    Args:
        path: The file, for messages.
        mentions: Mentions by document, both in the order of the file.
        passages: The passages of documents by the location that mentions name, as far as the file has texts.
        scores: The confidence of each mention, in the order of ``mentions``, if it was read.
        labels: The labels that mentions may have; any, if none is named.
        is_gutbrainie: The file is GutBrainIE's JSON, whose entities are taken as they stand.
    """

    path: Path
    mentions: Mapping[str, Sequence[Mention]]
    passages: Mapping[str, Passages]
    scores: Mapping[str, Sequence[float | None]]
    labels: tuple[str, ...] = ()
    is_gutbrainie: bool = False

    def is_annotated(self, name: str) -> bool:
        """Return whether the file has annotation of a document, which may find no mention."""
        passages = self.passages.get(name, {}).values()
        return name in self.mentions and (not passages or any(passage.annotated_until != 0 for passage in passages))

    def texts(self, name: str) -> dict[str, str]:
        """Return the texts of a document by location, as far as the file has them."""
        return {location: passage.text for location, passage in self.passages.get(name, {}).items()}


def read_annotation(path: Path, source: Format, with_scores: bool = False) -> Annotation:
    """Read the annotation of a file.

    GutBrainIE's JSON, annotated documents and submissions alike, is read as the organisers' script reads it: entities
    count as they stand, whether or not they fit the texts. Other formats check their spans.

    Args:
        path: The file, or a folder where the format reads one.
        source: Its format.
        with_scores: Read the confidences of entities too.

    Raises:
        InputError: if the file cannot be read, or two documents share an identifier.
    """
    if isinstance(source, GutBrainIE | GutBrainIESubmission):
        return _read_gutbrainie(path, source, with_scores)
    seen: set[str] = set()
    documents = (each for each in documents_at(path, source) if source.is_new(each.id, seen, str(path)))
    return annotation_of(documents, path)


def annotation_of(documents: Iterable[Document], path: Path) -> Annotation:
    """Return the annotation of documents.

    Args:
        documents: Documents with identifiers that differ.
        path: Where they are from, for messages.
    """
    passages = {document.id: _by_location(document) for document in documents}
    return Annotation(
        path,
        {
            name: [mention for passage in located.values() for mention in mentions(passage, passage.spans)]
            for name, located in passages.items()
        },
        passages,
        {
            name: [span.score for passage in located.values() for span in passage.spans]
            for name, located in passages.items()
        },
    )


def aligned(predictions: Annotation, gold: Annotation) -> Annotation:
    """Return predictions at the places of the gold's texts, without those where the gold is not annotated.

    Documents are matched by their identifiers or, if the files share none, by their order, as in columns that name no
    document. Texts may differ in white space and in their division into passages: mentions are moved to the same
    characters. Between two files of GutBrainIE's JSON nothing changes, since the organisers' script takes them so.

    Raises:
        InputError: if texts differ in other characters, or no document is in both files.
    """
    if predictions.is_gutbrainie and gold.is_gutbrainie:
        return predictions
    predictions = _renamed(predictions, gold)
    _check_texts(predictions, gold)
    moved = dict(predictions.mentions)
    for name in predictions.mentions:
        texts, others = predictions.texts(name), gold.texts(name)
        if texts and others and texts != others:
            moved[name] = _moved(moved[name], texts, others)
    return known_only(replace(predictions, mentions=moved), gold)


def _read_gutbrainie(path: Path, source: GutBrainIE | GutBrainIESubmission, with_scores: bool) -> Annotation:
    content = read_content(path)
    passages = {
        name: {location: Passage(text, location) for location, text in texts.items()}
        for name, texts in texts_in(content).items()
    }
    scores = confidences_in(content, path) if with_scores else {}
    labels = source.labels if isinstance(source, GutBrainIE) else ()
    return Annotation(path, mentions_in(content, path), passages, scores, labels, is_gutbrainie=True)


def _by_location(document: Document) -> Passages:
    """Return the passages by their section, numbered where it does not tell them apart."""
    times = Counter(passage.section for passage in document.passages)
    located: dict[str, Passage] = {}
    for number, passage in enumerate(document.passages, 1):
        location = passage.section if times[passage.section] == 1 else f"{passage.section} {number}".strip()
        while location in located or (location != passage.section and location in times):
            location = f"{location}'"  # another section is called so
        located[location] = replace(passage, section=location)
    return located


def _renamed(predictions: Annotation, gold: Annotation) -> Annotation:
    """Return predictions with the gold's identifiers, if the files share none but have texts in the same order.

    Raises:
        InputError: if they share neither.
    """
    if not predictions.mentions or not predictions.mentions.keys().isdisjoint(gold.mentions):
        return predictions
    names = dict(zip(predictions.mentions, gold.mentions, strict=False))
    is_shared = (_characters(predictions.texts(name)) == _characters(gold.texts(names[name])) != "" for name in names)
    if len(predictions.mentions) != len(gold.mentions) or not any(is_shared):
        counts = f"{len(predictions.mentions)} are predicted and {len(gold.mentions)} in the gold"
        what = f"no document is in both: {counts}; score predictions for the gold's documents, with their identifiers"
        raise InputError(f"{predictions.path} against {gold.path}: {what}")
    return replace(
        predictions,
        mentions={names[name]: found for name, found in predictions.mentions.items()},
        passages={names[name]: found for name, found in predictions.passages.items()},
        scores={names[name]: found for name, found in predictions.scores.items()},
    )


def _check_texts(predictions: Annotation, gold: Annotation) -> None:
    """Refuse predictions in other texts than the gold's, as far as both are known.

    Raises:
        InputError: if there are any.
    """
    texts = {name: (predictions.texts(name), gold.texts(name)) for name in predictions.mentions}
    differing = [name for name, both in texts.items() if all(both) and len(set(map(_characters, both))) > 1]
    if differing:
        found, expected = map(_characters, texts[differing[0]])
        what = f"{document_name(differing[0])} {difference(found, expected, 'the gold')}, white space apart"
        how_many = f"documents that differ: {len(differing)}; score predictions for the gold's texts"
        raise InputError(f"{predictions.path} against {gold.path}: {what}; {how_many}")


def _characters(texts: Mapping[str, str]) -> str:
    """Return the characters that are no white space."""
    return "".join("".join(texts.values()).split())


def _moved(found: Iterable[Mention], texts: Mapping[str, str], others: Mapping[str, str]) -> list[Mention]:
    """Return mentions in texts at the same characters of others."""
    before: dict[str, list[int]] = {}
    number = 0
    for location, text in texts.items():
        before[location] = list(accumulate((not character.isspace() for character in text), initial=number))
        number = before[location][-1]
    places = [
        (location, place)
        for location, text in others.items()
        for place, character in enumerate(text)
        if not character.isspace()
    ]
    return [_at_places(mention, before.get(mention.location, []), places, others) for mention in found]


def _at_places(
    mention: Mention, before: Sequence[int], places: Sequence[tuple[str, int]], texts: Mapping[str, str]
) -> Mention:
    """Return a mention at the places of its characters; one that has none stays as it is.

    Args:
        mention: The mention.
        before: The number of characters before each of its own text, and all of them.
        places: The location and the place in its text of each character.
        texts: These texts.
    """
    if not 0 <= mention.start < mention.end < len(before) or before[mention.start] == before[mention.end]:
        return mention
    (location, start), (last_location, last) = places[before[mention.start]], places[before[mention.end] - 1]
    if location == last_location:
        return replace(mention, start=start, end=last + 1, location=location, text=texts[location][start : last + 1])
    # It reaches into the next passage, where no entity of the gold does, and so beyond the end of its own.
    return replace(mention, start=start, end=len(texts[location]) + 1, location=location)


def known_only(predictions: Annotation, gold: Annotation) -> Annotation:
    """Return predictions, or the gold itself, without mentions where the gold's annotation is unknown."""
    kept = {
        name: [place for place, mention in enumerate(found) if _is_known(mention, gold.passages.get(name, {}))]
        for name, found in predictions.mentions.items()
    }
    return replace(
        predictions,
        mentions={name: [predictions.mentions[name][place] for place in places] for name, places in kept.items()},
        scores={name: [found[place] for place in kept[name]] for name, found in predictions.scores.items()},
    )


def _is_known(mention: Mention, passages: Passages) -> bool:
    passage = passages.get(mention.location)
    return passage is None or passage.is_known(mention.end)
