"""A model card: the training of an exported tagger and its use, as far as its checkpoints record them.

Source: Mitchell et al. (2019), "Model cards for model reporting"; the front matter is the Hugging Face hub's.
"""

import json
import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ner.checkpoints.checkpoint import BestEpoch, Checkpoint, mean_min_scores
from ner.checkpoints.export import without_folders
from ner.checkpoints.runs import differing_keys
from ner.preprocessing.tokenizer import MARKERS

UNKNOWN_LICENSE = "other"
# The setting in which members of an ensemble are meant to differ.
SEED = "seed_everything"
TEMPLATE = Path(__file__).with_name("templates") / "model_card.md"
NOT_RECORDED = "not recorded"
# Corpora of any files, and of a few for trying things out.
NO_DATASETS = ("FileCorpus", "Sample", "None")
# What Markdown, its tables or HTML may read as more than a character.
MARKUP = re.compile(r"[\\`*~<>\[\]&|]")

Row = tuple[str, ...]


def model_card(
    members: Sequence[Checkpoint],
    versions: Mapping[str, str],
    license_id: str = UNKNOWN_LICENSE,
    with_onnx: bool = False,
    with_int8: bool = False,
    with_classifier: bool = False,
) -> str:
    """Return the text of a README.md: Markdown after YAML front matter.

    Args:
        members: The members of the ensemble, at least one.
        versions: The versions of the packages that wrote the folder, by name.
        license_id: The hub's identifier of the weights' licence.
        with_onnx: The folder holds them as ONNX too.
        with_int8: And as ONNX in int8.
        with_classifier: The folder is a token classifier of transformers too.
    """
    first = members[0]
    corpus = _at(first.config, "data", "corpus")
    dataset = _dataset(corpus)
    results = _results(members, dataset)
    front = ModelCardData(
        license=license_id,
        language=["en"],
        library_name="ner",
        pipeline_tag="token-classification",
        tags=["named-entity-recognition", "biomedical", "crf", *(["onnx"] if with_onnx else [])],
        datasets=[dataset] if dataset else None,
        metrics=["f1"] if results else None,
        model_name=str(_at(first.config, "run") or "ner") if results else None,
        eval_results=results or None,
    )
    card = ModelCard.from_template(
        front,
        template_path=str(TEMPLATE),
        title=_literal(_at(first.config, "run")) or "Named entities in biomedical abstracts",
        labels=[_code(label) for label in first.labels],
        has_min_scores=bool(mean_min_scores(members)),
        has_trained_min_scores=bool(_at(first.config, "model", "min_scores")),
        corpus=_code(_at(corpus, "class_path") or corpus) if corpus else None,
        corpus_settings=_corpus_settings(corpus),
        recipe=_recipe(first),
        differing=_differing(members),
        scores=[_scores(number, member) for number, member in enumerate(members, start=1)],
        versions=versions,
        with_onnx=with_onnx,
        with_int8=with_int8,
        with_classifier=with_classifier,
        window_tokens=first.preprocessor.window_tokens,
        overlap_tokens=first.preprocessor.overlap_tokens,
        has_markers=first.preprocessor.markers,
        strategy="average" if first.preprocessor.units == "subwords" else "first",
    )
    return f"{str(card).rstrip()}\n"


def training_facts(members: Sequence[Checkpoint]) -> tuple[str, dict[str, str]]:
    """Return the name of the run, empty where it is not recorded, and what is known of the training, as plain text.

    Args:
        members: The members of the ensemble, at least one.
    """
    first = members[0]
    corpus = _at(first.config, "data", "corpus")
    # The encoder of an exported member is its own folder.
    encoder = _at(first.config, "model", "encoder") or first.model.get("encoder")
    seeds = [_at(member.config, SEED) for member in members]
    facts = {
        "encoder": _plain(encoder) if encoder else "",
        "corpus": _plain(_at(corpus, "class_path") or corpus) if corpus else "",
        "members": str(len(members)),
        "seeds": "" if None in seeds else ", ".join(map(str, seeds)),
    }
    run = _at(first.config, "run")
    return _plain(run) if run else "", {name: value for name, value in facts.items() if value}


def model_digest(fingerprint: str) -> str:
    """Return a digest of a model's fingerprint, which has a part for each member of an ensemble."""
    return blake2b(fingerprint.encode(), digest_size=8).hexdigest()


def _corpus_settings(corpus: object) -> list[Row]:
    arguments = _at(corpus, "init_args")
    settings = arguments if isinstance(arguments, Mapping) else {}
    shown = {name: _plain(value) for name, value in settings.items() if value not in (None, "", [], {})}
    return [(_literal(name), _literal(value)) for name, value in shown.items()]


def _differing(members: Sequence[Checkpoint]) -> list[str]:
    first, *others = members
    keys = {key for other in others for key in differing_keys(first.config, other.config)}
    return [_code(key) for key in sorted(keys - {SEED})]


