"""BioC: collections of documents, their passages and annotations, in XML and in JSON."""

import json
import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import TypeAlias
from xml.etree import ElementTree as ET

from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats import _identifiers
from ner.formats._bioc import (
    IDENTIFIERS,
    Place,
    Unit,
    add_span,
    infons_of,
    length_of,
    number_of,
    objects_of,
    passed_over,
    string_of,
    text_of,
)
from ner.formats._json import Fields
from ner.formats._json_stream import JSONStream
from ner.formats._xml import elements
from ner.formats.base import FileFormat, Record, unique
from ner.io.files import reading, writing

# An object of BioC's JSON as it is written, in the order of BioC's DTD.
Written: TypeAlias = "dict[str, str | int | dict[str, str] | list[Written]]"

SOURCE = "ner"
# Keys of JSON under which documents stand: BioC's, and that of PubTator3.
COLLECTIONS = ("documents", "PubTator3")
NO_DOCUMENTS = "neither `documents` nor `passages` in it"
# Fields that are attributes in XML, not elements.
ATTRIBUTES = {"annotation": ("id",), "location": ("offset", "length")}
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@dataclass
class _BioC(FileFormat):
    """The part that XML and JSON have in common.

    Args:
        on_bad_span: Refuse an annotation that does not fit its text, or leave it out with a warning.
        offsets: Unit of offsets and lengths: code points, as most tools do, or bytes of UTF-8, as BioC says.
    """

    offsets: Unit = "characters"

    can_write_entities = True

    def records(self, file: Path, folder: Path | None) -> Iterator[Record]:
        seen = self.seen_in(folder)
        for number, fields in enumerate(self._objects(file), 1):
            name = fields.values.get("id", number)
            where = f"{file}, document {name!r:.60}"
            # One without an identifier is called by its number, which is its file's alone.
            if "id" not in fields or self.is_new(str(name), seen, where):
                yield partial(self._checked, fields, where)

    @abstractmethod
    def _objects(self, file: Path) -> Iterator[Fields]:
        """Yield the documents of a file, as they are in JSON.

        Raises:
            InputError: if the file is missing or cannot be read as it should.
        """

    def _checked(self, fields: Fields, where: str) -> Document:
        try:
            return self._document(fields, where)
        except InputError:
            raise
        except ValueError as error:
            raise InputError(f"{where}: {error}; correct it") from None

    def _document(self, fields: Fields, where: str) -> Document:
        name = string_of(fields, "id")
        if not name:
            raise ValueError("it has no id")
        parts = objects_of(fields, "passages") or [Fields({"offset": 0})]
        places = [Place(number_of(part, "offset", int), text_of(part, self.offsets), self.offsets) for part in parts]
        if self.annotation:
            self._annotate(places, fields, parts, where)
        infons = infons_of(fields)
        weight = number_of(infons, "weight", float) if "weight" in infons else 1.0
        return Document(
            name,
            tuple(self._passage(infons_of(part), place) for part, place in zip(parts, places, strict=True)),
            tier=string_of(infons, "tier"),
            annotator=string_of(infons, "annotator"),
            weight=weight,
        )

    def _annotate(self, places: list[Place], fields: Fields, parts: Sequence[Fields], where: str) -> None:
        """Add the annotation of a document and of its parts to their places, and count what is no entity."""
        annotations = [
            (annotation, [place])
            for part, place in zip(parts, places, strict=True)
            for owner in (part, *objects_of(part, "sentences"))
            for annotation in objects_of(owner, "annotations")
        ]
        annotations += [(annotation, places) for annotation in objects_of(fields, "annotations")]
        for number, (annotation, possible) in enumerate(annotations, 1):
            try:
                if kind := passed_over(annotation):
                    self.not_read[kind] += 1
                else:
                    add_span(annotation, possible)
            except ValueError as error:
                self.reject_span(f"{where}, annotation {annotation.values.get('id', number)!r:.60}", error)
        owners = [fields, *parts, *(sentence for part in parts for sentence in objects_of(part, "sentences"))]
        self.not_read["relations"] += sum(len(objects_of(owner, "relations")) for owner in owners)

    def _passage(self, infons: Fields, place: Place) -> Passage:
        until = None if self.annotation else 0
        if self.annotation and "annotated_until" in infons:
            until = place.character(number_of(infons, "annotated_until", int))
        return Passage(place.text, string_of(infons, "type"), tuple(place.spans), until)

    def _record(self, document: Document) -> Written:
        for name in (document.id, *(span.label for passage in document.passages for span in passage.spans)):
            if not name.strip():
                raise InputError(f"document {document.id!r}: BioC cannot hold the name {name!r}; rename it")
        names = (f"T{number}" for number in count(1))
        passages: list[Written] = []
        begin = 0
        for passage in document.passages:
            infons = {"type": passage.section} if passage.section else {}
            if passage.annotated_until is not None:
                infons["annotated_until"] = str(length_of(passage.text[: passage.annotated_until], self.offsets))
            annotations = [self._annotation(next(names), span, passage, begin) for span in passage.spans]
            record: Written = {"infons": infons, "offset": begin, "text": passage.text}
            passages.append(record | {"sentences": [], "annotations": annotations, "relations": []})
            begin += length_of(passage.text, self.offsets) + 1
        infons = {"tier": document.tier, "annotator": document.annotator}
        infons = {key: value for key, value in infons.items() if value}
        if document.weight != 1.0:
            infons["weight"] = str(document.weight)
        return {"id": document.id, "infons": infons, "passages": passages, "annotations": [], "relations": []}

    def _annotation(self, name: str, span: Span, passage: Passage, begin: int) -> Written:
        infons = {"type": span.label}
        if span.identifiers:
            infons[IDENTIFIERS[0]] = _identifiers.join(span.identifiers)
        if span.score is not None:
            infons["score"] = str(span.score)
        mention = passage.mention(span)
        offset = begin + length_of(passage.text[: span.start], self.offsets)
        location: Written = {"offset": offset, "length": length_of(mention, self.offsets)}
        return {"id": name, "infons": infons, "locations": [location], "text": mention}


