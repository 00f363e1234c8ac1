"""spaCy's files of documents, which hold tokens, entities and groups of spans."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from struct import error as StructError  # noqa: N812 - it is the name of an exception
from types import ModuleType
from typing import TYPE_CHECKING

from ner.documents import Document, Span
from ner.errors import InputError, one_line
from ner.formats import _identifiers
from ner.formats._joined import LAYOUT, divided, layout_of, spans_of, text_of, tokens_of, whole
from ner.formats._json import Fields, parse, placed
from ner.formats.base import FileFormat, Record
from ner.io.extras import imported
from ner.io.files import reading, stem, writing

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc, DocBin, SpanGroup
    from spacy.tokens import Span as SpacySpan
    from spacy.vocab import Vocab

SPANS_KEY = "ner_crf"
# All that is read of tokens: heads and the like of a stranger's file would be put in place unchecked.
ATTRIBUTES = ("ORTH", "ENT_IOB", "ENT_TYPE", "ENT_KB_ID")
BROKEN = (ArithmeticError, AssertionError, AttributeError, LookupError, StructError, TypeError, ValueError)


@dataclass
class SpacyDocBin(FileFormat):
    """Documents as spaCy trains on them and ``spacy.tokens.DocBin`` stores them.

    Entities are those of ``doc.spans[spans_key]``, with scores and identifiers, and where there is no such group those
    of ``doc.ents``, with ``kb_id_``. Both are written; of overlapping entities the longest is in ``doc.ents``. A
    document without either is not annotated. In one that has tokens without a value, as for ``missing`` entities, the
    annotation stops at the first of them.

    Passages are joined by line breaks; their borders and the rest of what is known of a document stand in its
    ``user_data``. Texts are cut by their own tokens, or else by spaCy's, and at the borders of entities, so that each
    entity can be written. Tokens of other programs' files are read too.

    Args:
        spans_key: The group of spans, such as ``sc``.
        language: The language whose tokenizer of spaCy cuts texts into tokens.

    Source: https://spacy.io/api/docbin
    """

    spans_key: str = SPANS_KEY
    language: str = "en"

    suffixes = (".spacy",)
    can_write_entities = True
    is_read_by_service = False

    def records(self, file: Path, folder: Path | None) -> Iterator[Record]:
        _spacy("")
        with reading(file) as opened:
            found, vocab = _loaded(opened.buffer.read(), file)
        for number in range(len(found)):
            name = f"{stem(file)}:{number + 1}"
            yield partial(self._document, found, number, vocab, f"{file}, document {number + 1}", name)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Write documents, which are held in memory.

        Raises:
            InputError: if the file cannot be written, or spaCy or the language is missing.
        """
        nlp = _blank(self.language)
        tokens = _spacy(".tokens")
        found: DocBin = tokens.DocBin(attrs=[name for name in ATTRIBUTES if name != "ORTH"], store_user_data=True)
        for document in documents:
            found.add(self._doc(document, nlp))
        with writing(path) as file:
            file.buffer.write(found.to_bytes())

    def _document(self, found: "DocBin", number: int, vocab: "Vocab", where: str, name: str) -> Document:
        with placed(where), _readable(where):
            [doc] = _single(found, number).get_docs(vocab)
            text = doc.text
            kept = doc.user_data.get(LAYOUT)
            layout = Fields(parse(kept)) if isinstance(kept, str) else _layout(doc, name)
            # spaCy says of a text without tokens that it is annotated.
            is_annotated = self.spans_key in doc.spans or (len(doc) > 0 and doc.has_annotation("ENT_IOB"))
            annotated = self._spans(doc, where) if self.annotation and is_annotated else None
            return divided(text, layout, annotated, self.reject_span)

    def _spans(self, doc: "Doc", where: str) -> Iterator[tuple[str, Span]]:
        group = doc.spans.get(self.spans_key)
        spans: Sequence[SpacySpan] = doc.ents if group is None else list(group)
        scores, identifiers = (_values(group, name, len(spans)) for name in ("scores", "identifiers"))
        for number, (span, score, known) in enumerate(zip(spans, scores, identifiers, strict=True), 1):
            place = f"{where}, entity {number}"
            own = tuple(map(str, known)) if isinstance(known, list | tuple) else _identifiers.split(span.kb_id_)
            probability = float(score) if isinstance(score, float | int) and 0 <= score <= 1 else None
            try:
                yield place, Span(span.start_char, span.end_char, span.label_, probability, own)
            except ValueError as error:
                self.reject_span(place, error)

    def _doc(self, document: Document, nlp: "Language") -> "Doc":
        text, spans = text_of(document), spans_of(document)
        tokens = tokens_of(document) or [(token.idx, token.idx + len(token)) for token in nlp.tokenizer(text)]
        spacy_tokens = _spacy(".tokens")
        doc: Doc = spacy_tokens.Doc(nlp.vocab, *_words(text, tokens, spans))
        doc.user_data[LAYOUT] = json.dumps(layout_of(document))
        if not document.is_annotated:
            return doc
        found = [_spacy_span(doc, span) for span in spans]
        attributes = {"scores": [s.score for s in spans], "identifiers": [list(s.identifiers) for s in spans]}
        doc.spans[self.spans_key] = spacy_tokens.SpanGroup(doc, name=self.spans_key, spans=found, attrs=attributes)
        unknown = set(_unknown(document, doc))
        known = [span for span in found if unknown.isdisjoint(range(span.start, span.end))]
        missing = [doc[place : place + 1] for place in sorted(unknown)]
        doc.set_ents(_spacy(".util").filter_spans(known), missing=missing)
        return doc


