"""The verbs of training: fit, validate, test and predict, on LightningCLI."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import yaml
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint, RichProgressBar
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import CSVLogger

from ner.callbacks.predictions import PredictionWriter
from ner.callbacks.report import ScoreReport
from ner.callbacks.seeding import EpochSeed
from ner.checkpoints import CONFIG_KEY, newest_best, read_settings, seed_folder
from ner.datamodule import NERDataModule
from ner.errors import InputError
from ner.module import NERModule

DEFAULT_SEED = 42
EVALUATION = ("validate", "test", "predict")


def main(arguments: Sequence[str]) -> int:
    """Run one verb.

    Args:
        arguments: The verb and its arguments.

    Returns:
        The exit code.

    Raises:
        InputError: if the user has to mend something.
    """
    _quiet()
    arguments = list(arguments)
    for config in _values(arguments, "--config", "-c"):
        read_config(Path(config))  # names the file, which the parser does not
    if arguments[0] in EVALUATION and not {"-h", "--help"} & set(arguments):
        arguments = _with_checkpoint(arguments, is_needed=not _is_printing(arguments))
    try:
        CommandLine(arguments)
    except MisconfigurationException as error:
        raise InputError(" ".join(str(error).split())) from error
    except SystemExit as stop:
        # Lightning tidies up after Ctrl-C and then exits with the code of a failure.
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    return 0


class Parser(LightningArgumentParser):
    """Takes no abbreviated options, and reports what is wrong in one line, without the usage."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - LightningCLI passes on what it was given
        super().__init__(*args, **{"allow_abbrev": False, **kwargs})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if not self.exit_on_error:
            super().error(message, ex)
        raise InputError(" ".join(message.split()))


class _RunRecord(SaveConfigCallback):
    """Keeps the whole configuration beside the checkpoints of a run, and inside each of them."""

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            folder = Path(self.config.checkpoint.dirpath)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / self.config_filename).write_text(self._text(), encoding="utf-8")

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, object]) -> None:
        checkpoint[CONFIG_KEY] = self._text()

    def _text(self) -> str:
        text: str = self.parser.dump(self.config, skip_unset=False)
        return text


