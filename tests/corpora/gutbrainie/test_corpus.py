"""The corpus: its folders, tiers, and ends of annotation; and the release, where GUTBRAINIE_ROOT names it."""

import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from ner.corpora.base import Split
from ner.corpora.gutbrainie.corpus import DEV_FILE, GLINER_WORD, TEST_FILE, TIER_FILES, GutBrainIE
from ner.documents import Document
from ner.errors import InputError

release = pytest.mark.skipif("GUTBRAINIE_ROOT" not in os.environ, reason="GUTBRAINIE_ROOT does not name the release")
articles = pytest.mark.skipif(
    "PUBMED_GUTBRAIN_ROOT" not in os.environ, reason="PUBMED_GUTBRAIN_ROOT does not name the folder of articles.json"
)


def record(*entities: object, title: str = "", abstract: str = "") -> dict[str, object]:
    return {"metadata": {"title": title, "abstract": abstract, "annotator": "expert_1"}, "entities": list(entities)}


def save(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def save_train(root: Path, **tiers: Mapping[str, object]) -> None:
    for tier, content in tiers.items():
        save(root / TIER_FILES[tier], content)


def read(path: Path) -> list[Document]:
    return list(GutBrainIE.format.read(path))


def test_the_files_of_a_folder_are_read_by_name(tmp_path: Path) -> None:
    for name in "cab":
        save(tmp_path / f"{name}.json", {name: record()})
    save(tmp_path / ".hidden.json", [])
    assert [document.id for document in read(tmp_path)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        (
            {"tiers": ["gold", "iron"]},
            "data.corpus.tiers: unknown tier 'iron'; the tiers are: platinum, gold, silver, ",
        ),
        ({"tiers": ["gold", "gold"]}, "data.corpus.tiers: 'gold' is named twice"),
        ({"tier_weights": {"gold": -0.1}}, "data.corpus.tier_weights: 'gold' has -0.1; a weight is finite, 0 or more"),
        ({"tier_weights": {"gold": float("nan")}}, "'gold' has nan"),
        ({"annotator_weights": {"expert_1": -1.0}}, "data.corpus.annotator_weights: 'expert_1' has -1.0"),
    ],
)
def test_a_bad_argument_is_refused_at_once(changes: dict[str, object], part: str) -> None:
    with pytest.raises(InputError) as caught:
        GutBrainIE(**changes)  # type: ignore[arg-type]
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"tier_weights": {"silver": 1.0}}, "data.corpus.tier_weights: 'silver' is not in data.corpus"),
        ({"tiers": ["augmented"]}, "data.corpus.tiers names augmented documents, data.corpus.augmented does not"),
        ({"augmented": "x.json"}, "data.corpus.augmented names augmented documents, data.corpus.tiers does not"),
    ],
)
def test_settings_that_do_not_belong_together_forbid_training_and_nothing_else(
    tmp_path: Path, changes: dict[str, object], part: str
) -> None:
    # A configuration that is merged with that of a checkpoint may well be such a mixture.
    save_train(tmp_path, gold={"g": record()})
    save(tmp_path / DEV_FILE, {"d": record()})
    corpus = GutBrainIE(str(tmp_path), **{"tiers": ["gold"], **changes})  # type: ignore[arg-type]
    assert [document.id for document in corpus.read("dev")] == ["d"]
    with pytest.raises(InputError, match=part):
        list(corpus.read("train"))


def test_training_documents_come_tier_by_tier_with_name_and_weight(tmp_path: Path) -> None:
    save_train(tmp_path, gold={"g": record()}, bronze={"b": record()}, silver_2025={"s": record()})
    corpus = GutBrainIE(str(tmp_path), ["bronze", "silver_2025", "gold"], {"bronze": 0.25, "gold": 0})
    found = [(document.id, document.tier, document.weight) for document in corpus.read("train")]
    assert found == [("b", "bronze", 0.25), ("s", "silver_2025", 1.0), ("g", "gold", 0.0)]


def test_weights_of_annotators_and_tiers_multiply(tmp_path: Path) -> None:
    save_train(tmp_path, gold={"g": record()}, bronze={"b": record()})
    weights = {"tier_weights": {"bronze": 0.5}, "annotator_weights": {"expert_1": 3.0}}
    corpus = GutBrainIE(str(tmp_path), ["bronze", "gold"], **weights)  # type: ignore[arg-type]
    assert [document.weight for document in corpus.read("train")] == [1.5, 3.0]


def test_an_annotator_that_nobody_is_called_is_an_error(tmp_path: Path) -> None:
    save_train(tmp_path, gold={"g": record()})
    corpus = GutBrainIE(str(tmp_path), ["gold"], annotator_weights={"expert_9": 2.0})
    with pytest.raises(InputError, match="nobody is called 'expert_9'; there are: expert_1"):
        list(corpus.read("train"))


