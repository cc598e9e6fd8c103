"""What ucdver's training loop costs beside a bare PyTorch loop that makes the same steps of DANN on LeNet.

One process, one thread. The two take turns, a block of steps each, so that whatever else the machine does falls on
both; each block of ucdver's is compared with the bare blocks before and after it. First both are run from the same
weights on the same batches, and must end at the same weights.

    python benchmarks/speed/loop.py [--blocks 100] [--block 30] [--other PYTHON]

`--other` names the Python of another environment: what it has of skada (with skorch) and pytorch-adapt (with
pytorch-ignite) is measured there, each beside the same bare loop (benchmarks/speed/other_loops.py).
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import bare_dann
import torch
from torch import Tensor

from ucdver import Batch, TaskInfo
from ucdver.backbones.lenet import build
from ucdver.data.sampler import CounterSampler
from ucdver.data.views import SourceView, TargetView, TaskData
from ucdver.seeds import run_seed, scoped_seed, seed_step
from ucdver.spec.protocol import Phase, Protocol
from ucdver.spec.recipe import Recipe
from ucdver.spec.run import MethodChoice, RunSpec
from ucdver.spec.task import Domain, Task
from ucdver.train.loop import Loop, LoopOptions
from ucdver_uda.dann import DANN

IMAGES = 7000
#: (wall seconds, seconds of processor) at one moment.
Clock = tuple[float, float]


def now() -> Clock:
    """Return both clocks."""
    return time.perf_counter(), time.thread_time()


class TimedDANN(DANN):
    """DANN that notes when each of its steps begins, from which to the next everything the loop does lies."""

    def __init__(self, task: TaskInfo, backbone: torch.nn.Module, config: DANN.Config) -> None:
        super().__init__(task, backbone, config)  # type: ignore[arg-type]
        self.began: list[Clock] = []

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Note the time, and go on."""
        self.began.append(now())
        return super().step(batch, progress)


def run_spec(steps: int) -> RunSpec:
    """Return a run with the recipe of the suite `digits`."""
    domains = [Domain(dataset="d", name=name) for name in "ab"]
    recipe = {
        "backbone": "lenet@none",
        "batch_size": bare_dann.BATCH,
        "bottleneck": 128,
        "image": {"size": bare_dann.SIDE, "channels": 1, "fit": "stretch", "background": "black"},
        "optim": {"name": "sgd", "lr": bare_dann.LR, "momentum": bare_dann.MOMENTUM, "weight_decay": 0.0},
    }
    phase = Phase(name="adapt", source=True, target=True)
    return RunSpec(
        task=Task(id="t", sources=(domains[0],), targets=(domains[1],), label_space="digits10"),
        classes=tuple("0123456789"),
        protocol=Protocol(id="uda", setting="uda", phases=(phase,), steps=steps),
        method=MethodChoice(name="dann", version="1"),
        recipe=Recipe.model_validate(recipe),
        seed=0,
        data={},
        labels={},
    )


def task_data() -> TaskData:
    """Return random pictures as a run sees them."""
    (images, labels), (target, _) = bare_dann.random_images(IMAGES, 0), bare_dann.random_images(IMAGES, 1)
    ids = tuple(map(str, range(IMAGES)))
    view = SourceView(images, labels, torch.zeros(IMAGES, dtype=torch.int64), ids)
    seen = TargetView(target, ids, "d:b")
    return TaskData(view, view, seen, {"d:b": seen})


def method(steps: int) -> TimedDANN:
    """Return the method before its first step."""
    torch.manual_seed(0)
    info = TaskInfo(tuple("0123456789"), ("d:a",), "uda", steps, bottleneck=128)
    return TimedDANN(info, build("lenet", None, 1), DANN.Config())


def bare(made: TimedDANN) -> bare_dann.Network:
    """Return the hand-written network with the same weights."""
    network = bare_dann.Network()
    values = [value.clone() for value in made.state_dict().values()]
    network.load_state_dict(dict(zip(network.state_dict(), values, strict=True)))
    return network


