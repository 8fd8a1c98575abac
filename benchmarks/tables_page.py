"""The section of docs/benchmarks.md that sets ours beside peers on tables, written from its cells."""

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from benchmarks import plots
from benchmarks.cells import Cell
from benchmarks.tables import MODELS, OURS, REAL, SETS

JUDGED = ("shape_error", "trend_error", "detection_train", "detection_test")
SAME = {"detection": "detection_test", "shape_error": "shape_error", "trend_error": "trend_error", "utility": "utility"}
AT_LEAST, AT_MOST = (
    ("detection_train", "detection_test", "utility"),
    ("shape_error", "trend_error", "fit_s", "sample_s"),
)
SECONDS = ("fit_s", "sample_s")
ASKED: dict[tuple[str, str], dict[str, float]] = {
    ("adult", "autoregressive"): {
        "detection_train": 0.93,
        "shape_error": 0.65,
        "trend_error": 1.4,
        "utility": 0.918,
        "fit_s": 150,
        "sample_s": 1.5,
    },
    ("adult", "tvae_flow"): {
        "detection_train": 0.80,
        "shape_error": 1.1,
        "trend_error": 2.2,
        "utility": 0.910,
        "fit_s": 180,
        "sample_s": 4,
    },
    ("adult", "ctgan"): {
        "detection_train": 0.45,
        "shape_error": 2,
        "trend_error": 4,
        "utility": 0.90,
        "fit_s": 240,
        "sample_s": 0.5,
    },
    ("magic", "autoregressive"): {"detection_train": 0.75, "detection_test": 0.90, "utility": 0.93},
}
"""What was to be reached on two cores, by table and model: at least or at most."""
INTRO = """
## Tables: ours beside peers

The benchmark protocol: SDMetrics 0.32's quality report against the training rows with both thresholds 0, XGBoost
detection (3 folds, 1 = cannot be told apart) against training and held-out rows, utility as XGBoost's AUC (R2 where the
target is a number) on the held-out rows. The report's trends are cut into bins otherwise than our `trend_error`
(docs/adr/0004). As many rows are drawn as there are to learn from. Adult is divided as it officially is, every other
table 90 to 10 by a shuffle that is always the same. Mean over seeds, standard deviation behind it.

All models, ours too, are fitted at their defaults in a fresh process, with equal threads; clocks start when libraries
are loaded and the table is in memory. With one thread a model has one core of two, the other does something else, and
the seconds are the processor's: `taskset -c 0 make bench`. `tvae_flow` is tvae with `prior: flow`;
`autoregressive_rare_1` learns what few rows share too (`rare: 1`), as CTGAN, TVAE and the copula do.

Peers are comparators, each in an environment of its own (`benchmarks/peers`): CTGAN and TVAE of the package ctgan,
TabularARGN of mostlyai-engine, the Gaussian copula of SDV. How each is given the table, and what was found of them:
docs/log.md. Rows of one table were measured on one machine, named below it.
""".splitlines()


def section(cells: Sequence[Cell], folder: Path, timed: Sequence[Cell] = ()) -> list[str]:
    """What was measured, as Markdown, a table a data set and machine; drawings go to ``folder``.

    ``timed`` are cells of :func:`benchmarks.tables.timed`: seconds that were asked of all cores.
    """
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in sorted(cells, key=_order):
        groups.setdefault((cell["table"], cell["machine"]), []).append(cell)
    lines = list(INTRO) if groups else []
    for number, (name, machine) in enumerate(groups):
        before = [each for each, _ in list(groups)[:number]].count(name)
        picture = folder / f"{name}{f'-{before + 1}' if before else ''}.svg"
        with_all_cores = [each for each in timed if name == "adult" and each["machine"] == machine]
        lines += _of_one(name, machine, groups[name, machine], picture, with_all_cores)
    return lines


def _order(cell: Cell) -> tuple[int, str, str, int, str, int]:
    sets, model = list(SETS), cell["model"]
    place = sets.index(cell["table"]) if cell["table"] in sets else len(sets)
    return (
        place,
        cell["table"],
        cell["machine"],
        MODELS.index(model) if model in MODELS else len(MODELS),
        model,
        cell["seed"],
    )


