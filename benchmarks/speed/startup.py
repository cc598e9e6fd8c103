"""How long `ucdver --help` takes, beside a bare interpreter: medians of fresh processes, in milliseconds."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

HELP = "import sys; from ucdver.cli.app import main; sys.exit(main(['--help']))"


def median_ms(code: str, runs: int) -> float:
    """Return the median wall time of `python -c code` over `runs` processes, after one that warms the disk cache."""
    times = []
    for number in range(runs + 1):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        if number:
            times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def main() -> None:
    """Print the three medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    for name, code in (("python -c pass", "pass"), ("import ucdver", "import ucdver"), ("ucdver --help", HELP)):
        print(f"{name:16} {median_ms(code, runs):7.1f} ms")


if __name__ == "__main__":
    main()
