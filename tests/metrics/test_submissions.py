"""Mentions, confidences and texts of a GutBrainIE file."""

import json
from pathlib import Path

import pytest

from ner.errors import InputError
from ner.metrics.official import Mention
from ner.metrics.submissions import confidences_in, mentions_in, texts_in
from tests.submissions import read_mentions

ENTITY = {"start_idx": 0, "end_idx": 3, "location": "title", "text_span": "Mice", "label": "animal"}
PATH = Path("a.json")


def test_mentions_keep_the_order_of_the_file_and_end_after_their_last_character(tmp_path: Path) -> None:
    second = {**ENTITY, "start_idx": 5, "end_idx": 7, "text_span": "ate", "label": "verb", "score": 0.5}
    content = {"9": {"entities": [second, ENTITY]}, "1": {"entities": []}}
    (tmp_path / "a.json").write_text(json.dumps(content), encoding="utf-8")
    found = read_mentions(tmp_path / "a.json")
    assert list(found) == ["9", "1"]
    assert found["9"] == [Mention(5, 8, "title", "ate", "verb"), Mention(0, 4, "title", "Mice", "animal")]
    assert found["1"] == []


@pytest.mark.parametrize("key", ENTITY)
def test_an_entity_without_a_field_that_counts_is_named(key: str) -> None:
    broken = {name: value for name, value in ENTITY.items() if name != key}
    with pytest.raises(InputError, match=rf"a\.json: PMID 1: entities\[1\]: `{key}` is missing"):
        mentions_in({"1": {"entities": [ENTITY, broken]}}, PATH)


def test_confidences_stand_in_the_order_of_mentions() -> None:
    content = {"1": {"entities": [{**ENTITY, "score": 0}, ENTITY, {**ENTITY, "score": 0.25}]}, "2": {"entities": []}}
    assert confidences_in(content, PATH) == {"1": [0.0, None, 0.25], "2": []}


@pytest.mark.parametrize("score", [-0.1, 1.5, "0.5", True, None, float("nan")])
def test_a_confidence_that_is_no_probability_is_refused(score: object) -> None:
    with pytest.raises(InputError, match=r"a\.json: PMID 1: entities\[0\]: `score` is .*, not a number from 0 to 1"):
        confidences_in({"1": {"entities": [{**ENTITY, "score": score}]}}, PATH)


def test_only_texts_are_texts() -> None:
    content = {
        "both": {"metadata": {"title": "Mice ate.", "abstract": "", "year": 2025}},
        "one": {"metadata": {"title": None, "abstract": "Rats slept."}},
        "a submission": {"entities": []},
        "a list": {"metadata": ["title"]},
        "nothing": None,
    }
    assert texts_in(content) == {
        "both": {"title": "Mice ate.", "abstract": ""},
        "one": {"abstract": "Rats slept."},
        "a submission": {},
        "a list": {},
        "nothing": {},
    }