def _of_one(name: str, machine: str, cells: Sequence[Cell], picture: Path, timed: Sequence[Cell]) -> list[str]:
    models = {cell["model"]: [each for each in cells if each["model"] == cell["model"]] for cell in cells}
    good = {model: [each for each in of if "error" not in each] for model, of in models.items()}
    good = {model: of for model, of in good.items() if of}
    drawn = {model: of for model, of in good.items() if model != REAL}
    one = next((of[0] for of in good.values()), None)
    sizes = f"{one['rows']:,} rows to learn from, {one['held_out']:,} held out; " if one else ""
    lines = [
        "",
        f"### {name}",
        "",
        f"{sizes}the target is `{cells[0]['target']}`.",
        "",
        "| model | seeds | shape % | trend % | detection (train) | (held out) | utility (real) | fit s | rows/s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for model, of in models.items():
        if model in drawn:
            lines.append(f"| {' | '.join([model, str(len(good[model])), *_figures(good[model])])} |")
        lines += [f"| {model} | failed: {_cell_text(each['error'])} | | | | | | | |" for each in of if "error" in each]
    lines += _terms(machine, drawn)
    lines += _asked(name, drawn, timed)
    lines += _ratios(drawn)
    lines += _own(good)
    lines += _agreement([each for of in drawn.values() for each in of])
    if drawn:
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_text(plots.speed_and_quality(name, [_point(model, of) for model, of in drawn.items()]))
        link = f"{picture.parent.name}/{picture.name}"
        lines += ["", f"![{name}: detection against fit time, and rows drawn a second]({link})"]
    return lines


def _figures(cells: Sequence[Cell]) -> list[str]:
    real = statistics.mean(each["utility_real"] for each in cells)
    speed = statistics.mean(each["rows_per_s"] for each in cells)
    utility = f"{mean(cells, 'utility')} ({real:.3f})"
    return [*(mean(cells, name) for name in JUDGED), utility, mean(cells, "fit_s"), f"{speed:,.0f}"]


def _terms(machine: str, drawn: dict[str, list[Cell]]) -> list[str]:
    """The machine, and under which terms each model ran on it."""
    alike: dict[str, list[str]] = {}
    for model, cells in drawn.items():
        for cell in cells:
            versions = "".join(f", {name} {version}" for name, version in cell.get("versions", {}).items())
            versions = versions or ", in one process with the harness"  # as it was before each had its own
            threads = "1 thread" if cell["threads"] == 1 else f"{cell['threads']} threads"
            alike.setdefault(f"{cell['precision']}, {threads}{versions}", []).append(model)
    terms = "; ".join(f"{', '.join(dict.fromkeys(models))}: {how}" for how, models in alike.items())
    return ["", f"Machine: {machine}. {terms}." if terms else f"Machine: {machine}."]


def _asked(name: str, drawn: dict[str, list[Cell]], timed: Sequence[Cell]) -> list[str]:
    """The means beside what was to be reached; seconds, which were asked of two cores, are those of ``timed``."""
    wanted = {model: figures for (table, model), figures in ASKED.items() if table == name and model in drawn}
    if not wanted:
        return []
    names = [each for each in (*AT_LEAST, *AT_MOST) if any(each in figures for figures in wanted.values())]
    heads = ["reached / asked", *names]
    lines = ["", f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for model, figures in wanted.items():
        with_all_cores = [each for each in timed if each["model"] == model]
        cells = []
        for each in names:
            of = with_all_cores if each in SECONDS else drawn[model]
            if each not in figures or not of:
                cells.append("")
                continue
            reached, asked = _mean(of, each), figures[each]
            met = reached >= asked if each in AT_LEAST else reached <= asked
            cells.append(f"{reached:.3g} / {asked:g}{'' if met else ' **missed**'}")
        lines.append(f"| {' | '.join([model, *cells])} |")
    fits = {model: sum(each["model"] == model for each in timed) for model in wanted}
    if any(fits.values()):
        seeds = ", ".join(f"{count} of {model}" for model, count in fits.items() if count)
        lines += ["", f"Seconds of this table are by the clock, with all cores, which did nothing else; fits: {seeds}."]
    return lines


def _ratios(drawn: dict[str, list[Cell]]) -> list[str]:
    """Seconds of ours as multiples of each peer's."""
    ours, peers = ([model for model in drawn if (model in OURS) is which] for which in (True, False))
    if not ours or not peers:
        return []
    lines = [
        "",
        f"| seconds as multiples of a peer's: fit / sampling | {' | '.join(peers)} |",
        f"|{'---|' * (1 + len(peers))}",
    ]
    for model in ours:
        pairs = [
            " / ".join(f"{_mean(drawn[model], what) / _mean(drawn[peer], what):.2g}" for what in SECONDS)
            for peer in peers
        ]
        lines.append(f"| {' | '.join([model, *pairs])} |")
    return lines


def _own(good: dict[str, list[Cell]]) -> list[str]:
    """Our own metrics, and beside every interval of privacy whether it lies above what fresh real rows show."""
    judged = {model: [each["own"] for each in cells if "own" in each] for model, cells in good.items()}
    judged = {model: found for model, found in judged.items() if found}
    if not judged:
        return []
    lines = [
        "",
        "Our own metrics, as `geratriz evaluate` measures them (half of the held-out rows are the fresh ones); copies",
        "and membership with the widest 95 % interval of the seeds, marked * where that of a seed begins above fresh",
        "rows (missed there; what was tried stands in docs/log.md, under Membership), *apart* where above their",
        "interval. The privacy verdict has limits of its own (docs/privacy.md).",
        "",
        "| model | detection | shape % | trend % | utility | copies | membership, AUC |",
        "|---|---|---|---|---|---|---|",
    ]
    real = judged.get(REAL, [None])[0]
    for model, found in judged.items():
        figures = [
            f"{statistics.mean(each[name][0] for each in found):.3g}" if name in found[0] else "" for name in SAME
        ]
        for name in ("copy_rate", "mia_auc"):
            value = statistics.mean(each[name][0] for each in found)
            low, high = min(each[name][1] for each in found), max(each[name][2] for each in found)
            begins = max(each[name][1] for each in found)
            mark = ""
            if real is not None and model != REAL and begins > real[name][0]:
                mark = " *apart*" if begins > real[name][2] else " *"
            figures.append(f"{value:.3g} ({low:.3g} to {high:.3g}){mark}")
        lines.append(f"| {' | '.join(['fresh real rows' if model == REAL else model, *figures])} |")
    return lines


def _agreement(cells: Sequence[Cell]) -> list[str]:
    both = [each for each in cells if "own" in each]
    if len(both) < 4:  # a rank correlation of three says nothing
        return []
    found = []
    for name, theirs in SAME.items():
        having = [each for each in both if name in each["own"]]
        mine = pd.Series([each["own"][name][0] for each in having], dtype=float)
        others = pd.Series([each[theirs] for each in having], dtype=float)
        if mine.nunique() > 1 and others.nunique() > 1:  # no rank where all are alike
            found.append(f"{name} {mine.corr(others, method='spearman'):.2f}")
    return ["", f"Do the two judges agree? Rank correlation over {len(both)} cells: {', '.join(found)}."]


def _point(model: str, cells: Sequence[Cell]) -> plots.Point:
    figures = {name: _mean(cells, name) for name in ("fit_s", "rows_per_s")}
    return plots.Point(model, model in OURS, detection=_mean(cells, "detection_test"), **figures)


def mean(cells: Sequence[Cell], name: str) -> str:
    """Mean and standard deviation over seeds."""
    values = [each[name] for each in cells]
    spread = f" +- {statistics.stdev(values):.2g}" if len(values) > 1 else ""  # one seed says nothing of it
    return f"{statistics.mean(values):.3g}{spread}"


def _mean(cells: Iterable[Cell], name: str) -> float:
    return float(statistics.mean(each[name] for each in cells))


def _cell_text(words: str) -> str:
    return " ".join(words.split()).replace("|", "/")[:160]