def test_augmented_documents_are_a_tier_of_their_own(tmp_path: Path) -> None:
    save_train(tmp_path, gold={"g": record()})
    file = save(tmp_path / "elsewhere" / "augmented.json", {"a": record()})
    corpus = GutBrainIE(str(tmp_path), ["gold", "augmented"], {"augmented": 0.5}, augmented=str(file))
    assert [(document.id, document.tier, document.weight) for document in corpus.read("train")] == [
        ("g", "gold", 1.0),
        ("a", "augmented", 0.5),
    ]


@pytest.mark.parametrize(("held_out", "name"), [(DEV_FILE, "dev.json"), (TEST_FILE, "articles_test.json")])
def test_augmented_documents_that_are_scored_are_refused(tmp_path: Path, held_out: str, name: str) -> None:
    save_train(tmp_path, gold={"g": record()})
    save(tmp_path / held_out, {"a": record()})
    file = save(tmp_path / "augmented.json", {"a": record()})
    with pytest.raises(InputError, match=f"PMID a stands in .*{name} too"):
        list(GutBrainIE(str(tmp_path), ["gold", "augmented"], augmented=str(file)).read("train"))


def test_augmented_documents_of_the_fold_that_is_scored_are_refused(tmp_path: Path) -> None:
    names = [str(number) for number in range(20)]
    save_train(tmp_path, gold={name: record() for name in names}, platinum={"p": record()})
    file = save(tmp_path / "augmented.json", {name: record() for name in names})
    for tiers in (["platinum", "augmented"], ["augmented"]):
        corpus = GutBrainIE(str(tmp_path), tiers, augmented=str(file), fold=0)
        with pytest.raises(InputError, match="is in fold 0 of 5; a model must not learn its own test data"):
            list(corpus.read("train"))
        (tmp_path / TIER_FILES["platinum"]).unlink(missing_ok=True)  # as in the edition of 2026


def test_augmented_documents_that_stand_in_another_tier_are_refused(tmp_path: Path) -> None:
    save_train(tmp_path, gold={"g": record()})
    file = save(tmp_path / "augmented.json", {"g": record()})
    with pytest.raises(InputError, match=r"PMID g stands in train_gold\.json already"):
        list(GutBrainIE(str(tmp_path), ["gold", "augmented"], augmented=str(file)).read("train"))


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ({}, "holds no documents"),
        ({"a": record(), "b": {"title": "", "abstract": ""}}, "1 of 2 documents have no annotation"),
    ],
)
def test_augmented_documents_that_nobody_annotated_are_refused(
    tmp_path: Path, content: Mapping[str, object], part: str
) -> None:
    save_train(tmp_path, gold={"g": record()})
    file = save(tmp_path / "augmented.json", content)
    with pytest.raises(InputError, match=rf"augmented\.json: {part}; let `pseudo-label` write it"):
        list(GutBrainIE(str(tmp_path), ["gold", "augmented"], augmented=str(file)).read("train"))


def test_a_file_of_the_release_is_not_taken_for_augmented(tmp_path: Path) -> None:
    save_train(tmp_path, gold={"g": record()}, bronze={"b": record()})
    for tier in ("gold", "bronze"):
        corpus = GutBrainIE(str(tmp_path), ["gold", "augmented"], augmented=str(tmp_path / TIER_FILES[tier]))
        with pytest.raises(InputError, match=f"is {TIER_FILES[tier]} of the release"):
            list(corpus.read("train"))


def test_a_missing_tier_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    save_train(tmp_path, gold={"1": record()}, bronze={"2": record()})
    with pytest.raises(InputError) as caught:
        list(GutBrainIE(str(tmp_path)).read("train"))
    path = tmp_path / TIER_FILES["platinum"]
    expected = f"{path}: no file of tier 'platinum'; the tiers there are: gold, bronze; set data.corpus.tiers"
    assert str(caught.value) == expected


def test_a_missing_split_is_named_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Annotations/Dev/json_format/dev\.json: no such file; check"):
        list(GutBrainIE(str(tmp_path)).read("dev"))


def test_a_pmid_in_two_files_of_a_split_is_an_error(tmp_path: Path) -> None:
    save_train(tmp_path, gold={"1": record(), "2": record()}, bronze={"2": record()})
    with pytest.raises(InputError, match=r"train_bronze\.json: PMID 2 stands in train_gold\.json already; keep it in"):
        list(GutBrainIE(str(tmp_path), ["gold", "bronze"]).read("train"))


