"""The sentences under a leaderboard: what its numbers are, what to compare them with, who is not ranked."""

from __future__ import annotations

from ucdver.evaluate.metrics import lack
from ucdver.report.board import Cell, Column, Difference, Leaderboard
from ucdver.report.format import ORACLE, column_label, method_label, one_line, share_text

#: What stands under a table of a selection rule where each run has its end alone.
ONE_CHECKPOINT = (
    "every run has one checkpoint, its end, so every rule chooses that: "
    "set checkpoints = N in the suite and run it again."
)


def footnotes(board: Leaderboard) -> tuple[str, ...]:
    """Return plain sentences; exporters escape them and write them under the table."""
    return (
        _numbers(board),
        *_single(board),
        *(f"{name}: {caution}." for name, caution in board.cautions.items()),
        *_baselines(board),
        *_labels(board),
        *_shared(board),
        *_ranking(board),
        *_against(board),
        *_options(board),
        *([f"{one_line(board.backbone_note).rstrip('.')}."] if board.backbone_note else []),
        *_notes(board),
        *_oracles(board),
        *_mixed(board),
        *_partial(board),
        *_unranked(board),
        *_absent(board),
    )


def standing(board: Leaderboard) -> list[str]:
    """Return the sentences that hold whichever checkpoint was chosen: of data, options, methods and weights."""
    return [
        *(f"{name}: {caution}." for name, caution in board.cautions.items()),
        *_labels(board),
        *_shared(board),
        *_options(board),
        *([f"{one_line(board.backbone_note).rstrip('.')}."] if board.backbone_note else []),
        *_notes(board),
        *_mixed(board),
        *_absent(board),
    ]


def _numbers(board: Leaderboard) -> str:
    counts = sorted({cell.n_seeds for cell in board.cells if cell.n_seeds})
    text = f"checkpoint: {board.selection}"
    if not counts:
        pending = all(cell.status == "missing" for cell in board.cells)
        return f"{text}; {'no run has finished' if pending else 'no cell has a number'}."
    if counts == [1]:
        return f"{text}; one seed, so there is no interval."
    seeds = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    alone = "; a single seed has none" if counts[0] == 1 else ""
    level = f"{board.confidence * 100:g} %"
    several = ", of averages over the seeds of every task (Welch)" if len({c.task for c in board.columns}) > 1 else ""
    return f"{text}; mean ± half-width of the {level} t-interval over {seeds} seeds{alone}{several}."


def _single(board: Leaderboard) -> list[str]:
    """Say under a rule's name that it chose nothing, and how it would have something to choose from."""
    return [ONE_CHECKPOINT] if board.single and board.selection != "last" else []


def _baselines(board: Leaderboard) -> list[str]:
    """Say images, chance and majority share of each column; columns that agree share a sentence."""
    columns: dict[str, list[str]] = {}
    for column in board.columns:
        columns.setdefault(_baseline(board, column), []).append(column_label(board, column))
    return [f"{', '.join(labels)}: {text}." for text, labels in columns.items()]


def _baseline(board: Leaderboard, column: Column) -> str:
    chance = "" if column.chance is None else f", chance {share_text(column.chance)}"
    classes = "" if column.classes is None else f"{column.classes} classes"
    if column.images is None or column.majority is None:
        cells = [cell for cell in board.cells if (cell.task, cell.target) == (column.task, column.target)]
        unknown = "test images not known yet" if any(c.status == "missing" for c in cells) else "no test image scored"
        return ", ".join(part for part in (unknown, classes) if part) + chance
    majority = f", majority class {share_text(column.majority)}"
    images = "1 test image" if column.images == 1 else f"{column.images} test images"
    return f"{images}, {classes}{chance}{majority}"


def _labels(board: Leaderboard) -> list[str]:
    """Say through which map each data set's labels went, with the tasks where that differs between them."""
    tasks: dict[str, dict[str, list[str]]] = {}
    for task, read in board.labels.items():
        for dataset, how in read.items():
            tasks.setdefault(dataset, {}).setdefault(how, []).append(one_line(task))
    told = [
        f"{dataset} through {how}" + (f" in {', '.join(of)}" if len(ways) > 1 else "")
        for dataset, ways in sorted(tasks.items())
        for how, of in ways.items()
        if how
    ]
    return [f"labels: {'; '.join(told)}."] if told else []


def _shared(board: Leaderboard) -> list[str]:
    """Warn of targets whose pictures a source shows with their labels: what they test is memory too."""
    return [
        f"{one_line(task)}: {'1 picture of the target is' if count == 1 else f'{count} pictures of the target are'} in "
        "a source too, file for file: training may have seen the labels of what is tested."
        for task, count in board.shared.items()
    ]


def _ranking(board: Leaderboard) -> list[str]:
    ranked = sum(rank is not None for rank in board.ranks.values())
    over = [column for column in board.columns if column.applicable]
    left_out = [column_label(board, column) for column in board.columns if not column.applicable]
    sentences = []
    if ranked and over:
        what = "1 column" if len(over) == 1 else f"{len(over)} columns"
        who = "1 method" if ranked == 1 else f"{ranked} methods"
        sentences.append(f"average and rank: means over {what}; rank 1 is the best of {who}, ties share a mean rank.")
    if left_out:
        sentences.append(f"{', '.join(left_out)}: left out of average and rank, {lack(board.metric)}.")
    return sentences


