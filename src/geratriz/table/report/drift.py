"""The page of a monitor: the verdict on drift, every column before and now, all columns together, and the contract."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from geratriz.report import svg
from geratriz.report.html import esc, frame, legend, number, percent, scale, section, shorten, table
from geratriz.table.evaluate.drift_result import ColumnDrift, Difference, Drift, Together

MAX_DRAWN = 24  # columns drawn, largest drift first
MAX_ROWS = 300  # columns in the table
MAX_LEVELS = 7  # levels drawn per category
MAX_IMPORTANT = 12  # columns drawn in the section about the classifier
MAX_NEW = 3  # new values named in the table
MAX_LETTERS = 32  # per value
MIN_SHARE = 0.0001  # smallest share shown in the table
MIN_IMPORTANCE = 0.001  # loss of AUC from which a column is drawn
SIDES = ("training data", "new data")


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftPage:
    """Content of the page, as data."""

    title: str
    result: Drift
    facts: Mapping[str, str] = field(default_factory=dict)
    """Facts about the comparison, text by name."""


def render(page: DriftPage) -> str:
    """A self-contained HTML page; equal content gives equal bytes."""
    result = page.result
    sections = {
        "Columns": _columns(result),
        "Together": _together(result),
        "Contract": _contract(result),
        "Method": _method(result),
    }
    links = "".join(f'<a href="#{name.lower()}">{name}</a>' for name, body in sections.items() if body)
    nav = f'<nav aria-label="Parts of this page">{links}</nav>'
    body = [_header(page), _verdict(result), nav, *sections.values()]
    return frame(page.title, "\n".join(part for part in body if part))


def verdict(result: Drift) -> str:
    """One sentence with the verdict."""
    if result.drifted:
        return "The data have drifted"
    return "The data have not drifted"


def rows(result: Drift) -> list[dict[str, str]]:
    """The table of columns as plain text, largest drift first."""
    return [
        {
            "column": column.name,
            "drifted": "yes" if column.drifted else "no",
            "difference": "" if column.values is None else f"{column.values.size:.3f}",
            "p": "" if column.values is None else f"{column.values.p:.2g}",
            "missing before": f"{100 * column.missing_share[0]:.3g} %",
            "missing now": f"{100 * column.missing_share[1]:.3g} %",
            "never seen": f"{100 * column.new_share:.3g} %" if column.new_share else "",
        }
        for column in result.columns
    ]


def _header(page: DriftPage) -> str:
    result = page.result
    facts = {**page.facts, "training data": f"{result.before:,} rows", "new data": f"{result.now:,} rows"}
    if result.judged != result.now:
        facts["of these, new and compared"] = f"{result.judged:,} rows"
    listed = "".join(f"<div><dt>{esc(name)}</dt><dd>{esc(words)}</dd></div>" for name, words in facts.items())
    return f'<header><h1>{esc(page.title)}</h1><dl class="facts">{listed}</dl></header>'


def _verdict(result: Drift) -> str:
    if result.drifted:
        reasons = "".join(f"<li>{esc(reason)}</li>" for reason in result.reasons)
        return f'<div class="verdict bad"><strong>{verdict(result)}</strong><ul class="failed">{reasons}</ul></div>'
    passed = [f"No column differs by more than {percent(result.config.effect)} of the rows beyond chance."]
    if result.together is not None:
        passed.append(f"It is not shown that a classifier recognises new rows with an AUC over {result.config.auc:g}.")
    if result.contract is not None:
        passed.append("Every critical expectation of the contract is kept.")
    listed = "".join(f"<li>{sentence}</li>" for sentence in passed)
    return f'<div class="verdict good"><strong>{verdict(result)}</strong><ul class="held">{listed}</ul></div>'


def _columns(result: Drift) -> str:
    if not result.columns:
        return ""
    intro = (
        "Largest drift first. A difference of 0 means that values are distributed as before, 1 that they do not "
        "overlap. A column has drifted if its difference is over "
        f"{number(result.config.effect)} and larger than chance explains."
    )
    if len(result.columns) > MAX_DRAWN:
        intro += f" The first {MAX_DRAWN} of {len(result.columns)} are drawn."
    figures = "".join(_figure(column) for column in result.columns[:MAX_DRAWN])
    key = legend(real=SIDES[0], synthetic=SIDES[1])
    listed = table(
        ["column", "kind", "what changed", "difference", "p, corrected", "missing before", "now", "never seen before"],
        [_row(column) for column in result.columns[:MAX_ROWS]],
        css="figures",
    )
    more = ""
    if len(result.columns) > MAX_ROWS:
        more = f'<p class="explains">The first {MAX_ROWS} of {len(result.columns)} columns.</p>'
    return section("columns", "Columns", intro, f'{key}\n<div class="grid">\n{figures}</div>\n{listed}{more}')


def _figure(column: ColumnDrift) -> str:
    label = f"{column.name}: shares of training and new rows"
    mark = (
        '<span class="bad-text">drifted</span>'
        if column.drifted
        else f'<span class="soft">{number(_size(column))}</span>'
    )
    caption = ""
    if any(column.missing_share):
        before, now = (percent(share) for share in column.missing_share)
        caption = f"<figcaption>missing: before {before}, now {now}</figcaption>"
    return f"<figure><h3><span>{esc(column.name)}</span> {mark}</h3>{_drawing(column, label)}{caption}</figure>\n"


def _drawing(column: ColumnDrift, label: str) -> str:
    if "histogram" in column.drawing:
        parts = column.drawing["histogram"]
        half = (parts["step"] or 0.0) / 2  # edges are half a step off the grid of the column
        ends = [end for a, b in pairwise(parts["edges"]) for end in (a + half, b - half)]
        marks = scale(ends, column.kind)
        named = list(zip(marks[::2], marks[1::2], strict=True))
        return svg.histogram(named, parts["before"], parts["now"], label, SIDES)
    levels = column.drawing.get("levels", ())
    if not column.drawing:
        return '<p class="explains">Too few values to draw.</p>'
    shown = levels[:MAX_LEVELS]
    names = [("new: " if level["level"] in column.new else "") + level["level"] for level in shown]
    before, now = ([level[side] for level in shown] for side in ("before", "now"))
    if (others := column.drawing["levels_in_all"] - len(shown)) > 0:
        names.append(f"{others:,} others")
        before.append(max(1 - sum(before), 0.0))
        now.append(max(1 - sum(now), 0.0))
    return svg.bars(names, before, now, label, SIDES)


def _row(column: ColumnDrift) -> list[str]:
    tests = {"values": column.values, "missing": column.missing}
    changed = [name for name, test in tests.items() if test is not None and test.drifted]
    new = percent(column.new_share) if column.new_share >= MIN_SHARE else ""
    if column.new:
        named = ", ".join(esc(shorten(value, MAX_LETTERS)) for value in column.new[:MAX_NEW])
        new += f" ({named}{', ...' if len(column.new) > MAX_NEW else ''})"
    return [
        esc(column.name),
        esc(column.kind),
        f'<span class="bad-text">{" and ".join(changed)}</span>' if changed else "",
        number(_size(column)),
        _p(column.values, column.missing),
        *(percent(share) for share in column.missing_share),
        new,
    ]


def _size(column: ColumnDrift) -> float:
    return round(column.size, 3)


def _p(*differences: Difference | None) -> str:
    least = min((test.p for test in differences if test is not None), default=1.0)
    return "under 0.0001" if least < 1e-4 else number(round(least, 4))


def _together(result: Drift) -> str:
    found = result.together
    if found is None:
        return ""
    intro = (
        f"A classifier was trained to tell {found.rows:,} rows of each side apart, and tested on rows it had not seen. "
        "An AUC of 0.5 is a guess. It finds what no single column shows, such as a lost correlation. The data have "
        "drifted if even the low end of the 95&nbsp;% interval is over the limit."
    )
    if found.rows < min(result.before, result.judged):
        intro += f" More rows than {found.rows:,} would narrow the interval and take longer (<code>max_rows</code>)."
    intro += f" Here it is {found.auc:.3f}, {found.low:.3f} to {found.high:.3f}."
    limit = result.config.auc
    drawing = svg.between(
        value=found.auc,
        low=found.low,
        high=found.high,
        marks=[svg.Mark(at=0.5, name="chance", css="ceiling"), svg.Mark(at=limit, name="limit", css="gate")],
        span=(0.5, max(1.0, found.high)),
        allowed=(0.5, limit),
        better="lower",
        label=f"AUC {found.auc:.3f}, {found.low:.3f} to {found.high:.3f}",
    )
    return section("together", "All columns together", intro, f'<figure class="narrow">{drawing}</figure>{_by(found)}')


def _by(found: Together) -> str:
    """The most important columns of the classifier; empty where it found no drift."""
    if not found.drifted:
        return ""
    columns = dict([item for item in found.columns.items() if item[1] >= MIN_IMPORTANCE][:MAX_IMPORTANT])
    drawing = svg.single_bars(list(columns), list(columns.values()), "Columns by which new rows were recognised")
    return (
        '<h3>Most important columns</h3><p class="explains">The loss of AUC when the values of a column are '
        f'shuffled.</p><figure class="narrow">{drawing}</figure>'
    )


def _contract(result: Drift) -> str:
    if result.contract is None:
        return ""
    intro = f"All new data are checked against the contract <em>{esc(result.contract)}</em>. "
    if not result.broken:
        return section("contract", "Contract", intro + "They keep every critical expectation.", "")
    lines = [
        [
            esc(broken.column or "the table"),
            esc(broken.description),
            f"{broken.rows:,} rows" if broken.rows else esc(broken.observed),
        ]
        for broken in result.broken
    ]
    intro += "They break these critical expectations; retraining would stop at the stage <code>validate</code>."
    return section("contract", "Contract", intro, table(["column", "expectation", "broken in, or observed"], lines))


def _method(result: Drift) -> str:
    config = result.config
    intro = (
        "Numbers and dates: the Kolmogorov-Smirnov test; the difference is its distance. Categories: Pearson's test of "
        "homogeneity, by permutation if rows are few; the difference is the total variation beyond chance. Missing or "
        "not: Fisher's exact test. p-values are corrected over all tests (Holm), so that the chance of a false alarm "
        f"is at most {config.alpha:g}. Name columns that change by nature, such as dates, in "
        "<code>monitor.ignore</code>. Values that few rows share are not named."
    )
    left_out = f"<p>Not compared: {', '.join(map(esc, result.left_out))}.</p>" if result.left_out else ""
    return section("method", "Method", intro, left_out)
