"""Names that earlier versions gave to classes and settings, so that their files keep loading."""

from collections.abc import Mapping

FORMATS = ("BioCJSON", "BioCXML", "Brat", "CoNLL", "JsonLines", "PlainText", "PubTator")
CORPORA = ("GutBrainIE", "Sample")
# Arguments of classes that came later, with the value that says what was done before.
ADDED_TO_FORMAT: Mapping[str, object] = {"annotation": True, "on_duplicate": "error"}
ADDED_TO_GUTBRAINIE: Mapping[str, object] = {"folds": 5, "fold_seed": 42}
CHUNKINGS = ("JointPassages", "SeparatePassages")
# Arguments of a corpus of files that are not options of its format.
SPLITS = ("labels", "train", "dev", "test")
# Settings that came later, by section, with the value that says what was done before, where that is not none.
ADDED: Mapping[str, Mapping[str, object]] = {
    "data": {"units": "subwords"},
    "distillation": {"weight": 0.5},
    "model": {"dropout_samples": 1, "encoder_lr_decay": 1.0},
}


def present(config: Mapping[str, object]) -> dict[str, object]:
    """Return the configuration of a training or a prediction, with the names of this version."""
    sections = {"data": _data, "predictions": _predictions}
    return {
        key: sections[key](value) if key in sections and isinstance(value, Mapping) else value
        for key, value in config.items()
    }


def present_record(config: Mapping[str, object]) -> dict[str, object]:
    """Return the complete configuration that a checkpoint holds, with the names and all settings of this version."""
    record = present(config)
    if not record:  # nothing is recorded
        return record
    sections = {name: record.get(name, {}) for name in ADDED}
    added = {name: {**ADDED[name], **own} for name, own in sections.items() if isinstance(own, dict)}
    if "corpus" in (data := added.get("data", {})):
        data["corpus"] = _complete(data["corpus"])
    return {**record, **added}


def present_reading(settings: Mapping[str, object]) -> dict[str, object]:
    """Return the settings that say how texts are read, with the names of this version."""
    if "chunking" not in settings:
        return dict(settings)
    return {**settings, "chunking": _moved(settings["chunking"], "ner.chunking", "ner.preprocessing.chunking")}


def _data(settings: Mapping[str, object]) -> dict[str, object]:
    data = present_reading(settings)
    if "corpus" in data:
        data["corpus"] = _corpus(data["corpus"])
    if "predict_corpus" in data:
        data["predict_format"] = _format(data.pop("predict_corpus"), "GutBrainIE")
    return data


def _predictions(settings: Mapping[str, object]) -> dict[str, object]:
    predictions = dict(settings)
    if "writer" in predictions:
        predictions["format"] = _format(predictions.pop("writer"), "GutBrainIESubmission")
    return predictions


def _corpus(value: object) -> object:
    """Return a corpus: formats with splits are a ``FileCorpus`` since formats are classes of their own."""
    path, arguments = class_of(value)
    name = _known(path)
    if name in FORMATS:
        own = {key: argument for key, argument in arguments.items() if key in SPLITS}
        return {"class_path": "ner.corpora.FileCorpus", "init_args": {"format": _format(value, ""), **own}}
    return _with_path(value, f"ner.corpora.{name}") if name and path != name else value


def _complete(value: object) -> object:
    """Return a corpus, or a format, with the arguments that it had no name for when it was recorded."""
    path, arguments = class_of(value)
    if not isinstance(value, Mapping) or not arguments:
        return value
    if path == "ner.corpora.GutBrainIE":
        arguments = {**ADDED_TO_GUTBRAINIE, **arguments}
    elif path.startswith("ner.formats."):
        arguments = {**ADDED_TO_FORMAT, **arguments}
    elif path == "ner.corpora.FileCorpus" and "format" in arguments:
        arguments = {**arguments, "format": _complete(arguments["format"])}
    return {**value, "init_args": arguments}


def _format(value: object, of_gutbrainie: str) -> object:
    """Return a format, where corpora stood for theirs."""
    path, arguments = class_of(value)
    name = _known(path)
    if not name:
        return value
    own = {key: argument for key, argument in arguments.items() if key not in SPLITS} if name in FORMATS else {}
    kind = {"class_path": f"ner.formats.{name if name in FORMATS else of_gutbrainie}"}
    return {**kind, "init_args": own} if own else kind


def _known(path: str) -> str:
    """Return the name of a class of ``ner.corpora`` that has moved or may have, else nothing."""
    package, _, name = path.rpartition(".")
    is_own = not package or package == "ner.corpora" or package.startswith("ner.corpora.")
    return name if is_own and name in (*FORMATS, *CORPORA) else ""


def _moved(value: object, old: str, new: str) -> object:
    """Return a chunking whose class lies in another module than it did."""
    path, _ = class_of(value)
    package, _, name = path.rpartition(".")
    is_old = name in CHUNKINGS and f"{package}.".startswith(f"{old}.")
    return _with_path(value, f"{new}.{name}") if is_old else value


def class_of(value: object) -> tuple[str, Mapping[str, object]]:
    """Return the path and the arguments of a class, in either form in which a configuration names one."""
    if isinstance(value, str):
        return value, {}
    if not isinstance(value, Mapping):
        return "", {}
    path, arguments = value.get("class_path"), value.get("init_args")
    return path if isinstance(path, str) else "", arguments if isinstance(arguments, Mapping) else {}


def _with_path(value: object, path: str) -> object:
    return {**value, "class_path": path} if isinstance(value, Mapping) else path
