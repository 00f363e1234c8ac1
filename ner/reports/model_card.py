"""A model card: what an exported tagger is, how it was trained, and how it is used, as far as its checkpoints say.

Source: Mitchell et al. (2019), "Model cards for model reporting"; the front matter is the Hugging Face hub's.
"""

import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import PurePath

import yaml

from ner.checkpoints.checkpoint import Checkpoint
from ner.checkpoints.runs import differing_keys
from ner.preprocessing.tokenizer import MARKERS

UNKNOWN_LICENSE = "other"
# What members of an ensemble are meant to differ in.
SEED = "seed_everything"

INTRODUCTION = """\
A tagger that finds entities in the titles and abstracts of biomedical articles, trained with the Python package
`ner` and written by its verb `export`."""

READING = """\
An encoder reads the text in subword tokens, a linear layer gives each token its emissions, and a CRF finds the best
path of BIO tags. Long texts are read in overlapping windows; nothing is truncated."""

SCORES = """\
Scores count a mention as found if its characters and its type are right. A row holds the scores of the member's own
weights; they are missing where the checkpoint does not say them, as one of another than the best epoch does not.
The best epoch is chosen on dev, so **its scores are optimistic**. The ensemble's own score is in none of its
members."""

USE = """\
Meant for research on biomedical abstracts in English: to find mentions of the types above, for search, for curation
by people, or for statistics over many articles. On other texts (full articles, clinical notes, patents, other
languages) it was not measured. Mentions do not overlap, are not linked to identifiers, and say nothing of whether
the text affirms or denies them. What is wrong in the training data it has learned too. It is **not for clinical
decisions**, nor for any others about single persons."""

LOADING = """\
```python
from ner import Tagger

tagger = Tagger.load("path/to/this/folder")
for entity in tagger.tag("Kimchi lowers cortisol in older adults."):
    print(entity.start, entity.end, entity.label, entity.text, entity.score)
```

```console
python main.py predict --ckpt_path path/to/this/folder --data.predict_path articles.json --predictions.scores true
```

`start` and `end` are half-open and count characters; `score` is the probability, under the CRF, of exactly this entity.
Without `ner`: `AutoTokenizer.from_pretrained` reads this folder, and `AutoModel.from_pretrained` the encoder in
`members/<seed>`; `emissions.safetensors` beside it is the linear layer, `crf.safetensors` the CRF of all members."""

ONNX = """\
`members/<seed>/emissions.onnx` is encoder and linear layer as one graph, from `input_ids` and `attention_mask` to
`emissions`. It runs without torch:

```python
from ner.inference.onnx_backend import OnnxTagger

tagger = OnnxTagger.load("path/to/this/folder")
tagged = list(tagger.tag_documents(documents))
```"""

LICENSE = """\
The weights derive from the encoder's and were trained on the corpus: the licences of both bind, and whoever shares
this folder has to check them. That of the software does not extend to the weights."""


