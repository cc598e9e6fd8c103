"""Every exporter: golden files looked at by a person, round trips, gaps, hostile text."""

from __future__ import annotations

import csv
import json
import os
import re
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from rich.cells import cell_len
from support.fake_runs import FakeRuns, Score, make_task, write_fake_runs

from ucdver.evaluate.specs import METRICS
from ucdver.files import atomic_write_text
from ucdver.registry import load_callable
from ucdver.report import delimited, document, html, latex, markdown, table
from ucdver.report.format import interval_text, one_line, rank_text, rows, score_text
from ucdver.report.leaderboard import Leaderboard, build_leaderboard
from ucdver.report.specs import EXPORTERS
from ucdver.stats.intervals import t_interval

GOLDEN = Path(__file__).parents[1] / "golden"
NAMES = [spec.name for spec in EXPORTERS]
HOSTILE = '<script>alert("x")</script> | a & b % c_d ${x}^ ~ # \\input{y} `z` **w** [l](http://h)\n\x1b[31mred'

SCORES: dict[str, list[list[Score]]] = {
    "source_only": [[8, 9, 10], [10, 10, 10], [7, 8, 8]],
    "target_only": [[18, 19, 18], [17, 18, 18], [19, 19, 20]],
    "dann": [[11, 12, 13], [10, 10, 10], [9, 9, 10]],
    "cdan": [[12, 12, 14], [11, "failed: CUDA out of memory", 12], [9, 9, 9]],
    "mcc": [[12, 12, 12], ["failed: the loss is NaN at step 12"] * 3, ["missing"] * 3],
    "kcdp": [["n/a: kcdp is not defined for the setting 'uda'"] * 3] * 3,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> FakeRuns:
    return write_fake_runs(tmp_path_factory.mktemp("runs"), SCORES, oracles=["target_only"])


@pytest.fixture(scope="module")
def board(runs: FakeRuns) -> Leaderboard:
    return build_leaderboard(runs.store, runs.registry, runs.plan)


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 100 characters, wherever the tests run."""
    monkeypatch.setenv("COLUMNS", "100")


def write(name: str, board: Leaderboard) -> str:
    spec = next(spec for spec in EXPORTERS if spec.name == name)
    text = load_callable(spec.target, name)(board)
    assert isinstance(text, str)
    return text


def hostile_board(root: Path) -> Leaderboard:
    scores: dict[str, list[list[Score]]] = {"a": [[10], [12]], "b": [[9], [f"failed: {HOSTILE}"]]}
    runs = write_fake_runs(root, scores, title=HOSTILE)
    # No plan that is read names a method so: what exporters write is escaped all the same.
    suite = runs.plan.suite.model_copy(update={"methods": {HOSTILE: {}, "b": {}}})
    entries = [e.model_copy(update={"method": HOSTILE}) if e.method == "a" else e for e in runs.plan.entries]
    plan = runs.plan.model_copy(update={"suite": suite, "entries": tuple(entries)})
    return build_leaderboard(runs.store, runs.registry, plan)


def compare(name: str, text: str, golden: str) -> None:
    """Demand equal text; numbers in full precision may differ in the last bits between machines."""
    if name not in ("csv", "json"):
        assert text == golden
        return
    number = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
    assert number.sub("#", text) == number.sub("#", golden)
    found, known = ([float(x) for x in number.findall(t)] for t in (text, golden))
    assert found == pytest.approx(known, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("metric", ["accuracy", "nll"])
def test_what_is_written_is_what_a_person_approved(
    runs: FakeRuns, name: str, metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    suffix = next(spec.suffix for spec in EXPORTERS if spec.name == name)
    path = GOLDEN / f"leaderboard_{metric}{suffix}"
    text = write(name, build_leaderboard(runs.store, runs.registry, runs.plan, metric))
    if os.environ.get("UCDVER_WRITE_GOLDEN"):
        atomic_write_text(path, text)
    compare(name, text, path.read_text())


def test_csv_comes_back_as_it_was(board: Leaderboard) -> None:
    lines = list(csv.DictReader(StringIO(delimited.export(board))))
    assert list(lines[0]) == [
        *("suite", "task", "target", "method", "selection", "metric"),
        *("mean", "ci_low", "ci_high", "std", "n_seeds", "rank", "status", "oracle"),
    ]
    assert len(lines) == len(board.cells)
    for line, cell in zip(lines, board.cells, strict=True):
        names = [line[k] for k in ("suite", "task", "target", "method", "selection", "metric", "status")]
        assert names == [
            *(cell.suite, cell.task, cell.target, cell.method),
            *(cell.selection, cell.metric, cell.status),
        ]
        found = cell.interval
        known = [found.mean, found.low, found.high, found.std] if found else [None] * 4
        read = [float(line[k]) if line[k] else None for k in ("mean", "ci_low", "ci_high", "std")]
        assert read == known
        assert int(line["n_seeds"]) == cell.n_seeds
        assert (float(line["rank"]) if line["rank"] else None) == cell.rank
        assert line["oracle"] == ("true" if cell.method == "target_only" else "false")


def test_json_holds_every_cell(board: Leaderboard) -> None:
    read = json.loads(document.export(board))
    assert [m["name"] for m in read["methods"] if m["oracle"]] == ["target_only"]
    assert [m["rank"] for m in read["methods"]] == list(board.ranks.values())
    for row, cell in zip(read["cells"], board.cells, strict=True):
        assert (row["method"], row["task"], row["status"]) == (cell.method, cell.task, cell.status)
        assert (row["score"] or {}).get("mean") == (cell.interval.mean if cell.interval else None)


@pytest.mark.parametrize("name", NAMES)
def test_a_gap_is_never_a_number(tmp_path: Path, name: str) -> None:
    scores: dict[str, list[list[Score]]] = {
        "m": [["failed: boom"], ["missing"], ["n/a: no"], ["damaged"]],
        "n": [["failed: boom"], ["missing"], ["n/a: no"], ["damaged"]],
    }
    runs = write_fake_runs(tmp_path, scores)
    text = write(name, build_leaderboard(runs.store, runs.registry, runs.plan))
    if name == "json":
        assert all(cell["score"] is None and cell["rank"] is None for cell in json.loads(text)["cells"])
        return
    if name == "csv":
        for line in csv.DictReader(StringIO(text)):
            assert [line[k] for k in ("mean", "ci_low", "ci_high", "std", "rank")] == [""] * 5
        return
    found = [line for line in text.splitlines() if re.match(r'(\| |<tr><th scope="row">)?[mn]( |<)', line)]
    body = [line for line in found if "not ranked" not in line]
    assert len(body) == 2
    for row in body:
        shown = re.sub(r' title="[^"]*"', "", row)
        assert not re.search(r"\d", shown)
        words = re.sub(r"<[^>]*>", " ", shown)
        assert [words.count(word) for word in ("failed", "n/a", "missing")] == [2, 1, 1]


@pytest.mark.parametrize("name", ["table", "md", "latex", "html"])
def test_oracles_are_marked_and_never_best(board: Leaderboard, name: str) -> None:
    lines = write(name, board).splitlines()
    (row,) = [line for line in lines if re.search(r"target\\?_only", line) and "91.7" in line]
    assert "(oracle)" in row and "91.7" in row
    assert "**" not in row and "textbf" not in row and "<strong>" not in row and "*" not in row
    dann = next(line for line in lines if re.search(r"\bdann\b", line))
    best = {"table": "60.0 ± 12.4*", "md": "**60.0 ± 12.4**", "latex": r"\textbf{60.0 $\pm$ 12.4}"}
    assert best.get(name, "<strong>60.0 ± 12.4</strong>") in dann


class _Reader(HTMLParser):
    """Collects the tags, their attributes and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_escapes_what_it_did_not_write(tmp_path: Path) -> None:
    page = html.export(hostile_board(tmp_path))
    reader = _Reader()
    reader.feed(page)
    assert reader.open == []
    assert "script" not in reader.tags and "a" not in reader.tags
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert not [name for name, _ in reader.attributes if name in ("src", "href")]
    assert one_line(HOSTILE) in reader.text
    assert ("title", one_line(HOSTILE)) in reader.attributes


def test_latex_escapes_what_it_did_not_write(tmp_path: Path) -> None:
    text = latex.export(hostile_board(tmp_path))
    assert r"\input{" not in text and r"\textbackslash{}input\{y\}" in text
    # What is left without the escapes must be the exporter's own: balanced groups and bare column marks.
    plain = re.sub(r"\\[&%$#_{}]", "", text).replace(r"$\pm$", "")
    assert not re.search(r"[$#^~%\"`]", plain)
    assert plain.count("{") == plain.count("}")
    for line in plain.splitlines():
        if line.endswith(r"\\"):
            assert line.count("&") == 4


def test_latex_keeps_hyphens_apart_that_would_print_as_a_dash() -> None:
    assert latex.escape("--rerun ---x a-b") == "-{}-rerun -{}-{}-x a-b"
    assert latex.escape("–") == "--"


def test_markdown_escapes_what_it_did_not_write(tmp_path: Path) -> None:
    text = markdown.export(hostile_board(tmp_path))
    assert "<" not in text and ">" not in text and "\x1b" not in text
    body = [line for line in text.splitlines() if line.startswith("|")]
    assert len(body) == 4
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 6 for line in body)
    assert r"\*\*w\*\*" in text and r"\[l\](http" in text and r"\`z\`" in text


