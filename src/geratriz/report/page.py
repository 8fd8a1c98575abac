"""The page of one generator: verdict, metrics between their landmarks, columns, pairs, losses, neighbours, contract."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from geratriz.data.contract import ContractReport
from geratriz.evaluate.suite import METRICS
from geratriz.report import svg
from geratriz.report._html import esc, frame, number, table
from geratriz.report.validation import findings_table

COLUMNS = 60  # drawn, the worst first; more make a page nobody reads
PAIRS = 30  # columns in the heat map
KEY = '<span class="key real"></span>real (test rows)<span class="key synthetic"></span>synthetic'


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What the page is made of: data alone."""

    title: str
    report: Mapping[str, Any]
    """The content of metrics.json."""
    history: Sequence[Mapping[str, float]] = ()
    """Losses, one mapping a step; empty where nothing was trained."""
    head: Mapping[str, Any] | None = None
    """The bundle's head, where there is a bundle."""
    digest: str | None = None
    """The bundle's identity."""


def render(page: Page) -> str:
    """A self-contained HTML page; equal content gives equal bytes."""
    details = page.report["details"]
    sections = [
        _header(page),
        _verdict(page.report["verdict"]),
        _metrics(page.report["metrics"]),
        _columns(details["columns"]),
        _pairs(details["pairs"]),
        _giveaways(details["detection"]),
        _losses(page.history),
        _neighbours(details["nearest"]),
        _contract(details["contract"]),
        _making(page),
    ]
    return frame(page.title, "\n".join(section for section in sections if section))


def _header(page: Page) -> str:
    rows = page.report["rows"]
    kind = f"{esc(page.head['kind'])}, " if page.head else ""
    return (
        f"<h1>{esc(page.title)}</h1>"
        f'<p class="soft">{kind}{rows["synthetic"]:,} synthetic rows judged against {rows["test"]:,} real rows that '
        f"the generator never saw; {rows['compared']:,} rows a side.</p>"
    )


def _verdict(verdict: Mapping[str, Any]) -> str:
    if verdict["release"] is None:
        return ""
    css, words = ("good", "May be released") if verdict["release"] else ("bad", "Must not be released")
    reasons = "".join(f"<li>{esc(reason)}</li>" for reason in verdict["reasons"])
    return f'<div class="verdict {css}"><strong>{words}</strong><ul>{reasons}</ul></div>'


