"""The Lightning module: loss, steps, three parameter groups and their schedule."""

import math
from typing import Literal

import numpy as np
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from transformers import get_linear_schedule_with_warmup

from ner import runtime
from ner.checkpoints import schema
from ner.checkpoints.checkpoint import with_present_names
from ner.checkpoints.pretrained import build_encoder, load_encoder, load_encoder_config, max_positions, plain_config
from ner.errors import InputError
from ner.inference.backends import TaggedTexts
from ner.inference.decoding import decode
from ner.labels import LabelSet
from ner.metrics.official import Score, mentions
from ner.metrics.torchmetric import OfficialScore
from ner.nn.models import EncoderCRF, Model, layers_of
from ner.nn.smoothing import smoothing_loss
from ner.preprocessing.collate import Batch
from ner.training.teacher import Teacher

# More of them would only cost time.
MOST_SAMPLES = 64


class NERModule(LightningModule):
    """Encoder, linear emissions and CRF, trained with a learning rate each.

    Args:
        labels: Entity types; their order decides the tag ids.
        vocabulary_size: Rows that the encoder's embedding needs, section markers included.
        encoder: A folder or a name on the hub. A checkpoint does not ask for it again.
        pretrained: Load the encoder's weights; otherwise its configuration only, with random weights.
        encoder_config: The encoder's configuration as plain types. A checkpoint carries it; then nothing is loaded.
        attention_dropout: Rate in the encoder's attention, in place of its own. At 0 a step takes less time.
        dropout: Rate before the emissions.
        dropout_samples: Draws of this dropout for each training batch, over whose losses the mean is taken.
        learn_transitions: Let the CRF learn; otherwise its scores stay zero, and each unit is tagged on its own, by a
            softmax over its emissions.
        bio_constraints: Make illegal tag sequences impossible (``I-`` after anything but its own type).
        encoder_lr: Peak learning rate of the encoder.
        encoder_lr_decay: Factor of this rate from each layer of the encoder to the one below; embeddings lie below all.
        emissions_lr: Peak learning rate of the linear layer.
        crf_lr: Peak learning rate of the transitions.
        encoder_weight_decay: Weight decay of the encoder.
        emissions_weight_decay: Weight decay of the linear layer.
        crf_weight_decay: Weight decay of the transitions.
        warmup_ratio: Share of all steps in which the rates rise, before they fall linearly to zero.
        loss_reduction: Divide the batch's sum of weight x negative log-likelihood by its annotated ``tokens`` (units),
            or by its ``passages`` (texts read as one).
        min_scores: The least score of an entity, one for all labels or by label, 0 where none is named. Evaluations
            leave out other entities; `threshold` chooses it anew.
        tier_smoothing: Label smoothing by tier, 0 where none is named: the share of a unit's tag that training gives to
            all tags alike, because the annotation may err.

    Raises:
        InputError: if a rate or a score is out of its range, a checkpoint could not hold a label, or the encoder cannot
            be had.

    Attributes:
        max_tokens: Most tokens that the encoder reads at once, ``None`` where it knows no limit.
        scores: The official score of the last pass over each split, ``"val"`` and ``"test"``.
        model: The network; an evaluation may put an ensemble in its place.
        teacher: What a training learns from beside the annotation; a callback puts it there.
    """

    def __init__(
        self,
        labels: list[str],
        vocabulary_size: int,
        encoder: str,
        pretrained: bool = True,
        encoder_config: dict[str, object] | None = None,
        attention_dropout: float | None = None,
        dropout: float = 0.1,
        dropout_samples: int = 1,
        learn_transitions: bool = True,
        bio_constraints: bool = False,
        encoder_lr: float = 2e-5,
        encoder_lr_decay: float = 1.0,
        emissions_lr: float = 2e-4,
        crf_lr: float = 2e-3,
        encoder_weight_decay: float = 0.01,
        emissions_weight_decay: float = 0.01,
        crf_weight_decay: float = 0.0,
        warmup_ratio: float = 0.1,
        loss_reduction: Literal["tokens", "passages"] = "tokens",
        min_scores: float | dict[str, float] | None = None,
        tier_smoothing: dict[str, float] | None = None,
    ) -> None:
        super().__init__()
        rates = {"encoder": encoder_lr, "emissions": emissions_lr, "crf": crf_lr}
        decays = {"encoder": encoder_weight_decay, "emissions": emissions_weight_decay, "crf": crf_weight_decay}
        for name, rate in rates.items():
            _check_range(f"{name}_lr", rate, 0, math.inf)
            _check_range(f"{name}_weight_decay", decays[name], 0, math.inf)
        shares = {"dropout": dropout, "attention_dropout": attention_dropout or 0.0}
        for name, share in {**shares, "encoder_lr_decay": encoder_lr_decay, "warmup_ratio": warmup_ratio}.items():
            _check_range(name, share, 0, 1)
        _check_range("dropout_samples", dropout_samples, 1, MOST_SAMPLES)
        schema.check_tier_smoothing(tier_smoothing or {})
        if tier_smoothing and bio_constraints:
            raise InputError("model.tier_smoothing gives shares to tags that model.bio_constraints forbids; choose one")
        schema.check_labels(labels)  # what it trains has to stay readable
        self.label_set = LabelSet(labels)
        if not isinstance(min_scores, dict):
            min_scores = dict.fromkeys(labels, min_scores) if min_scores else {}
        schema.check_min_scores(min_scores, labels)
        self.min_scores = dict(min_scores)
        if encoder_config is not None:
            network = build_encoder(encoder_config)
        elif pretrained:
            network = load_encoder(encoder, attention_dropout)
        else:
            network = build_encoder(load_encoder_config(encoder, attention_dropout))
        if vocabulary_size > network.config.vocab_size:
            network.resize_token_embeddings(vocabulary_size, mean_resizing=False)
        encoder_config = plain_config(network.config)
        self.save_hyperparameters()
        single = EncoderCRF(network, network.config.hidden_size, len(self.label_set.tags), dropout)
        self.model: Model = single
        self.constrain()
        self.val_score = OfficialScore(labels)
        self.test_score = OfficialScore(labels)
        self.max_tokens = max_positions(network.config)
        self.scores: dict[str, Score] = {}
        self.teacher: Teacher | None = None
        self._accumulated: list[Tensor | int] = []

    def constrain(self) -> None:
        """Give the CRF what the settings say of it: scores that stay zero, and paths that nothing takes."""
        assert isinstance(self.model, EncoderCRF)  # an ensemble has been trained
        if not self.hparams["learn_transitions"]:
            for parameter in self.model.crf.parameters():
                nn.init.zeros_(parameter).requires_grad_(False)
        if self.hparams["bio_constraints"]:
            self.model.crf.forbid(self.label_set.legal_starts(), self.label_set.legal_transitions())

    def forward(self, batch: Batch) -> Tensor:
        """Return emissions of the batch's texts, (B, T, K)."""
        return self.model.emissions(batch.input_ids, batch.attention_mask, batch.rows, batch.positions)

    def tag(self, batch: Batch, with_scores: bool = False) -> TaggedTexts:
        """Return what is found in the texts of a batch, on request each entity with its span marginal."""
        return decode(self.model, self(batch), batch, self.label_set, with_scores)

    def loss(self, emissions: Tensor, batch: Batch) -> Tensor:
        """Return the weighted negative log-likelihood of the annotated units, reduced as ``loss_reduction`` says.

        Text after the annotation's end does not count, nor does a text without annotation.
        """
        total, count = self._total_loss(emissions, batch)
        return total / max(count, 1)

    def _total_loss(self, emissions: Tensor, batch: Batch) -> tuple[Tensor, int]:
        """Return the sum of which the loss is the mean, and the count."""
        known = np.flatnonzero(batch.texts.annotated).tolist()
        if not known:
            return emissions.sum() * 0.0, 0
        tags, annotated, weights = batch.tags, batch.annotated, batch.weights
        if len(known) < len(batch):
            emissions, tags, annotated, weights = (part[known] for part in (emissions, tags, annotated, weights))
        total = (weights * self.model.nll(emissions, tags, annotated)).sum()
        is_passages = self.hparams["loss_reduction"] == "passages"
        return total, len(known) if is_passages else int(batch.texts.annotated.sum())

    def _training_loss(self, emissions: Tensor, batch: Batch) -> tuple[Tensor, int]:
        """Return the sum of which the loss of a training is the mean, and the count: with a teacher, of all units."""
        total, count = self._total_loss(emissions, batch)
        if smoothing := self.hparams["tier_smoothing"]:
            shares = batch.weights.new_tensor([smoothing.get(chunk.document.tier, 0.0) for chunk in batch.texts.chunks])
            total = total + (batch.weights * shares * smoothing_loss(emissions, batch.tags, batch.annotated)).sum()
        if self.teacher is None:
            return total, count
        divergence = self.teacher.divergence(self.model.crf, emissions, batch)
        is_passages = self.hparams["loss_reduction"] == "passages"
        count = len(batch) if is_passages else int(batch.texts.unit_counts.sum())
        self.log("train/distillation", divergence / max(count, 1), batch_size=count, sync_dist=True)
        return (1 - self.teacher.weight) * total + self.teacher.weight * divergence, count

    def on_fit_start(self) -> None:
        """Refuse smoothing for a tier that no training document is of."""
        data = getattr(self.trainer, "datamodule", None)
        if data is None or not (smoothing := self.hparams["tier_smoothing"]):
            return
        tiers = {chunk.document.tier for chunk in data.train_texts.chunks}
        if unknown := [tier for tier in smoothing if tier not in tiers]:
            listed = ", ".join(sorted(tiers - {""})) or "none"
            raise InputError(f"model.tier_smoothing: no training document is of tier {unknown[0]!r}; tiers: {listed}")

    def training_step(self, batch: Batch) -> Tensor:
        """Return the loss of a batch; the mean over several processes is that of all their batches together."""
        assert isinstance(self.model, EncoderCRF)  # an ensemble is never trained
        inputs = (batch.input_ids, batch.attention_mask, batch.rows, batch.positions)
        samples = self.model.emission_samples(*inputs, self.hparams["dropout_samples"])
        totals, counted = zip(*(self._training_loss(emissions, batch) for emissions in samples), strict=True)
        total, count = torch.stack(totals).mean(), counted[0]
        # DDP averages the processes' gradients, whatever their batches hold.
        _, ranks = runtime.rank()
        counts = runtime.total(count, total.device)
        self.log(
            "train/loss", total * ranks / _at_least_one(counts), prog_bar=True, batch_size=len(batch), sync_dist=True
        )
        self._accumulated.append(counts)
        # Accumulated batches are averaged in the same way; see `on_before_optimizer_step`.
        return total * ranks / _at_least_one(self._accumulated[0])

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Scale the gradient of accumulated batches to that of one large batch with all their texts."""
        counts, self._accumulated = self._accumulated, []
        planned = self.trainer.accumulate_grad_batches
        if planned > 1:
            # Lightning has divided by their planned number; at an epoch's end there may be fewer.
            factor = planned * _at_least_one(counts[0]) / _at_least_one(sum(counts))
            for parameter in self.parameters():
                if parameter.grad is not None:
                    parameter.grad.mul_(factor)

    def validation_step(self, batch: Batch) -> dict[str, TaggedTexts]:
        """Score a batch of the dev split; ``"tagged"`` holds the result."""
        return self._evaluate(batch, "val", self.val_score)

    def test_step(self, batch: Batch) -> dict[str, TaggedTexts]:
        """Score a batch of the test split; ``"tagged"`` holds the result."""
        return self._evaluate(batch, "test", self.test_score)

    def predict_step(self, batch: Batch) -> TaggedTexts:
        """Tag a batch, each entity with its span marginal."""
        return self.tag(batch, with_scores=True)

    def on_validation_epoch_end(self) -> None:
        self._log_score("val", self.val_score)

    def on_test_epoch_end(self) -> None:
        self._log_score("test", self.test_score)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW over the groups ``encoder``, ``emissions`` and ``crf``; linear warm-up and decay over all steps.

        With ``encoder_lr_decay`` each layer is a group: ``encoder/embeddings``, ``encoder/layer.0`` and so on.
        """
        assert isinstance(self.model, EncoderCRF)  # an ensemble is never trained
        groups = [
            *self._encoder_groups(self.model.encoder),
            self._parameter_group("emissions", list(self.model.classifier.parameters())),
            self._parameter_group("crf", list(self.model.crf.parameters())),
        ]
        # A fused step passes once over the memory of each parameter. With a GradScaler it cannot be clipped.
        is_scaled = self.trainer.precision == "16-mixed"
        optimizer = torch.optim.AdamW(groups, fused=not is_scaled)
        # Lightning takes every fused step in mixed precision for one with a GradScaler. bf16 has none.
        optimizer._step_supports_amp_scaling = False
        steps = int(self.trainer.estimated_stepping_batches)
        warmup = int(self.hparams["warmup_ratio"] * steps)
        schedule = get_linear_schedule_with_warmup(optimizer, warmup, steps)  # type: ignore[no-untyped-call]
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_load_checkpoint(self, checkpoint: dict[str, object]) -> None:
        """Refuse weights that were trained for other tags, or by another architecture.

        Raises:
            InputError: if the checkpoint's labels are not these, in this order, or its tensors are not this model's.
        """
        parameters, weights = checkpoint.get("hyper_parameters"), checkpoint["state_dict"]
        assert isinstance(weights, dict)  # Lightning would not have got this far
        checkpoint["state_dict"] = weights = with_present_names(weights)
        labels = parameters.get("labels") if isinstance(parameters, dict) else None
        check_labels(list(labels or []), self.hparams["labels"])
        own = {name: tensor.shape for name, tensor in self.state_dict().items()}
        theirs = {name: tensor.shape for name, tensor in weights.items()}
        if differing := sorted(name for name in own.keys() | theirs.keys() if own.get(name) != theirs.get(name)):
            what = f"{len(differing)} of its tensors are missing, unknown or of another shape, such as {differing[0]}"
            raise InputError(
                f"the checkpoint's weights are not this model's: {what}; it was trained with another encoder"
            )

    def _encoder_groups(self, encoder: nn.Module) -> list[dict[str, object]]:
        decay: float = self.hparams["encoder_lr_decay"]
        if decay == 1:
            return [self._parameter_group("encoder", list(encoder.parameters()))]
        return [
            self._parameter_group(f"encoder/{name}", parameters, decay**depth)
            for name, depth, parameters in layers_of(encoder)
        ]

    def _parameter_group(self, name: str, parameters: list[nn.Parameter], factor: float = 1.0) -> dict[str, object]:
        part = name.partition("/")[0]
        return {
            "name": name,
            "params": parameters,
            "lr": factor * self.hparams[f"{part}_lr"],
            "weight_decay": self.hparams[f"{part}_weight_decay"],
        }

    def _evaluate(self, batch: Batch, stage: str, score: OfficialScore) -> dict[str, TaggedTexts]:
        emissions = self(batch)
        total, count = self._total_loss(emissions, batch)
        # Weighted by its count, so that it does not depend on the batches.
        self.log(f"{stage}/loss", total / max(count, 1), batch_size=count, sync_dist=True)
        # Between the epochs of a training nobody reads the entities' scores.
        with_scores = self.trainer.state.fn != TrainerFn.FITTING
        tagged = decode(self.model, emissions, batch, self.label_set, with_scores, self.min_scores)
        for chunk, found in zip(tagged.texts.chunks, tagged.spans, strict=True):
            for index, spans in chunk.project(found).items():
                passage = chunk.document.passages[index]
                gold, known = passage.known(passage.spans), passage.known(spans)
                score.update(mentions(passage, gold), mentions(passage, known))
        return {"tagged": tagged}

    def _log_score(self, stage: str, metric: OfficialScore) -> None:
        score = self.scores[stage] = metric.compute()
        metric.reset()
        self.log(f"{stage}/micro_f1", score.micro.f1, prog_bar=True)
        self.log(f"{stage}/macro_f1", score.macro.f1)
        self.log_dict({f"{stage}/f1/{label}": figures.f1 for label, figures in score.labels.items()})


