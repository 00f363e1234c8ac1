"""LightningCLI with the classes of this project, for the verbs that train or evaluate."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import CSVLogger

from ner.checkpoints import ensemble, runs
from ner.checkpoints.checkpoint import Checkpoint
from ner.cli.config_parser import ConfigParser, config_parser, format_option
from ner.cli.messages import warned_before
from ner.cli.recorded import restore, set_trained_defaults
from ner.cli.selection import DEFAULT_SEED, RunSelection, read_selection, with_named_checkpoints
from ner.errors import InputError, one_line
from ner.formats.base import format_options
from ner.io.files import kept
from ner.io.lock import OutputLock
from ner.training.callbacks.choice import check_checkpoint, evaluation_callbacks, fit_callbacks
from ner.training.callbacks.ensemble import SeedEnsemble
from ner.training.callbacks.page_report import PageReport
from ner.training.callbacks.precision import PrecisionLine
from ner.training.callbacks.predictions import PredictionWriter
from ner.training.callbacks.report import ScoreReport, best_checkpoint
from ner.training.callbacks.run_config import RunConfig
from ner.training.callbacks.seeding import EpochSeed, Seed
from ner.training.datamodule import NERDataModule
from ner.training.module import NERModule
from ner.training.trainer import (
    CHECKPOINT_DEFAULTS,
    TRAINER_DEFAULTS,
    CountingTrainer,
    is_first_process,
    lightning_errors,
    prepare_trainer,
)

log = logging.getLogger(__name__)

# What a verb has, because others use it, and would ignore; a configuration may serve several verbs.
OF_PREDICT = (
    *("data.predict_path", "data.predict_format"),
    *("predictions.path", "predictions.format", "predictions.scores"),
)
UNUSED = {
    "fit": ("ensemble.checkpoints", *OF_PREDICT),
    "validate": OF_PREDICT,
    "test": OF_PREDICT,
}
OF_FIT = ("init_from", "teacher", "ema_decay", "early_stopping")
SILENT = {"trainer": {"enable_progress_bar": False, "logger": False}}


def run(verb: str, arguments: Sequence[str]) -> None:
    """Run ``fit``, ``validate``, ``test`` or ``predict``.

    Raises:
        InputError: if the arguments or the checkpoints cannot be used.
    """
    selection = read_selection(arguments)
    if not {"-h", "--help"} & set(arguments):
        # To see a configuration nobody needs the checkpoint that would change it.
        with suppress(*[InputError] * selection.has_option("print_config")):
            selection = with_named_checkpoints(selection, is_fit=verb == "fit")
    line = CommandLine(verb, selection)
    if verb == "fit":
        _report_on_best(line)


def is_finished(checkpoint: Checkpoint, trainer: Namespace) -> bool:
    """Return whether a training has nothing left to do."""
    is_trained = checkpoint.epochs >= (trainer.max_epochs or 0) > 0
    return is_trained or checkpoint.is_stopped or checkpoint.steps >= trainer.max_steps > 0


class CommandLine(LightningCLI):
    """LightningCLI with the module, the data module and the callbacks of this project.

    Args:
        verb: ``fit``, ``validate``, ``test`` or ``predict``.
        selection: The command line, and the checkpoint that is resumed or those that are evaluated.
        settings: Settings that override the command line, nested as in a configuration.
        is_reporting: Print scores and the paths of written files.
        page: The report to write on an evaluation, if the setting ``report`` wants one.

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
        page: Path | None = None,
    ) -> None:
        self._verb = verb
        self.selection = selection
        self._settings = settings
        self._is_reporting = is_reporting
        self._page = selection.folder / runs.TEST_PAGE if verb == "test" and selection.paths else page
        with (
            format_options(lambda setting: format_option(getattr(self, "datamodule", None), setting)),
            lightning_errors(),
            ExitStack() as self._kept,
        ):
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

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]  # a static method of LightningCLI's
        """Return the verb alone: the parsers of all four would take longer to build than a document to tag."""
        return {self._verb: super().subcommands()[self._verb]}

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
        _add_distillation(parser)
        parser.add_argument(
            "--ema_decay",
            type=float | None,
            default=None,
            help="Keep, score and save a moving average of the weights, of which each step keeps this share, such as "
            "0.999; off by default.",
        )
        parser.add_argument(
            "--report",
            type=bool,
            default=True,
            help="Write a report beside the checkpoint: an HTML page on what the best one of `fit` finds on dev, or "
            "on what `test` finds.",
        )
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.add_lightning_class_args(EpochSeed, "epoch_seed")
        # Built in `instantiate_trainer`, with what the selection holds.
        parser.add_class_arguments(SeedEnsemble, "ensemble", skip={"members"}, instantiate=False)
        parser.add_class_arguments(PredictionWriter, "predictions", skip={"folder", "is_reporting"}, instantiate=False)
        parser.set_defaults(CHECKPOINT_DEFAULTS)
        if self._verb != "fit":
            set_trained_defaults(parser, self.selection)
        parser.link_arguments(("run", "seed_everything"), "checkpoint.dirpath", _dirpath)
        parser.link_arguments("seed_everything", "epoch_seed.seed")
        parser.link_arguments("seed_everything", "data.seed")
        parser.link_arguments("model.encoder", "data.tokenizer")
        parser.link_arguments(("teacher", "distillation.texts"), "data.unlabelled", _unlabelled)
        parser.link_arguments("data.labels", "model.labels", apply_on="instantiate")
        parser.link_arguments("data.vocabulary_size", "model.vocabulary_size", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        self.config = parser.parse_args([self._verb, *self.selection.arguments])
        if self._settings is not None:
            self.config = parser.parse_object({self._verb: dict(self._settings)}, self.config)

    def _parse_ckpt_path(self) -> None:
        """Nothing: what a checkpoint says of itself is put in by :meth:`before_instantiate_classes`."""

    def before_instantiate_classes(self) -> None:
        config, members = self.config[self._verb], self.selection.members
        check_checkpoint(config.checkpoint, is_fit=self._verb == "fit")
        if self._is_reporting:  # it does what the command line says
            check_use(self._verb, self.selection.options)
        if config.teacher is None and self.selection.has_option("distillation"):
            raise InputError("there is nothing to distil from; name checkpoints with --teacher")
        # An evaluation has its checkpoints open: the trainer is not to open them again.
        config.ckpt_path = str(self.selection.paths[0]) if self._verb == "fit" and members else None
        if self._verb != "fit":
            ensemble.check_model(members[0])
            restore(config, self.selection)
        elif members:
            own = yaml.safe_load(self._parser(self._verb).dump(config, skip_unset=False))
            runs.check_resumable(members[0].name, members[0].config, own)
            is_at_end = members[0].is_whole_epoch or members[0].steps >= config.trainer.max_steps > 0
            if not is_at_end or not members[0].has_optimizer:
                what = "written within an epoch, or without the optimizer's state"
                raise InputError(f"{members[0].name}: {what}; resume from last.ckpt, or start from it with --init_from")
            if config.trainer.max_steps > 0 and not is_finished(members[0], config.trainer):
                fix = "train anew under another --run, or for trainer.max_epochs"
                raise InputError(f"{members[0].name}: a training for trainer.max_steps cannot be resumed; {fix}")
        if self._verb == "predict" and config.data.predict_path is not None:
            config.data.predict_path = str(self._kept.enter_context(kept(Path(config.data.predict_path))))

    def instantiate_classes(self) -> None:
        try:
            super().instantiate_classes()
        except InputError:
            raise
        except RuntimeError as error:
            if "Found more than one stateful callback" not in str(error):
                raise
            raise InputError("two ModelCheckpoint have the same settings; give one of them another monitor") from error
        except (ValueError, TypeError, KeyError, AttributeError, ImportError, MisconfigurationException) as error:
            source = f"{self.selection.paths[0]}: " if self.selection.paths else ""
            raise InputError(f"{source}these settings cannot be used: {one_line(error)}") from error
        limit, window = self.model.max_tokens, self.datamodule.window_tokens
        if limit is not None and window > limit:
            raise InputError(f"data.window_tokens is {window}, but the encoder reads {limit} tokens at most; lower it")

    def instantiate_trainer(self, **kwargs: object) -> Trainer:
        config = self._get(self.config_init, "trainer")
        is_chosen = config.precision in (None, "auto")
        prepare_trainer(config, is_fit=self._verb == "fit")
        if config.logger in (None, True):
            folder = self._get(self.config_init, "checkpoint").dirpath
            kwargs["logger"] = config.logger = CSVLogger(folder, name="logs") if self._verb == "fit" else False
        own, labels, members = self.config_init[self._verb], self.datamodule.labels, self.selection.members
        callbacks = fit_callbacks(own, labels, members) if self._verb == "fit" else evaluation_callbacks(own, members)
        if self._verb == "fit":  # a callback has it
            config.max_time = None
        if self._verb == "predict":
            folder = self.selection.folder
            callbacks.append(PredictionWriter(**own.predictions, folder=folder, is_reporting=self._is_reporting))
        if self._page is not None and own.report and not config.fast_dev_run:
            callbacks.append(PageReport(self._page, members, self.selection.folder))
        self.trainer_defaults["callbacks"] = [
            *callbacks,
            *[ScoreReport()] * self._is_reporting,
            *[PrecisionLine()] * (self._is_reporting and is_chosen),
        ]
        # Processes of one training share its folder, and the first of them holds it; settings are all checked by now.
        if self._verb == "fit" and not config.fast_dev_run and is_first_process():
            self._kept.enter_context(OutputLock(Path(self.config[self._verb].checkpoint.dirpath)))
        return super().instantiate_trainer(**kwargs)

    def _prepare_subcommand_kwargs(self, subcommand: str) -> dict[str, object]:
        # The writer has the predictions, which Lightning would keep a second time; ScoreReport prints scores, named.
        own = {"fit": {}, "predict": {"return_predictions": False}}.get(subcommand, {"verbose": False})
        return {**super()._prepare_subcommand_kwargs(subcommand), **own}


def check_use(verb: str, options: Iterable[str], name: str = "") -> None:
    """Refuse options of other verbs.

    Args:
        verb: The verb.
        options: Those that are given.
        name: What the user calls the verb, if not that.

    Raises:
        InputError: if there are some; it names them.
    """
    unused = UNUSED.get(verb, ()) + (() if verb == "fit" else OF_FIT)
    if given := [f"--{key}" for key in unused if any(f"{option}.".startswith(f"{key}.") for option in options)]:
        raise InputError(f"{', '.join(given)}: `{name or verb}` has no use for it; leave it out")


def _add_distillation(parser: LightningArgumentParser) -> None:
    parser.add_argument(
        "--teacher",
        type=list[str] | str | None,
        default=None,
        help="Checkpoints, exported folders, or patterns such as checkpoints/minilm_crf/seed=*/last.ckpt: `fit` "
        "learns from them, together, beside the annotation.",
    )
    parser.add_argument(
        "--distillation.weight",
        type=float,
        default=0.5,
        help="Share of the teacher in the loss, above 0 and at most 1; the annotation has the rest.",
    )
    parser.add_argument(
        "--distillation.texts",
        type=list[str] | str | None,
        default=None,
        help="Files or folders in the corpus's format, whose texts are learned from the teacher alone.",
    )


def _unlabelled(teacher: object, texts: list[str] | str | None) -> list[str] | None:
    """Return the files without annotation that a training reads, ``None`` where nothing could be learned from them."""
    if teacher is None:
        return None
    return [texts] if isinstance(texts, str) else list(texts or [])


def evaluate_silently(selection: RunSelection, page: Path | None) -> CommandLine:
    """Score the checkpoints of a run on dev once more: nothing is printed but the name of the report, if one is given.

    Raises:
        InputError: if the checkpoints cannot be used.
    """
    # What the corpus has to say was said before.
    with warned_before():
        return CommandLine("validate", selection, SILENT, is_reporting=False, page=page)


def _report_on_best(trained: CommandLine) -> None:
    """Write the report on the best checkpoint of a training, if it has kept one."""
    checkpoint = best_checkpoint(trained.trainer)
    own = trained.config["fit"]
    if own.report and not own.trainer.fast_dev_run and checkpoint is not None and checkpoint.best_model_path:
        best = Path(checkpoint.best_model_path)
        try:
            evaluate_silently(trained.selection.with_checkpoints([best]), best.with_name(runs.DEV_PAGE))
        except InputError as error:
            log.warning("No report, but the training is done: %s", error)


def _dirpath(run: str, seed: int) -> str:
    return str(runs.seed_folder(run, seed))