def _metrics(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for name, entry in metrics.items():
        metric = METRICS[name]
        drawing = svg.between(
            value=entry["value"],
            low=entry["low"],
            high=entry["high"],
            floor=entry["floor"],
            ceiling=entry["ceiling"],
            better=entry["better"],
            label=f"{metric.title} is {entry['value']:.4g}, between {entry['low']:.4g} and {entry['high']:.4g}",
        )
        rows.append(
            f'<div class="metric"><div><h3>{esc(metric.title)} '
            f'<span class="value">{number(entry["value"])}</span> '
            f'<span class="value interval">{number(entry["low"])} to {number(entry["high"])}</span></h3>'
            f'<p class="explains">{esc(metric.explains)}</p></div><div>{drawing}</div></div>'
        )
    return (
        "<h2>Metrics</h2>"
        '<p class="explains">Each dot stands between two landmarks: columns drawn apart from each other (grey) and '
        "fresh real rows in the place of the synthetic ones (green). Right is better; the bar is the 95 % interval.</p>"
        + "".join(rows)
    )


def _columns(columns: Sequence[Mapping[str, Any]]) -> str:
    worst = sorted(columns, key=lambda each: (-each["shape_error"], each["name"]))[:COLUMNS]
    figures = "".join(_column(each) for each in worst)
    rest = f" The {COLUMNS} worst of {len(columns)} are drawn." if len(columns) > COLUMNS else ""
    return (
        f'<h2>Columns</h2><p class="explains">The largest errors first.{rest}{KEY}</p><div class="grid">{figures}</div>'
    )


def _column(column: Mapping[str, Any]) -> str:
    label = f"{column['name']}: real and synthetic shares"
    caption = []
    if "histogram" in column:
        parts = column["histogram"]
        drawing = svg.histogram(parts["edges"], parts["real"], parts["synthetic"], label)
    elif column.get("levels"):
        levels = column["levels"]
        drawing = svg.bars(
            [each["level"] for each in levels],
            [each["real"] for each in levels],
            [each["synthetic"] for each in levels],
            label,
        )
        if column["levels_in_all"] > len(levels):
            caption.append(f"{len(levels)} of {column['levels_in_all']} levels")
    else:
        drawing = ""
        caption.append("no values")
    missing = column["missing"]
    if missing["real"] or missing["synthetic"]:
        caption.append(f"missing: real {missing['real']:.2%}, synthetic {missing['synthetic']:.2%}")
    text = f"<figcaption>{esc('; '.join(caption))}</figcaption>" if caption else ""
    return (
        f'<figure><h3>{esc(column["name"])}<span class="error">error {number(column["shape_error"])} %</span></h3>'
        f"{drawing}{text}</figure>"
    )


def _pairs(pairs: Mapping[str, Any] | None) -> str:
    if pairs is None:
        return ""
    names, matrix = pairs["names"], pairs["matrix"]
    by_error = sorted(range(len(names)), key=lambda i: (-sum(matrix[i]), names[i]))
    chosen = sorted(by_error[:PAIRS])
    most = max((matrix[i][j] for i in chosen for j in chosen), default=0) or 1.0
    head = ['<span class="soft">error, %</span>', *(f"<span>{esc(names[i])}</span>" for i in chosen)]
    body = "".join(
        f'<tr><th scope="row">{esc(names[i])}</th>'
        + "".join(_cell(names, matrix, i, j, most) for j in chosen)
        + "</tr>\n"
        for i in chosen
    )
    top = "".join(f'<th scope="col">{each}</th>' for each in head)
    rest = f" The {PAIRS} columns with the largest errors of {len(names)}." if len(names) > PAIRS else ""
    return (
        '<h2>Pairs of columns</h2><p class="explains">How far each pair is from how it goes together in the real rows; '
        f"darker is further.{rest}</p>"
        f'<div class="scroll"><table class="heat"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _cell(names: Sequence[str], matrix: Sequence[Sequence[float]], i: int, j: int, most: float) -> str:
    if i == j:
        return "<td></td>"
    error = matrix[i][j]
    return (
        f'<td style="background: rgba(var(--heat), {0.75 * error / most:.2f})" '
        f'title="{esc(names[i])} and {esc(names[j])}: {error:.2f} %">{number(round(error, 1))}</td>'
    )


def _giveaways(detection: Mapping[str, Any]) -> str:
    columns = dict(list(detection["columns"].items())[:12])
    if not columns:
        return ""
    drawing = svg.single_bars(list(columns), list(columns.values()), "Columns that gave synthetic rows away")
    return (
        f'<h2>What gave it away</h2><p class="explains">The detector tells synthetic from real rows with an AUC of '
        f"{number(detection['auc'])}. So much of it is lost when a column is shuffled:</p><figure>{drawing}</figure>"
    )


def _losses(history: Sequence[Mapping[str, float]]) -> str:
    if len(history) < 2:
        return ""
    steps = [line["step"] for line in history]
    figures = "".join(
        f"<figure><h3>{esc(name.replace('_', ' '))}</h3>"
        f"{svg.curve(steps, [line[name] for line in history], f'{name} over epochs')}</figure>"
        for name in history[0]
        if name != "step" and all(name in line for line in history)
    )
    return f'<h2>Training</h2><p class="explains">Per epoch.</p><div class="grid">{figures}</div>'


def _neighbours(pairs: Sequence[Mapping[str, Any]]) -> str:
    if not pairs:
        return ""
    names = list(pairs[0]["synthetic"])
    rows = []
    for pair in pairs:
        for side in ("synthetic", "train"):
            cells = [
                _neighbour(
                    pair[side][name], differs=side == "synthetic" and pair["synthetic"][name] != pair["train"][name]
                )
                for name in names
            ]
            first = (
                "synthetic"
                if side == "synthetic"
                else f'<span class="soft">nearest, at {number(pair["distance"])}</span>'
            )
            rows.append((first, cells))
    top = "".join(f'<th scope="col">{esc(name)}</th>' for name in ("", *names))
    body = "".join(f'<tr><th scope="row">{first}</th>{"".join(cells)}</tr>\n' for first, cells in rows)
    return (
        '<h2>Nearest training rows</h2><p class="explains">A few synthetic rows, each above the training row it is '
        "nearest to; what differs is marked. A distance of 1 is one other category, or a number that differs by the "
        f'width of its middle 90 %.</p><div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody>'
        "</table></div>"
    )


def _neighbour(cell: str | None, *, differs: bool) -> str:
    text = '<span class="soft">missing</span>' if cell is None else esc(cell)
    return f'<td class="differs">{text}</td>' if differs else f"<td>{text}</td>"


def _contract(report: Mapping[str, Any] | None) -> str:
    if report is None:
        return ""
    contract = ContractReport.from_json(report)
    broken = [each for each in contract.findings if not each.success]
    words = (
        f"{contract.violating_rows:,} of {contract.rows:,} synthetic rows break a critical expectation of the contract "
        f"that the real data keep. {len(broken)} of {len(contract.findings)} expectations are broken."
    )
    return f'<h2>Contract</h2><p class="explains">{words}</p>' + (findings_table(tuple(broken)) if broken else "")


def _making(page: Page) -> str:
    if page.head is None:
        return ""
    record, settings = page.head["record"], page.head["config"]
    rows = [[esc(name), f"<code>{esc(value)}</code>"] for name, value in {**record, **settings}.items()]
    digest = f'<p class="explains">Bundle <code>{esc(page.digest)}</code></p>' if page.digest else ""
    return f"<h2>How it was made</h2>{digest}{table(['setting', 'value'], rows)}"
