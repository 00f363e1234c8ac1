import traceback
from dataclasses import replace
from itertools import islice
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback, Trainer
from torch._ops import OpOverload
from torch.nn.functional import one_hot
from torch.utils._python_dispatch import TorchDispatchMode

from ner.corpora import GutBrainIE, Sample
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.labels import LabelSet
from ner.preprocessing import windows
from ner.preprocessing.collate import Batch, collate
from ner.preprocessing.preprocessor import Preprocessor
from ner.preprocessing.ragged import padded
from ner.preprocessing.texts import Texts
from ner.training.callbacks.progress import ProgressBar
from ner.training.datamodule import NERDataModule
from ner.training.module import NERModule, check_labels
from tests.first_step import build

LABELS = ["animal", "food"]


@pytest.fixture
def module(tiny_encoder: str, preprocessor: Preprocessor) -> NERModule:
    torch.manual_seed(0)
    return NERModule(LABELS, preprocessor.vocabulary_size, tiny_encoder, pretrained=False)


def batch_of(preprocessor: Preprocessor, *documents: Document) -> Batch:
    return collate(preprocessor.encode(documents, LabelSet(LABELS)), preprocessor)


def given_back(texts: Texts, labels: LabelSet) -> list[list[Span]]:
    return texts.spans(labels.decode(padded(texts.tags, texts.unit_counts)), labels)


def document_of(gutbrainie: GutBrainIE, tier: str, pmid: str) -> Document:
    [found] = [document for document in GutBrainIE(gutbrainie.root, [tier]).read("train") if document.id == pmid]
    return found


def peak_memory() -> int:
    """The most memory that this process has held, in bytes."""
    return getrusage(RUSAGE_SELF).ru_maxrss * 1024


def document(text: str, weight: float = 1.0, annotated_until: int | None = None) -> Document:
    return Document(
        "1", (Passage(text, spans=(Span(0, 4, "animal"),), annotated_until=annotated_until),), weight=weight
    )


def test_there_are_three_named_groups_with_rates_of_their_own(module: NERModule) -> None:
    module.trainer = Trainer(max_steps=100, logger=False, barebones=True)
    configured = module.configure_optimizers()
    assert isinstance(configured, dict)
    groups = configured["optimizer"].param_groups
    assert [group["name"] for group in groups] == ["encoder", "emissions", "crf"]
    assert [group["initial_lr"] for group in groups] == [2e-5, 2e-4, 2e-3]
    assert [group["weight_decay"] for group in groups] == [0.01, 0.01, 0.0]
    grouped = [parameter for group in groups for parameter in group["params"]]
    assert {id(parameter) for parameter in grouped} == {id(parameter) for parameter in module.parameters()}
    assert len(grouped) == len(list(module.parameters()))


def test_rates_decay_from_the_top_layer_of_the_encoder_to_its_embeddings(
    tiny_encoder: str, preprocessor: Preprocessor
) -> None:
    module = NERModule(
        LABELS, preprocessor.vocabulary_size, tiny_encoder, pretrained=False, encoder_lr=1e-4, encoder_lr_decay=0.5
    )
    module.trainer = Trainer(max_steps=100, logger=False, barebones=True)
    configured = module.configure_optimizers()
    assert isinstance(configured, dict)
    rates = {group["name"]: group["initial_lr"] for group in configured["optimizer"].param_groups}
    assert rates == {
        "encoder/embeddings": 2.5e-5,
        "encoder/layer.0": 5e-5,
        "encoder/layer.1": 1e-4,
        "emissions": 2e-4,
        "crf": 2e-3,
    }
    grouped = [parameter for group in configured["optimizer"].param_groups for parameter in group["params"]]
    assert {id(parameter) for parameter in grouped} == {id(parameter) for parameter in module.parameters()}
    assert len(grouped) == len(list(module.parameters()))


