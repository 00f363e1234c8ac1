"""The verbs of training: fit, validate, test and predict, on LightningCLI."""

import logging
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import yaml
from jsonargparse.typing import restricted_number_type
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import CSVLogger

from ner.checkpoints import ensemble as members
from ner.checkpoints import runs
from ner.checkpoints.checkpoint import Checkpoint, read_checkpoint
from ner.checkpoints.runs import differing_keys, seed_folder
from ner.cli.arguments import is_given, run_name, split_configs
from ner.cli.selection import common_folder, with_checkpoints
from ner.errors import InputError
from ner.io.files import kept
from ner.training.callbacks.ensemble import SeedEnsemble
from ner.training.callbacks.predictions import PredictionWriter
from ner.training.callbacks.progress import ProgressBar
from ner.training.callbacks.report import ScoreReport
from ner.training.callbacks.run_config import RunConfig
from ner.training.callbacks.seeding import EpochSeed
from ner.training.datamodule import NERDataModule
from ner.training.module import NERModule
from ner.training.trainer import CountingTrainer, check_trainer, quiet_lightning, usable_precision

DEFAULT_SEED = 42
EVALUATION = ("validate", "test", "predict")
PRECISIONS = ("32", "32-true", "16-mixed", "bf16-mixed")
# What the parser says of an option on the command line, and of a key in a configuration, that does not exist.
UNKNOWN = re.compile(r"(?:unrecognized arguments: --|does not accept option ')([\w.]+)")
SEEDS = range(2**32)
Seed = restricted_number_type("Seed", int, [(">=", SEEDS.start), ("<", SEEDS.stop)])

log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Run one verb.

    Args:
        arguments: The verb and its arguments.

    Returns:
        The exit code.

    Raises:
        InputError: if the user has to mend something.
    """
    arguments = list(arguments)
    run = run_name(arguments)  # reads all configurations, and names a broken one, which the parser does not
    configs, _ = split_configs(arguments)
    if not {"-h", "--help"} & set(arguments):
        if arguments[0] in EVALUATION:
            # What a checkpoint would change in it is of no use to somebody who wants to see a configuration.
            with suppress(InputError) if _is_printing(arguments) else nullcontext():
                arguments = [arguments[0], *with_checkpoints(arguments[1:])]
        elif not configs and len(arguments) == 1:
            raise InputError("fit needs a configuration: give --config configs/quickstart.yaml, say; or see fit --help")
    guarded(lambda: CommandLine(arguments, run))
    return 0


def guarded(start: Callable[[], "CommandLine"]) -> "CommandLine":
    """Start a command line, with what Lightning raises turned into what `main.py` expects.

    Raises:
        InputError: if Lightning refuses the arguments.
        KeyboardInterrupt: if the user interrupts it.
    """
    quiet_lightning()
    try:
        return start()
    except MisconfigurationException as error:
        raise InputError(" ".join(str(error).split())) from error
    except SystemExit as stop:
        # Lightning tidies up after Ctrl-C and then exits with the code of a failure.
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise


class Parser(LightningArgumentParser):
    """Takes no abbreviated options, and reports what is wrong in one line, without the usage."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - LightningCLI passes on what it was given
        super().__init__(*args, **{"allow_abbrev": False, **kwargs})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if not self.exit_on_error:
            super().error(message, ex)
        raise InputError(" ".join(message.split()))