def check_same(steps: int = 40) -> float:
    """Train both from the same weights on the same batches; return the largest difference of weights at the end."""
    spec, data, made = run_spec(steps), task_data(), method(steps)
    network, seed = bare(made), run_seed(spec.task.id, spec.seed)
    assert isinstance(data.source_train.images, Tensor) and data.target_train is not None
    with tempfile.TemporaryDirectory() as folder, scoped_seed("check"):
        Loop(spec, made, data, torch.device("cpu"), Path(folder), LoopOptions()).run(lambda a, b, c: None)

    def rows(side: str) -> Callable[[int], Tensor]:
        sampler = CounterSampler(IMAGES, bare_dann.BATCH, seed, side, 0)
        return lambda step: torch.from_numpy(sampler.indices(step))

    source, target = (data.source_train.images, data.source_train.labels), data.target_train.images
    with scoped_seed("check"):
        seed_step(seed, 0, 0)
        for step in bare_dann.train(network, source, target, steps, rows("source"), rows("target")):  # type: ignore[arg-type]
            seed_step(seed, 0, step + 1)
    pairs = zip(made.state_dict().values(), network.state_dict().values(), strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs)


def measure(blocks: int, block: int) -> tuple[list[Clock], list[Clock]]:
    """Return the medians of a step, on both clocks, of each block of ucdver's and of each bare one, taking turns."""
    steps = blocks * block
    spec, data, made = run_spec(steps), task_data(), method(steps)
    assert data.target_train is not None
    source, target = (data.source_train.images, data.source_train.labels), data.target_train.images
    order = bare_dann.shuffled(IMAGES, 2), bare_dann.shuffled(IMAGES, 3)
    walk = bare_dann.train(bare(made), source, target, steps, *order)  # type: ignore[arg-type]
    theirs: list[Clock] = []
    pauses: dict[int, tuple[Clock, Clock]] = {}

    def take_turn(done: int, total: int, losses: dict[str, float]) -> None:
        began = now()
        marks = [began]
        for _ in range(block):
            next(walk)
            marks.append(now())
        theirs.append(median([(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(marks)]))
        pauses[done - 1] = (began, now())

    with tempfile.TemporaryDirectory() as folder, scoped_seed("measure"):
        options = LoopOptions(checkpoint_seconds=1e9, reports=blocks)
        Loop(spec, made, data, torch.device("cpu"), Path(folder), options).run(take_turn)
    took: list[Clock] = []
    for number, (a, b) in enumerate(pairwise(made.began)):
        left, back = pauses.get(number, (a, a))
        took.append((b[0] - a[0] - (back[0] - left[0]), b[1] - a[1] - (back[1] - left[1])))
    return [median(took[at : at + block]) for at in range(0, len(took) - 1, block)], theirs


def median(steps: list[Clock]) -> Clock:
    """Return the median on each clock."""
    return statistics.median(s[0] for s in steps), statistics.median(s[1] for s in steps)


def told(ours: list[Clock], theirs: list[Clock]) -> str:
    """Return a line a clock: both medians, and the median of the paired ratios with its quartiles."""
    lines = [f"{'clock':10} {'ucdver ms':>10} {'bare ms':>9} {'ratio':>7}  quartiles        standard error"]
    for number, clock in enumerate(("wall", "processor")):
        pairs = [
            own[number] / ((before[number] + after[number]) / 2)
            for own, (before, after) in zip(ours[1:], pairwise(theirs), strict=False)
        ]
        low, middle, high = statistics.quantiles(pairs, n=4)
        # Of a median of a normal sample, from its quartiles.
        error = 1.253 * (high - low) / 1.349 / len(pairs) ** 0.5
        mine, other = (1000 * statistics.median(b[number] for b in blocks) for blocks in (ours, theirs))
        lines.append(f"{clock:10} {mine:10.3f} {other:9.3f} {middle:7.3f}  {low:.3f} to {high:.3f}  {error:.4f}")
    return "\n".join(lines)


def main() -> None:
    """Print how far the weights of both are apart, then the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=100)
    parser.add_argument("--block", type=int, default=30)
    parser.add_argument("--other", metavar="PYTHON")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(f"largest difference of the weights after the same 40 steps: {check_same():.2g}")
    measure(4, given.block)
    print(told(*measure(given.blocks, given.block)), flush=True)
    if given.other:
        script = Path(__file__).with_name("other_loops.py")
        subprocess.run([given.other, str(script)], check=False, stdout=sys.stdout)


if __name__ == "__main__":
    main()
