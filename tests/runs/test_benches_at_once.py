"""Benches that are killed, and two on one folder."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from support.small_suite import SUITE

from ucdver.runs.events import RunEvent
from ucdver.runs.executors.local import LocalExecutor
from ucdver.runs.options import WorkerOptions
from ucdver.runs.plan import Plan
from ucdver.runs.store import RunStore
from ucdver.train.log import RunLog
from ucdver.train.loop import LoopOptions

Planner = Callable[..., Plan]


def bench(tmp_path: Path, home: Path, *arguments: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "UCDVER_HOME": str(home), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "ucdver", "bench", "small.toml", "-m", "source_only", *arguments]
    return subprocess.Popen(
        command, cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def test_a_bench_killed_at_any_moment_goes_on_to_bit_identical_predictions(
    plan: Planner, tmp_path: Path, home: Path
) -> None:
    text = SUITE.replace("steps = 6", "steps = 400").replace("seeds = 2", "seeds = 1")
    made = plan(text)
    key = made.runs[0].key()
    log = RunLog(RunStore(tmp_path / "killed").folder(key) / "log.jsonl")
    process = bench(tmp_path, home, "--runs", "killed", "--checkpoint-seconds", "0", "-j", "1")
    deadline = time.monotonic() + 120
    while len(log.read()) < 25 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    output = process.communicate()[0]
    assert len(log.read()) >= 25, output
    store = RunStore(tmp_path / "killed")
    assert store.record(key) is None, "the run ended before it could be killed"
    resumed: list[RunEvent] = []
    LocalExecutor(WorkerOptions(runs=tmp_path / "killed", home=home)).run(made.runs[:1], resumed.append)
    first = next(event.step for event in resumed if event.kind == "progress")
    assert first > 24, "it began again instead of going on"
    LocalExecutor(WorkerOptions(runs=tmp_path / "whole", home=home, loop=LoopOptions(checkpoint_seconds=1e9))).run(
        made.runs[:1], lambda event: None
    )
    one, other = (RunStore(tmp_path / name).predictions(key) for name in ("killed", "whole"))
    assert np.array_equal(one.logits, other.logits)


def test_two_benches_at_once_on_one_folder_share_the_work(plan: Planner, tmp_path: Path, home: Path) -> None:
    plan(SUITE.replace("steps = 6", "steps = 100").replace("seeds = 2", "seeds = 3"))
    both = [bench(tmp_path, home, "--runs", "runs", "-j", "1") for _ in range(2)]
    outputs = [process.communicate(timeout=240)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    records = list(RunStore(tmp_path / "runs").records())
    assert [record.status for record in records] == ["done"] * 3
    for record in records:
        log = RunStore(tmp_path / "runs").folder(record.spec.key()) / "log.jsonl"
        steps = [json.loads(line)["step"] for line in log.read_text().splitlines()]
        assert steps == sorted(set(steps)), "two processes wrote one log"
    assert all("3 done" in output or "cached" in output for output in outputs), outputs
