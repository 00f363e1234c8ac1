"""A training that also learns from trained models."""

from collections.abc import Sequence

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console

from ner.checkpoints import ensemble
from ner.checkpoints.checkpoint import Checkpoint, common_reading
from ner.errors import InputError
from ner.nn.models import CRFEnsemble, Model
from ner.training.callbacks.initial_weights import check_source
from ner.training.module import NERModule
from ner.training.teacher import teach


class Distillation(Callback):
    """Lets trained models read the texts of a training once, before it begins, and the module learn from them.

    Args:
        members: The teacher: one checkpoint, or the members of an ensemble.
        weight: Share of the teacher in the loss, above 0 and at most 1; the annotation has the rest.

    Raises:
        InputError: if the weight is out of its range.
    """

    def __init__(self, members: Sequence[Checkpoint], weight: float) -> None:
        if not 0 < weight <= 1:
            raise InputError(f"distillation.weight is {weight}; it should be a number above 0 and at most 1")
        self.members = members
        self.weight = weight
        self._model: Model | None = None
        self._fingerprint = ""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Build the teacher.

        Raises:
            InputError: if it was trained for other labels or units, or lies where this run writes.
        """
        assert isinstance(pl_module, NERModule)  # the command line adds this callback to no other
        for member in self.members:
            check_source(member, trainer, pl_module)
        models = [ensemble.build_model(member) for member in self.members]
        self._model = models[0] if len(models) == 1 else CRFEnsemble(models)
        self._fingerprint = self._model.fingerprint()

    def state_dict(self) -> dict[str, object]:
        """Return which teacher it is."""
        return {"fingerprint": self._fingerprint}

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        """Check that a training that is resumed has the teacher that it began with.

        Raises:
            InputError: if not.
        """
        if state_dict.get("fingerprint") != self._fingerprint:
            names = ", ".join(member.name for member in self.members)
            raise InputError(f"{names}: not the teacher that this training began with; put its checkpoints back")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let the teacher read."""
        assert isinstance(pl_module, NERModule)
        assert self._model is not None  # built in `setup`
        model, self._model = self._model, None
        labels, texts = pl_module.label_set, trainer.datamodule.train_texts  # type: ignore[attr-defined]
        if pl_module.hparams["bio_constraints"]:
            # Of a path that the student cannot take it has nothing to learn.
            model.crf.forbid(labels.legal_starts(), labels.legal_transitions())
        if trainer.is_global_zero:
            names = ", ".join(member.name for member in self.members)
            line = f"teacher of {len(self.members)} reads {len(texts)} texts: {names}"
            Console(soft_wrap=True).print(line, markup=False, highlight=False)
        reading, precision = common_reading(self.members), trainer.precision_plugin.forward_context
        pl_module.teacher = teach(model, texts, reading, self.weight, pl_module.device, precision)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget it."""
        assert isinstance(pl_module, NERModule)
        pl_module.teacher = None
