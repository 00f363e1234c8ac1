"""What is wrong with a submission is listed whole; what is right is packed as the organisers want it."""

import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from main import main
from ner.corpora import GutBrainIE
from ner.errors import InputError
from ner.metrics.official import Mention, resolve_overlaps
from ner.submission import Run, problems, write

ARTICLES = {
    "1": {"title": "Mice ate food.", "abstract": "Probiotics help mice."},
    "2": {"title": "Gut", "abstract": ""},
}
MICE = Mention(0, 4, "title", "Mice", "animal")


def listed(*mentions: Mention, **changes: list[Mention]) -> list[str]:
    return list(problems({"1": list(mentions), "2": [], **changes}, ARTICLES, GutBrainIE.labels))


def test_sound_predictions_have_no_problem() -> None:
    assert listed(MICE, Mention(9, 13, "title", "food", "food"), Mention(0, 10, "abstract", "Probiotics", "drug")) == []


@pytest.mark.parametrize(
    ("mention", "words"),
    [
        (Mention(0, 4, "title", "Mice", "rodent"), "the label is none of DDF"),
        (Mention(0, 4, "body", "Mice", "animal"), "the location 'body' is none of title, abstract"),
        (Mention(1, 5, "title", "Mice", "animal"), "the title reads 'ice ' there"),
        (Mention(0, 99, "title", "Mice", "animal"), "lies outside the 14 characters"),
        (Mention(4, 4, "title", "", "animal"), "is empty or lies outside"),
        (Mention(-4, 4, "title", "Mice", "animal"), "is empty or lies outside"),
    ],
)
def test_a_mention_that_does_not_fit_is_a_problem(mention: Mention, words: str) -> None:
    [problem] = listed(mention)
    assert "PMID 1, " in problem
    assert words in problem


def test_all_problems_are_listed() -> None:
    found = list(problems({"1": [MICE, MICE], "3": []}, ARTICLES, GutBrainIE.labels))
    assert [problem.partition(": ")[2] for problem in found] == [
        "is not predicted; give it an empty list of entities",
        "stands there twice",
        "is none of the articles",
    ]


def test_overlaps_are_found_across_mentions_between_them() -> None:
    long, first, second = (
        Mention(0, 14, "title", "Mice ate food.", "food"),
        MICE,
        Mention(9, 13, "title", "food", "food"),
    )
    assert len([problem for problem in listed(first, second, long) if "overlaps with" in problem]) == 2
    assert listed(first, Mention(0, 10, "abstract", "Probiotics", "drug")) == []


@given(st.lists(st.tuples(st.integers(0, 13), st.integers(1, 14)).filter(lambda pair: pair[0] < pair[1]), max_size=6))
def test_what_is_sent_loses_nothing_in_the_official_score(pairs: list[tuple[int, int]]) -> None:
    text = ARTICLES["1"]["title"]
    mentions = [Mention(start, end, "title", text[start:end], "animal") for start, end in pairs]
    if not listed(*mentions):
        assert resolve_overlaps(mentions) == mentions


@pytest.mark.parametrize("changes", [{"team": "a_b"}, {"run": ""}, {"description": "../x"}, {"team": "é"}])
def test_names_that_do_not_fit_into_a_file_name_are_refused(changes: dict[str, str]) -> None:
    with pytest.raises(InputError, match="use letters, digits and hyphens"):
        Run(**{"team": "T", "run": "2", "description": "d", **changes})


def test_a_second_run_joins_the_first_and_a_repeated_one_replaces_it(tmp_path: Path) -> None:
    for run, mentions in (("1", [MICE]), ("2", []), ("2", [MICE])):
        archive = write(Run("T", run, "d", training="line\nbreak"), {"1": mentions, "2": []}, tmp_path)
    names = [f"T_T61_{run}_d/T_T61_{run}_d.{suffix}" for run in "12" for suffix in ("json", "meta")]
    with zipfile.ZipFile(archive) as packed:
        assert sorted(packed.namelist()) == names
        for name in names:
            assert packed.read(name).decode() == (tmp_path / name).read_text(encoding="utf-8")
    assert archive == tmp_path / "T_GutBrainIE_2025.zip"
    [entity] = json.loads((tmp_path / names[2]).read_text(encoding="utf-8"))["1"]["entities"]
    assert entity == {"start_idx": 0, "end_idx": 3, "location": "title", "text_span": "Mice", "label": "animal"}
    meta = (tmp_path / names[3]).read_text(encoding="utf-8").splitlines()
    assert meta[:4] == ["Team ID: T", "Task ID: T61", "Run ID: 2", "Type of training: line break"]


def test_a_foreign_file_in_place_of_the_zip_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "T_GutBrainIE_2025.zip").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be written or extended"):
        write(Run("T", "1", "d"), {}, tmp_path)
    assert (tmp_path / "T_GutBrainIE_2025.zip").read_text(encoding="utf-8") == "mine"


def test_the_verb_writes_nothing_where_there_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    articles, predictions = tmp_path / "articles.json", tmp_path / "out.json"
    articles.write_text(json.dumps(ARTICLES), encoding="utf-8")
    entity = {"start_idx": 0, "end_idx": 3, "location": "title", "text_span": "Mice", "label": "animal", "score": 0.5}
    command = [
        "submission",
        "--predictions",
        str(predictions),
        "--articles",
        str(articles),
        "--team",
        "T",
        "--run",
        "2",
    ]
    command += ["--description", "d", "--output", str(tmp_path / "sent")]
    predictions.write_text(json.dumps({"1": {"entities": [entity, entity]}}), encoding="utf-8")
    assert main(command) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "PMID 2",
        "PMID 1, 'Mice' (animal) at [0, 4) of the title",
        "error",
    ]
    assert not (tmp_path / "sent").exists()
    predictions.write_text(json.dumps({"1": {"entities": [entity]}, "2": {"entities": []}}), encoding="utf-8")
    assert main(command) == 0
    written = (tmp_path / "sent" / "T_T61_2_d" / "T_T61_2_d.json").read_text(encoding="utf-8")
    assert "score" not in written
    assert json.loads(written)["1"]["entities"][0]["text_span"] == "Mice"
