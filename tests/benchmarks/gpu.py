"""The CRF, training and inference on a CUDA GPU, with a base-size encoder of random weights: ``--gpu``."""

import statistics
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from transformers import BertConfig, BertModel

from ner.errors import InputError
from ner.nn.models import CRFEnsemble, EncoderCRF
from tests.benchmarks.crf import TAGS, crfs, gradients, sample

ROWS, TOKENS = 32, 300
# Of batches that a GPU is given for prediction, about 16,384 tokens.
PREDICTED_ROWS = 54
PRODUCT = 8192


def measure() -> dict[str, str]:
    """Figures by what they are of.

    Raises:
        InputError: if there is no CUDA GPU.
    """
    if not torch.cuda.is_available():
        raise InputError("--gpu: torch sees no CUDA GPU on this machine")
    torch.backends.cuda.matmul.allow_tf32 = False
    figures = {"GPU": torch.cuda.get_device_name(), "CUDA": str(torch.version.cuda)}
    ours, theirs = (crf.cuda() for crf in crfs())
    long = _on_gpu(sample(8, 512))
    figures["CRF loss + gradient, 8 x 512: kernels"] = f"{_kernels(lambda: gradients(ours, *long)):,}"
    figures["pytorch-crf: kernels"] = f"{_kernels(lambda: gradients(theirs, *long)):,}"
    usual = _on_gpu(sample(ROWS, TOKENS))
    crf_time = milliseconds(lambda: gradients(ours, *usual))
    figures[f"CRF loss + gradient, {ROWS} x {TOKENS}"] = f"{crf_time:.1f} ms"
    figures["pytorch-crf"] = f"{milliseconds(lambda: gradients(theirs, *usual)):.1f} ms"
    emissions, _, mask = usual
    with torch.no_grad():
        figures[f"decoding, {ROWS} x {TOKENS}"] = f"{milliseconds(lambda: ours.viterbi(emissions, mask)):.1f} ms"
        figures["pytorch-crf, decoding"] = f"{milliseconds(lambda: theirs.decode(emissions, mask)):.1f} ms"
    members = [base_tagger() for _ in range(3)]
    step = training_step(members[0])
    step_time = milliseconds(step)
    figures[f"training step, base, bf16, {ROWS} x {TOKENS}"] = f"{step_time:.1f} ms"
    figures["training tokens/s"] = f"{1000 * ROWS * TOKENS / step_time:,.0f}"
    figures["the CRF's share of the step"] = f"{crf_time / step_time:.0%}"
    return figures | _inference(members)


def milliseconds(work: Callable[[], object], rounds: int = 20) -> float:
    """Median time of some work on the GPU and of what it waits for."""
    times = []
    for number in range(rounds + 3):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        begin.record()
        work()
        end.record()
        torch.cuda.synchronize()
        if number >= 3:
            times.append(begin.elapsed_time(end))
    return statistics.median(times)


def base_tagger() -> EncoderCRF:
    """Twelve layers of 768."""
    return EncoderCRF(BertModel(BertConfig(), add_pooling_layer=False), 768, TAGS, dropout=0.1).cuda()


def training_step(tagger: EncoderCRF) -> Callable[[], None]:
    """A step on a batch of full length."""
    tokens, mask, rows, positions = _inputs(ROWS)
    tags = torch.randint(TAGS, (ROWS, TOKENS), device="cuda")
    is_known = mask.bool()
    optimizer = torch.optim.AdamW(tagger.parameters(), lr=1e-5, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cuda", torch.bfloat16):
            emissions = tagger(tokens, mask, rows, positions)
            loss = tagger.nll(emissions, tags, is_known).mean()
        loss.backward()
        optimizer.step()

    return step


def _inference(members: Sequence[EncoderCRF]) -> dict[str, str]:
    single, ensemble = members[0].eval(), CRFEnsemble(members).eval()
    inputs = _inputs(PREDICTED_ROWS)
    is_token = inputs[1].bool()
    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):
        times = {
            name: milliseconds(lambda tagger=tagger: tagger.decode(tagger(*inputs), is_token))  # type: ignore[misc]
            for name, tagger in (("single", single), ("ensemble", ensemble))
        }
        encoding = milliseconds(lambda: single(*inputs))
        left, right = (torch.randn(PRODUCT, PRODUCT, device="cuda", dtype=torch.bfloat16) for _ in range(2))
        product = milliseconds(lambda: left @ right)
    tokens = PREDICTED_ROWS * TOKENS
    peak = 2 * PRODUCT**3 / product
    reached = tokens * 12 * (2 * (4 * 768**2 + 2 * 768 * 3072) + 4 * TOKENS * 768)
    return {
        "inference tokens/s, one model": f"{1000 * tokens / times['single']:,.0f}",
        "ensemble of 3; one model": f"{times['ensemble'] / times['single']:.2f}",
        f"product of {PRODUCT} x {PRODUCT} in bf16": f"{peak / 1e9:,.0f} TFLOP/s",
        "share of it, encoder and emissions": f"{reached / encoding / peak:.0%}",
        "share of it, decoding included": f"{reached / times['single'] / peak:.0%}",
    }


def _inputs(count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    tokens = torch.randint(1000, 30000, (count, TOKENS), device="cuda")
    rows = torch.arange(count, device="cuda")[:, None].expand(count, TOKENS)
    return tokens, torch.ones_like(tokens), rows, torch.arange(TOKENS, device="cuda").expand(count, TOKENS)


def _on_gpu(parts: Sequence[Tensor]) -> tuple[Tensor, ...]:
    emissions, *others = parts
    return emissions.detach().cuda().requires_grad_(), *(part.cuda() for part in others)


def _kernels(work: Callable[[], object]) -> int:
    work()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
        work()
        torch.cuda.synchronize()
    return sum(event.device_type == torch.autograd.DeviceType.CUDA for event in profiled.events())
