"""docs/benchmarks.md and its drawings, written from the cells in results/ and from nothing else."""

import statistics
from pathlib import Path
from typing import Any

from benchmarks import images, scale_page, tables_page
from benchmarks.cells import Cell, measured_on, read
from benchmarks.sampling import MANY

FIRST = """# Measured

Written by `make bench`; each figure was printed by it. Versions are those of requirements.lock; the machine stands
below each table, with the cells it measured where there were several."""
PIPELINE = {
    "`make demo` after install": "demo_s",
    "of it training (branches run side by side)": "demo_train_s",
    "of it everything else": "demo_rest_s",
    "the same again, nothing changed": "demo_again_s",
    "`dvc repro` from nothing, tvae and ctgan one after the other": "repro_s",
    "`dvc repro`, nothing changed": "repro_nothing_s",
    "`geratriz --help`": "help_s",
    "`import geratriz`, beyond Python's own start": "import_s",
}
STACK = {
    "`geratriz up --profile production`, until all is ready, s": "up_production_s",
    "the flow where nothing changed, on a running server, s": "flow_unchanged_s",
    "`dvc repro` where nothing changed, s": "repro_unchanged_s",
    "the flow above `dvc repro`, a stage (of 7), s": "above_repro_a_stage_s",
    "a stage handed to a worker that has it already, there and back, median of 5, s": "handover_median_s",
    "20 retrainings of 20 models, queued at once on two workers, minutes": "twenty_minutes",
    "of them registered": "twenty_registered",
    "versions of each": "twenty_versions_each",
    "branches of each, of one commit": "twenty_branches_each",
}


def write(results: Path, docs: Path) -> Path:
    """Write the page into ``docs`` and its drawings beside it; returns the page."""
    paths = sorted(results.glob("*.json"), key=lambda path: (len(path.name), path.name))  # 2 before 10
    cells = read(paths)
    named = {part: [each for each in cells if each["name"].startswith(part)] for part in _SECTIONS}
    timed = [each for each in cells if each["name"].startswith("cores-")]
    judged = [each for each in cells if "table" in each]
    lines = FIRST.splitlines() + tables_page.section(judged, docs / "benchmarks", timed)
    scaled = [each for each in cells if each["name"].startswith("scale-")]
    lines += scale_page.section(scaled, docs / "benchmarks") if scaled else []
    for part, section in _SECTIONS.items():
        if named[part]:
            lines += section(named[part])
    docs.mkdir(parents=True, exist_ok=True)
    page = docs / "benchmarks.md"
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return page


def _sampling(cells: list[Cell]) -> list[str]:
    columns = ("seconds", "rows_per_s", "memory_gb", "file_mb")
    return [
        "",
        f"## Sampling {MANY:,} rows of Adult's columns to Parquet",
        "",
        f"`geratriz sample MODEL -n {MANY} -o rows.parquet`, start to end; memory is the most that all of",
        "its processes held together (proportional set size).",
        "",
        "| generator | seconds | rows/s | memory, GB | file, MB |",
        "|---|---|---|---|---|",
        *(f"| {each['name'].removeprefix('sampling-')} | {_row(each[name] for name in columns)} |" for each in cells),
        *measured_on(cells),
    ]


def _privacy(cells: list[Cell]) -> list[str]:
    """What the verdict was on each kind of rows, and how high each attack came."""
    timed = [each for each in cells if each["name"] == ATTACKS]
    found = [each for each in cells if each["name"] != ATTACKS]
    if not found:
        return []
    seconds = f"{timed[0]['seconds']} s" if timed else "not measured, in seconds"
    lines = [
        "",
        "## The privacy verdict on Adult",
        "",
        f"{len(found)} random divisions of all 48,842 rows (80 / 10 / 10 %); limits as in params.yaml. In the place of",
        "synthetic rows: fresh real rows (4,884), columns drawn independently (39,074), and those with a share of rows",
        "replaced by training rows. Attacks: the median value and the greatest high end of an interval over divisions.",
        f"All attacks on 39,074 synthetic rows: {seconds} of processor time, on one thread.",
        "",
    ]
    kinds = list(found[0]["judged"])
    attacks = list(found[0]["judged"][kinds[0]]["attacks"])
    lines += [f"| judged | divisions | passed | not proved | leak | {' | '.join(attacks)} |"]
    lines += [f"|{'---|' * (5 + len(attacks))}"]
    for kind in kinds:
        judged = [each["judged"][kind] for each in found if kind in each["judged"]]
        outcomes = [each["outcome"] for each in judged]
        counts = [str(outcomes.count(word)) for word in ("passed", "unproven", "leak")]
        figures = [
            f"{statistics.median(each['attacks'][name][0] for each in judged):.3g} / "
            f"{max(each['attacks'][name][1] for each in judged):.3g}"
            for name in attacks
        ]
        lines.append(f"| {' | '.join([kind, str(len(judged)), *counts, *figures])} |")
    return lines + measured_on(cells)


def _pipeline(cells: list[Cell]) -> list[str]:
    figures = cells[0]
    figures["demo_rest_s"] = round(figures["demo_s"] - figures["demo_train_s"], 1)
    return [
        "",
        "## The pipeline, on a clean clone",
        "",
        "| what | seconds |",
        "|---|---|",
        *(f"| {what} | {figures[key]} |" for what, key in PIPELINE.items()),
        *measured_on(cells),
    ]


def _stack(cells: list[Cell]) -> list[str]:
    """What servers and hand-over cost, as far as it was measured."""
    figures = {name: value for cell in cells for name, value in cell.items()}
    return [
        "",
        "## Servers, workers and hand-over",
        "",
        "PostgreSQL 15, S3 (SeaweedFS), MLflow and Prefect with passwords, workers in clones of their own: all on one",
        "machine. Small tables (6,000 and 1,500 rows), the generator `independent`: what is measured is the way. The",
        "twenty ran beside other work.",
        "",
        "| what | measured |",
        "|---|---|",
        *(f"| {what} | {_plain(figures[key])} |" for what, key in STACK.items() if key in figures),
        *measured_on(cells),
    ]


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _row(values: Any) -> str:
    return " | ".join(f"{each:,}" for each in values)


ATTACKS = "privacy-seconds"
_SECTIONS = {
    "sampling-": _sampling,
    "images-": images.table,
    "privacy-": _privacy,
    "pipeline": _pipeline,
    "stack-": _stack,
}
