"""LightningCLI with the classes of this project, for the verbs that train or evaluate."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import yaml
from jsonargparse.typing import restricted_number_type
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import CSVLogger

from ner.checkpoints import ensemble, runs
from ner.checkpoints.checkpoint import Checkpoint, mean_min_scores
from ner.cli.config_parser import ConfigParser, config_parser, format_option
from ner.cli.messages import format_options
from ner.cli.recorded import trained_settings
from ner.cli.selection import DEFAULT_SEED, RunSelection, read_selection, select_resumed, select_trained
from ner.errors import InputError, one_line
from ner.inference.min_scores import resolve
from ner.io.files import kept
from ner.training.callbacks.ensemble import SeedEnsemble
from ner.training.callbacks.initial_weights import InitialWeights
from ner.training.callbacks.predictions import PredictionWriter
from ner.training.callbacks.progress import ProgressBar
from ner.training.callbacks.report import ScoreReport
from ner.training.callbacks.run_config import RunConfig
from ner.training.callbacks.seeding import EpochSeed
from ner.training.datamodule import NERDataModule
from ner.training.module import NERModule
from ner.training.trainer import (
    TRAINER_DEFAULTS,
    CountingTrainer,
    check_monitor,
    check_trainer,
    lightning_errors,
    usable_precision,
)

SEEDS = range(2**32)
Seed = restricted_number_type("Seed", int, [(">=", SEEDS.start), ("<", SEEDS.stop)])
CHECKPOINT_DEFAULTS = {
    "checkpoint.filename": "best",
    "checkpoint.monitor": "val/micro_f1",
    "checkpoint.mode": "max",
    "checkpoint.enable_version_counter": False,
    "checkpoint.auto_insert_metric_name": False,
}

log = logging.getLogger(__name__)


def run(verb: str, arguments: Sequence[str]) -> None:
    """Run ``fit``, ``validate``, ``test`` or ``predict``.

    Raises:
        InputError: if the arguments or the checkpoints cannot be used.
    """
    selection = read_selection(arguments)
    if not {"-h", "--help"} & set(arguments):
        # To see a configuration nobody needs the checkpoint that would change it.
        with suppress(*[InputError] * selection.has_option("print_config")):
            selection = select_resumed(selection) if verb == "fit" else select_trained(selection)
    CommandLine(verb, selection)


class CommandLine(LightningCLI):
    """LightningCLI with the module, the data module and the callbacks of this project.

    Args:
        verb: ``fit``, ``validate``, ``test`` or ``predict``.
        selection: The command line, and the checkpoint that is resumed or those that are evaluated.
        settings: Settings that override the command line, nested as in a configuration.
        is_reporting: Print scores and the paths of written files.

    Raises:
        InputError: if the arguments or the checkpoints cannot be used.
        KeyboardInterrupt: if the user interrupts it.
    """

    def __init__(
        self,
        verb: str,
        selection: RunSelection,
        settings: Mapping[str, object] | None = None,
        is_reporting: bool = True,
    ) -> None:
        self._verb = verb
        self.selection = selection
        self._settings = settings
        self._is_reporting = is_reporting
        with format_options(self._format_option), lightning_errors(), ExitStack() as self._kept:
            super().__init__(
                NERModule,
                NERDataModule,
                trainer_class=CountingTrainer,
                save_config_callback=RunConfig,
                save_config_kwargs={"save_to_log_dir": False},
                trainer_defaults=dict(TRAINER_DEFAULTS),
                auto_configure_optimizers=False,
                # It would save the arguments as they were given; the module adds its encoder's configuration to them.
                load_from_checkpoint_support=False,
            )

    def _format_option(self) -> str:
        data = getattr(self, "datamodule", None)  # absent until it is built
        return format_option(data) if isinstance(data, NERDataModule) else ""

    def init_parser(self, **kwargs: Any) -> ConfigParser:  # noqa: ANN401 - LightningCLI's own
        return config_parser(self.selection.files)

    def add_default_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument("--seed_everything", type=Seed, default=DEFAULT_SEED, help="Seed of the run.")

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--run",
            type=str,
            default=self.selection.run_name,
            help="Name of the run's folder in checkpoints/; by default the stem of the last --config.",
        )
        parser.add_argument(
            "--early_stopping",
            type=int | None,
            default=None,
            help="Epochs without a better val/micro_f1 after which to stop. This ends the learning-rate schedule "
            "before its last part, where most is gained; off by default.",
        )
        parser.add_argument(
            "--init_from",
            type=str | None,
            default=None,
            help="Checkpoint or exported folder whose weights `fit` starts from, with a fresh optimizer and schedule; "
            "{seed} in it stands for the seed. Give the new run a name of its own with --run.",
        )
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.add_lightning_class_args(EpochSeed, "epoch_seed")
        # Built in `instantiate_trainer`, with what the selection holds.
        parser.add_class_arguments(SeedEnsemble, "ensemble", skip={"members"}, instantiate=False)
        parser.add_class_arguments(PredictionWriter, "predictions", skip={"folder", "is_reporting"}, instantiate=False)
        parser.set_defaults(CHECKPOINT_DEFAULTS)
        if self._verb != "fit":
            self._set_trained_defaults(parser)
        parser.link_arguments(("run", "seed_everything"), "checkpoint.dirpath", _dirpath)
        parser.link_arguments("seed_everything", "epoch_seed.seed")
        parser.link_arguments("seed_everything", "data.seed")
        parser.link_arguments("model.encoder", "data.tokenizer")
        parser.link_arguments("data.labels", "model.labels", apply_on="instantiate")
        parser.link_arguments("data.vocabulary_size", "model.vocabulary_size", apply_on="instantiate")

    def _set_trained_defaults(self, parser: LightningArgumentParser) -> None:
        for member in self.selection.members[:1]:
            try:
                parser.set_defaults(trained_settings(self.selection))
            except (KeyError, AttributeError) as error:
                raise InputError(f"{member.name}: has a setting that this version does not know: {error}") from None

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        self.config = parser.parse_args([self._verb, *self.selection.arguments])
        if self._settings is not None:
            self.config = parser.parse_object({self._verb: dict(self._settings)}, self.config)

    def _parse_ckpt_path(self) -> None:
        """Nothing: what a checkpoint says of itself is put in by :meth:`before_instantiate_classes`."""

    def before_instantiate_classes(self) -> None:
        config, members = self.config[self._verb], self.selection.members
        # An evaluation has its checkpoints open: the trainer is not to open them again.
        config.ckpt_path = str(self.selection.paths[0]) if self._verb == "fit" and members else None
        if self._verb != "fit":
            ensemble.check_model(members[0])
            self._restore(members[0])
            stored = mean_min_scores(members)
            config.model.min_scores = resolve(config.predictions.min_score, stored, members[0].labels)
        elif members:
            own = yaml.safe_load(self._parser(self._verb).dump(config, skip_unset=False))
            runs.check_resumable(members[0].name, members[0].config, own)
        if self._verb == "predict" and config.data.predict_path is not None:
            config.data.predict_path = str(self._kept.enter_context(kept(Path(config.data.predict_path))))

    def _restore(self, checkpoint: Checkpoint) -> None:
        """Put what a checkpoint was trained with in place of what the command line says of the model and its input."""
        unused = []
        for section, restored in (("model", checkpoint.model), ("data", checkpoint.data)):
            settings = self.config[self._verb][section]
            # Labels and vocabulary size come from the data, and are compared when the weights are loaded.
            for key in restored.keys() - {"labels", "vocabulary_size"}:
                if key not in settings:
                    what = f"a setting that this version does not know: {section}.{key}"
                    raise InputError(f"{checkpoint.name}: has {what}")
                if settings[key] != restored[key] and self.selection.has_option(f"{section}.{key}"):
                    unused.append(f"{section}.{key}")
                settings[key] = restored[key]
        if unused:
            listed = ", ".join(sorted(unused))
            log.warning("What the checkpoint says of these holds, not what the arguments say: %s", listed)

    def instantiate_classes(self) -> None:
        try:
            super().instantiate_classes()
        except InputError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, ImportError, MisconfigurationException) as error:
            source = f"{self.selection.paths[0]}: " if self.selection.paths else ""
            raise InputError(f"{source}these settings cannot be used: {one_line(error)}") from error
        limit, window = self.model.max_tokens, self.datamodule.window_tokens
        if limit is not None and window > limit:
            raise InputError(f"data.window_tokens is {window}, but the encoder reads {limit} tokens at most; lower it")

    def instantiate_trainer(self, **kwargs: object) -> Trainer:
        config = self._get(self.config_init, "trainer")
        check_trainer(config, is_fit=self._verb == "fit")
        config.precision = usable_precision(config)
        if config.logger in (None, True):
            folder = self._get(self.config_init, "checkpoint").dirpath
            kwargs["logger"] = config.logger = CSVLogger(folder, name="logs") if self._verb == "fit" else False
        callbacks = self._training_callbacks() if self._verb == "fit" else self._evaluation_callbacks()
        if self._is_reporting:
            callbacks.append(ScoreReport())
        if config.logger:
            callbacks.append(LearningRateMonitor("step"))
        if config.enable_progress_bar is not False:
            callbacks.append(ProgressBar())
        self.trainer_defaults["callbacks"] = callbacks
        return super().instantiate_trainer(**kwargs)

    def _training_callbacks(self) -> list[Callback]:
        config = self.config_init[self._verb]
        # `save_last` of the one that keeps the best would write only when there is a new best.
        last = ModelCheckpoint(
            config.checkpoint.dirpath, "last", save_on_train_epoch_end=True, enable_version_counter=False
        )
        callbacks: list[Callback] = [last]
        if config.checkpoint.monitor is not None and config.trainer.callbacks is None:  # whose own metrics are unknown
            check_monitor(config.checkpoint.monitor, self.datamodule.labels)
        if config.early_stopping is not None:
            if config.early_stopping < 1:
                raise InputError(f"early_stopping is {config.early_stopping}; it should be at least 1")
            callbacks.append(EarlyStopping("val/micro_f1", mode="max", patience=config.early_stopping))
        if config.init_from is not None and not self.selection.members:
            callbacks.append(InitialWeights(ensemble.read_of_seed(config.init_from, config.seed_everything)))
        return callbacks

    def _evaluation_callbacks(self) -> list[Callback]:
        config, members = self.config_init[self._verb], self.selection.members
        one_at_a_time = config.ensemble.one_at_a_time
        is_single = len(members) == 1
        callbacks: list[Callback] = [
            InitialWeights(members[0]) if is_single else SeedEnsemble(members=members, one_at_a_time=one_at_a_time)
        ]
        if self._verb == "predict":
            folder = self.selection.folder
            callbacks.append(PredictionWriter(**config.predictions, folder=folder, is_reporting=self._is_reporting))
        return callbacks

    def _prepare_subcommand_kwargs(self, subcommand: str) -> dict[str, object]:
        # The writer has the predictions, which Lightning would keep a second time; ScoreReport prints scores, named.
        own = {"fit": {}, "predict": {"return_predictions": False}}.get(subcommand, {"verbose": False})
        return {**super()._prepare_subcommand_kwargs(subcommand), **own}


def _dirpath(run: str, seed: int) -> str:
    return str(runs.seed_folder(run, seed))
