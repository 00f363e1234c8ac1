"""What a model card says, and that it says nothing that the checkpoints do not."""

import re
from dataclasses import replace

import pytest
import yaml

from ner.checkpoints.checkpoint import BestEpoch, Checkpoint
from ner.corpora.sample import FOLDER
from ner.preprocessing.preprocessor import Preprocessor
from ner.reports.model_card import model_card

VERSIONS = {"ner": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0"}
CONFIG = {
    "seed_everything": 11,
    "run": "minilm_crf",
    "model": {"encoder": "sentence-transformers/all-MiniLM-L6-v2"},
    "data": {
        "corpus": {
            "class_path": "ner.corpora.GutBrainIE",
            "init_args": {
                "root": "/home/somebody/collection",
                "cache": None,
                "tiers": ["platinum", "gold"],
                "tier_weights": {"gold": 0.5},
                "lists": [{"file": "/home/somebody/list.txt"}],
            },
        },
        "batch_size": 64,
        "batch_tokens": 1200,
    },
    "trainer": {"max_epochs": 4},
}
MODEL = {
    "labels": ["gene", "drug"],
    "encoder": "sentence-transformers/all-MiniLM-L6-v2",
    "pretrained": True,
    "encoder_config": {"model_type": "bert", "num_hidden_layers": 6, "hidden_size": 384},
    "encoder_lr": 1e-4,
    "emissions_lr": 1e-3,
    "crf_lr": 5e-3,
    "loss_reduction": "tokens",
}
READING = Preprocessor((FOLDER / "encoder" / "tokenizer.json").read_text(encoding="utf-8"))


def member(seed: int = 11, **changes: object) -> Checkpoint:
    config = CONFIG | {"seed_everything": seed} | changes
    best = BestEpoch(4, 0.7785, 0.6977)
    return Checkpoint("best.ckpt", MODEL, READING, dict, config, epochs=4, steps=1336, best_epoch=best)


RESULT = {
    "task": {"type": "token-classification", "name": "named entity recognition"},
    "dataset": {"name": "GutBrainIE", "type": "GutBrainIE", "split": "dev"},
    "metrics": [
        {"type": "f1", "value": 0.7785, "name": "micro-F1 on dev, on which its epoch was chosen"},
        {"type": "f1", "value": 0.6977, "name": "macro-F1 on dev, on which its epoch was chosen"},
    ],
}


def test_its_front_matter_is_that_of_the_hub() -> None:
    _, front, _ = model_card([member()], VERSIONS, "cc-by-4.0", with_onnx=True).split("---\n", 2)
    assert yaml.safe_load(front) == {
        "license": "cc-by-4.0",
        "language": ["en"],
        "library_name": "ner",
        "pipeline_tag": "token-classification",
        "tags": ["named-entity-recognition", "biomedical", "crf", "onnx"],
        "datasets": ["GutBrainIE"],
        "metrics": ["f1"],
        "model-index": [{"name": "minilm_crf", "results": [RESULT]}],
    }


@pytest.mark.parametrize(
    "members",
    [
        [member(), member(17)],
        [replace(member(), epochs=5)],
        [replace(member(), best_epoch=None)],
        [member(data={"corpus": {"class_path": "ner.corpora.FileCorpus"}})],
        [member(data={"corpus": {"class_path": "<img src=x>.a b"}})],
    ],
)
def test_the_hub_gets_no_score_that_is_not_that_of_the_folder_on_a_data_set(members: list[Checkpoint]) -> None:
    _, front, _ = model_card(members, VERSIONS).split("---\n", 2)
    assert not yaml.safe_load(front).keys() & {"model-index", "metrics", "model_name", "eval_results"}


@pytest.mark.parametrize("text", ["no: yes", "a\nb: c", "'", "[", "# x"])
def test_a_licence_is_text_whatever_it_says(text: str) -> None:
    _, front, _ = model_card([member()], VERSIONS, text).split("---\n", 2)
    assert yaml.safe_load(front)["license"] == text


def test_it_says_what_the_checkpoints_say() -> None:
    card = " ".join(model_card([member(), member(17)], VERSIONS).split())
    for text in (
        "# minilm_crf ",
        "ensemble of 2 members",
        "`gene`, `drug`",
        "`ner.corpora.GutBrainIE`",
        "| tiers | platinum, gold |",
        '| tier_weights | {"gold": 0.5} |',
        "| encoder | `sentence-transformers/all-MiniLM-L6-v2` (bert, 6 layers of 384) |",
        "| peak learning rates | encoder 0.0001, emissions 0.001, crf 0.005 |",
        "| epochs planned | 4 |",
        "| batch | at most 64 texts, at most 1200 tokens |",
        "| chunking | SeparatePassages |",
        "| markers | `[TITLE]` `[ABSTRACT]` |",
        "| windows | 512 tokens; neighbours share 128 |",
        "| units that the CRF tags | subwords |",
        "| 1 | 11 | 4 | 0.7785 | 0.6977 |",
        "| 2 | 17 | 4 | 0.7785 | 0.6977 |",
        "scores are optimistic",
        "not for clinical decisions",
        'Tagger.load("path/to/this/folder")',
        "--ckpt_path path/to/this/folder",
        "None is stated. The weights derive from",
        "- torch 2.13.0 -",
    ):
        assert text in card
    assert "onnx" not in card
    assert "others differ" not in card


def test_a_folder_with_onnx_says_how_to_run_it() -> None:
    card = model_card([member()], VERSIONS, with_onnx=True)
    assert 'Tagger.load("path/to/this/folder", backend="onnx")' in card


def test_it_says_what_transformers_alone_loses_and_what_it_cannot_load() -> None:
    one, two = (
        " ".join(model_card([member()], VERSIONS, with_classifier=True).split()),
        model_card([member()] * 2, VERSIONS),
    )
    assert 'aggregation_strategy="average", stride=128, )' in one
    assert "**without the CRF**" in one
    # No score of another model stands in the card.
    assert not re.search(r"0\.\d", one.partition("## With other software")[2].partition("## Licence")[0])
    assert "No marker tells the encoder" in one
    assert "a text is cut off after 512 tokens. The parts can be read" in one
    assert "An ensemble is no single model to `transformers`" in two
    assert "has no token classifier" in model_card([member()], VERSIONS)
    scored = replace(
        member(), model=MODEL | {"min_scores": {"gene": 0.4}}, preprocessor=replace(READING, units="words")
    )
    card = model_card([scored], VERSIONS, with_classifier=True)
    assert 'aggregation_strategy="first"' in card
    assert "No entity is left out for its score." in card


def test_its_sections_and_tables_are_markdown() -> None:
    lines = model_card([member(), member(17)], VERSIONS).splitlines()
    assert [line for line in lines if line.startswith("#")] == [
        "# minilm_crf",
        "## What it is",
        "## Data",
        "## Recipe",
        "## Scores on dev",
        "## Intended use and limits",
        "## How to load it",
        "## With other software",
        "## Licence",
        "## Versions",
    ]
    assert all(not lines[place - 1] and not lines[place + 1] for place, line in enumerate(lines) if line[:2] == "##")
    table = lines.index("| member | seed | epochs trained | micro-F1 | macro-F1 |")
    assert not lines[table - 1]
    assert lines[table + 1] == "| --- | --- | --- | --- | --- |"
    assert [line.startswith("| ") for line in lines[table + 2 : table + 5]] == [True, True, False]


def test_it_says_that_no_marker_stands_before_a_text() -> None:
    bare = replace(member(), preprocessor=replace(READING, markers=False))
    assert "| markers | none |" in model_card([bare], VERSIONS)


HOSTILE = "<img src=x> `a` **b** [c](d) | e & f\n\n# g"
SHOWN = "&#60;img src=x&#62; &#96;a&#96; &#42;&#42;b&#42;&#42; &#91;c&#93;(d) &#124; e &#38; f # g"


def test_texts_of_a_checkpoint_are_shown_and_not_read_as_markdown() -> None:
    corpus = {"class_path": HOSTILE, "init_args": {HOSTILE: [HOSTILE]}}
    settings = {"run": HOSTILE, "seed_everything": HOSTILE, "init_from": HOSTILE, "teacher": [HOSTILE]}
    data = {"corpus": corpus, "batch_size": HOSTILE}
    model = {"labels": [HOSTILE], "encoder_config": dict.fromkeys(MODEL["encoder_config"], HOSTILE)}
    model |= {"encoder": HOSTILE, "encoder_lr": HOSTILE, "loss_reduction": HOSTILE}
    own = Checkpoint("best.ckpt", model, READING, dict, settings | {"data": data, "trainer": {"max_epochs": HOSTILE}})
    other = replace(own, config={HOSTILE: 1})
    card = model_card([own, other], VERSIONS)
    plain = model_card([member(), member()], VERSIONS)
    assert card.count(SHOWN) == 17
    assert re.findall(r"^#.*", card, re.M)[1:] == re.findall(r"^#.*", plain, re.M)[1:]
    assert not [text for text in ("<img", "`a`", "**b**", "[c]", "| e &") if text in card]


def test_it_names_no_folder_of_the_machine() -> None:
    model = {"encoder": "/home/somebody/encoders/minilm"}
    sources = {"init_from": "~/runs/first/last.ckpt", "teacher": ["/home/somebody/a.ckpt", "/home/somebody/b.ckpt"]}
    card = model_card([member(model=model, **sources)], VERSIONS)
    assert "somebody" not in card
    assert "| root | collection |" in card
    assert "| encoder | `minilm` (bert" in card
    assert "| started from the weights of | last.ckpt |" in card
    assert "| distilled from | a.ckpt, b.ckpt |" in card


def test_the_best_epochs_score_is_not_that_of_other_weights() -> None:
    card = model_card([replace(member(), epochs=5)], VERSIONS)
    assert "| 1 | 11 | 5 | not recorded | not recorded |" in card
    assert "0.7785" not in card


def test_it_says_where_members_differ_but_for_their_seeds() -> None:
    other = member(17, model={"encoder": "another"})
    assert "others differ in: `model.encoder`." in model_card([member(), other], VERSIONS)


def test_what_is_not_known_is_left_out() -> None:
    bare = Checkpoint("best.ckpt", {"labels": ["gene"], "encoder": "a|b"}, READING, dict)
    card = model_card([bare], VERSIONS)
    assert "# Named entities in biomedical abstracts\n" in card
    assert "do not say what they were trained on" in card
    assert "| encoder | <code>a&#124;b</code> |" in card
    assert "| 1 | not recorded | not recorded | not recorded | not recorded |" in card
    assert "None" not in card.replace("None is stated", "")


def test_it_says_that_entities_are_left_out_where_they_are() -> None:
    scored = replace(member(), model=MODEL | {"min_scores": {"gene": 0.4}})
    assert "`min_score=0` in `Tagger.load`\nkeeps them" in model_card([member(), scored], VERSIONS)
    assert "min_score" not in model_card([member()], VERSIONS)
    # `threshold` stored them after the training, unless they were set in it.
    scored_from_the_start = replace(scored, config=CONFIG | {"model": {"min_scores": 0.4}})
    for each, is_said in ((scored, True), (scored_from_the_start, False)):
        assert ("keeps them. The scores on dev below were taken with all.\n" in model_card([each], VERSIONS)) is is_said
