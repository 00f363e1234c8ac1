"""Documents and steps with torch's default threads, on a quiet machine and beside a training, in wall time: bar 19."""

from collections.abc import Callable, Iterator, Mapping

import torch

from ner.inference.pipeline import tag_documents
from ner.inference.torch_backend import TorchBackend
from tests.benchmarks.measuring import Bar, Seconds, interleaved
from tests.benchmarks.texts import Setting
from tests.benchmarks.threads import DEFAULT, neighbour, with_threads
from tests.benchmarks.training import batches, train

ROUNDS = 3
# Fixed numbers that the default is compared with.
NUMBERS = sorted({1, 2, max(DEFAULT // 2, 1), DEFAULT})


def bars(setting: Setting) -> Iterator[Bar]:
    """What the second core gains, and what the default loses to the best fixed number of threads."""
    own = torch.get_num_threads()
    (model,) = setting.taggers(1)
    backend = TorchBackend(model, setting.data.label_set, setting.data.preprocessor, "cpu")
    documents = list(setting.data.documents("dev"))
    module, steps = setting.module(), batches(setting)[0]
    tagging, training = f"tagging {len(documents)} documents with scores", "training on 32 texts"

    def tag() -> object:
        return list(tag_documents(documents, backend))

    try:
        times = timed(tag)
        sizes = f"{times[2].wall:.2f} s", f"{times[1].wall:.2f} s"
        yield Bar("19a", f"{tagging}, wall time, 2 threads; 1", *sizes, times[1].wall / times[2].wall, 1.7)
        yield over_best("19b", tagging, times)
        yield over_best("19c", training, timed(lambda: train(module, steps)))
        with neighbour():
            yield over_best("19d", f"{tagging} beside a training", timed(tag))
            yield over_best("19e", f"{training} beside a training", timed(lambda: train(module, steps)))
    finally:
        torch.set_num_threads(own)


def timed(variant: Callable[[], object]) -> Mapping[int, Seconds]:
    """Times by the number of threads."""
    times = interleaved({str(number): with_threads(number, variant) for number in NUMBERS}, ROUNDS)
    return {int(number): seconds for number, seconds in times.items()}


def over_best(number: str, what: str, times: Mapping[int, Seconds]) -> Bar:
    """Speed with the default over that with the best number of threads."""
    best = min(times, key=lambda count: times[count].wall)
    sizes = f"{times[DEFAULT].wall:.2f} s", f"{times[best].wall:.2f} s"
    title = f"{what}, wall time, default of {DEFAULT} threads; best, {best}"
    return Bar(number, title, *sizes, times[best].wall / times[DEFAULT].wall, 0.95)