class CommandLine(LightningCLI):
    """LightningCLI with the module, the data module and the callbacks of this project."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = list(arguments)
        super().__init__(
            NERModule,
            NERDataModule,
            save_config_callback=_RunRecord,
            save_config_kwargs={"save_to_log_dir": False},
            trainer_defaults={
                "num_sanity_val_steps": 0,
                "use_distributed_sampler": False,
                "enable_model_summary": False,
                "log_every_n_steps": 10,
            },
            seed_everything_default=DEFAULT_SEED,
            parser_class=Parser,
            args=self._arguments,
            auto_configure_optimizers=False,
            # It would save the arguments as they were given; the module adds its encoder's configuration to them.
            load_from_checkpoint_support=False,
        )

    def add_default_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument("--seed_everything", type=int, default=DEFAULT_SEED, help="Seed of the run.")

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        configs = _values(self._arguments, "--config", "-c")
        parser.add_argument(
            "--run",
            type=str,
            default=Path(configs[-1]).stem if configs and "\n" not in configs[-1] else "run",
            help="Name of the run's folder in checkpoints/; by default the stem of the last --config.",
        )
        parser.add_argument(
            "--early_stopping",
            type=int | None,
            default=None,
            help="Epochs without a better val/micro_f1 after which to stop. This cuts the learning-rate schedule short "
            "of its end, where most is gained; off by default.",
        )
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.set_defaults(
            {
                "checkpoint.filename": "best",
                "checkpoint.monitor": "val/micro_f1",
                "checkpoint.mode": "max",
                "checkpoint.enable_version_counter": False,
                "checkpoint.auto_insert_metric_name": False,
            }
        )
        parser.add_lightning_class_args(EpochSeed, "epoch_seed")
        parser.add_lightning_class_args(PredictionWriter, "predictions")
        parser.link_arguments(("run", "seed_everything"), "checkpoint.dirpath", _dirpath)
        parser.link_arguments("seed_everything", "epoch_seed.seed")
        parser.link_arguments("seed_everything", "data.seed")
        parser.link_arguments("model.encoder", "data.tokenizer")
        parser.link_arguments("data.labels", "model.labels", apply_on="instantiate")
        parser.link_arguments("data.vocabulary_size", "model.vocabulary_size", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        self.config = parser.parse_args(self._arguments)

    def _parse_ckpt_path(self) -> None:
        """Nothing: what a checkpoint says of itself is put in by :meth:`before_instantiate_classes`."""

    def before_instantiate_classes(self) -> None:
        config = self.config[self.subcommand]
        folder = Path(config.checkpoint.dirpath)
        if config.ckpt_path in ("best", "last"):
            config.ckpt_path = str(folder / f"{config.ckpt_path}.ckpt")
        if config.ckpt_path is not None:
            settings = read_settings(Path(config.ckpt_path))
            if self.subcommand in EVALUATION:
                _restore(config, settings.model, settings.data)

    def instantiate_classes(self) -> None:
        super().instantiate_classes()
        limit, window = self.model.max_tokens, self.datamodule.window_tokens
        if limit is not None and window > limit:
            raise InputError(f"data.window_tokens is {window}, but the encoder reads {limit} tokens at most; lower it")

    def instantiate_trainer(self, **kwargs: object) -> Trainer:
        config = self._get(self.config_init, "trainer")
        folder = self._get(self.config_init, "checkpoint").dirpath
        if config.logger in (None, True):
            kwargs["logger"] = config.logger = CSVLogger(folder, name="logs") if self.subcommand == "fit" else False
        # `save_last` of the one that keeps the best would write only when there is a new best.
        last = ModelCheckpoint(folder, "last", save_on_train_epoch_end=True, enable_version_counter=False)
        callbacks: list[Callback] = [ScoreReport(), last]
        if config.logger:
            callbacks.append(LearningRateMonitor("step"))
        if config.enable_progress_bar is not False:
            callbacks.append(RichProgressBar())
        patience = self._get(self.config_init, "early_stopping")
        if patience is not None:
            callbacks.append(EarlyStopping("val/micro_f1", mode="max", patience=patience))
        self.trainer_defaults["callbacks"] = callbacks
        return super().instantiate_trainer(**kwargs)

    def _prepare_subcommand_kwargs(self, subcommand: str) -> dict[str, object]:
        arguments: dict[str, object] = super()._prepare_subcommand_kwargs(subcommand)
        if subcommand == "predict":
            # The writer has them; Lightning would keep every batch a second time.
            arguments["return_predictions"] = False
        elif subcommand in EVALUATION:
            # ScoreReport prints the scores, named.
            arguments["verbose"] = False
        return arguments


def _is_printing(arguments: Sequence[str]) -> bool:
    return any(argument.partition("=")[0] == "--print_config" for argument in arguments)


def _with_checkpoint(arguments: list[str], is_needed: bool) -> list[str]:
    """The arguments of an evaluation with its checkpoint named, and the checkpoint's configuration before the user's.

    Without ``--ckpt_path`` it is the newest ``best.ckpt``: of the run that ``--config`` names, else of all runs.
    """
    verb, *given = arguments
    paths, configs = _values(given, "--ckpt_path"), _values(given, "--config", "-c")
    runs = [*_values(given, "--run"), *(_run_of(Path(config)) for config in configs[-1:])]
    try:
        if paths and paths[-1] not in ("best", "last"):
            path = Path(paths[-1])
        else:
            path = newest_best(*runs[:1]).with_name(f"{paths[-1] if paths else 'best'}.ckpt")
        settings = read_settings(path)
    except InputError:
        if is_needed:
            raise
        return arguments
    if verb == "predict" and not _values(given, "--predictions.path"):
        given += ["--predictions.path", str(path.with_name("predictions.json"))]
    saved = yaml.safe_load(settings.config) or {}
    kept = {key: saved[key] for key in ("seed_everything", "data", "model") if key in saved}
    config = ["--config", yaml.safe_dump(kept)] if kept else []
    return [verb, *config, *given, "--ckpt_path", str(path)]


def read_config(path: Path) -> dict[str, object]:
    """The keys of a configuration file.

    Raises:
        InputError: if it cannot be read, or is not YAML with keys.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a configuration: it should hold keys such as model and data")
    return content


def _run_of(config: Path) -> str:
    return str(read_config(config).get("run") or config.stem)


def _restore(config: Mapping[str, dict[str, object]], model: Mapping[str, object], data: Mapping[str, object]) -> None:
    """Put what a checkpoint was trained with in place of what configurations say of the model and its input."""
    for section, settings in (("model", model), ("data", data)):
        namespace = config[section]
        for key, value in settings.items():
            # Labels and vocabulary size come from the data, and are compared when the weights are loaded.
            if key in ("labels", "vocabulary_size"):
                continue
            if key not in namespace:
                raise InputError(f"the checkpoint has a setting that this version does not know: {section}.{key}")
            namespace[key] = value


def _values(arguments: Sequence[str], *names: str) -> list[str]:
    """The values of an option, in both of its forms, before anything is parsed."""
    found = []
    for argument, following in pairwise([*arguments, ""]):
        name, equals, value = argument.partition("=")
        if name in names:
            found.append(value if equals else following)
    return found


def _dirpath(run: str, seed: int) -> str:
    return str(seed_folder(run, seed))


def _quiet() -> None:
    """Silence what Lightning and transformers say to developers, not to users."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in (
        "does not have many workers",  # one process makes batches faster than the encoder reads them
        "exists and is not empty",  # a run may be repeated
        "dirpath has changed",  # a checkpoint may be moved
        "custom batch sampler",  # ours returns every text once
        "isinstance.treespec",  # Lightning's own use of torch
    ):
        warnings.filterwarnings("ignore", message=f".*{message}.*")