def model_card(
    members: Sequence[Checkpoint],
    versions: Mapping[str, str],
    license_id: str = UNKNOWN_LICENSE,
    with_onnx: bool = False,
) -> str:
    """The text of a README.md, in Markdown with YAML before it.

    Args:
        members: The members of the ensemble, at least one.
        versions: Those of the packages that wrote the folder, by name.
        license_id: The hub's identifier of the weights' licence.
        with_onnx: Whether the folder holds them as ONNX too.
    """
    first = members[0]
    front = {
        "license": license_id,
        "language": ["en"],
        "library_name": "ner",
        "pipeline_tag": "token-classification",
        "tags": ["named-entity-recognition", "biomedical", "crf", *(["onnx"] if with_onnx else [])],
    }
    stated = f"Whoever exported it states: `{license_id}`." if license_id != UNKNOWN_LICENSE else "None is stated."
    sections = {
        "What it is": _architecture(members),
        "Data": _data(first),
        "Recipe": _recipe(members),
        "Scores on dev": f"{_scores(members)}\n\n{SCORES}",
        "Intended use and limits": USE,
        "How to load it": f"{LOADING}\n\n{ONNX}" if with_onnx else LOADING,
        "Licence": _paragraph(f"{stated} {LICENSE}"),
        "Versions": "\n".join(f"- {name} {version}" for name, version in versions.items()),
    }
    title = _at(first.config, "run") or "Named entities in biomedical abstracts"
    parts = [f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---", f"# {title}", INTRODUCTION]
    return "\n\n".join([*parts, *(f"## {heading}\n\n{text}" for heading, text in sections.items())]) + "\n"


def _architecture(members: Sequence[Checkpoint]) -> str:
    ensemble = "It has one member."
    if len(members) > 1:
        ensemble = (
            f"It is an ensemble of {len(members)} members: their emissions, transitions, start and end scores are "
            "averaged, so that it finds the path with their highest mean score."
        )
    labels = ", ".join(f"`{label}`" for label in members[0].labels)
    return f"{_paragraph(f'{READING} {ensemble}')}\n\nEntity types: {labels}."


def _data(member: Checkpoint) -> str:
    corpus = _at(member.config, "data", "corpus")
    if corpus is None:
        return "The checkpoints do not say what they were trained on."
    arguments = _at(corpus, "init_args")
    settings = arguments if isinstance(arguments, Mapping) else {}
    rows = [(str(name), _plain(value)) for name, value in settings.items() if value not in (None, "", [], {})]
    kind = _at(corpus, "class_path") or corpus
    name = f"The corpus `{kind}`: its train split to learn from, its dev split for scores"
    return f"{name}. Its settings:\n\n{_table(('setting', 'value'), rows)}" if rows else f"{name}."


def _recipe(members: Sequence[Checkpoint]) -> str:
    config, reading, model = members[0].config, members[0].data, _model(members[0])
    rates = {part: model.get(f"{part}_lr") for part in ("encoder", "emissions", "crf")}
    sizes = {"texts": _at(config, "data", "batch_size"), "tokens": _at(config, "data", "batch_tokens")}
    start = _at(config, "init_from")
    window, overlap, markers = (reading.get(key) for key in ("window_tokens", "overlap_tokens", "markers"))
    facts = {
        "encoder": _encoder(members[0]),
        "peak learning rates": ", ".join(f"{part} {rate}" for part, rate in rates.items() if rate is not None),
        "epochs planned": _at(config, "trainer", "max_epochs"),
        "batch": ", ".join(f"at most {size} {unit}" for unit, size in sizes.items() if size),
        "loss is a mean over": model.get("loss_reduction"),
        "started from the weights of": _plain(start) if start else None,
        "chunking": str(_at(reading, "chunking", "class_path") or "").rpartition(".")[2],
        "markers": " ".join(f"`{marker}`" for marker in MARKERS.values() if markers) or ("none" if window else None),
        "windows": f"{window} tokens; neighbours share {overlap}" if window else None,
    }
    table = _table(("setting", "value"), [(name, str(value)) for name, value in facts.items() if value])
    differing = {key for member in members[1:] for key in differing_keys(config, member.config)} - {SEED}
    if not differing:
        return table
    names = ", ".join(f"`{key}`" for key in sorted(differing))
    return f"{table}\n\nThis is the recipe of the first member; others differ in: {names}."


def _model(member: Checkpoint) -> dict[str, object]:
    """The arguments of its ``NERModule``; a member of an exported folder has most of them in its configuration."""
    configured = _at(member.config, "model")
    return {**(configured if isinstance(configured, Mapping) else {}), **member.model}


def _encoder(member: Checkpoint) -> str:
    model = _model(member)
    kind, layers, width = (
        _at(model, "encoder_config", key) for key in ("model_type", "num_hidden_layers", "hidden_size")
    )
    # A member of an exported folder is its own encoder.
    name = _plain(_at(member.config, "model", "encoder") or model.get("encoder"))
    known = f" ({kind}, {layers} layers of {width})" if kind and layers and width else ""
    start = ", from random weights" if model.get("pretrained") is False else ""
    return f"`{name}`{known}{start}"


def _scores(members: Sequence[Checkpoint]) -> str:
    rows = []
    for number, member in enumerate(members, start=1):
        seed, best = _at(member.config, SEED), member.best_epoch
        figures = ["not recorded"] * 2
        if best is not None and best.epoch == member.epochs:
            figures = [f"{best.micro_f1:.4f}", f"{best.macro_f1:.4f}"]
        epochs = str(member.epochs) if member.epochs else "not recorded"
        rows.append((str(number), "not recorded" if seed is None else str(seed), epochs, *figures))
    return _table(("member", "seed", "epochs trained", "micro-F1", "macro-F1"), rows)


def _at(settings: object, *keys: str) -> object:
    """A nested setting, ``None`` where it is not known."""
    for key in keys:
        settings = settings.get(key) if isinstance(settings, Mapping) else None
    return settings


def _plain(value: object) -> str:
    """A setting in one line."""
    shown = _without_folders(value)
    if isinstance(shown, list):
        return ", ".join(map(str, shown))
    return shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)


def _without_folders(value: object) -> object:
    """A setting with nothing of a path but its name: the folders of somebody's machine are nobody else's business."""
    if isinstance(value, str) and (PurePath(value).is_absolute() or value.startswith(("~", ".."))):
        return PurePath(value).name
    if isinstance(value, Mapping):
        return {key: _without_folders(part) for key, part in value.items()}
    return [_without_folders(part) for part in value] if isinstance(value, list) else value


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(map(_line, (heading, ["---"] * len(heading), *rows)))


def _paragraph(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 118, break_long_words=False, break_on_hyphens=False)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(' '.join(cell.split()).replace('|', '&#124;') for cell in cells)} |"
