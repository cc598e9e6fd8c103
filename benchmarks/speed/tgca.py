"""Peak memory of TGCA-PVT's token choice: a row through the chain of attention maps, or the published N x N product.

Each form runs in a process of its own, on one thread. Printed are its peak resident size over its size before the
work (`MiB`), its peak resident size as a whole, PyTorch included (`maxrss`), and its CPU seconds. `select` is the
choice in all four stages, given their attention maps; `predict` is the network without gradients; `step` is forward
and backward, and `recompute` the same with activations recomputed, beside the plain N x N step. The N x N form is
this code with the product written out as published (tests/naive/tgca.py), its gradients left out too.

    python benchmarks/speed/tgca.py [--side 224] [--batch 2] [--work select predict step]

At 448 pixels the N x N form needs 0.63 GB a picture for one product of the first stage; at 224, a sixteenth of that.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
MIB = 2**20
#: glibc keeps freed blocks of up to 32 MiB to itself, which would hide what pieces save; blocks of 1 MiB go back so.
GIVE_BACK = {"MALLOC_MMAP_THRESHOLD_": str(MIB)}


def resident(field: str) -> int:
    """Return VmRSS or VmHWM of this process, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def use_full_product() -> None:
    """Put the published product in the place of the row."""
    sys.path.insert(0, str(ROOT / "tests"))
    from naive.tgca import full_chain

    import ucdver_tgca_pvt.network as network

    def class_row(maps: Sequence[Tensor], last_stage: bool) -> Tensor:
        return full_chain(maps, last_stage)[..., 0, 1:]

    network.class_row = class_row


def select_alone(side: int, batch: int) -> tuple[int, int]:
    """Choose tokens from random attention maps of the shapes that PVT-Small has."""
    import ucdver_tgca_pvt.network as network
    from ucdver_tgca_pvt.pyramids import PYRAMIDS

    pyramid, before, peak = PYRAMIDS["pvt_small"], 0, 0
    for stage in range(4):
        count = pyramid.grid(stage, side) ** 2
        keys = count // pyramid.reductions[stage] ** 2
        shape = (batch, pyramid.heads[stage], count + 1, keys + 1)
        maps = [torch.rand(shape) for _ in range(pyramid.depths[stage])]
        Path("/proc/self/clear_refs").write_text("5")
        size = resident("VmRSS")
        network.class_row(maps, stage == 3).topk(8)
        if resident("VmHWM") - size > peak - before:
            before, peak = size, resident("VmHWM")
    return before, peak


def whole(side: int, batch: int, work: str) -> tuple[int, int]:
    """Predict, or make one forward and backward pass."""
    from ucdver import TaskInfo
    from ucdver_tgca_pvt.backbone import build
    from ucdver_tgca_pvt.config import TgcaConfig
    from ucdver_tgca_pvt.method import TGCAPVT

    task = TaskInfo(tuple("abcdefg"), ("source",), "uda", 1)
    method = TGCAPVT(task, build("pvt_small", None, 3), TgcaConfig(recompute=work == "recompute"))
    images = torch.rand(batch, 3, side, side)
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    if work == "predict":
        with torch.inference_mode():
            method.eval().predict(images, {})
    else:
        method.train().predict(images, {}).logits.sum().backward()
    return before, resident("VmHWM")


def child(form: str, work: str, side: int, batch: int) -> None:
    """Measure one form of one work, and print its growth and peak in MiB, and CPU seconds."""
    torch.set_num_threads(1)
    if form == "n_by_n":
        use_full_product()
    began = time.process_time()
    before, peak = select_alone(side, batch) if work == "select" else whole(side, batch, work)
    whole_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print((peak - before) / MIB, whole_peak, time.process_time() - began)


@cache
def measure(form: str, work: str, side: int, batch: int) -> tuple[float, float, float]:
    """Return what `child` prints of one form of one work."""
    size = ["--side", str(side), "--batch", str(batch)]
    command = [sys.executable, __file__, *size, "--child", form, work]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | GIVE_BACK)
    growth, peak, seconds = map(float, done.stdout.split())
    return growth, peak, seconds


def main() -> None:
    """Print a line for each work: both forms and what part one is of the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--work", nargs="+", default=["select", "predict", "step", "recompute"])
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child, arguments.side, arguments.batch)
        return
    print(f"{arguments.side} px, batch {arguments.batch}")
    print(f"{'work':<10}{'form':<8}{'MiB':>8}{'part':>6}{'maxrss':>8}{'CPU s':>8}")
    for work in arguments.work:
        # The published network has no recomputation: with it, the row is compared with the plain product.
        published = measure("n_by_n", "step" if work == "recompute" else work, arguments.side, arguments.batch)
        for form, found in (("N x N", published), ("row", measure("row", work, arguments.side, arguments.batch))):
            growth, peak, seconds = found
            part = growth / published[0]
            print(f"{work:<10}{form:<8}{growth:>8.0f}{part:>6.2f}{peak:>8.0f}{seconds:>8.1f}", flush=True)


if __name__ == "__main__":
    main()
