"""Documents in, entities out, beside what others do: bars 7 to 10, and 14.

This project computes in the precision that `auto` is on this machine: bf16 where the processor multiplies it natively.
"""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import torchcrf
from transformers import AutoTokenizer, BertForTokenClassification, pipeline

from ner.checkpoints.onnx import GRAPH, INT8_GRAPH, write_emissions, write_int8
from ner.documents import Document
from ner.inference.backends import TaggedTexts
from ner.inference.decoding import decode
from ner.nn.models import CRFEnsemble, EncoderCRF, Model
from ner.preprocessing.collate import collate
from ner.runtime import has_fast_bf16
from tests.benchmarks.measuring import Bar, at_most, faster, interleaved
from tests.benchmarks.texts import Setting, random_batches

BF16 = has_fast_bf16(if_unknown=False)
# Without instructions for products of int8 a processor takes several for each.
INT8 = bool(torch.cpu.get_capabilities().get("avx512_vnni"))


def bars(setting: Setting) -> Iterator[Bar]:
    """Peers, the share of the machine's peak, and ensembles."""
    batches = setting.batches()
    documents = [document for batch in batches for document in batch]
    members = setting.taggers(3)
    single, ensemble = members[0], CRFEnsemble(members).eval()
    with torch.inference_mode():
        times = interleaved(
            {
                "ensemble": lambda: tag(setting, ensemble, batches),
                "winner": lambda: tag_as_winner(setting, members, documents),
            }
        )
        what = f"tagging {len(documents)} texts, ensemble of 3; the winner's procedure"
        yield faster("7", what, times["ensemble"], times["winner"], 5.0 if BF16 else 3.0)
        classify = classifier(setting, single)
        # In no order, as documents come: sorting is what `predict` does for itself.
        texts = [document.passages[0].text for document in random.Random(0).sample(documents, len(documents))]
        times = interleaved(
            {
                "ours": lambda: tag(setting, single, batches),
                "one": lambda: list(classify(texts, batch_size=1)),
                "eight": lambda: list(classify(texts, batch_size=8)),
                "ensemble": lambda: tag(setting, ensemble, batches),
            }
        )
        what = f"tagging {len(documents)} texts; HF pipeline, fp32, batch"
        yield faster("8a", f"{what} 1", times["ours"], times["one"], 1.9 if BF16 else 1.05)
        yield faster("8b", f"{what} 8", times["ours"], times["eight"], 3.5 if BF16 else 1.3)
        yield at_most("10", "ensemble of 3; one model", times["ensemble"], times["ours"], 3.2)
        if BF16:
            yield from beside_bf16(setting, single, batches, texts)
        yield share_of_peak(setting, single)
        yield int8(setting, single)


def beside_bf16(
    setting: Setting, single: EncoderCRF, batches: Sequence[Sequence[Document]], texts: Sequence[str]
) -> Iterator[Bar]:
    """The pipeline with its weights in bf16 too."""
    classify = classifier(setting, single)
    classify.model.to(torch.bfloat16)
    times = interleaved(
        {
            "ours": lambda: tag(setting, single, batches),
            "one": lambda: list(classify(texts, batch_size=1)),
            "eight": lambda: list(classify(texts, batch_size=8)),
        }
    )
    what = f"tagging {len(texts)} texts; HF pipeline, bf16, batch"
    yield faster("8c", f"{what} 1", times["ours"], times["one"], 1.05)
    yield faster("8d", f"{what} 8", times["ours"], times["eight"], 1.3)


