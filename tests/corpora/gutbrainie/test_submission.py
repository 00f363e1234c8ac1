"""What is wrong with a submission is listed whole; what is right is packed as the organisers want it."""

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.corpora import GutBrainIE
from ner.corpora.gutbrainie.submission import Run, problems, write
from ner.errors import InputError
from ner.io.lock import OutputLock
from ner.metrics.official import Mention, resolve_overlaps

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


def test_what_a_file_says_cannot_break_the_list() -> None:
    mention = Mention(0, 4, "tit\nle", "Mi\nce", "ani\x1b[31mmal")
    [problem] = listed(mention)
    assert problem.isprintable()


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
        archive, replaced = write(Run("T", run, "d", training="line\nbreak"), {"1": mentions, "2": []}, tmp_path)
        assert replaced == []
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


def test_two_processes_never_pack_one_zip(tmp_path: Path) -> None:
    run = Run("T", "1", "d")
    with OutputLock(tmp_path / run.archive), pytest.raises(InputError, match="another process is writing it"):
        write(run, {"1": []}, tmp_path)
    assert not (tmp_path / run.archive).exists()


def test_a_run_stands_in_the_zip_under_one_description(tmp_path: Path) -> None:
    for run, description in (("1", "old"), ("11", "other"), ("1", "new")):
        archive, replaced = write(Run("T", run, description), {}, tmp_path)
    assert replaced == ["T_T61_1_old"]
    with zipfile.ZipFile(archive) as packed:
        assert {name.partition("/")[0] for name in packed.namelist()} == {"T_T61_1_new", "T_T61_11_other"}


def test_the_edition_of_2026_is_packed_by_its_rules(tmp_path: Path) -> None:
    for run, description in (("1", "Ensemble"), ("R2", "single-seed")):
        archive, _ = write(Run("Team", run, description, edition="2026"), {"1": [MICE], "2": []}, tmp_path)
    assert archive == tmp_path / "Team_GutBrainIE_2026.zip"
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "sent")
    folders = sorted((tmp_path / "sent").iterdir())
    assert [folder.name for folder in folders] == ["Team_T611_1_Ensemble", "Team_T611_R2_single-seed"]
    for folder in folders:
        # The organisers' validation of folders and files.
        assert re.fullmatch(r"[^_]+_(T6(?:11|12|21|22))_[A-Za-z0-9]+_[^_ ]+", folder.name)
        assert {file.name for file in folder.iterdir()} == {f"{folder.name}.json", f"{folder.name}.meta"}
        sent = json.loads((folder / f"{folder.name}.json").read_text(encoding="utf-8"))
        assert sent.keys() == ARTICLES.keys()
        for document in sent.values():
            assert document.keys() == {"entities"}
            for found in document["entities"]:
                # "Include the entities field WITHOUT the uri subfield."
                assert found.keys() == {"start_idx", "end_idx", "location", "text_span", "label"}
                assert found["label"] in GutBrainIE.labels
        meta = (folder / f"{folder.name}.meta").read_text(encoding="utf-8").splitlines()
        assert meta[:2] == ["Team ID: Team", "Task ID: T611"]
        assert len(meta) == 8


def test_a_run_of_2026_has_letters_and_digits_only() -> None:
    assert Run("T", "a-1", "d").name == "T_T61_a-1_d"
    with pytest.raises(InputError, match="--run: 'a-1' has a hyphen; in 2026"):
        Run("T", "a-1", "d", edition="2026")


def damaged(content: bytes) -> bytes:
    """A zip with one compressed byte changed."""
    return content[:60] + bytes([content[60] ^ 0xFF]) + content[61:]


def encrypted(content: bytes) -> bytes:
    """A zip that says of its files that they are encrypted, at both places."""
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.index(signature) + offset
        content = content[:place] + b"\x01" + content[place + 1 :]
    return content


@pytest.mark.parametrize("change", [damaged, encrypted, lambda content: content[:-10], lambda _: b"mine"])
def test_a_zip_that_cannot_be_read_is_left_alone(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    archive, _ = write(Run("T", "1", "d"), {"1": [MICE]}, tmp_path)
    archive.write_bytes(change(archive.read_bytes()))
    before = archive.read_bytes()
    with pytest.raises(InputError, match=r"cannot be extended .*; remove it") as error:
        write(Run("T", "2", "d"), {}, tmp_path)
    assert "\n" not in str(error.value)
    assert archive.read_bytes() == before
    assert not (tmp_path / "T_T61_2_d").exists()


@pytest.mark.parametrize("blocked", ["T_GutBrainIE_2025.zip", "T_T61_1_d/T_T61_1_d.meta"])
def test_nothing_is_written_where_one_of_the_files_cannot_be(tmp_path: Path, blocked: str) -> None:
    (tmp_path / blocked).mkdir(parents=True)
    with pytest.raises(InputError, match=r"it is a folder|Is a directory"):
        write(Run("T", "1", "d"), {}, tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