@dataclass
class BioCXML(_BioC):
    """BioC in XML, a document after the other, so that a file may be larger than memory.

    Annotations are those of passages, of their sentences, and of documents, which belong to the passage that holds
    them. Locations of one with nothing but white space between them become one span. Passed over and counted are
    relations, what has neither location nor text and so speaks of the whole, and the parts of a composite mention
    (``CompositeRole`` is ``IndividualMention``, as in BC5CDR), which has an annotation of its own. A passage without
    text has that of its sentences, with blanks between them; one without annotations is one in which there are none.

    The infon ``type`` of a passage is its section. Infons ``tier``, ``annotator`` and ``weight`` of a document,
    ``annotated_until`` of a passage (counted as offsets are, from the passage's own start) and ``score`` of an
    annotation, where it is a number, are read and written too, and so are identifiers: written as ``identifier``, and
    read from ``MESH`` and the like too. Others are not kept.

    Source: Comeau et al. (2013), doi:10.1093/database/bat064, and its BioC.dtd, which is never loaded.
    """

    suffixes = (".xml",)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Write documents, their passages one character or byte apart.

        Control characters and others that XML cannot hold become a blank each, which moves no character.

        Raises:
            InputError: if an identifier or label is blank, two documents share an identifier, or the file cannot be
                written.
        """
        with writing(path) as file:
            file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
            file.write(f"<collection><source>{SOURCE}</source><date></date><key></key>\n")
            for document in unique(documents):
                # Before lengths are taken: some of these characters have three bytes.
                passages = (replace(passage, text=_for_xml(passage.text)) for passage in document.passages)
                element = _element("document", self._record(replace(document, passages=tuple(passages))))
                # A parser would make a line feed of a carriage return that is not escaped.
                file.write(ET.tostring(element, encoding="unicode").replace("\r", "&#13;") + "\n")
            file.write("</collection>\n")

    def _objects(self, file: Path) -> Iterator[Fields]:
        parents: list[ET.Element] = []
        with reading(file) as opened:
            try:
                # Of bytes, so that the encoding is the one that the file declares.
                for is_whole, element in elements(opened.buffer):
                    if not is_whole:
                        parents.append(element)
                        if parents[0].tag != "collection":
                            raise ValueError(f"it begins with <{element.tag}>, not with <collection>")
                        continue
                    parents.pop()
                    if element.tag == "document" and len(parents) == 1:
                        yield Fields(_fields(element))
                        element.clear()
                        parents[0].remove(element)
            except (RecursionError, ValueError) as error:
                raise InputError(f"{file}: {error}; a BioC collection in XML is needed") from None


@dataclass
class BioCJSON(_BioC):
    """BioC in JSON, as a collection, a single document, or what PubTator3 and BioC-PMC give.

    A document of a collection is read after the other, so that a file may be larger than memory.

    Keys may be missing: ``infons``, ``sentences``, ``annotations``, ``relations``, and those of the collection. What
    is read and written, and how, is as in :class:`BioCXML`, but that every character can be written.

    Source: Comeau et al. (2013), doi:10.1093/database/bat064.
    """

    suffixes = (".json",)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Write documents, their passages one character or byte apart.

        Raises:
            InputError: if an identifier or label is blank, two documents share an identifier, or the file cannot be
                written.
        """
        with writing(path) as file:
            file.write(f'{{"source": "{SOURCE}", "date": "", "key": "", "infons": {{}}, "documents": [')
            for number, document in enumerate(unique(documents)):
                file.write((",\n" if number else "\n") + json.dumps(self._record(document), ensure_ascii=False))
            file.write("\n]}\n")

    def _objects(self, file: Path) -> Iterator[Fields]:
        with reading(file) as opened:
            stream = JSONStream(opened)
            try:
                yield from _documents(stream)
                stream.end()
            except UnicodeDecodeError:
                raise
            except (RecursionError, ValueError) as error:
                raise InputError(f"{file}: {error}; a BioC collection in JSON is needed") from None