def test_the_root_is_the_argument_else_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_train(tmp_path / "argument", gold={"argument": record()})
    save_train(tmp_path / "variable" / "edition 2026", gold={"variable": record()})
    monkeypatch.setenv("GUTBRAINIE_ROOT", str(tmp_path / "variable"))
    roots = [str(tmp_path / "argument"), None]
    assert [d.id for root in roots for d in GutBrainIE(root, ["gold"]).read("train")] == ["argument", "variable"]


def test_a_corpus_without_a_root_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GUTBRAINIE_ROOT", raising=False)
    with pytest.raises(InputError, match=r"set data\.corpus\.root or GUTBRAINIE_ROOT .* data\.corpus\.download: true"):
        list(GutBrainIE().read("dev"))
    with pytest.raises(InputError, match=r"^data\.corpus\.root: no folder .*; correct the path"):
        list(GutBrainIE(str(tmp_path / "none")).read("dev"))


@pytest.mark.parametrize(("name", "part"), [("none", "cannot be read (No such"), ("", "no *.json file in this folder")])
def test_a_path_with_nothing_to_read_is_refused(tmp_path: Path, name: str, part: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path / name)
    assert part in str(caught.value)


def abstract_record(words: int, entity_at: int | None = None) -> dict[str, object]:
    """A document whose abstract is ``words`` times ``ab ``, with one entity on word ``entity_at``."""
    entity = {"location": "abstract", "text_span": "ab", "label": "gene"}
    entities = [] if entity_at is None else [entity | {"start_idx": 3 * entity_at, "end_idx": 3 * entity_at + 1}]
    return record(*entities, title="ab " * 400, abstract="ab " * words)


@pytest.mark.parametrize(
    ("tier", "pmid", "content", "until"),
    [
        ("bronze", "1", abstract_record(385), 3 * 384 - 1),
        ("bronze", "1", abstract_record(384), None),
        ("bronze", "1", abstract_record(400, entity_at=100), 3 * 384 - 1),
        ("bronze", "1", abstract_record(400, entity_at=390), 3 * 391 - 1),
        ("silver", "1", abstract_record(500), None),
        ("silver", "39299582", abstract_record(500), 3 * 490 - 1),
        ("silver_2025", "39299582", abstract_record(500), 3 * 490 - 1),
        ("gold", "39299582", abstract_record(500), None),
    ],
)
def test_annotation_stops_where_the_tier_is_known_to(
    tmp_path: Path, tier: str, pmid: str, content: dict[str, object], until: int | None
) -> None:
    save_train(tmp_path, **{tier: {pmid: content}})
    (document,) = GutBrainIE(str(tmp_path), [tier]).read("train")
    assert [passage.annotated_until for passage in document.passages] == [None, until]
    (unmasked,) = GutBrainIE(str(tmp_path), [tier], mask_unannotated=False).read("train")
    assert [passage.annotated_until for passage in unmasked.passages] == [None, None]


@release
@pytest.mark.parametrize(
    ("split", "counts"),
    [
        ("train", {"platinum": (111, 3638), "gold": (208, 5192), "silver": (499, 15275), "bronze": (749, 21357)}),
        ("dev", {"": (40, 1117)}),
        ("test", {"": (40, 0)}),
    ],
)
def test_the_release_has_the_documents_and_entities_of_its_table(
    split: Split, counts: dict[str, tuple[int, int]]
) -> None:
    found = list(GutBrainIE().read(split))
    sizes = Counter(document.tier for document in found)
    entities: Counter[str] = Counter()
    for document in found:
        entities[document.tier] += sum(len(passage.spans) for passage in document.passages)
    assert {tier: (sizes[tier], entities[tier]) for tier in sizes} == counts
    assert all(document.is_annotated == (split != "test") for document in found)


@release
def test_the_one_nested_pair_of_the_release_is_read() -> None:
    (document,) = [document for document in GutBrainIE(tiers=["silver"]).read("train") if document.id == "36093196"]
    mentions = {
        (passage.mention(outer), outer.label, passage.mention(inner), inner.label)
        for passage in document.passages
        for outer in passage.spans
        for inner in passage.spans
        if outer.start <= inner.start and inner.end <= outer.end and outer != inner
    }
    assert mentions == {("vitamin D", "dietary supplement", "D", "chemical")}


@release
def test_bronze_is_cut_in_the_67_abstracts_that_gliner_did_not_read_to_the_end() -> None:
    cut = 0
    for document in GutBrainIE(tiers=["bronze"]).read("train"):
        title, abstract = document.passages
        is_long = len(GLINER_WORD.findall(abstract.text)) > 384
        assert title.annotated_until is None
        assert (abstract.annotated_until is not None) == is_long
        assert all(span.end <= abstract.annotated_length for span in abstract.spans)
        cut += is_long
    assert cut == 67


