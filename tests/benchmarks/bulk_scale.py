"""Time and cores for all of PubMed, computed from measured parts.

    python -m tests.benchmarks --bulk
    python -m tests.benchmarks.bulk_scale build/benchmarks/bulk.json

The first command measures on one core what a document costs, on real abstracts; the second prints from its JSON what 37
million of them take on 1 to 64 GPUs and on 100 to 10,000 cores. Nothing is measured on a GPU: its figure is computed
from the operations of a base-size encoder, the peak of an H100 and the share of it that is assumed.
"""

import json
import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from rich.console import Console
from rich.table import Table
from transformers import BertConfig, PretrainedConfig

from ner.corpora import Sample
from ner.documents import Document
from ner.errors import InputError
from ner.formats.parquet import Row, write_rows
from ner.formats.pubmed_xml import PubMedXML
from ner.inference.assembly import Assembler
from ner.inference.decoding import decode
from ner.inference.pipeline import batches_of
from ner.preprocessing.bucketing import CPU_TOKENS
from ner.preprocessing.collate import collate
from ner.training.datamodule import NERDataModule
from tests.benchmarks.texts import Setting
from tests.formats.pubmed_files import article, write_set

ROOT_VARIABLE = "PUBMED_GUTBRAIN_ROOT"
WARM_UP, DOCUMENTS = 20, 200
ABSTRACTS, FILE_RECORDS = 37_000_000, 30_000
# Dense bf16 of an H100 SXM, by its data sheet.
H100_PEAK = 989e12
GPUS = (1, 2, 4, 8, 16, 32, 64)
CORES = (100, 200, 500, 1000, 2000, 5000, 10_000)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a document costs on average; times are CPU time of one core.

    Args:
        documents: Number of documents that were measured.
        tokens: Tokens that the encoder reads, windows' overlaps and special tokens included.
        text_bytes: Its title and abstract.
        read_bytes: Of a compressed file of PubMed.
        written_bytes: Of a Parquet file.
        entities: In it.
        read_ms: From the file to a document.
        tokenize_ms: From the document to tensors.
        encode_ms: From tensors to emissions, with the small encoder.
        decode_ms: From emissions to paths and scores, which a GPU computes where there is one.
        assemble_ms: From these to the document with its entities.
        write_ms: From the document to the file.
        flops: Of the small encoder.
        base_flops: Of a base-size encoder, on the same tokens.
    """

    documents: int
    tokens: float
    text_bytes: float
    read_bytes: float
    written_bytes: float
    entities: float
    read_ms: float
    tokenize_ms: float
    encode_ms: float
    decode_ms: float
    assemble_ms: float
    write_ms: float
    flops: float
    base_flops: float

    @property
    def base_encode_ms(self) -> float:
        """Computed: a base-size encoder at the rate that the small one reaches."""
        return self.encode_ms * self.base_flops / self.flops

    @property
    def beside_ms(self) -> float:
        """What a CPU does beside a GPU."""
        return self.read_ms + self.tokenize_ms + self.assemble_ms + self.write_ms


def measure(encoder: str) -> Parts:
    """Measure the parts on the articles of ``PUBMED_GUTBRAIN_ROOT``.

    Raises:
        InputError: if they are not there.
    """
    root = os.environ.get(ROOT_VARIABLE)
    if not root:
        raise InputError(f"set {ROOT_VARIABLE} to a folder with articles.json, on which is measured")
    articles = json.loads((Path(root) / "articles.json").read_text("utf-8"))
    data = NERDataModule(Sample(), encoder)
    data.setup("fit")
    with TemporaryDirectory() as folder:
        parts = [article(name, own["title"], own["abstract"], int(own["year"])) for name, own in articles.items()]
        # The first documents are slower.
        for some in (parts[:WARM_UP], parts[:DOCUMENTS]):
            path = write_set(Path(folder) / "in.xml.gz", some)
            found = _measure(Setting(data, encoder), path, Path(folder) / "out.parquet")
    return found


def _measure(setting: Setting, path: Path, output: Path) -> Parts:
    """Measure all parts on a file."""
    begin = time.process_time()
    documents = list(PubMedXML().read(path))
    read = time.process_time() - begin
    tagged, tokens, seconds = _tag(setting, documents)
    begin = time.process_time()
    write_rows((Row(document, path.name) for document in tagged), output)
    write = time.process_time() - begin
    per_document = 1 / len(documents)
    small = setting.module().model.encoder.config  # type: ignore[union-attr]  # one tagger, no ensemble
    texts = (passage.text for document in documents for passage in document.passages)
    return Parts(
        len(documents),
        tokens=sum(tokens) * per_document,
        text_bytes=sum(len(text.encode()) for text in texts) * per_document,
        read_bytes=path.stat().st_size * per_document,
        written_bytes=output.stat().st_size * per_document,
        entities=sum(len(part.spans) for document in tagged for part in document.passages) * per_document,
        read_ms=1000 * read * per_document,
        tokenize_ms=1000 * seconds[0] * per_document,
        encode_ms=1000 * seconds[1] * per_document,
        decode_ms=1000 * (seconds[2] - seconds[3]) * per_document,
        assemble_ms=1000 * seconds[3] * per_document,
        write_ms=1000 * write * per_document,
        flops=flops(small, tokens) * per_document,
        base_flops=flops(BertConfig(), tokens) * per_document,
    )


def _tag(setting: Setting, documents: Sequence[Document]) -> tuple[list[Document], list[int], list[float]]:
    """Return tagged documents, the length of each window, and seconds.

    These are of tokenizing, of encoding, of decoding with assembling, and of assembling alone.
    """
    data, [model] = setting.data, setting.taggers(1)
    assembler, found, lengths = Assembler(), list[Document](), list[int]()
    seconds = [0.0, 0.0, 0.0, 0.0]
    batches = batches_of(enumerate(documents), data.preprocessor, CPU_TOKENS)
    times = [time.process_time()]
    with torch.inference_mode():
        while (texts := next(batches, None)) is not None:
            batch = collate(texts, data.preprocessor)
            times.append(time.process_time())
            emissions = model(batch.input_ids, batch.attention_mask, batch.rows, batch.positions)
            times.append(time.process_time())
            tagged = decode(model, emissions, batch, data.label_set, with_scores=True)
            found += assembler.add(tagged).values()
            times.append(time.process_time())
            again = Assembler()
            again.add(replace(tagged, spans=texts.spans(data.label_set.decode(tagged.paths), data.label_set)))
            times.append(time.process_time())
            steps = (end - begin for begin, end in pairwise(times))
            seconds = [sum(pair) for pair in zip(seconds, steps, strict=True)]
            lengths += batch.attention_mask.sum(1).tolist()
            times = [time.process_time()]
    return found, lengths, seconds


def flops(config: PretrainedConfig, lengths: Iterable[int]) -> float:
    """Return the floating-point operations of an encoder on windows of some lengths."""
    hidden, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    # Four projections and two layers of the perceptron; scores, and their products with the values.
    return sum(layers * length * (2 * (4 * hidden**2 + 2 * hidden * inner) + 4 * length * hidden) for length in lengths)


def on_gpus(parts: Parts, gpus: int, share: float, cores: int, storage: float) -> tuple[str, ...]:
    """Return a row: what a base-size encoder on a number of H100 gives, the CRF not counted, and takes from all else.

    Args:
        parts: What a document costs.
        gpus: Their number.
        share: The part of the peak that the encoder reaches.
        cores: Number of them beside each GPU.
        storage: Bytes a second that storage gives, and takes.
    """
    computed = gpus * share * H100_PEAK / parts.base_flops
    rates = {"GPUs": computed, "cores": 1000 * gpus * cores / parts.beside_ms, **_other_limits(parts, storage)}
    limit = min(rates, key=rates.__getitem__)
    needed = (computed * ms / 1000 for ms in (parts.read_ms, parts.tokenize_ms, parts.assemble_ms, parts.write_ms))
    flows = (rates[limit] * size / 1e6 for size in (parts.read_bytes, parts.written_bytes))
    return (
        f"{gpus}",
        f"{computed:,.0f}",
        duration(ABSTRACTS / computed),
        *(f"{number:,.1f}" for number in needed),
        f"{rates[limit]:,.0f}",
        duration(ABSTRACTS / rates[limit]),
        limit,
        *(f"{flow:,.1f}" for flow in flows),
    )


def on_cores(parts: Parts, cores: int, encode_ms: float, storage: float) -> tuple[str, ...]:
    """Return a row: what a number of cores give with an encoder of some cost a document."""
    total_ms = encode_ms + parts.decode_ms + parts.beside_ms
    rates = {"cores": 1000 * cores / total_ms, **_other_limits(parts, storage)}
    limit = min(rates, key=rates.__getitem__)
    flows = (rates[limit] * size / 1e6 for size in (parts.read_bytes, parts.written_bytes))
    return (
        f"{cores:,}",
        f"{rates[limit]:,.0f}",
        duration(ABSTRACTS / rates[limit]),
        limit,
        f"{encode_ms / total_ms:.0%}",
        *(f"{flow:,.1f}" for flow in flows),
    )


def _other_limits(parts: Parts, storage: float) -> dict[str, float]:
    """Return documents a second that storage and files allow: a file is read by one process."""
    return {
        "storage, reading": storage / parts.read_bytes,
        "storage, writing": storage / parts.written_bytes,
        "files": 1000 * ABSTRACTS / FILE_RECORDS / parts.read_ms,
    }


def duration(seconds: float) -> str:
    """Return a time in words, such as ``3 d 4.0 h``."""
    days, hours = divmod(timedelta(seconds=seconds) / timedelta(hours=1), 24)
    if days:
        return f"{days:.0f} d {hours:.1f} h"
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.1f} min"


def show(parts: Parts, share: float = 0.4, cores: int = 16, storage: float = 1e9) -> None:
    """Print the parts, and the tables that follow from them."""
    console = Console(width=None if sys.stdout.isatty() else 200)
    table = Table("a document", "figure", title=f"mean of {parts.documents} documents, CPU time of one core")
    for name, value in asdict(parts).items():
        table.add_row(name, f"{value / 1e9:,.2f} G" if name.endswith("flops") else f"{value:,.2f}")
    table.add_row("base_encode_ms (computed)", f"{parts.base_encode_ms:,.1f}")
    console.print(table)
    speeds = ("documents/s", "time")
    flows = ("limit", "MB/s read", "MB/s written")
    needs = ("cores: read", "tokenize", "assemble", "write")
    title = (
        f"{ABSTRACTS:,} abstracts, base-size encoder in bf16, H100 at {share:.0%} of {H100_PEAK / 1e12:.0f} TFLOP/s: "
    )
    table = Table(
        "H100", *speeds, *needs, *(f"{name}, {cores} cores a GPU" for name in speeds), *flows, title=title + "computed"
    )
    for gpus in GPUS:
        table.add_row(*on_gpus(parts, gpus, share, cores, storage))
    console.print(table)
    for name, encode_ms in (("small encoder", parts.encode_ms), ("base-size, computed", parts.base_encode_ms)):
        title = f"{ABSTRACTS:,} abstracts on cores like the one measured, {name}"
        table = Table("cores", *speeds, "limit", "encoder's share", *flows[1:], title=title)
        for count in CORES:
            table.add_row(*on_cores(parts, count, encode_ms, storage))
        console.print(table)


def main() -> None:
    """Print the tables from a file of the benchmark."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.bulk_scale", description=(__doc__ or "").partition(".")[0])
    parser.add_argument("file", type=Path, help="what `python -m tests.benchmarks --bulk` wrote")
    parser.add_argument("--share", type=float, default=0.4, help="of a GPU's peak (default: 0.4)")
    parser.add_argument("--cores_per_gpu", type=int, default=16, help="beside each GPU (default: 16)")
    parser.add_argument("--storage", type=float, default=1e9, help="bytes a second (default: 1e9)")
    chosen = parser.parse_args()
    parts = Parts(**json.loads(chosen.file.read_text("utf-8"))["figures"])
    show(parts, chosen.share, chosen.cores_per_gpu, chosen.storage)


if __name__ == "__main__":
    main()