@pytest.mark.parametrize(("precision", "is_fused"), [("32-true", True), ("bf16-mixed", True), ("16-mixed", False)])
def test_the_optimizer_is_fused_except_where_gradients_are_scaled(
    module: NERModule, monkeypatch: pytest.MonkeyPatch, precision: str, is_fused: bool
) -> None:
    monkeypatch.setattr(Trainer, "precision", precision)
    module.trainer = Trainer(max_steps=100, logger=False, barebones=True)
    configured = module.configure_optimizers()
    assert isinstance(configured, dict)
    assert configured["optimizer"].defaults["fused"] is is_fused


def test_the_schedule_warms_up_and_reaches_its_end(module: NERModule) -> None:
    module.trainer = Trainer(max_steps=100, logger=False, barebones=True)
    configured = module.configure_optimizers()
    optimizer, schedule = configured["optimizer"], configured["lr_scheduler"]["scheduler"]  # type: ignore[index]
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates.index(max(rates)) == 10
    assert max(rates) == pytest.approx(2e-5)
    assert optimizer.param_groups[0]["lr"] == 0


@pytest.mark.parametrize(("reduction", "divisor"), [("tokens", 2 + 9), ("passages", 2)])
def test_the_loss_is_weighted_and_divided_as_asked(
    module: NERModule, preprocessor: Preprocessor, reduction: str, divisor: int
) -> None:
    module.eval()
    module.hparams["loss_reduction"] = reduction
    short, long = document("mice ate", weight=0.5), document("mice " * 9, weight=2.0)
    single = []
    for one in (short, long):
        batch = batch_of(preprocessor, one)
        single.append(float(module.model.nll(module(batch), batch.tags, batch.annotated).sum().detach()))
    batch = batch_of(preprocessor, short, long)
    loss = float(module.loss(module(batch), batch).detach())
    assert loss == pytest.approx((0.5 * single[0] + 2.0 * single[1]) / divisor, rel=1e-4)


def test_text_behind_the_annotation_is_read_but_not_in_the_loss(module: NERModule, preprocessor: Preprocessor) -> None:
    module.eval()
    text = "mice ate nothing at all today"
    partly = batch_of(preprocessor, document(text, annotated_until=8))
    emissions = module(partly).detach().requires_grad_()
    module.loss(emissions, partly).backward()
    assert emissions.grad is not None
    assert emissions.grad[0, :2].abs().min() > 0
    assert not emissions.grad[0, 2:].any()
    other = batch_of(preprocessor, document(text.replace("today", "yesterday"), annotated_until=8))
    assert not torch.equal(module(other)[0, :2], module(partly)[0, :2])


def test_a_batch_without_annotation_has_no_loss(module: NERModule, preprocessor: Preprocessor) -> None:
    batch = batch_of(preprocessor, Document("1", (Passage("mice", annotated_until=0),)))
    assert float(module.loss(module(batch), batch).detach()) == 0
    step = module.training_step(batch)
    step.backward()
    assert float(step.detach()) == 0
    assert all(parameter.grad is None or not parameter.grad.any() for parameter in module.parameters())


def test_pretrained_encoders_are_trained_with_their_dropout(minilm: str) -> None:
    module = NERModule(LABELS, 10, minilm)
    assert all(part.training for part in module.modules())
    without = NERModule(LABELS, 10, minilm, attention_dropout=0.0)
    assert NERModule(**without.hparams).model.encoder.config.attention_probs_dropout_prob == 0


def test_markers_widen_the_embedding_and_nothing_else(minilm: str, preprocessor: Preprocessor) -> None:
    module = NERModule(LABELS, preprocessor.vocabulary_size, minilm)
    embedding = module.model.encoder.get_input_embeddings().weight
    assert len(embedding) == preprocessor.vocabulary_size == 30524
    assert module.model.encoder.pooler is None
    assert module.max_tokens == 512


