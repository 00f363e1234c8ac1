"""The weights that a training or an evaluation starts with."""

from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

from ner.checkpoints.checkpoint import Checkpoint
from ner.checkpoints.ensemble import check_agreement, check_use
from ner.errors import InputError
from ner.training.module import NERModule


class InitialWeights(Callback):
    """Puts the weights of a checkpoint, and nothing else of it, in the module before anything else happens.

    Args:
        member: The checkpoint, or a member of an exported folder.

    Raises:
        InputError: if it was trained for other labels or units, or with constraints that this run has not, or lies
            where this run writes.
    """

    def __init__(self, member: Checkpoint) -> None:
        self.member = member

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        assert isinstance(pl_module, NERModule)  # the command line adds this callback to no other
        if stage == "fit":
            check_source(self.member, trainer, pl_module)
            own = pl_module.hparams
            if self.member.model.get("bio_constraints") and own["learn_transitions"] and not own["bio_constraints"]:
                raise InputError(
                    f"{self.member.name}: its CRF knows legal paths alone; give --model.bio_constraints true"
                )
        weights = dict(self.member.read_weights())
        pl_module.on_load_checkpoint({"hyper_parameters": self.member.model, "state_dict": weights})
        pl_module.load_state_dict(weights)
        if stage == "fit":
            pl_module.constrain()
        else:
            check_use(pl_module.model.eval(), self.member)


def check_source(member: Checkpoint, trainer: Trainer, module: NERModule) -> None:
    """Refuse a checkpoint that a training cannot start with or learn from.

    Raises:
        InputError: if it was trained for other labels or units, or lies where the training writes.
    """
    # A callback of the user's own may have no folder yet.
    folders = [getattr(callback, "dirpath", None) for callback in trainer.checkpoint_callbacks]
    if Path(member.name).parent.resolve() in [Path(folder).resolve() for folder in folders if folder]:
        raise InputError(f"{member.name}: lies where this run would write; give it another name with --run")
    data = trainer.datamodule  # type: ignore[attr-defined]
    check_agreement(member, "the data", module.label_set.labels, data.preprocessor)
