"""The CRF beside pytorch-crf: bars 1 to 4, and 13."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
import torchcrf
from torch import Tensor
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile

from ner.corpora import GutBrainIE
from ner.labels import LabelSet
from ner.nn.crf import CRF
from ner.nn.viterbi import Integers
from tests.benchmarks.measuring import Bar, at_most, faster, interleaved

LABELS = LabelSet(GutBrainIE.labels)
TAGS = len(LABELS.tags)
# Operators that launch nothing on a GPU: they make a view, or memory.
LAUNCH_NOTHING = {
    f"aten::{name}"
    for name in (
        "_reshape_alias",
        "_unsafe_view",
        "alias",
        "as_strided",
        "chunk",
        "detach",
        "diagonal",
        "empty",
        "empty_like",
        "empty_strided",
        "expand",
        "expand_as",
        "flatten",
        "lift_fresh",
        "movedim",
        "narrow",
        "new_empty",
        "new_empty_strided",
        "numpy_T",
        "permute",
        "reshape",
        "resize_",
        "resolve_conj",
        "resolve_neg",
        "select",
        "set_",
        "slice",
        "split",
        "split_with_sizes",
        "squeeze",
        "t",
        "transpose",
        "unbind",
        "unflatten",
        "unsqueeze",
        "view",
        "view_as",
    )
}
# On a GPU they are one kernel, whatever they are made of on a CPU.
ONE_LAUNCH = {"aten::bmm", "aten::mm", "aten::addmm", "aten::baddbmm"}


def bars() -> Iterator[Bar]:
    """Loss with gradient, its error, decoding, and launches."""
    ours, theirs = crfs()
    yield likelihood(ours, theirs)
    own, other = errors(ours, theirs)
    yield Bar("2", "CRF gradient, error at T = 512; pytorch-crf", f"{own:.1e}", f"{other:.1e}", own, 1e-5, False)
    yield from decoding(ours, theirs)
    yield from launch_bars(ours)


def crfs() -> tuple[CRF, torchcrf.CRF]:
    """Two with the same random scores."""
    torch.manual_seed(0)
    ours, theirs = CRF(TAGS), torchcrf.CRF(TAGS, batch_first=True)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.normal_()
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def sample(rows: int, tokens: int) -> tuple[Tensor, Tensor, Tensor]:
    """Random emissions and tags, all of full length."""
    torch.manual_seed(rows + tokens)
    emissions = torch.randn(rows, tokens, TAGS, requires_grad=True)
    return emissions, torch.randint(TAGS, (rows, tokens)), torch.ones(rows, tokens, dtype=torch.bool)


def gradients(crf: torchcrf.CRF, emissions: Tensor, tags: Tensor, mask: Tensor) -> list[Tensor]:
    """Those of the summed loss, of the emissions first."""
    if isinstance(crf, CRF):
        loss = crf.nll(emissions, tags, mask).sum()
    else:
        loss = -crf(emissions, tags, mask, reduction="sum")
    return list(torch.autograd.grad(loss, [emissions, *crf.parameters()]))


def likelihood(ours: CRF, theirs: torchcrf.CRF, rounds: int = 9) -> Bar:
    """The time of loss and gradient."""
    example = sample(8, 300)
    times = interleaved(
        {"ours": lambda: gradients(ours, *example), "theirs": lambda: gradients(theirs, *example)}, rounds
    )
    return faster("1", "CRF loss + gradient, 8 x 300; pytorch-crf", times["ours"], times["theirs"], 6.0)


def errors(ours: CRF, theirs: torchcrf.CRF) -> tuple[float, float]:
    """The largest difference of a gradient to that of pytorch-crf in fp64, in units of the gradient's largest value."""
    emissions, tags, mask = sample(8, 512)
    exact = torchcrf.CRF(TAGS, batch_first=True).double()
    exact.load_state_dict(ours.state_dict())
    right = gradients(exact, emissions.detach().double().requires_grad_(), tags, mask)

    def error(crf: torchcrf.CRF) -> float:
        found = gradients(crf, emissions, tags, mask)
        pairs = zip(found, right, strict=True)
        return max(float((one.double() - other).abs().max() / other.abs().max()) for one, other in pairs)

    return error(ours), error(theirs)


def decoding(ours: CRF, theirs: torchcrf.CRF, rounds: int = 15) -> Iterator[Bar]:
    """Its time, and that under BIO constraints; the paths are compared first."""
    emissions, _, mask = sample(32, 300)
    emissions = emissions.detach()
    constrained = CRF(TAGS)
    constrained.load_state_dict(ours.state_dict())
    constrained.forbid(LABELS.legal_starts(), LABELS.legal_transitions())
    with torch.no_grad():
        is_same = ours.viterbi(emissions, mask).tolist() == theirs.decode(emissions, mask)
        own = {"ours": lambda: ours.viterbi(emissions, mask)}
        times = interleaved({**own, "theirs": lambda: theirs.decode(emissions, mask)}, rounds)
        # Of 8 ms each: many rounds, or chance decides.
        pair = interleaved({**own, "constrained": lambda: constrained.viterbi(emissions, mask)}, 10 * rounds)
    faced = "identical paths" if is_same else "DIFFERENT PATHS"
    bar = faster("3a", f"decoding, 32 x 300, {faced}; pytorch-crf", times["ours"], times["theirs"], 4.0)
    yield bar if is_same else Bar("3a", bar.what, bar.ours, bar.theirs, float("nan"), 4.0)
    yield at_most("3b", "decoding under BIO constraints; without", pair["constrained"], pair["ours"], 1.05)


def launches(work: Callable[[], object]) -> int:
    """Kernels that a GPU would be given for some work: operators that compute, counted on the CPU."""
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        work()
    return sum(_launched(event) for event in profiled.events() if event.cpu_parent is None)


def launch_bars(crf: CRF, tokens: int = 512) -> Iterator[Bar]:
    """Those of everything that a CRF computes, in the way that suits a GPU."""
    emissions, tags, mask = sample(8, tokens)
    single = emissions.detach()
    intervals, begin_inside = entities(8, tokens)
    number = launches(lambda: torch.autograd.grad(crf.nll(emissions, tags, mask, in_parallel=True).sum(), [emissions]))
    yield _at_most_launches("4", "loss + gradient", number, 300)
    number = launches(lambda: crf.viterbi(single, mask, in_parallel=True))
    yield _at_most_launches("13a", "decoding", number, 250)
    number = launches(lambda: crf.interval_log_marginals(single, mask, intervals, begin_inside, in_parallel=True))
    yield _at_most_launches("13b", "scores", number, 450)


def entities(rows: int, tokens: int, count: int = 300) -> tuple[tuple[Integers, Integers, Integers], Integers]:
    """Random intervals of two units, and the tags of their types."""
    choice = np.random.default_rng(0)
    starts = choice.integers(0, tokens - 2, count)
    begin = 1 + 2 * choice.integers(0, TAGS // 2, count)
    return (choice.integers(0, rows, count), starts, starts + 2), np.stack([begin, begin + 1], 1)


def _at_most_launches(number: str, what: str, count: int, bound: int) -> Bar:
    return Bar(
        number, f"launches of {what}, counted without a GPU, T = 512", str(count), "", count, bound, is_least=False
    )


def _launched(event: FunctionEvent) -> int:
    if event.name in ONE_LAUNCH:
        return 1
    inner = sum(_launched(child) for child in event.cpu_children)
    computes = event.name.startswith("aten::") and event.name not in LAUNCH_NOTHING
    return inner or int(computes)