def test_a_module_is_rebuilt_from_its_hyper_parameters_alone(module: NERModule, preprocessor: Preprocessor) -> None:
    parameters = {**module.hparams, "encoder": "no/such-model"}
    copy = NERModule(**parameters)
    copy.load_state_dict(module.state_dict())
    batch = batch_of(preprocessor, document("mice ate"))
    assert torch.equal(copy.eval()(batch), module.eval()(batch))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["food", "animal"], "stand in another order"),
        (["animal", "drug"], "only in the checkpoint: drug; only in the corpus: food"),
        ([], "only in the corpus: animal, food"),
    ],
)
def test_labels_that_differ_are_refused(labels: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_labels(labels, LABELS)


def test_bio_constraints_reach_the_crf(tiny_encoder: str) -> None:
    module = NERModule(LABELS, 10, tiny_encoder, pretrained=False, bio_constraints=True)
    names = module.label_set.tags
    path = module.model.decode(torch.randn(1, 50, 5) * 9, torch.ones(1, 50, dtype=torch.bool))[0]
    pairs = zip(["O", *(names[tag] for tag in path)], [names[tag] for tag in path], strict=False)
    assert all(behind[0] != "I" or before[1:] == behind[1:] for before, behind in pairs)


def test_without_transitions_every_token_is_tagged_on_its_own(tiny_encoder: str, preprocessor: Preprocessor) -> None:
    module = NERModule(
        LABELS,
        preprocessor.vocabulary_size,
        tiny_encoder,
        pretrained=False,
        learn_transitions=False,
        crf_lr=1.0,
    )
    module.trainer = Trainer(max_steps=10, logger=False, barebones=True)
    configured = module.configure_optimizers()
    assert isinstance(configured, dict)
    batch = batch_of(preprocessor, document("mice ate food"))
    for _ in range(3):
        loss = module.loss(module(batch), batch)
        loss.backward()
        configured["optimizer"].step()
    assert not any(parameter.any() for parameter in module.model.crf.parameters())
    emissions = module.eval()(batch)
    assert module.model.decode(emissions, batch.mask).tolist() == emissions.argmax(-1).tolist()
    expected = torch.nn.functional.cross_entropy(emissions[0], batch.tags[0])
    assert float(module.loss(emissions, batch).detach()) == pytest.approx(float(expected.detach()), rel=1e-4)


def test_the_longest_platinum_abstract_is_read_and_learned_to_its_end(
    gutbrainie: GutBrainIE, preprocessor: Preprocessor, tiny_encoder: str
) -> None:
    longest = document_of(gutbrainie, "platinum", "37368331")
    labels = LabelSet(gutbrainie.labels)
    narrow = replace(preprocessor, window_tokens=128, overlap_tokens=32)
    texts = narrow.encode([longest], labels)
    assert texts.unit_counts[1] > 2 * 512
    assert texts.annotated[1] == texts.unit_counts[1]
    assert set(given_back(texts, labels)[1]) == set(longest.passages[1].spans)
    module = NERModule(list(gutbrainie.labels), preprocessor.vocabulary_size, tiny_encoder, pretrained=False).eval()
    batch = collate(texts, narrow)
    emissions = module(batch).detach().requires_grad_()
    module.loss(emissions, batch).backward()
    assert emissions.grad is not None
    last_entity = int(texts.take([1]).tags.nonzero()[0].max())
    assert last_entity > 1000
    assert emissions.grad[1, last_entity].abs().max() > 0


def test_an_encoder_that_knows_the_answer_in_every_window_finds_the_late_entities(
    gutbrainie: GutBrainIE, preprocessor: Preprocessor, tiny_encoder: str
) -> None:
    longest = document_of(gutbrainie, "platinum", "37368331")
    labels = LabelSet(gutbrainie.labels)
    narrow = replace(preprocessor, window_tokens=128, overlap_tokens=32)
    texts = narrow.encode([longest], labels)
    batch = collate(texts, narrow)
    module = NERModule(list(gutbrainie.labels), preprocessor.vocabulary_size, tiny_encoder, pretrained=False).eval()
    # What the classifier says in each window, before it is stitched: the gold tag of the token at that place.
    answers = torch.zeros(*batch.input_ids.shape, len(labels.tags))
    found = windows.split(texts.token_counts, narrow.capacity, narrow.overlap_tokens)
    first = narrow.text_tokenizer.start
    for row, (text, start, length) in enumerate(zip(found.texts, found.starts, found.lengths, strict=True)):
        begin = texts.token_borders[text] + start
        tags = torch.from_numpy(texts.tags[begin : begin + length])
        answers[row, first : first + length] = 50 * one_hot(tags, len(labels.tags))
    assert row + 1 == len(batch.input_ids) > 10
    module.model.classifier.forward = lambda _: answers  # type: ignore[method-assign]
    assert [set(spans) for spans in module.tag(batch).spans] == [set(passage.spans) for passage in longest.passages]


def test_what_is_found_behind_the_annotation_is_neither_right_nor_wrong(
    module: NERModule, preprocessor: Preprocessor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.model, "decode", lambda *_: np.array([[1, 0, 0, 1]]))
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    monkeypatch.setattr(module, "_trainer", Trainer(accelerator="cpu", logger=False, enable_checkpointing=False))
    module.validation_step(batch_of(preprocessor, document("mice ate the rats", annotated_until=8)))
    assert module.val_score.compute().micro == pytest.approx((1.0, 1.0, 1.0))
    module.val_score.reset()
    # Nor is what goes beyond its end: the second one is "rats", of which two letters are annotated.
    module.validation_step(batch_of(preprocessor, document("mice ate the rats", annotated_until=15)))
    assert module.val_score.compute().micro == pytest.approx((1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("encoder_lr", -1e-5),
        ("crf_lr", float("nan")),
        ("dropout", 2.0),
        ("attention_dropout", -0.1),
        ("warmup_ratio", 1.5),
        ("crf_weight_decay", -1.0),
    ],
)
def test_rates_out_of_range_are_refused(name: str, value: float, tiny_encoder: str) -> None:
    with pytest.raises(InputError, match=f"model.{name} is"):
        NERModule(LABELS, 10, tiny_encoder, pretrained=False, **{name: value})  # type: ignore[arg-type]


def test_a_checkpoint_of_another_architecture_is_refused(module: NERModule) -> None:
    weights = {name: tensor for name, tensor in module.state_dict().items() if "layer.1" not in name}
    checkpoint = {"hyper_parameters": {"labels": LABELS}, "state_dict": weights}
    with pytest.raises(InputError, match=r"another shape, such as model\.encoder\.encoder\.layer\.1"):
        module.on_load_checkpoint(checkpoint)


def test_the_longest_silver_abstract_is_read_whole_and_learned_to_its_annotated_end(
    gutbrainie: GutBrainIE, preprocessor: Preprocessor, minilm: str
) -> None:
    longest = document_of(gutbrainie, "silver", "39299582")
    abstract = preprocessor.encode([longest], LabelSet(gutbrainie.labels)).take([1])
    batch, length, known = collate(abstract, preprocessor), int(abstract.unit_counts[0]), int(abstract.annotated[0])
    assert len(batch.input_ids) >= 7
    assert batch.mask.sum() == length > 2500
    assert known < 1000
    assert abstract.offsets[known - 1, 1] == longest.passages[1].annotated_until
    module = NERModule(list(gutbrainie.labels), preprocessor.vocabulary_size, minilm).eval()
    # What the encoder reads grows with the text's length, not with its square.
    assert batch.input_ids.numel() < 1.5 * length
    before = peak_memory()
    with torch.inference_mode():
        tagged = module.tag(batch)
    assert peak_memory() - before < 2**29
    assert tagged.paths.shape == (1, length)


def test_the_sample_is_within_reach_of_the_tiny_encoder(tiny_encoder: str) -> None:
    assert NERModule(list(Sample.labels), 10, tiny_encoder, pretrained=False).max_tokens == 128


class Synchronisations(TorchDispatchMode):
    """Notes from where a tensor's value is asked for, for which a GPU has to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.callers: list[str] = []

    def __torch_dispatch__(
        self,
        function: OpOverload,
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        if function in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default):
            self.callers.append(" ".join(Path(frame.filename).name for frame in traceback.extract_stack()))
        return function(*args, **(kwargs or {}))


class WatchedStep(Callback):
    """Watches the second step, in which nothing is logged."""

    def on_train_batch_start(self, trainer: Trainer, module: object, batch: object, number: int) -> None:
        if number == 1:
            self.watch = Synchronisations()
            self.watch.__enter__()

    def on_train_batch_end(self, trainer: Trainer, module: object, outputs: object, batch: object, number: int) -> None:
        if number == 1:
            self.watch.__exit__(None, None, None)


def test_a_step_never_waits_for_its_device(tiny_encoder: str) -> None:
    data = NERDataModule(Sample(), tiny_encoder, window_tokens=128, overlap_tokens=32)
    module = NERModule(data.labels, data.vocabulary_size, tiny_encoder, pretrained=False)
    watched = WatchedStep()
    options = {"logger": False, "enable_checkpointing": False, "gradient_clip_val": 1.0, "limit_val_batches": 0}
    trainer = Trainer(max_steps=2, accelerator="cpu", callbacks=[ProgressBar(), watched], **options)
    trainer.fit(module, data)
    assert watched.watch.callers == []


class LastGradients(Callback):
    """What the last step was made with."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: NERModule) -> None:  # type: ignore[override]
        self.steps = trainer.global_step
        self.found = {name: part.grad.clone() for name, part in pl_module.named_parameters() if part.grad is not None}


@pytest.mark.parametrize(("planned", "batches"), [(4, 4), (4, 3), (1, 1)])
@pytest.mark.parametrize("reduction", ["tokens", "passages"])
def test_batches_that_make_a_step_together_have_the_gradient_of_one_large_batch(
    planned: int, batches: int, reduction: str
) -> None:
    module, data = build()
    module.hparams["loss_reduction"] = reduction
    data.setup("fit")
    parts = list(islice(data.train_dataloader(), batches))
    chosen = [(chunk.document.id, chunk.pieces) for part in parts for chunk in part.texts.chunks]
    texts = data.preprocessor.encode(data.documents("train"), data.label_set)
    places = [(chunk.document.id, chunk.pieces) for chunk in texts.chunks]
    whole = collate(texts.take([places.index(place) for place in chosen]), data.preprocessor)
    assert len({int(part.annotated.sum()) for part in parts}) == batches
    module.loss(module(whole), whole).backward()
    expected = {name: part.grad.clone() for name, part in module.named_parameters() if part.grad is not None}
    module.zero_grad()
    last = LastGradients()
    options = {"logger": False, "enable_checkpointing": False, "limit_val_batches": 0, "enable_progress_bar": False}
    trainer = Trainer(
        max_epochs=1,
        accelerator="cpu",
        accumulate_grad_batches=planned,
        limit_train_batches=batches,
        callbacks=[last],
        **options,
    )
    trainer.fit(module, data)
    assert last.steps == 1
    for name, gradient in expected.items():
        torch.testing.assert_close(last.found[name], gradient, rtol=1e-3, atol=1e-7)


def test_the_dev_loss_is_that_of_all_tokens_whatever_the_batches() -> None:
    module, data = build()
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    losses = []
    for size in (1, 4, 64):
        data.eval_batch_size = size
        [found] = trainer.validate(module, data, verbose=False)
        losses.append(found["val/loss"])
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5)


def test_labels_that_a_checkpoint_could_not_hold_are_refused(tiny_encoder: str) -> None:
    with pytest.raises(InputError, match=r"the label 'cell\\xa0line' has characters that cannot be printed"):
        NERModule(["cell\xa0line"], 10, tiny_encoder, pretrained=False)


def test_one_least_score_stands_for_all_labels(tiny_encoder: str) -> None:
    for value, stored in ((0.4, dict.fromkeys(LABELS, 0.4)), (0, {}), ({LABELS[0]: 0.3}, {LABELS[0]: 0.3})):
        module = NERModule(LABELS, 10, tiny_encoder, pretrained=False, min_scores=value)
        assert module.min_scores == module.hparams["min_scores"] == stored


@pytest.mark.parametrize("value", [2.0, {LABELS[0]: 2.0}, {LABELS[0]: float("nan")}, {"of another corpus": 0.5}])
def test_least_scores_that_are_none_are_refused(tiny_encoder: str, value: float | dict[str, float]) -> None:
    with pytest.raises(InputError, match="min_scores"):
        NERModule(LABELS, 10, tiny_encoder, pretrained=False, min_scores=value)
