"""Several checkpoints as one model, during an evaluation."""

from collections.abc import Sequence

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from rich.console import Console

from ner.checkpoints import ensemble, runs
from ner.checkpoints.checkpoint import Checkpoint
from ner.checkpoints.pretrained import max_positions
from ner.errors import InputError
from ner.nn.models import CRFEnsemble, Model
from ner.training.module import NERModule


class SeedEnsemble(Callback):
    """Replaces the model of a module by a :class:`~ner.nn.models.CRFEnsemble` during an evaluation.

    Steps, metrics and writers work with what they find in the module, so `validate` measures what `predict` writes.
    The evaluation at the end of each epoch of `fit` is that of the model in training.

    Args:
        checkpoints: Checkpoints, exported folders, or patterns such as ``checkpoints/minilm_crf/seed=*/best.ckpt``;
            without any there is no ensemble.
        one_at_a_time: Whether members stay in their files, and each comes to the device for its turn in every batch:
            slower, with the memory of one.
        members: The checkpoints themselves, where they have been opened already.
    """

    def __init__(
        self,
        checkpoints: list[str] | str | None = None,
        one_at_a_time: bool = False,
        members: Sequence[Checkpoint] = (),
    ) -> None:
        self.checkpoints = checkpoints
        self.one_at_a_time = one_at_a_time
        self.members = members
        self._single: Model | None = None

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if (self.members or self.checkpoints) and trainer.state.fn != TrainerFn.FITTING:
            assert isinstance(pl_module, NERModule)  # the command line adds this callback to no other
            self._single, pl_module.model = pl_module.model, self._ensemble(trainer, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._single is not None:
            pl_module.model, self._single = self._single, None

    on_test_start = on_validation_start
    on_predict_start = on_validation_start
    on_test_end = on_validation_end
    on_predict_end = on_validation_end

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self.on_validation_end(trainer, pl_module)

    def _ensemble(self, trainer: Trainer, module: NERModule) -> CRFEnsemble:
        found = self.members or ensemble.read(runs.find(self.checkpoints or []))
        data = getattr(trainer, "datamodule", None)
        if data is not None:
            ensemble.check_agreement(found[0], "the data", module.label_set.labels, data.preprocessor)
        taggers = [ensemble.build_model(member, is_mapped=self.one_at_a_time) for member in found]
        for member, tagger in zip(found, taggers, strict=True):
            limit = max_positions(tagger.encoder.config)  # type: ignore[arg-type]
            if data is not None and limit is not None and data.window_tokens > limit:
                raise InputError(f"{member.name}: its encoder reads {limit} tokens at most; lower data.window_tokens")
        if trainer.is_global_zero:
            names = ", ".join(member.name for member in found)
            # Standard output may be the file of predictions.
            console = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
            console.print(f"ensemble of {len(found)}: {names}")
        return CRFEnsemble(taggers, self.one_at_a_time).to(module.device).eval()