def _loaded(content: bytes, file: Path) -> "tuple[DocBin, Vocab]":
    """Return the documents of a file, not built yet, and a vocabulary with their strings."""
    attributes = _spacy(".attrs").IDS
    vocab: Vocab = _spacy(".vocab").Vocab()
    with placed(str(file)), _readable(str(file)):
        found: DocBin = _spacy(".tokens").DocBin().from_bytes(content)
        for string in found.strings:
            vocab.strings.add(string)
        wanted = {attributes[name] for name in ATTRIBUTES}
        columns = [column for column, attribute in enumerate(found.attrs) if attribute in wanted]
        found.attrs = [found.attrs[column] for column in columns]
        found.tokens = [tokens[:, columns] for tokens in found.tokens]
        sizes = {len(part) for part in (found.tokens, found.spaces, found.cats, found.span_groups, found.user_data)}
        if len(sizes) > 1:
            raise ValueError("its parts have different numbers of documents")
    return found, vocab


def _single(found: "DocBin", number: int) -> "DocBin":
    """Return one of some documents."""
    single: DocBin = type(found)()
    single.attrs, single.strings = found.attrs, set()
    for name in ("tokens", "spaces", "cats", "span_groups", "user_data", "flags"):
        setattr(single, name, getattr(found, name)[number : number + 1])
    return single


def _layout(doc: "Doc", name: str) -> Fields:
    """Return the layout of a document that another program wrote."""
    own = [(token.idx, token.idx + len(token)) for token in doc if not token.is_space]
    layout = whole(name, doc.text, own)
    unknown = [token.idx for token in doc if not token.ent_iob]
    if unknown and doc.has_annotation("ENT_IOB"):
        [passage] = layout.objects("passages")
        return Fields({**layout.values, "passages": [{**passage.values, "annotated_until": unknown[0]}]})
    return layout


def _values(group: "SpanGroup | None", name: str, count: int) -> Sequence[object]:
    """Return an attribute of each span of a group; ``None`` where there is none."""
    values = [] if group is None else list(group.attrs.get(name, []))
    # Numbers may be those of numpy.
    return (
        [getattr(value, "item", lambda value=value: value)() for value in values]
        if len(values) == count
        else ([None] * count)
    )


def _words(text: str, tokens: Iterable[tuple[int, int]], spans: Sequence[Span]) -> tuple[list[str], list[bool]]:
    """Return the words of a text, cut by tokens and spans, and if a space follows each that belongs to no other."""
    starts, ends = {span.start for span in spans}, {span.end for span in spans}
    places = sorted({0, len(text), *starts, *ends, *(border for token in tokens for border in token)})
    words: list[str] = []
    spaces: list[bool] = []
    for start, end in pairwise(places):
        is_free = start not in starts and not (end == start + 1 and end in ends)
        if text[start] == " " and is_free and spaces and not spaces[-1]:
            spaces[-1] = True
            start += 1  # noqa: PLW2901 - the rest of it
        if start < end:
            words.append(text[start:end])
            spaces.append(False)
    return words, spaces


def _spacy_span(doc: "Doc", span: Span) -> "SpacySpan":
    kb_id = _identifiers.join(span.identifiers) if span.identifiers else ""
    found = doc.char_span(span.start, span.end, label=span.label, kb_id=kb_id)
    assert found is not None  # the text is cut there
    return found


def _unknown(document: Document, doc: "Doc") -> Iterator[int]:
    """Yield the tokens whose annotation is unknown."""
    begin = 0
    for passage in document.passages:
        until, end = begin + passage.annotated_length, begin + len(passage.text)
        if until < end:
            yield from (token.i for token in doc if until < token.idx + len(token) and token.idx < end)
        begin = end + 1


@contextmanager
def _readable(where: str) -> Iterator[None]:
    """Turn an error of spaCy into one line."""
    try:
        yield
    except InputError:
        raise
    except BROKEN as error:
        reason = one_line(error) or type(error).__name__
        raise InputError(f"{where}: {reason:.200}; a DocBin of spaCy is needed") from None


def _blank(language: str) -> "Language":
    spacy = _spacy("")
    try:
        nlp: Language = spacy.blank(language)
    except (ImportError, ValueError) as error:
        raise InputError(f"language is {language!r:.40}, which spaCy has not: {one_line(error):.100}") from None
    return nlp


def _spacy(module: str) -> ModuleType:
    return imported(f"spacy{module}", "spaCy's files need spaCy", "spacy")
