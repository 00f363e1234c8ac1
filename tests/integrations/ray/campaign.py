"""Kill bulk runs at random moments, run them again, and compare what they wrote with what `predict` finds.

    python -m tests.integrations.ray.campaign --checkpoint best.ckpt --folder /tmp/campaign --documents 20000 --kills 20

One output gets all the kills: the same command is started after each until no kill is left. `--fresh` gives each kill
an output of its own. The kill of a node is that of one of two in a cluster on this machine.
"""

import shutil
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from ray.cluster_utils import Cluster

from tests.integrations.ray.documents import differences, expected, write_inputs
from tests.integrations.ray.runs import Run

KINDS = ("driver", "actor", "worker", "node")
MOST_TRIES = 5


def main() -> int:
    """Run the campaign, print a line for each kill, and return 1 if something was not as it should be."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fresh", action="store_true")
    chosen = parser.parse_args()
    inputs = chosen.folder / "in"
    # A file of most documents, and small ones.
    small = chosen.documents // 40
    write_inputs(inputs, [chosen.documents - 20 * small, *[small] * 20])
    right = expected(chosen.checkpoint, chosen.documents)
    random = Random(chosen.seed)
    problems: list[str] = []
    outputs = [chosen.folder / f"out{number}" for number in range(chosen.kills if chosen.fresh else 1)]
    kills = [KINDS[number % len(KINDS)] for number in range(chosen.kills)]
    random.shuffle(kills)
    for number, output in enumerate(outputs):
        shutil.rmtree(output, ignore_errors=True)
        arguments = ["--checkpoints", str(chosen.checkpoint), "--input", str(inputs), "--format", "JsonLines"]
        arguments += ["--output", str(output)]
        own = kills[number : number + 1] if chosen.fresh else kills
        found = _survive(arguments, output, own, random, chosen.documents // 100 // (len(own) + 1))
        found += differences(output, right)
        say(f"{output.name}: {len(right)} documents, kills {own}: {found[:5] or 'as it should be'}")
        problems += found
    return int(bool(problems))


def _survive(arguments: list[str], output: Path, kills: list[str], random: Random, most_parts: int) -> list[str]:
    """Kill runs one after the other, let the last one end, and return what was not as it should be."""
    problems = []
    log = output.with_suffix(".log")
    for kind in kills:
        start = time.monotonic()
        with _cluster() if kind == "node" else _alone() as cluster:
            run = Run([*arguments, *(["--address", cluster.address] if cluster else [])], log)
            if not run.wait_for(output, random.randint(0, most_parts)):
                problems.append(f"ended before its {kind} was killed: {run.wait().text}")
                continue
            time.sleep(random.random())
            if cluster:
                cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)
                cluster.add_node(num_cpus=1)
            elif not run.kill(kind, random):
                problems.append(f"no {kind} to kill")
            if kind != "driver":
                # It goes on by itself.
                if run.wait_for(output, 4) is False and run.wait().code != 0:
                    problems.append(f"ended after its {kind} was killed: {run.wait().text}")
                run.kill("driver", random)
            run.wait()
        say(f"{kind}: killed, after {time.monotonic() - start:.0f} s")
    outcome = Run(arguments, log).wait()
    return problems + ([f"exit code {outcome.code}: {outcome.text}"] if outcome.code else [])


@contextmanager
def _alone() -> Iterator[None]:
    yield None


@contextmanager
def _cluster() -> Iterator[Cluster]:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    try:
        yield cluster
    finally:
        cluster.shutdown()


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