def test_the_terminal_gets_no_foreign_control_characters(tmp_path: Path) -> None:
    board = hostile_board(tmp_path)
    assert "\x1b" not in table.export(board, width=100)
    assert "[31mred" in table.export(board, width=1000, ansi=True) and "\x1b[31mred" not in table.export(
        board, ansi=True
    )


def test_no_number_is_cut_whatever_the_width(tmp_path: Path) -> None:
    many: dict[str, list[list[Score]]] = {
        "source_only": [[i, i + 3] for i in range(12)],
        "target_only": [[20, 20]] * 12,
        "cdan": [[7, 20 - i] for i in range(12)],
    }
    many["cdan"][-1] = [3, "missing"]
    tasks = [make_task(f"a-rather-long-task-name-{i}") for i in range(12)]
    runs = write_fake_runs(tmp_path, many, tasks=tasks, oracles=["target_only"])
    board = build_leaderboard(runs.store, runs.registry, runs.plan)
    for width in (20, *range(60, 130, 3), 200):
        text = table.export(board, width=width)
        # Every method has one line in each block: none is wrapped.
        assert {body.count("\n") for body in re.findall(r"─\n(.+?\n)\n", text, flags=re.DOTALL)} == {3}
        for cell in board.cells:
            if cell.interval:
                assert interval_text(cell.interval, board.metric) in text
        assert "…" not in text
        if width >= 60:
            assert max(cell_len(line) for line in text.splitlines()) <= width


