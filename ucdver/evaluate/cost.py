"""What a run costs: parameters, time, memory."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import torch

from ucdver.data.views import TargetView
from ucdver.methods.base import Method
from ucdver.spec.run import Cost
from ucdver.train.predict import predict_all

_CLEAR_REFS = Path("/proc/self/clear_refs")


class CostMeter:
    """Measures one run; made before its data are loaded, since from there on memory is counted."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        elif _CLEAR_REFS.exists():
            # 5 resets the peak resident size, so that a worker's second run is not charged with its first.
            try:
                _CLEAR_REFS.write_text("5")
            except OSError:
                return

    def peak_memory(self) -> int:
        """Return the peak in bytes: allocated on a GPU, resident on a CPU."""
        if self.device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self.device))
        status = Path("/proc/self/status")
        if status.exists():
            for line in status.read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return int(peak if sys.platform == "darwin" else peak * 1024)

    def cost(self, method: Method, seconds: float, steps: int, view: TargetView, precision: torch.dtype) -> Cost:
        """Return the cost after `steps` steps in `seconds`; prediction is timed on at most 256 images of `view`."""
        sample = view.images[:256]
        extras = {name: rows[:256] for name, rows in view.extras.items()}
        few = {name: rows[:8] for name, rows in extras.items()}
        predict_all(method, sample[:8], self.device, precision, few)
        started = time.perf_counter()
        predict_all(method, sample, self.device, precision, extras)
        elapsed = time.perf_counter() - started
        return Cost(
            parameters=sum(p.numel() for p in method.parameters()),
            trainable_parameters=sum(p.numel() for p in method.parameters() if p.requires_grad),
            train_seconds=seconds,
            steps_per_second=steps / seconds if seconds > 0 else 0.0,
            peak_memory_bytes=self.peak_memory(),
            predict_us_per_image=1e6 * elapsed / max(1, len(sample)),
        )
