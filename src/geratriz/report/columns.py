"""The columns on a page, real beside synthetic, in pairs, and those by which synthetic rows were told apart."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from geratriz.report import svg
from geratriz.report._html import esc, legend, number, percent, scale, scroll, section, table

DRAWN = 42  # columns, the worst first; more make a page nobody reads
LISTED = 300  # columns in the table
LEVELS = 7  # of a category, the most frequent first
PAIRS = 26  # columns in the heat map: as many as fit side by side
BESIDE = 17  # columns that leave room for words beside them
WORST_PAIRS = 8
GIVEAWAYS = 12
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
    if _is_missing(column):
        real, synthetic = (percent(column["missing"][side]) for side in ("real", "synthetic"))
        caption.append(f"<figcaption>missing: real {real}, synthetic {synthetic}</figcaption>")
    return (
        f'<figure><h3><span>{esc(column["name"])}</span> <span class="soft">{number(column["shape_error"])}&nbsp;%'
        f"</span></h3>{drawing}{''.join(caption)}</figure>\n"
    )


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
    """Every figure there is of each column."""
    trend = {} if pairs is None else _mean_errors(pairs)
    has_missing = any(map(_is_missing, columns))
    head = ["column", "kind", "shape error, %"]
    head += ["mean trend error, %"] if trend else []
    head += ["detector's loss of AUC"] if detection["columns"] else []
    head += ["missing, real", "missing, synthetic"] if has_missing else []
    rows = []
    for column in columns:
        row = [esc(column["name"]), esc(column["kind"]), number(column["shape_error"])]
        row += [number(trend.get(column["name"]))] if trend else []
        row += [number(round(detection["columns"].get(column["name"], 0.0), 3))] if detection["columns"] else []
        row += [percent(column["missing"][side]) for side in ("real", "synthetic")] if has_missing else []
        rows.append(row)
    return table(head, rows, css="figures")


def _mean_errors(pairs: Mapping[str, Any]) -> dict[str, float]:
    others = max(len(pairs["names"]) - 1, 1)
    return {name: sum(row) / others for name, row in zip(pairs["names"], pairs["matrix"], strict=True)}


def pairs_section(pairs: Mapping[str, Any] | None, trend: Mapping[str, Any] | None) -> str:
    """The errors of pairs of columns as a heat map, and the worst pairs in words; empty for a single column."""
    if pairs is None:
        return ""
    names, matrix = pairs["names"], pairs["matrix"]
    by_error = sorted(range(len(names)), key=lambda i: (-sum(matrix[i]), names[i]))
    chosen = sorted(by_error[:PAIRS])
    most = max((matrix[i][j] for i in chosen for j in chosen), default=0) or 1.0
    top = "".join(f'<th scope="col"><span>{esc(names[i])}</span></th>' for i in chosen)
    body = "".join(
        f'<tr><th scope="row">{esc(names[i])}</th>{"".join(_cell(names, matrix, i, j, most) for j in chosen)}</tr>\n'
        for i in chosen
    )
    ordered = sorted(((matrix[i][j], i, j) for i in range(len(names)) for j in range(i)), key=lambda each: -each[0])
    worst = "".join(
        f"<li>{esc(names[j])} and {esc(names[i])} <strong>{number(round(error, 1))}&nbsp;%</strong></li>"
        for error, i, j in ordered[:WORST_PAIRS]
    )
    intro = (
        "How far each pair is, in percent, from how it goes together in the real rows; a stronger colour is further."
    )
    if trend is not None and trend["ceiling"] is not None:
        intro += f" Chance alone makes it {number(trend['ceiling'])}&nbsp;% on average between two sets of real rows."
    if len(names) > PAIRS:
        intro += f" Drawn are the {PAIRS} columns with the largest errors of {len(names)}."
    heat = scroll(f'<table class="heat"><thead><tr><td></td>{top}</tr></thead>\n<tbody>{body}</tbody></table>')
    place = "beside" if len(chosen) <= BESIDE else "below"
    body = f'<div class="{place}">{heat}<div><h3>Furthest apart</h3><ol class="worst">{worst}</ol></div></div>'
    return section("pairs", "Pairs of columns", intro, body)


def _cell(names: Sequence[str], matrix: Sequence[Sequence[float]], i: int, j: int, most: float) -> str:
    if i == j:
        return "<td></td>"
    error = matrix[i][j]
    return (
        f'<td style="--error:{error / most:.2f}" title="{esc(names[i])} and {esc(names[j])}: {error:.2f} %">'
        f"{number(round(error, 1) if error < 10 else round(error))}</td>"
    )


def giveaways_section(detection: Mapping[str, Any]) -> str:
    """The columns that gave synthetic rows away to the detector."""
    columns = {name: fall for name, fall in detection["columns"].items() if fall >= LEAST}
    columns = dict(list(columns.items())[:GIVEAWAYS])
    if not columns:
        return ""
    drawing = svg.single_bars(list(columns), list(columns.values()), "Columns that gave synthetic rows away")
    intro = (
        f"The detector tells synthetic from real rows with an AUC of {number(detection['auc'])}, where 0.5 is a guess. "
        "Drawn is how much of it is lost when the values of one column are shuffled: what it looked at most."
    )
    return section("detector", "What gave it away", intro, f'<figure class="narrow">{drawing}</figure>')
