"""The least score of an entity: where it comes from, and what it leaves out."""

import numpy as np
import pytest

from ner.errors import InputError
from ner.inference.min_scores import MinScore, leave_out, resolve
from ner.labels import Intervals, LabelSet

LABELS = LabelSet(["gene", "drug"])
STORED = {"gene": 0.4, "drug": 0.2}


@pytest.mark.parametrize(
    ("value", "expected"), [("auto", STORED), (0, {}), (0.0, {}), (0.5, {"gene": 0.5, "drug": 0.5})]
)
def test_the_users_number_comes_before_what_the_checkpoint_says(value: MinScore, expected: dict[str, float]) -> None:
    assert resolve(value, STORED, LABELS.labels) == expected


@pytest.mark.parametrize("value", [2, -0.1, float("nan"), "automatic"])
def test_what_is_no_probability_is_refused(value: MinScore) -> None:
    with pytest.raises(InputError, match="min_score is"):
        resolve(value, {}, LABELS.labels)


def test_an_entity_of_too_low_a_score_leaves_the_path_too() -> None:
    paths = np.array([[1, 2, 0, 3, 1], [3, 4, 4, 0, 0]])
    found = LABELS.decode(paths)
    scores = np.array([0.3, 0.2, 0.4, 0.1])
    kept_paths, kept, kept_scores = leave_out(paths, found, scores, LABELS, STORED)
    assert kept_paths.tolist() == [[0, 0, 0, 3, 1], [0, 0, 0, 0, 0]]
    assert [part.tolist() for part in kept] == [part.tolist() for part in LABELS.decode(kept_paths)]
    assert kept_scores.tolist() == [0.2, 0.4]
    assert paths[0, 0] == 1, "the caller's paths stay"
    assert isinstance(kept, Intervals)