def _at_least_one(count: Tensor | int) -> Tensor | int:
    """Return a divisor: a batch may have no annotation."""
    return count.clamp(min=1) if isinstance(count, Tensor) else max(count, 1)


def _check_range(name: str, value: float, least: float, most: float) -> None:
    if not (least <= value <= most and math.isfinite(value)):
        upper = f" and at most {most:g}" if math.isfinite(most) else ""
        raise InputError(f"model.{name} is {value}; it should be a number of at least {least:g}{upper}")


def check_labels(checkpoint: list[str], corpus: list[str]) -> None:
    """Refuse to mix a checkpoint and a corpus whose tag ids mean different things.

    Raises:
        InputError: if the labels differ, or their order does.
    """
    if checkpoint == corpus:
        return
    if sorted(checkpoint) == sorted(corpus):
        raise InputError(f"the checkpoint's labels stand in another order: {checkpoint} there, {corpus} in the corpus")
    only = {
        "only in the checkpoint": sorted(set(checkpoint) - set(corpus)),
        "only in the corpus": sorted(set(corpus) - set(checkpoint)),
    }
    listed = "; ".join(f"{where}: {', '.join(labels)}" for where, labels in only.items() if labels)
    raise InputError(f"the checkpoint's labels are not the corpus's ({listed})")