def int8(setting: Setting, tagger: EncoderCRF) -> Bar:
    """The graph in int8, beside torch in fp32."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    rows, width = 8, 256
    tokens = torch.randint(1000, 2000, (rows, width))
    mask = torch.ones_like(tokens)
    fed = {"input_ids": tokens.numpy(), "attention_mask": mask.numpy()}
    with TemporaryDirectory() as folder:
        exact, rounded = Path(folder) / GRAPH, Path(folder) / INT8_GRAPH
        write_emissions(tagger, exact)
        write_int8(exact, rounded)
        session = InferenceSession(rounded, options)
    times = interleaved(
        {
            "int8": lambda: session.run(None, fed),
            "torch": lambda: tagger.classifier(tagger.encoder(input_ids=tokens, attention_mask=mask)[0]),
        }
    )
    what = f"emissions, {rows} x {width}, int8 on onnxruntime; fp32 on torch"
    return faster("14", what, times["int8"], times["torch"], 2.0 if INT8 else 1.2)


def tag(setting: Setting, tagger: Model, batches: Sequence[Sequence[Document]]) -> list[TaggedTexts]:
    """What `predict` does with documents that it reads together."""
    data = setting.data
    found = []
    for documents in batches:
        batch = collate(data.preprocessor.encode(documents), data.preprocessor)
        with torch.autocast("cpu", torch.bfloat16, enabled=BF16):
            emissions = tagger(batch.input_ids, batch.attention_mask, batch.rows, batch.positions)
        found.append(decode(tagger, emissions.float(), batch, data.label_set))
    return found


def tag_as_winner(setting: Setting, members: Sequence[EncoderCRF], documents: Sequence[Document]) -> int:
    """Batches of eight, padded to the limit; pytorch-crf decodes in every member, and again the members' mean."""
    data = setting.data
    crf = torchcrf.CRF(len(data.label_set.tags), batch_first=True)
    crf.load_state_dict(members[0].crf.state_dict())
    entities = 0
    for batch in random_batches(data.preprocessor.encode(documents), data.preprocessor):
        total = torch.zeros(())
        for member in members:
            emissions = member(batch.input_ids, batch.attention_mask, batch.rows, batch.positions)
            crf.decode(emissions, batch.mask)
            total = total + emissions
        for path in crf.decode(total / len(members), batch.mask):
            entities += len(data.label_set.decode(np.array([path])).rows)
    return entities


def classifier(setting: Setting, tagger: EncoderCRF) -> pipeline:
    """transformers' pipeline with the same encoder and the same emissions."""
    tags = setting.data.label_set.tags
    config = tagger.encoder.config
    config.id2label = dict(enumerate(tags))
    config.label2id = {tag: number for number, tag in enumerate(tags)}
    model = BertForTokenClassification(config).eval()
    # Of its own, without what this project adds to an encoder.
    model.bert.load_state_dict(tagger.encoder.state_dict())
    model.classifier.load_state_dict(tagger.classifier.state_dict())
    tokenizer = AutoTokenizer.from_pretrained(setting.encoder)
    return pipeline(
        "token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="simple", device="cpu"
    )


def share_of_peak(setting: Setting, tagger: EncoderCRF) -> Bar:
    """Floating-point operations a second of the encoder, beside those of a large product of matrices."""
    size = 2048
    left, right = (torch.randn(size, size, dtype=torch.bfloat16 if BF16 else None) for _ in range(2))
    rows, width = 4, 256
    tokens = torch.randint(1000, 2000, (rows, width))
    mask = torch.ones_like(tokens)
    with torch.autocast("cpu", torch.bfloat16, enabled=BF16):
        times = interleaved(
            {
                "product": lambda: left @ right,
                "encoder": lambda: [tagger.encoder(input_ids=tokens, attention_mask=mask) for _ in range(3)],
            }
        )
    peak = 2 * size**3 / times["product"].cpu
    config = tagger.encoder.config
    hidden, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    # Four projections, two layers of the perceptron, scores and their products with the values.
    per_token = layers * (2 * (4 * hidden**2 + 2 * hidden * inner) + 4 * width * hidden)
    reached = 3 * rows * width * per_token / times["encoder"].cpu
    sizes = f"{reached / 1e9:.0f} GFLOP/s", f"{peak / 1e9:.0f} GFLOP/s"
    what = f"encoder, {rows} x {width}, {'bf16' if BF16 else 'fp32'}; product of {size} x {size} matrices"
    return Bar("9", what, *sizes, reached / peak, 0.65)
