"""How fast `ucdver data check` reads pictures beside a bare Pillow loop, and how its memory grows with their number.

A tree of JPEGs is drawn, then each measurement is taken in a process of its own, so that no peak hides another.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ucdver.data.catalog import Catalog
from ucdver.data.check.run import check_dataset
from ucdver.data.manifest import Row
from ucdver.data.near import near_groups
from ucdver.registry import Registry
from ucdver.spec.labels import LabelSpace
from ucdver.spec.plugin import DatasetSpec

FULL = 118_000
SIZE = (400, 300)


def draw(root: Path, count: int) -> None:
    """Write `count` JPEGs of 400 x 300 pixels, each another one, and the list of them."""
    rng = np.random.Generator(np.random.Philox(0))
    with (root / "rows.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        for number in range(count):
            path = f"{number % 100:02d}/{number:06d}.jpg"
            (root / path).parent.mkdir(exist_ok=True)
            coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
            fine = rng.normal(0, 8, (SIZE[1], SIZE[0], 3))
            pixels = np.asarray(coarse.resize(SIZE, Image.Resampling.BICUBIC), dtype=np.float32) + fine
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(root / path, quality=85)
            writer.writerow([f"{number:06d}", path, ("a", "b")[number % 2]])


def read(root: Path) -> Iterator[Row]:
    """The reader of the drawn data set: a row a line, as far as the file `count` says."""
    count = int((root / "count").read_text())
    with (root / "rows.csv").open(newline="") as stream:
        for number, (name, path, label) in enumerate(csv.reader(stream)):
            if number < count:
                yield Row(name, path, "all", {"two": label}, split=("train", "test")[number % 5 == 0])


def peak_mb() -> float:
    """Return the most memory that this process ever held, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("/proc/self/status has no VmHWM: this runs on Linux")


def measure(what: str, root: Path, home: Path) -> dict[str, float]:
    """Do one thing to the tree and return images a second, milliseconds of processor an image, and the peak."""
    count = int((root / "count").read_text())
    started, used = time.perf_counter(), time.process_time()
    if what == "bare":
        for row in read(root):
            with Image.open(root / row.path) as image:
                image.load()
    else:
        registry = Registry()
        registry.label_spaces.add("two", LabelSpace(name="two", classes=("a", "b")), "here")
        spec = DatasetSpec(
            name="drawn",
            version="1",
            reader="__main__:read",
            domains=("all",),
            label_spaces=("two",),
            summary="drawn",
            licence="CC0",
            obtain="draw it",
        )
        registry.datasets.add("drawn", spec, "here")
        catalog = Catalog(registry, home)
        report, _ = check_dataset(catalog, catalog.place("drawn", root))
        if what == "check" and report.read != count:
            raise SystemExit(f"{report.read} of {count} were read")
    spent = (time.process_time() - used) / count * 1000
    return {"rate": count / (time.perf_counter() - started), "cpu": spent, "peak": peak_mb()}


def measured(what: str, root: Path, home: Path) -> dict[str, float]:
    """Return what `measure` says in a fresh process."""
    done = subprocess.run(
        [sys.executable, __file__, "--measure", what, str(root), str(home)], check=True, capture_output=True, text=True
    )
    return {str(name): float(value) for name, value in json.loads(done.stdout).items()}


def search() -> None:
    """Print how long near-duplicates are looked for among as many hashes as the largest data set has."""
    hashes = np.random.Generator(np.random.Philox(1)).integers(0, 1 << 64, FULL, dtype=np.uint64)
    for limit in (0, 3, 4, 7):
        before, started = peak_mb(), time.perf_counter()
        near_groups(hashes, limit)
        took = time.perf_counter() - started
        print(f"near-duplicates of {FULL} hashes, {limit} bits: {took:5.1f} s, {peak_mb() - before:4.0f} MB more")


def main() -> None:
    """Print rates, their ratios and peaks for several numbers of pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 2000, 4000])
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        what, root, home = options.measure
        print(json.dumps(measure(what, Path(root), Path(home))))
        return
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "tree"
        root.mkdir()
        draw(root, max(options.counts))
        print("images  bare/s  check/s  ratio  again/s  bare cpu ms  check cpu ms  ratio  peak MB")
        for count in options.counts:
            (root / "count").write_text(str(count))
            home = Path(folder) / f"home-{count}"
            bare, first, again = (measured(what, root, home) for what in ("bare", "check", "again"))
            ratio = first["rate"] / bare["rate"]
            print(
                f"{count:6}  {bare['rate']:6.0f}  {first['rate']:7.0f}  {ratio:5.2f}  {again['rate']:7.0f}"
                f"  {bare['cpu']:11.2f}  {first['cpu']:12.2f}  {first['cpu'] / bare['cpu']:5.2f}  {first['peak']:7.1f}",
                flush=True,
            )
            peaks.append(first["peak"])
    grown = (peaks[-1] - peaks[0]) / max(1, options.counts[-1] - options.counts[0])
    needed = peaks[-1] + grown * max(0, FULL - options.counts[-1])
    print(f"{grown * 1024:.1f} KB an image; {FULL} images need {needed:.0f} MB")
    search()


if __name__ == "__main__":
    main()
