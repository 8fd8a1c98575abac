"""The columns on a page, real beside synthetic, and those by which synthetic rows were told apart."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from geratriz.report import svg
from geratriz.report.html import esc, legend, number, percent, place, scale, section, shorten, table

DRAWN = 42  # columns, the worst first; more make a page nobody reads
LISTED = 300  # columns in the table
LEVELS = 7  # of a category, the most frequent first
GIVEAWAYS = 12
NAMED = 3
LETTERS = 32  # of a level in the table
LEAST = 0.001  # of AUC; a column that costs less gave nothing away
KEY = legend(real="real (test rows)", synthetic="synthetic")


def columns_section(
    columns: Sequence[Mapping[str, Any]], pairs: Mapping[str, Any] | None, detection: Mapping[str, Any]
) -> str:
    """Drawings of the worst columns and a table of all."""
    worst = sorted(columns, key=lambda each: (-each["shape_error"], each["name"]))
    intro = "The largest errors first: 0&nbsp;% is the same distribution, 100&nbsp;% no overlap."
    if len(columns) > DRAWN:
        intro += f" The {DRAWN} worst of {len(columns)} are drawn."
    figures = "".join(_figure(each) for each in worst[:DRAWN])
    listed = _table(worst[:LISTED], pairs, detection)
    more = f'<p class="explains">The {LISTED} worst of {len(columns)} columns.</p>' if len(worst) > LISTED else ""
    body = f'{KEY}\n<div class="grid">\n{figures}</div>\n{listed}{more}'
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
            place(column["mean"][side] // 86400 * 86400, is_date=True) if is_date else number(column["mean"][side])
            for side in ("real", "synthetic")
        ),
        "deviation": (
            f"{number(column['deviation'][side] / 86400)} days" if is_date else number(column["deviation"][side])
            for side in ("real", "synthetic")
        ),
    }
    return "; ".join(f"{name}: real {next(both)}, synthetic {next(both)}" for name, both in words.items())


def _bars(column: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The first and last value each bar of a histogram holds; the edges are half a step of the column's grid off."""
    edges, half = column["histogram"]["edges"], (column["histogram"]["step"] or 0.0) / 2
    ends = [end for a, b in pairwise(edges) for end in (a + half, b - half)]
    marks = scale(ends, is_date=column["kind"] == "datetime")
    return list(zip(marks[::2], marks[1::2], strict=True))


def _levels(column: Mapping[str, Any], label: str) -> str:
    levels, in_all = column["levels"], column["levels_in_all"]
    shown = levels if in_all <= LEVELS + 1 else levels[:LEVELS]
    names = [each["level"] for each in shown]
    real, synthetic = ([each[side] for each in shown] for side in ("real", "synthetic"))
    if in_all > len(shown):
        names.append(f"{in_all - len(shown)} others")
        real.append(max(1 - sum(real), 0.0))
        synthetic.append(max(1 - sum(synthetic), 0.0))
    return svg.bars(names, real, synthetic, label)


def _is_missing(column: Mapping[str, Any]) -> bool:
    return bool(column["missing"]["real"] or column["missing"]["synthetic"])


def _table(columns: Sequence[Mapping[str, Any]], pairs: Mapping[str, Any] | None, detection: Mapping[str, Any]) -> str:
    """Every figure there is of each column, and where its sides differ most."""
    trend = {} if pairs is None else _mean_errors(pairs)
    has_missing = any(map(_is_missing, columns))
    head = ["column", "kind", "differs most", "real", "synthetic", "shape error, %"]
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
    """Where the shares of real and synthetic rows differ most, and both shares."""
    candidates = [("missing", column["missing"])]
    if "up_to" in column:
        value = place(column["up_to"]["value"], is_date=column["kind"] == "datetime")
        candidates.append((f"up to {value}", column["up_to"]))
    candidates += [(shorten(level["level"], LETTERS), level) for level in column.get("levels", ())]
    words, shares = max(candidates, key=lambda each: abs(each[1]["real"] - each[1]["synthetic"]))
    if shares["real"] == shares["synthetic"]:
        return "", "", ""
    return esc(words), percent(shares["real"]), percent(shares["synthetic"])


def _mean_errors(pairs: Mapping[str, Any]) -> dict[str, float]:
    others = max(len(pairs["names"]) - 1, 1)
    return {name: sum(row) / others for name, row in zip(pairs["names"], pairs["matrix"], strict=True)}


def giveaways_section(detection: Mapping[str, Any]) -> str:
    """The columns that gave synthetic rows away to the detector."""
    columns = {name: fall for name, fall in detection["columns"].items() if fall >= LEAST}
    columns = dict(list(columns.items())[:GIVEAWAYS])
    if not columns:
        return ""
    drawing = svg.single_bars(list(columns), list(columns.values()), "Columns that gave synthetic rows away")
    named = ", ".join(f"<em>{esc(name)}</em>" for name in list(columns)[:NAMED])
    intro = (
        f"The detector tells synthetic from real rows with an AUC of {number(detection['auc'])}, where 0.5 is a guess. "
        f"It looked most at {named}. Drawn is how much of the AUC is lost when the values of one column are shuffled."
    )
    return section("detector", "What gave it away", intro, f'<figure class="narrow">{drawing}</figure>')
