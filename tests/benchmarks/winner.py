"""The winner's procedure with its defects, re-created from its description, to be compared with this project's.

    python -m tests.benchmarks.winner --root path/to/collection --encoder path/to/encoder --seeds 11 17 --output folder

writes the dev predictions of each seed (``seed=<n>.json``) and of their ensemble (``ensemble.json``), for `score`.

What is re-created: batches of 8 texts in a random order; two ``[CLS]`` before a text in training but ``[CLS]`` and a
section marker in prediction, so that the markers' embeddings are never trained; texts cut at the encoder's limit in
training; the mean loss of texts; no clipping, no warm-up (0.01 of a step) and weight decay on everything; a decoder
that drops an entity when the next one begins right behind it; an ensemble whose start and end scores are random.

What is granted, though that code has it otherwise: a schedule that reaches its end, long texts whole in prediction, and
batches padded no wider than their longest text, which changes the time but not the result.

Source: the system's page and public code, ``yyLeaves/gutbrainie25`` at 057be85.
"""

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lightning.pytorch import Trainer, seed_everything
from torch import nn
from torch.utils.data import DataLoader

from ner.corpora.gutbrainie.corpus import DEV_FILE, GutBrainIE
from ner.documents import Span
from ner.labels import LabelSet
from ner.nn.models import CRFEnsemble, EncoderCRF
from ner.preprocessing.collate import Collator, EncodedChunk
from ner.preprocessing.tokenizer import TextEncoder, Tokens
from ner.training.callbacks.predictions import PredictionWriter
from ner.training.datamodule import NERDataModule
from ner.training.module import NERModule

BATCH_SIZE = 8
# Those of minilm_crf.yaml: what is compared is the procedure, not its rates for another encoder.
MINILM_RATES = (1e-4, 1e-3, 5e-3)


class TrainingText(TextEncoder):
    """Two ``[CLS]`` where prediction has ``[CLS]`` and a marker."""

    def input_ids(self, ids: Sequence[int], section: str) -> list[int]:
        before, _, *rest = super().input_ids(ids, section)
        return [before, before, *rest]


class GreedyLabels(LabelSet):
    """Drops an entity when the next one begins right behind it."""

    def decode(self, tags: Sequence[int]) -> list[Span]:
        found = super().decode(tags)
        starts = {span.start for span in found}
        return [span for span in found if span.end not in starts]


class WinnersData(NERDataModule):
    """Training texts cut at the encoder's limit, in random batches."""

    def train_dataloader(self) -> DataLoader[EncodedChunk]:
        collator = Collator(TrainingText(self.encoder.serialised), self.window_tokens, self.overlap_tokens)
        return DataLoader(
            dataset=[cut(chunk, collator.capacity) for chunk in self._encoded["train"]],  # type: ignore[arg-type]
            batch_size=BATCH_SIZE,
            shuffle=True,
            collate_fn=collator,
        )


class WinnersModule(NERModule):
    """The greedy decoder and the optimizer's settings.

    Args:
        labels: Entity types.
        vocabulary_size: Rows of the embedding.
        encoder: A folder, or a name on the hub.
        rates: Learning rates of encoder, emissions and CRF.
    """

    def __init__(
        self, labels: list[str], vocabulary_size: int, encoder: str, rates: tuple[float, float, float]
    ) -> None:
        encoder_lr, emissions_lr, crf_lr = rates
        super().__init__(
            labels,
            vocabulary_size,
            encoder,
            encoder_lr=encoder_lr,
            emissions_lr=emissions_lr,
            crf_lr=crf_lr,
            crf_weight_decay=0.01,
            warmup_ratio=0.0,
            loss_reduction="passages",
        )
        self.label_set = GreedyLabels(labels)


class WinnersEnsemble(CRFEnsemble):
    """Means of emissions and transitions, but the start and end scores of a fresh CRF."""

    def __init__(self, members: Sequence[EncoderCRF]) -> None:
        super().__init__(members)
        nn.init.uniform_(self.crf.start_transitions, -0.1, 0.1)
        nn.init.uniform_(self.crf.end_transitions, -0.1, 0.1)


def cut(chunk: EncodedChunk, most: int) -> EncodedChunk:
    """A chunk without its tokens beyond the first ``most``."""
    tokens = Tokens(chunk.tokens.ids[:most], chunk.tokens.offsets[:most])
    return replace(chunk, tokens=tokens, tags=chunk.tags[:most], annotated=min(chunk.annotated, most))


def main() -> None:
    """Train the seeds, and write what they and their ensemble find in dev."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.winner", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--root", type=Path, required=True, help="folder of the GutBrainIE collection")
    parser.add_argument("--encoder", required=True, help="folder of the encoder, or its name on the hub")
    parser.add_argument("--output", type=Path, required=True, help="folder for the predictions")
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 17], help="(default: 11 17)")
    parser.add_argument("--tiers", nargs="+", default=["platinum", "gold"], help="(default: platinum gold)")
    parser.add_argument("--epochs", type=int, default=4, help="(default: 4)")
    parser.add_argument("--rates", type=float, nargs=3, default=MINILM_RATES, help="of encoder, emissions and CRF")
    parser.add_argument("--precision", default="32-true", help="Lightning's name of it (default: 32-true)")
    options = parser.parse_args()
    dev = str(options.root / DEV_FILE)
    plain = {"precision": options.precision, "logger": False, "enable_checkpointing": False}
    silent = {"enable_progress_bar": False, "enable_model_summary": False}

    def predict(name: str) -> None:
        writer = PredictionWriter(str(options.output / f"{name}.json"))
        Trainer(callbacks=[writer], **plain, **silent).predict(module, data, return_predictions=False)

    trained = []
    for seed in options.seeds:
        seed_everything(seed)
        data = WinnersData(GutBrainIE(options.root, options.tiers), options.encoder, predict_path=dev)
        module = WinnersModule(data.labels, data.vocabulary_size, options.encoder, options.rates)
        Trainer(max_epochs=options.epochs, limit_val_batches=0, **plain, **silent).fit(module, data)
        trained.append(module.model)
        predict(f"seed={seed}")
    if len(trained) > 1:
        module.model = WinnersEnsemble(trained)
        predict("ensemble")


if __name__ == "__main__":
    main()