class CommandLine(LightningCLI):
    """LightningCLI with the module, the data module and the callbacks of this project.

    Args:
        arguments: The verb and its arguments.
        run: The run's name, unless they say another.
        is_reporting: Whether the verb's scores and files are printed.
    """

    def __init__(self, arguments: Sequence[str], run: str, is_reporting: bool = True) -> None:
        self._arguments = list(arguments)
        self._run = run
        self._is_reporting = is_reporting
        self._folder = Path()
        with ExitStack() as self._kept:
            super().__init__(
                NERModule,
                NERDataModule,
                trainer_class=CountingTrainer,
                save_config_callback=RunConfig,
                save_config_kwargs={"save_to_log_dir": False},
                trainer_defaults={
                    "num_sanity_val_steps": 0,
                    "use_distributed_sampler": False,
                    "enable_model_summary": False,
                    "gradient_clip_val": 1.0,
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
        parser.add_argument("--seed_everything", type=Seed, default=DEFAULT_SEED, help="Seed of the run.")

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--run",
            type=str,
            default=self._run,
            help="Name of the run's folder in checkpoints/; by default the stem of the last --config.",
        )
        parser.add_argument(
            "--early_stopping",
            type=int | None,
            default=None,
            help="Epochs without a better val/micro_f1 after which to stop. This cuts the learning-rate schedule short "
            "of its end, where most is gained; off by default.",
        )
        parser.add_argument(
            "--init_from",
            type=str | None,
            default=None,
            help="Checkpoint or exported folder whose weights `fit` starts from, with a fresh optimizer and schedule; "
            "{seed} in it stands for the seed. Give the new run a name of its own with --run.",
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
        parser.add_lightning_class_args(SeedEnsemble, "ensemble")
        parser.add_lightning_class_args(PredictionWriter, "predictions")
        parser.link_arguments(("run", "seed_everything"), "checkpoint.dirpath", _dirpath)
        parser.link_arguments("seed_everything", "epoch_seed.seed")
        parser.link_arguments("seed_everything", "data.seed")
        parser.link_arguments("model.encoder", "data.tokenizer")
        parser.link_arguments("data.labels", "model.labels", apply_on="instantiate")
        parser.link_arguments("data.vocabulary_size", "model.vocabulary_size", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        try:
            self.config = parser.parse_args(self._arguments)
        except InputError as error:
            raise InputError(f"{error}{self._suggestion(str(error))}") from None

    def _suggestion(self, message: str) -> str:
        """What may be meant by an option that does not exist, if the message is of one."""
        unknown = UNKNOWN.search(message)
        if unknown is None:
            return ""
        verb = self._arguments[0]
        near = get_close_matches(unknown[1], self._parser(verb).get_defaults().keys(), n=1)
        return f"; do you mean {near[0]}?" if near else f"; {verb} --help lists what there is"

    def _parse_ckpt_path(self) -> None:
        """Nothing: what a checkpoint says of itself is put in by :meth:`before_instantiate_classes`."""

    def before_instantiate_classes(self) -> None:
        config = self.config[self.subcommand]
        folder = Path(config.checkpoint.dirpath)
        if config.run in ("", ".", "..") or config.run != Path(config.run).name:
            raise InputError(f"run is {config.run!r}; it should be the plain name of a folder")
        if config.ckpt_path in ("best", "last"):
            config.ckpt_path = str(folder / f"{config.ckpt_path}.ckpt")
        paths = [Path(config.ckpt_path)] if config.ckpt_path is not None else []
        if self.subcommand == "fit":
            if paths:
                self._check_resumable(read_checkpoint(paths[0]))
            return
        paths = paths or runs.find(config.ensemble.checkpoints or [])
        self._restore(members.read(paths)[0])
        self._folder = common_folder(paths)
        if self.subcommand == "predict" and config.data.predict_path is not None:
            config.data.predict_path = str(self._kept.enter_context(kept(Path(config.data.predict_path))))

    def _check_resumable(self, checkpoint: Checkpoint) -> None:
        """Refuse to resume another training than the one that the arguments describe."""
        config = self.config[self.subcommand]
        own = yaml.safe_load(self._parser(self.subcommand).dump(config, skip_unset=False))
        if checkpoint.config and (keys := differing_keys(checkpoint.config, own)):
            mend = "go on with the settings that it was started with, or train anew under another --run"
            raise InputError(f"{checkpoint.name}: was trained with another {', '.join(keys)}; {mend}")

    def _restore(self, checkpoint: Checkpoint) -> None:
        """Put what a checkpoint was trained with in place of what configurations say of the model and its input."""
        config = self.config[self.subcommand]
        unused = []
        for section, restored in (("model", checkpoint.model), ("data", checkpoint.data)):
            namespace = config[section]
            for key, value in restored.items():
                # Labels and vocabulary size come from the data, and are compared when the weights are loaded.
                if key in ("labels", "vocabulary_size"):
                    continue
                if key not in namespace:
                    what = f"a setting that this version does not know: {section}.{key}"
                    raise InputError(f"{checkpoint.name}: has {what}")
                if namespace[key] != value and is_given(self._arguments, f"{section}.{key}"):
                    unused.append(f"{section}.{key}")
                namespace[key] = value
        if unused:
            log.warning("What the checkpoint says of these holds, not what the arguments say: %s", ", ".join(unused))

    def instantiate_classes(self) -> None:
        config = self.config[self.subcommand]
        try:
            super().instantiate_classes()
        except InputError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, ImportError, MisconfigurationException) as error:
            source = f"{config.ckpt_path}: " if config.ckpt_path else ""
            raise InputError(f"{source}these settings cannot be used: {' '.join(str(error).split())}") from error
        limit, window = self.model.max_tokens, self.datamodule.window_tokens
        if limit is not None and window > limit:
            raise InputError(f"data.window_tokens is {window}, but the encoder reads {limit} tokens at most; lower it")
        if self.subcommand == "fit" and config.init_from is not None and config.ckpt_path is None:
            self._start_from(str(config.init_from).replace("{seed}", str(config.seed_everything)))

    def _start_from(self, path: str) -> None:
        """Begin with the weights of another training, and with nothing else of it."""
        if Path(path).parent == Path(self.config[self.subcommand].checkpoint.dirpath):
            raise InputError(f"{path}: lies where this run would write; give it a name of its own with --run")
        found = members.read(runs.find(path))
        seed = str(self.config[self.subcommand].seed_everything)
        own = [member for member in found if len(found) == 1 or Path(member.name).name == seed]
        if len(own) != 1:
            raise InputError(f"{path}: has {len(found)} members, none of them seed {seed}; name one checkpoint")
        members.check_agreement(own[0], "the data", self.datamodule.labels, self.datamodule.state_dict())
        weights = dict(own[0].read_weights())
        self.model.on_load_checkpoint({"hyper_parameters": own[0].model, "state_dict": weights})
        self.model.load_state_dict(weights)

    def instantiate_trainer(self, **kwargs: object) -> Trainer:
        config = self._get(self.config_init, "trainer")
        check_trainer(config, is_fit=self.subcommand == "fit")
        config.precision = usable_precision(config)
        folder = self._get(self.config_init, "checkpoint").dirpath
        predictions = self._get(self.config_init, "predictions")
        predictions.is_reporting = self._is_reporting
        predictions.folder = self._folder
        if config.logger in (None, True):
            kwargs["logger"] = config.logger = CSVLogger(folder, name="logs") if self.subcommand == "fit" else False
        # `save_last` of the one that keeps the best would write only when there is a new best.
        last = ModelCheckpoint(folder, "last", save_on_train_epoch_end=True, enable_version_counter=False)
        callbacks: list[Callback] = [ScoreReport(), last] if self._is_reporting else [last]
        if config.logger:
            callbacks.append(LearningRateMonitor("step"))
        if config.enable_progress_bar is not False:
            callbacks.append(ProgressBar())
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


def _dirpath(run: str, seed: int) -> str:
    return str(seed_folder(run, seed))