def _documents(stream: JSONStream) -> Iterator[Fields]:
    """Yield the documents of a collection, of a list of collections or documents, or a single one."""
    if stream.peek() == "[":
        for _ in stream.elements():
            yield from _collection(stream)
    else:
        yield from _collection(stream)


def _collection(stream: JSONStream) -> Iterator[Fields]:
    if stream.peek() != "{":
        stream.value()
        raise ValueError(NO_DOCUMENTS)
    content: dict[str, object] = {}
    for key in stream.members():
        if key in content:
            raise ValueError(f"{key!r:.100} stands there twice")
        if key in COLLECTIONS and stream.peek() == "[":
            content[key] = []
            for number in stream.elements():
                yield Fields(stream.value(), f"{key}[{number}]")
        else:
            content[key] = stream.value()
    fields = Fields(content)
    if kinds := [key for key in COLLECTIONS if key in fields]:
        objects_of(fields, kinds[0])
    elif "passages" in fields:
        yield fields
    else:
        raise ValueError(NO_DOCUMENTS)


def _fields(element: ET.Element) -> dict[str, object]:
    """Return the object that an element is in JSON."""
    fields: dict[str, object] = dict(element.attrib)
    fields["infons"] = {infon.get("key", ""): "".join(infon.itertext()) for infon in element.findall("infon")}
    for tag in ("passage", "sentence", "annotation", "location", "relation"):
        fields[f"{tag}s"] = [_fields(child) for child in element.findall(tag)]
    for tag in ("id", "offset", "text"):
        if (child := element.find(tag)) is not None:
            fields[tag] = "".join(child.itertext())
    return fields


def _element(tag: str, record: Written) -> ET.Element:
    """Return the element for an object of JSON."""
    element = ET.Element(tag)
    for key, value in record.items():
        if isinstance(value, list):
            element.extend(_element(key.removesuffix("s"), part) for part in value)
        elif isinstance(value, dict):
            for name, infon in value.items():
                ET.SubElement(element, "infon", key=name).text = _for_xml(infon)
        elif key in ATTRIBUTES.get(tag, ()):
            element.set(key, str(value))
        else:
            ET.SubElement(element, key).text = _for_xml(str(value))
    return element


def _for_xml(text: str) -> str:
    return NOT_IN_XML.sub(" ", text)