def _against(board: Leaderboard) -> list[str]:
    """Say what the differences are, and which of them are no accident of the seeds."""
    found = {m: d for m, d in board.differences.items() if d is not None and m not in board.oracles}
    return [*(_tested(board, found) if found else []), *_unpaired(board)]


def _unpaired(board: Leaderboard) -> list[str]:
    """Say of a method with all of its seeds why it is not compared: the reference has others."""
    if board.averages.get(board.reference) is None:
        return []
    others = [
        method_label(board, method)
        for method in board.methods
        if method != board.reference and board.averages[method] is not None and board.differences.get(method) is None
    ]
    return [f"not compared with {one_line(board.reference)}, which has other seeds: {', '.join(others)}."] * bool(
        others
    )


def _tested(board: Leaderboard, found: dict[str, Difference]) -> list[str]:
    level = 1 - board.confidence
    told = [
        f"{method_label(board, method)} (p {_p_text(d.p)})"
        for method, d in found.items()
        if d.p is not None and d.p < level
    ]
    text = f"vs {one_line(board.reference)}: difference of the averages"
    tests = [d for d in found.values() if d.p is not None]
    if not tests:
        alone = all(d.interval.n == 1 for d in found.values())
        return [f"{text}; {'one seed' if alone else 'nothing varies over the seeds'}, so it says nothing about chance."]
    count = "1 comparison" if len(tests) == 1 else f"{len(tests)} comparisons"
    how = f"told apart at {share_text(level, 0)} (t-test, Holm, {count})"
    still = [method_label(board, method) for method, d in found.items() if d.p is None]
    untested = f"; not tested, as nothing varies over its seeds: {', '.join(still)}" if still else ""
    return [f"{text}, paired by seed; {how}: {', '.join(told) or 'none'}{untested}."]


def _p_text(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def _options(board: Leaderboard) -> list[str]:
    """Say which methods do not run with their defaults: a changed option must never pass for the method itself."""
    methods: dict[str, list[str]] = {}
    for method, options in board.options.items():
        text = ", ".join(f"{name} = {value}" for name, value in options.items())
        methods.setdefault(text, []).append(method_label(board, method))
    return [f"{', '.join(labels)}: {text}." for text, labels in methods.items()]


def _notes(board: Leaderboard) -> list[str]:
    """Say what a method's spec wants said under every table, once where methods share it."""
    methods: dict[str, list[str]] = {}
    for method, note in board.notes.items():
        methods.setdefault(one_line(note).rstrip("."), []).append(method_label(board, method))
    return [f"{', '.join(labels)}: {note}." for note, labels in methods.items()]


def _oracles(board: Leaderboard) -> list[str]:
    if not board.oracles:
        return []
    if board.oracle_selection:
        return [f"{ORACLE}: checkpoints are chosen with target labels; an upper bound, never ranked."]
    return [f"{ORACLE}: the method is given target labels; shown for comparison, never ranked."]


def _mixed(board: Leaderboard) -> list[str]:
    """Warn of a method that was changed between its runs without a new version: its row is of two methods."""
    return [
        f"{method_label(board, method)}: its source changed between these runs at the same version; "
        f"'ucdver bench -m {one_line(method)} --rerun always' makes them anew."
        for method in board.mixed
    ]


def _partial(board: Leaderboard) -> list[str]:
    if not any(cell.status == "partial" for cell in board.cells):
        return []
    return ["(a/b): only a of b planned seeds are done; the method is not ranked."]


def _unranked(board: Leaderboard) -> list[str]:
    """Say for each method without a rank, and each oracle with a gap, which cells lack what."""
    methods: dict[tuple[str, bool], list[str]] = {}
    applicable = {(c.task, c.target) for c in board.columns if c.applicable}
    for method in board.methods:
        gaps: dict[str, list[str]] = {}
        for cell in board.row(method):
            if cell.status != "done" and (cell.task, cell.target) in applicable:
                gaps.setdefault(_gap(cell), []).append(column_label(board, cell))
        if gaps:
            where = "; ".join(f"{', '.join(columns)} {gap}" for gap, columns in gaps.items())
            methods.setdefault((where, method in board.oracles), []).append(method_label(board, method))
    return [
        f"{', '.join(labels)}{'' if oracle else f' {_is(labels)} not ranked'}: {where}."
        for (where, oracle), labels in methods.items()
    ]


def _is(labels: list[str]) -> str:
    return "is" if len(labels) == 1 else "are"


def _absent(board: Leaderboard) -> list[str]:
    """Say of each data set that is not on this machine what to type."""
    return [f"{one_line(how, 400).rstrip('.')}." for how in board.absent.values()]


def _gap(cell: Cell) -> str:
    reason = one_line(cell.reason).rstrip(".")
    if cell.status == "partial":
        return f"has {cell.n_seeds} of {cell.expected_seeds} seeds ({reason})"
    words = {"failed": "failed", "missing": "missing", "not_applicable": "not applicable"}
    return f"{words[cell.status]} ({reason})" if reason else words[cell.status]
