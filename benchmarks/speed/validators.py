"""Peak memory and seconds of every validator on 100,000 images of 256 features, each in a process of its own."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

LIMIT_BYTES = 2 * 1024**3

# Source of the same size as the target, logits that a trained network could give. VmHWM is reset before the call, so
# that what making the input took does not count; the input itself and the libraries do.
CODE = """
import json, sys, time
from pathlib import Path
import torch
from ucdver.plugins import load_registry
from ucdver.selection.outputs import MixedOutputs, SourceOutputs, TargetOutputs
from ucdver.selection.score import load_rule

rule, n, width, classes = sys.argv[1], *map(int, sys.argv[2:5])
g = torch.Generator().manual_seed(0)
labels = torch.randint(classes, (n,), generator=g)
centres = 2 * torch.randn(classes, width, generator=g)
def features(shift):
    made = torch.randn(n, width, generator=g)
    for k in range(classes):
        made[labels == k] += centres[k]
    return made.add_(shift)
def logits(made):
    return made @ centres.T / width ** 0.5
_, function, reads = load_rule(load_registry(), rule)
have = {"step": n}
if any(name in reads for name in ("source_val", "source_train")):
    made = features(0.0)
    have["source_val"] = have["source_train"] = SourceOutputs(made, logits(made), labels)
if "target_train" in reads:
    made = features(0.2)
    have["target_train"] = TargetOutputs(made, logits(made))
if "target_mixed" in reads:
    have["target_mixed"] = MixedOutputs(logits(features(0.2)), labels, torch.arange(n) % 2 == 0)
Path("/proc/self/clear_refs").write_text("5")
began, used = time.perf_counter(), time.process_time()
value = function(**{name: have[name] for name in reads})
seconds, cpu = time.perf_counter() - began, time.process_time() - used
status = Path("/proc/self/status").read_text()
peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
print(json.dumps({"value": value, "seconds": seconds, "cpu": cpu, "peak": peak}))
"""


def measure(rule: str, n: int, width: int, classes: int) -> dict[str, float]:
    """Return value, seconds and peak resident bytes of one rule in a fresh process (Linux)."""
    command = [sys.executable, "-c", CODE, rule, str(n), str(width), str(classes)]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(json.loads(found))


def main() -> None:
    """Print a line a rule, and fail where one needs more than 2 GiB."""
    from ucdver.selection.specs import VALIDATORS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rules", nargs="*", default=[rule.name for rule in VALIDATORS if not rule.oracle])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--classes", type=int, default=8)
    given = parser.parse_args()
    over = []
    print(f"{'rule':12} {'seconds':>9} {'of cpu':>9} {'peak MiB':>9}  score")
    for rule in given.rules:
        found = measure(rule, given.images, given.width, given.classes)
        print(
            f"{rule:12} {found['seconds']:9.2f} {found['cpu']:9.2f} {found['peak'] / 2**20:9.0f}  {found['value']:.6g}",
            flush=True,
        )
        if found["peak"] > LIMIT_BYTES:
            over.append(rule)
    if over:
        sys.exit(f"more than 2 GiB: {', '.join(over)}")


if __name__ == "__main__":
    main()
