"""The columns on a page, real and synthetic, and those by which the detector recognised synthetic rows."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from geratriz.report import svg
from geratriz.report.html import esc, legend, number, percent, place, scale, section, shorten, table

MAX_DRAWN = 42  # columns drawn, largest error first
MAX_ROWS = 300  # columns in the table, largest error first
MAX_LEVELS = 7  # levels drawn per category, most frequent first
MAX_IMPORTANT = 12  # columns drawn in the section about the detector
MAX_NAMED = 3  # columns named in its text
MAX_LETTERS = 32  # per level in the table
MIN_IMPORTANCE = 0.001  # loss of AUC from which a column is drawn
LEGEND = legend(real="real (test rows)", synthetic="synthetic")


def columns_section(
    columns: Sequence[Mapping[str, Any]], pairs: Mapping[str, Any] | None, detection: Mapping[str, Any]
) -> str:
    """Drawings of the columns with the largest errors, and a table of all columns."""
    worst = sorted(columns, key=lambda column: (-column["shape_error"], column["name"]))
    intro = "Largest errors first. An error of 0&nbsp;% means equal distributions, 100&nbsp;% no overlap."
    if len(columns) > MAX_DRAWN:
        intro += f" The {MAX_DRAWN} worst of {len(columns)} are drawn."
    figures = "".join(_figure(column) for column in worst[:MAX_DRAWN])
    listed = _table(worst[:MAX_ROWS], pairs, detection)
    more = f'<p class="explains">The {MAX_ROWS} worst of {len(columns)} columns.</p>' if len(worst) > MAX_ROWS else ""
    body = f'{LEGEND}\n<div class="grid">\n{figures}</div>\n{listed}{more}'
    return section("columns", "Columns", intro, body)


def _figure(column: Mapping[str, Any]) -> str:
    label = f"{column['name']}: shares of real and synthetic rows"
    caption = []
    if "histogram" in column:
        parts = column["histogram"]
        drawing = svg.histogram(_bars(column), parts["real"], parts["synthetic"], label)
    elif column.get("levels"):
        drawing = _levels(column, label)
    else:
        drawing = '<p class="explains">No values.</p>'
    if "mean" in column:
        caption.append(f"<figcaption>{_moments(column)}</figcaption>")
    if _is_missing(column):
        real, synthetic = (percent(column["missing"][side]) for side in ("real", "synthetic"))
        caption.append(f"<figcaption>missing: real {real}, synthetic {synthetic}</figcaption>")
    return (
        f'<figure><h3><span>{esc(column["name"])}</span> <span class="soft">{number(column["shape_error"])}&nbsp;%'
        f"</span></h3>{drawing}{''.join(caption)}</figure>\n"
    )


def _moments(column: Mapping[str, Any]) -> str:
    is_date = column["kind"] == "datetime"
    words = {
        "mean": (
            place(column["mean"][side] // 86400 * 86400, "datetime") if is_date else number(column["mean"][side])
            for side in ("real", "synthetic")
        ),
        "deviation": (
            f"{number(column['deviation'][side] / 86400)} days" if is_date else number(column["deviation"][side])
            for side in ("real", "synthetic")
        ),
    }
    return "; ".join(f"{name}: real {next(both)}, synthetic {next(both)}" for name, both in words.items())


def _bars(column: Mapping[str, Any]) -> list[tuple[str, str]]:
    """First and last value of each bar of a histogram; the edges are half a step off the grid of the column."""
    edges, half = column["histogram"]["edges"], (column["histogram"]["step"] or 0.0) / 2
    ends = [end for a, b in pairwise(edges) for end in (a + half, b - half)]
    marks = scale(ends, column["kind"])
    return list(zip(marks[::2], marks[1::2], strict=True))


def _levels(column: Mapping[str, Any], label: str) -> str:
    levels, total = column["levels"], column["levels_in_all"]
    shown = levels if total <= MAX_LEVELS + 1 else levels[:MAX_LEVELS]
    names = [level["level"] for level in shown]
    real, synthetic = ([level[side] for level in shown] for side in ("real", "synthetic"))
    if total > len(shown):
        names.append(f"{total - len(shown)} others")
        real.append(max(1 - sum(real), 0.0))
        synthetic.append(max(1 - sum(synthetic), 0.0))
    return svg.bars(names, real, synthetic, label)


def _is_missing(column: Mapping[str, Any]) -> bool:
    return bool(column["missing"]["real"] or column["missing"]["synthetic"])


def _table(columns: Sequence[Mapping[str, Any]], pairs: Mapping[str, Any] | None, detection: Mapping[str, Any]) -> str:
    """Every figure of each column, and where real and synthetic rows differ most."""
    trend = {} if pairs is None else _mean_errors(pairs)
    has_missing = any(map(_is_missing, columns))
    head = ["column", "kind", "largest difference", "real", "synthetic", "shape error, %"]
    head += ["mean trend error, %"] if trend else []
    head += ["detector's loss of AUC"] if detection["columns"] else []
    head += ["missing, real", "missing, synthetic"] if has_missing else []
    rows = []
    for column in columns:
        row = [esc(column["name"]), esc(column["kind"]), *_difference(column), number(column["shape_error"])]
        row += [number(trend.get(column["name"]))] if trend else []
        row += [number(round(detection["columns"].get(column["name"], 0.0), 3))] if detection["columns"] else []
        row += [percent(column["missing"][side]) for side in ("real", "synthetic")] if has_missing else []
        rows.append(row)
    return table(head, rows, css="figures")


def _difference(column: Mapping[str, Any]) -> tuple[str, str, str]:
    """Place of the largest difference between real and synthetic shares, and both shares."""
    candidates = [("missing", column["missing"])]
    if "up_to" in column:
        value = place(column["up_to"]["value"], column["kind"])
        candidates.append((f"up to {value}", column["up_to"]))
    candidates += [(shorten(level["level"], MAX_LETTERS), level) for level in column.get("levels", ())]
    words, shares = max(candidates, key=lambda item: abs(item[1]["real"] - item[1]["synthetic"]))
    if shares["real"] == shares["synthetic"]:
        return "", "", ""
    return esc(words), percent(shares["real"]), percent(shares["synthetic"])


def _mean_errors(pairs: Mapping[str, Any]) -> dict[str, float]:
    others = max(len(pairs["names"]) - 1, 1)
    return {name: sum(row) / others for name, row in zip(pairs["names"], pairs["matrix"], strict=True)}


def detector_section(detection: Mapping[str, Any]) -> str:
    """Section about the columns by which the detector recognised synthetic rows."""
    columns = {name: loss for name, loss in detection["columns"].items() if loss >= MIN_IMPORTANCE}
    columns = dict(list(columns.items())[:MAX_IMPORTANT])
    if not columns:
        return ""
    drawing = svg.single_bars(list(columns), list(columns.values()), "Columns by which synthetic rows were recognised")
    named = ", ".join(f"<em>{esc(name)}</em>" for name in list(columns)[:MAX_NAMED])
    intro = (
        f"The detector tells synthetic from real rows with an AUC of {number(detection['auc'])}, where 0.5 is a guess. "
        f"Its most important columns are {named}. The bars show the loss of AUC when a column is shuffled."
    )
    return section("detector", "Columns that the detector uses", intro, f'<figure class="narrow">{drawing}</figure>')