def _recipe(member: Checkpoint) -> list[Row]:
    config, reading, model = member.config, member.preprocessor, _model(member)
    rates = {part: model.get(f"{part}_lr") for part in ("encoder", "emissions", "crf")}
    sizes = {"texts": _at(config, "data", "batch_size"), "tokens": _at(config, "data", "batch_tokens")}
    start, teacher = _at(config, "init_from"), _at(config, "teacher")
    facts = {
        "encoder": _encoder(member),
        "peak learning rates": _literal(
            ", ".join(f"{part} {rate}" for part, rate in rates.items() if rate is not None)
        ),
        "epochs planned": _literal(_at(config, "trainer", "max_epochs")),
        "batch": _literal(", ".join(f"at most {size} {unit}" for unit, size in sizes.items() if size)),
        "loss is a mean over": _literal(model.get("loss_reduction")),
        "started from the weights of": _literal(_plain(start) if start else None),
        "distilled from": _literal(_plain(teacher) if teacher else None),
        "chunking": type(reading.chunking).__name__,
        "markers": " ".join(f"`{marker}`" for marker in MARKERS.values() if reading.markers) or "none",
        "windows": f"{reading.window_tokens} tokens; neighbours share {reading.overlap_tokens}",
        "units that the CRF tags": reading.units,
    }
    return [(name, value) for name, value in facts.items() if value]


def _model(member: Checkpoint) -> dict[str, object]:
    """Return the arguments of the ``NERModule``; an exported member has most of them in its configuration."""
    configured = _at(member.config, "model")
    return {**(configured if isinstance(configured, Mapping) else {}), **member.model}


def _encoder(member: Checkpoint) -> str:
    model = _model(member)
    kind, layers, width = (
        _at(model, "encoder_config", key) for key in ("model_type", "num_hidden_layers", "hidden_size")
    )
    # The encoder of an exported member is its own folder.
    name = _plain(_at(member.config, "model", "encoder") or model.get("encoder"))
    known = f"({kind}, {layers} layers of {width})" if kind and layers and width else ""
    start = ", from random weights" if model.get("pretrained") is False else ""
    return f"{_code(name)} {_literal(known)}".rstrip() + start


def _dataset(corpus: object) -> str:
    """Return the name of a corpus that is a data set, nothing where it stands for any files."""
    name = str(_at(corpus, "class_path") or corpus).rpartition(".")[2]
    return name if name.isidentifier() and name not in NO_DATASETS else ""


def _results(members: Sequence[Checkpoint], dataset: str) -> list[EvalResult]:
    """Return the scores on dev for the hub, where they are those of all that the folder holds."""
    measured = _measured(members[0])
    if len(members) > 1 or measured is None or not dataset:
        return []
    scores = {"micro-F1": measured.micro_f1, "macro-F1": measured.macro_f1}
    return [
        EvalResult(
            task_type="token-classification",
            task_name="named entity recognition",
            dataset_type=dataset,
            dataset_name=dataset,
            dataset_split="dev",
            metric_type="f1",
            metric_name=f"{name} on dev, on which its epoch was chosen",
            metric_value=round(score, 4),
        )
        for name, score in scores.items()
    ]


def _measured(member: Checkpoint) -> BestEpoch | None:
    """Return the scores of a member's own weights, which are those of the best epoch alone."""
    best = member.best_epoch
    return best if best is not None and best.epoch == member.epochs else None


def _scores(number: int, member: Checkpoint) -> Row:
    seed, best = _at(member.config, SEED), _measured(member)
    figures = [NOT_RECORDED] * 2
    if best is not None:
        figures = [f"{best.micro_f1:.4f}", f"{best.macro_f1:.4f}"]
    return (str(number), NOT_RECORDED if seed is None else _literal(seed), str(member.epochs or NOT_RECORDED), *figures)


def _at(settings: object, *keys: str) -> object:
    """Return a nested setting, ``None`` where it is unknown."""
    for key in keys:
        settings = settings.get(key) if isinstance(settings, Mapping) else None
    return settings


def _plain(value: object) -> str:
    """Return a setting as a text."""
    shown = without_folders(value)
    parts = shown if isinstance(shown, list) else [shown]
    return ", ".join(part if isinstance(part, str) else json.dumps(part, ensure_ascii=False) for part in parts)


def _literal(value: object) -> str:
    """Return a value as Markdown that shows it as it is, in one line; nothing for what is not known."""
    text = "" if value is None else " ".join(str(value).split())
    return MARKUP.sub(lambda found: f"&#{ord(found[0])};", text)


def _code(value: object) -> str:
    """Return a value as Markdown that shows it as code; a checkpoint may put anything in it."""
    text = _literal(value)
    return f"`{text}`" if text == str(value) else f"<code>{text}</code>"
