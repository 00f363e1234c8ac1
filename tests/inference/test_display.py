"""Entities in their text as HTML."""

import re
from html import unescape

from ner.documents import Document, Passage, Span
from ner.inference.display import PALETTE, entities_html
from ner.inference.tagger import Entities

TEXT = "🐁 Mice <b>& \u202eTNF\x00"


def test_the_text_is_shown_whole_with_its_entities_marked() -> None:
    spans = (Span(2, 6, "animal", 0.98765), Span(13, 16, "<gene>"))
    html = Entities(Document("", (Passage(TEXT, spans=spans),)), ["<gene>", "animal"])._repr_html_()
    assert unescape(re.sub("<[^>]*>", "", html)) == "🐁 Miceanimal <b>& �TNF<gene>�"
    marks = re.findall(r'background: (#\w+)" title="([^"]*)"', html)
    assert marks == [(PALETTE[1], "animal, score 0.988"), (PALETTE[0], "&lt;gene&gt;")]


def test_each_passage_is_a_block_of_its_own() -> None:
    html = entities_html(Document("1", (Passage("One"), Passage(""), Passage("two"))), [])
    assert re.sub("<div[^>]*>", "|", html) == "|One</div>|</div>|two</div>"


def test_entities_are_a_list_of_them() -> None:
    found = Entities(Document("", (Passage(TEXT, spans=(Span(2, 6, "animal"),)),)), ["animal"])
    assert isinstance(found, list)
    assert [(entity.text, entity.label, entity.passage) for entity in found] == [("Mice", "animal", 0)]
    assert found == list(found)