@release
def test_the_abandoned_abstract_of_silver_is_cut_after_490_words() -> None:
    cut = [d for d in GutBrainIE(tiers=["silver"]).read("train") if any(p.annotated_until for p in d.passages)]
    assert [document.id for document in cut] == ["39299582"]
    abstract = cut[0].passages[1]
    assert len(GLINER_WORD.findall(abstract.text[: abstract.annotated_until])) == 490
    assert max(span.end for span in abstract.spans) == abstract.annotated_until


def test_bad_spans_are_an_error_or_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bad = {"start_idx": 0, "end_idx": 1, "location": "title", "text_span": "ab", "label": "gene"}
    save_train(tmp_path, gold={"1": record(bad, title="abc"), "2": record(bad, title="cba")})
    with pytest.raises(InputError, match=r"train_gold\.json: PMID 2, title: span \[0, 2\) reads 'cb' but the file"):
        list(GutBrainIE(str(tmp_path), ["gold"]).read("train"))
    documents = list(GutBrainIE(str(tmp_path), ["gold"], on_bad_span="skip").read("train"))
    assert [len(document.passages[0].spans) for document in documents] == [1, 0]
    assert "left out: 1 spans that do not fit" in caplog.text


def test_a_test_split_is_tagged_whatever_its_annotation_is(tmp_path: Path) -> None:
    save(tmp_path / TEST_FILE, {"1": record(3, title="Mice"), "2": record({"label": "y"}, title="Rice")})
    corpus = GutBrainIE(str(tmp_path))
    [(number, document)] = corpus.read_share("test", 1, 2)
    assert (number, document.id, document.is_annotated) == (1, "2", False)
    with pytest.raises(InputError, match="3 is not an object"):
        list(corpus.read("test"))


@release
def test_the_release_survives_writing_and_reading(tmp_path: Path) -> None:
    dev = list(GutBrainIE().read("dev"))
    GutBrainIE.format.write(dev, tmp_path / "dev.json")
    assert read(tmp_path / "dev.json") == dev


@articles
def test_articles_from_pubmed_are_read_as_they_are() -> None:
    found = read(Path(os.environ["PUBMED_GUTBRAIN_ROOT"]) / "articles.json")
    assert len(found) == 500
    assert sum(document.passages[1].text == "" for document in found) == 25
    assert not any(document.is_annotated for document in found)


def test_folds_share_out_the_platinum_and_gold_documents(gutbrainie: GutBrainIE) -> None:
    whole = {document.id for document in GutBrainIE(gutbrainie.root, ["platinum", "gold"]).read("train")}
    seen: list[str] = []
    for fold in range(5):
        corpus = GutBrainIE(gutbrainie.root, fold=fold)
        scored = [document.id for document in corpus.read("dev")]
        trained = {document.id for document in corpus.read("train")}
        assert 0.15 * len(whole) < len(scored) < 0.25 * len(whole)
        assert not trained & set(scored)
        assert whole - trained == set(scored)
        seen += scored
    assert sorted(seen) == sorted(whole)


def test_a_fold_is_the_same_whatever_the_tiers_and_another_with_another_seed(gutbrainie: GutBrainIE) -> None:
    def scored(*tiers: str, seed: int = 42) -> list[str]:
        return [document.id for document in GutBrainIE(gutbrainie.root, tiers, fold=0, fold_seed=seed).read("dev")]

    assert scored("gold") == scored("platinum", "gold", "silver", "bronze")
    assert scored("gold") != scored("gold", seed=7)


@pytest.mark.parametrize(("fold", "folds"), [(5, 5), (-1, 5), (0, 1)])
def test_a_fold_that_is_not_there_is_refused(fold: int, folds: int) -> None:
    with pytest.raises(InputError, match=rf"data\.corpus\.fold is {fold} of {folds}"):
        GutBrainIE(fold=fold, folds=folds)


def test_folds_of_an_edition_without_platinum_share_out_the_gold(tmp_path: Path) -> None:
    whole = {str(number): record() for number in range(40)}
    save_train(tmp_path, gold=whole, silver_2025={"s": record()})
    corpora = [GutBrainIE(str(tmp_path), ["gold", "silver_2025"], fold=fold, folds=2) for fold in (0, 1)]
    scored = [{document.id for document in corpus.read("dev")} for corpus in corpora]
    assert scored[0] | scored[1] == whole.keys()
    assert not scored[0] & scored[1]
    assert {document.id for document in corpora[0].read("train")} == {*scored[1], "s"}
