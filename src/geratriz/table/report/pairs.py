"""The pairs of columns on a page: a heat map of their errors, and details of the largest."""

from collections.abc import Mapping, Sequence
from typing import Any

from geratriz.report.html import esc, number, percent, place, scroll, section, shorten, table

MAX_COLUMNS = 26  # columns that fit into the heat map
MAX_LETTERS = 32  # per level


def pairs_section(
    pairs: Mapping[str, Any] | None, trend: Mapping[str, Any] | None, columns: Sequence[Mapping[str, Any]]
) -> str:
    """Section about pairs of columns; empty for a single column."""
    if pairs is None:
        return ""
    names, matrix = pairs["names"], pairs["matrix"]
    by_error = sorted(range(len(names)), key=lambda i: (-sum(matrix[i]), names[i]))
    chosen = sorted(by_error[:MAX_COLUMNS])
    most = max((matrix[i][j] for i in chosen for j in chosen), default=0) or 1.0
    top = "".join(f'<th scope="col"><span>{esc(names[i])}</span></th>' for i in chosen)
    body = "".join(
        f'<tr><th scope="row">{esc(names[i])}</th>{"".join(_cell(names, matrix, i, j, most) for j in chosen)}</tr>\n'
        for i in chosen
    )
    intro = (
        "How far the relation between two columns is from the real one, in percent; stronger colours are larger errors."
    )
    if trend is not None and trend["ceiling"] is not None:
        intro += f" Between two sets of real rows the average is {number(trend['ceiling'])}&nbsp;%, by chance alone."
    if len(names) > MAX_COLUMNS:
        intro += f" The {MAX_COLUMNS} of {len(names)} columns with the largest errors are drawn."
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
    """Table of the largest errors, with correlations, or with the combinations whose shares differ most."""
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
                _place(cell_place, kinds[name])
                for name, cell_place in zip(pair["columns"], cell["places"], strict=True)
            )
            rows.append([*head, esc(where), percent(cell["real"]), percent(cell["synthetic"])])
            head = ["", ""]
    listed = table(["pair", "error, %", "largest difference", "real", "synthetic"], rows, css="worst")
    return f"<h3>Pairs with the largest errors</h3>{listed}"


def _place(where: Mapping[str, Any], kind: str) -> str:
    """Place of a cell in a column, in words."""
    if "missing" in where:
        return "missing"
    if "level" in where:
        return shorten(where["level"], MAX_LETTERS)
    low, high = (None if end is None else place(end, kind) for end in (where["from"], where["to"]))
    return f"under {high}" if low is None else f"from {low}" if high is None else f"{low} to {high}"
