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
from functools import cached_property
from pathlib import Path

import numpy as np
from lightning.pytorch import Trainer, seed_everything
from torch import nn
from torch.utils.data import DataLoader

from ner.corpora.gutbrainie.corpus import DEV_FILE, GutBrainIE
from ner.labels import Intervals, LabelSet
from ner.nn.models import CRFEnsemble, EncoderCRF
from ner.preprocessing.collate import collate
from ner.preprocessing.preprocessor import Preprocessor
from ner.preprocessing.ragged import Integers, borders_of, ranges
from ner.preprocessing.texts import Texts
from ner.preprocessing.tokenizer import TextTokenizer
from ner.training.callbacks.predictions import PredictionWriter
from ner.training.datamodule import NERDataModule
from ner.training.module import NERModule

BATCH_SIZE = 8
# Those of minilm_crf.yaml: what is compared is the procedure, not its rates for another encoder.
MINILM_RATES = (1e-4, 1e-3, 5e-3)


class TrainingText(TextTokenizer):
    """Two ``[CLS]`` where prediction has ``[CLS]`` and a marker."""

    def before(self, sections: Sequence[str]) -> Integers:
        frame = super().before(sections)
        frame[:, 1] = frame[:, 0]
        return frame


class TrainingPreprocessor(Preprocessor):
    """Reads texts as the winner trains on them."""

    @cached_property
    def text_tokenizer(self) -> TextTokenizer:
        return TrainingText(self.tokenizer, self.markers)


class GreedyLabels(LabelSet):
    """Drops an entity when the next one begins right behind it."""

    def decode(self, paths: Integers) -> Intervals:
        found = super().decode(paths)
        is_next = (found.starts[1:] == found.ends[:-1]) & (found.rows[1:] == found.rows[:-1])
        is_kept = np.append(~is_next, True)[: len(found.rows)]
        return Intervals(*(part[is_kept] for part in found))


class WinnersData(NERDataModule):
    """Training texts cut at the encoder's limit, in random batches."""

    def train_dataloader(self) -> DataLoader[int]:
        reading = self.preprocessor
        training = TrainingPreprocessor(reading.tokenizer, window_tokens=reading.window_tokens)
        texts = cut(self._texts["train"], reading.capacity)
        return DataLoader(
            dataset=range(len(texts)),  # type: ignore[arg-type]
            batch_size=BATCH_SIZE,
            shuffle=True,
            collate_fn=lambda indices: collate(texts.take(indices), training),
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


def cut(texts: Texts, most: int) -> Texts:
    """Texts without their tokens beyond the first ``most``."""
    counts = np.minimum(texts.token_counts, most)
    kept, borders = ranges(texts.token_borders[:-1], counts), borders_of(counts)
    return replace(
        texts,
        ids=texts.ids[kept],
        token_borders=borders,
        heads=texts.heads[kept],
        offsets=texts.offsets[kept],
        unit_borders=borders,
        tags=texts.tags[kept],
        annotated=np.minimum(texts.annotated, most),
    )


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