def test_colour_is_only_written_when_asked_for(board: Leaderboard) -> None:
    assert "\x1b" not in table.export(board, width=100)
    assert "\x1b[1m60.0 ± 12.4\x1b[0m" in table.export(board, width=120, ansi=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_task_with_several_targets_names_them(tmp_path: Path, name: str) -> None:
    tasks = [make_task("many", ["icons:x", "icons:y"])]
    runs = write_fake_runs(tmp_path, {"a": [[10]]}, tasks=tasks)
    text = write(name, build_leaderboard(runs.store, runs.registry, runs.plan))
    assert "icons:x" in text and "icons:y" in text


def test_one_seed_shows_no_interval(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path, {"a": [[10]], "b": [[8]]})
    board = build_leaderboard(runs.store, runs.registry, runs.plan)
    text = markdown.export(board)
    assert "| a | **50.0** | **50.0** | **1** |" in text and "±" not in text
    assert "one seed, so there is no interval" in text


def test_cells_that_tie_but_for_their_last_bit_are_both_the_best(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path, {"a": [[1, 5]], "b": [[2, 4]], "c": [[1, 1]]})
    board = build_leaderboard(runs.store, runs.registry, runs.plan)
    means = [cell.interval.mean for cell in board.cells if cell.interval]
    assert means[0] != means[1] and means[0] == pytest.approx(means[1], abs=1e-15)
    cells = [row.fields for row in rows(board)]
    # The column, the average and the rank.
    assert [[fields[i].best for i in (0, 1, -1)] for fields in cells] == [[True] * 3, [True] * 3, [False] * 3]


def test_scores_are_written_as_documented() -> None:
    percent, nats = (next(m for m in METRICS if m.name == name) for name in ("accuracy", "nll"))
    assert score_text(0.5234, percent) == "52.3" and score_text(1.23456, nats) == "1.235"
    assert score_text(-0.0001, percent) == "0.0" and score_text(1.0, percent) == "100.0"
    assert interval_text(t_interval([0.5]), percent) == "50.0"
    assert [rank_text(r) for r in (1.0, 1.5, 5 / 3, 10.0, None)] == ["1", "1.5", "1.67", "10", "–"]
    assert one_line("a\n\tb\x00 c") == "a b c" and one_line("x" * 700) == "x" * 599 + "…"
