"""The section of docs/benchmarks.md about fits of many rows, columns and words, and its drawing."""

from pathlib import Path

from benchmarks import plots, scale
from benchmarks.cells import Cell, measured_on

SHAPE = {"columns": f"{scale.COLUMNS} columns", "words": f"a column of {scale.WORDS:,} words"}


def section(cells: list[Cell], drawings: Path) -> list[str]:
    """Lines of the page; what grows with the rows is drawn into the folder ``drawings``."""
    by_rows = sorted((each for each in cells if each["shape"] not in SHAPE), key=_place)
    shaped = sorted((each for each in cells if each["shape"] in SHAPE), key=_place)
    lines = [
        "",
        "## Fits of many rows",
        "",
        "Adult's training part **resampled with noise** (age, fnlwgt, hours): more rows, not more to learn. Defaults,",
        "a process a fit, seconds of the processor on one thread, beside other work. Before the first step: read,",
        "infer, protect, encode, hold out. Where fewer rounds were measured than a fit has, the rest is counted at",
        "their price.",
    ]
    if by_rows:
        lines += [
            "",
            "| generator | rows | before the first step, s | s / million rows | whole fit, s | s / million rows "
            "| rounds measured | memory, GB |",
            f"|{'---|' * 8}",
            *map(_of_rows, by_rows),
        ]
        drawings.mkdir(parents=True, exist_ok=True)
        (drawings / "scale.svg").write_text(plots.scaling(by_rows), encoding="utf-8")
        lines += ["", "![seconds and memory against rows](benchmarks/scale.svg)"]
    if shaped:
        lines += [
            "",
            "| generator | table | rows | whole fit, s | rounds measured | memory, GB | a block of 8,192 rows, s | "
            "memory with it, GB |",
            f"|{'---|' * 8}",
            *map(_of_shape, shaped),
        ]
    return lines + measured_on(cells)


def _place(cell: Cell) -> tuple[int, str, int]:
    return scale.KINDS.index(cell["kind"]), cell["shape"] if cell["shape"] in SHAPE else "", cell["rows"]


def _of_rows(cell: Cell) -> str:
    millions = cell["rows"] / 1e6
    figures = [cell["kind"], f"{cell['rows']:,}", cell["before_s"], f"{cell['before_s'] / millions:.1f}"]
    figures += [f"{cell['seconds']:,.0f}", f"{cell['seconds'] / millions:,.0f}", _measured(cell), cell["memory_gb"]]
    return f"| {' | '.join(map(str, figures))} |"


def _of_shape(cell: Cell) -> str:
    figures = [cell["kind"], SHAPE[cell["shape"]], f"{cell['rows']:,}", f"{cell['seconds']:,.0f}", _measured(cell)]
    figures += [cell["memory_gb"], cell["block_s"], cell["memory_sampling_gb"]]
    return f"| {' | '.join(map(str, figures))} |"


def _measured(cell: Cell) -> str:
    return f"{cell['rounds_measured']} of {cell['rounds']}"
