"""The pairs of columns on a page: a heat map of their errors, and what is wrong with the worst."""

from collections.abc import Mapping, Sequence
from typing import Any

from geratriz.report.html import esc, number, percent, place, scroll, section, shorten, table

PAIRS = 26  # columns in the heat map: as many as fit side by side
LETTERS = 32  # of a level


def pairs_section(
    pairs: Mapping[str, Any] | None, trend: Mapping[str, Any] | None, columns: Sequence[Mapping[str, Any]]
) -> str:
    """Empty for a single column."""
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
    intro = (
        "How far each pair is, in percent, from how it goes together in the real rows; a stronger colour is further."
    )
    if trend is not None and trend["ceiling"] is not None:
        intro += f" Chance alone makes it {number(trend['ceiling'])}&nbsp;% on average between two sets of real rows."
    if len(names) > PAIRS:
        intro += f" Drawn are the {PAIRS} columns with the largest errors of {len(names)}."
    heat = scroll(f'<table class="heat"><thead><tr><td></td>{top}</tr></thead>\n<tbody>{body}</tbody></table>')
    return section("pairs", "Pairs of columns", intro, heat + _worst(pairs["worst"], columns))


def _cell(names: Sequence[str], matrix: Sequence[Sequence[float]], i: int, j: int, most: float) -> str:
    if i == j:
        return "<td></td>"
    error = matrix[i][j]
    return (
        f'<td style="--error:{error / most:.2f}" title="{esc(names[i])} and {esc(names[j])}: {error:.2f} %">'
        f"{number(round(error, 1) if error < 10 else round(error))}</td>"
    )


def _worst(pairs: Sequence[Mapping[str, Any]], columns: Sequence[Mapping[str, Any]]) -> str:
    """The pairs that are furthest apart, with their correlations or the combinations whose shares differ most."""
    if not pairs:
        return ""
    kinds = {column["name"]: column["kind"] for column in columns}
    rows = []
    for pair in pairs:
        head = [esc(" and ".join(pair["columns"])), number(round(pair["error"], 1))]
        if "correlation" in pair:
            both = pair["correlation"]
            rows.append([*head, "correlation", *(f"{both[side]:.2f}" for side in ("real", "synthetic"))])
        for cell in pair.get("cells", ()):
            where = " and ".join(
                _place(each, is_date=kinds[name] == "datetime")
                for name, each in zip(pair["columns"], cell["places"], strict=True)
            )
            rows.append([*head, esc(where), percent(cell["real"]), percent(cell["synthetic"])])
            head = ["", ""]
    listed = table(["pair", "error, %", "differs most", "real", "synthetic"], rows, css="worst")
    return f"<h3>Furthest apart</h3>{listed}"


def _place(where: Mapping[str, Any], *, is_date: bool) -> str:
    """Where a cell lies in a column, in words."""
    if "missing" in where:
        return "missing"
    if "level" in where:
        return shorten(where["level"], LETTERS)
    low, high = (None if end is None else place(end, is_date=is_date) for end in (where["from"], where["to"]))
    return f"under {high}" if low is None else f"from {low}" if high is None else f"{low} to {high}"
