"""The page of a monitor: have the data drifted, why, each column before and now, all together, and the contract."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from geratriz.report import svg
from geratriz.report.html import esc, frame, legend, number, percent, scale, section, shorten, table
from geratriz.table.evaluate.drift_result import ColumnDrift, Difference, Drift, Together

DRAWN = 24  # columns, the most telling first
LISTED = 300
LEVELS = 7
GIVEAWAYS = 12
NEW_NAMED = 3
LETTERS = 32
LEAST = 0.0001  # a share that a table shows
LEAST_FALL = 0.001  # of the AUC; a column that costs less gave nothing away
SIDES = ("training data", "new data")


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftPage:
    """What the page is made of: data alone."""

    title: str
    result: Drift
    facts: Mapping[str, str] = field(default_factory=dict)
    """What was compared, in words by name."""


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
    """The verdict as a sentence."""
    if result.drifted:
        return "The data have drifted"
    return "The data have not drifted"


def rows(result: Drift) -> list[dict[str, str]]:
    """The table of columns as plain text, the most telling first."""
    return [
        {
            "column": each.name,
            "drifted": "yes" if each.drifted else "no",
            "difference": "" if each.values is None else f"{each.values.size:.3f}",
            "p": "" if each.values is None else f"{each.values.p:.2g}",
            "missing before": f"{100 * each.missing_share[0]:.3g} %",
            "missing now": f"{100 * each.missing_share[1]:.3g} %",
            "never seen": f"{100 * each.new_share:.3g} %" if each.new_share else "",
        }
        for each in result.columns
    ]


def _header(page: DriftPage) -> str:
    result = page.result
    facts = {**page.facts, "training data": f"{result.before:,} rows", "new data": f"{result.now:,} rows"}
    if result.judged != result.now:
        facts["of these not seen before, and judged"] = f"{result.judged:,} rows"
    listed = "".join(f"<div><dt>{esc(name)}</dt><dd>{esc(words)}</dd></div>" for name, words in facts.items())
    return f'<header><h1>{esc(page.title)}</h1><dl class="facts">{listed}</dl></header>'


def _verdict(result: Drift) -> str:
    if result.drifted:
        reasons = "".join(f"<li>{esc(each)}</li>" for each in result.reasons)
        return f'<div class="verdict bad"><strong>{verdict(result)}</strong><ul class="failed">{reasons}</ul></div>'
    held = [f"No column differs by more than {percent(result.config.effect)} of the rows beyond chance."]
    if result.together is not None:
        held.append(f"A classifier cannot be shown to tell new rows with an AUC over {result.config.auc:g}.")
    if result.contract is not None:
        held.append("Every critical expectation of the contract is kept.")
    listed = "".join(f"<li>{each}</li>" for each in held)
    return f'<div class="verdict good"><strong>{verdict(result)}</strong><ul class="held">{listed}</ul></div>'


def _columns(result: Drift) -> str:
    if not result.columns:
        return ""
    intro = (
        "The most telling first. A difference is the share of the rows by which a probability differs at most: 0 is "
        "the same distribution, 1 no overlap. What drifted differs by more than "
        f"{number(result.config.effect)} and by more than chance explains."
    )
    if len(result.columns) > DRAWN:
        intro += f" The first {DRAWN} of {len(result.columns)} are drawn."
    figures = "".join(_figure(each) for each in result.columns[:DRAWN])
    key = legend(real=SIDES[0], synthetic=SIDES[1])
    listed = table(
        ["column", "kind", "what changed", "difference", "p, corrected", "missing before", "now", "never seen before"],
        [_row(each) for each in result.columns[:LISTED]],
        css="figures",
    )
    more = ""
    if len(result.columns) > LISTED:
        more = f'<p class="explains">The first {LISTED} of {len(result.columns)} columns.</p>'
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
        half = (parts["step"] or 0.0) / 2  # edges are half a step of the column's grid off
        ends = [end for a, b in pairwise(parts["edges"]) for end in (a + half, b - half)]
        marks = scale(ends, is_date=column.kind == "datetime")
        named = list(zip(marks[::2], marks[1::2], strict=True))
        return svg.histogram(named, parts["before"], parts["now"], label, SIDES)
    levels = column.drawing.get("levels", ())
    if not column.drawing:
        return '<p class="explains">Too few values to draw.</p>'
    shown = levels[:LEVELS]
    names = [("new: " if each["level"] in column.new else "") + each["level"] for each in shown]
    before, now = ([each[side] for each in shown] for side in ("before", "now"))
    if (others := column.drawing["levels_in_all"] - len(shown)) > 0:
        names.append(f"{others:,} others")
        before.append(max(1 - sum(before), 0.0))
        now.append(max(1 - sum(now), 0.0))
    return svg.bars(names, before, now, label, SIDES)


def _row(column: ColumnDrift) -> list[str]:
    both = {"values": column.values, "missing": column.missing}
    what = [name for name, each in both.items() if each is not None and each.drifted]
    new = percent(column.new_share) if column.new_share >= LEAST else ""
    if column.new:
        named = ", ".join(esc(shorten(each, LETTERS)) for each in column.new[:NEW_NAMED])
        new += f" ({named}{', ...' if len(column.new) > NEW_NAMED else ''})"
    return [
        esc(column.name),
        esc(column.kind),
        f'<span class="bad-text">{" and ".join(what)}</span>' if what else "",
        number(_size(column)),
        _p(column.values, column.missing),
        *(percent(share) for share in column.missing_share),
        new,
    ]


def _size(column: ColumnDrift) -> float:
    return round(column.size, 3)


def _p(*differences: Difference | None) -> str:
    least = min((each.p for each in differences if each is not None), default=1.0)
    return "under 0.0001" if least < 1e-4 else number(round(least, 4))


def _together(result: Drift) -> str:
    found = result.together
    if found is None:
        return ""
    intro = (
        f"A classifier was shown {found.rows:,} rows of either side and asked which is which of rows it had not seen. "
        "An AUC of 0.5 is a guess. It sees what no column shows by itself, such as a correlation that is gone. Drift "
        "is said where even the low end of the 95&nbsp;% interval is over the limit."
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
    """The columns the classifier looked at most; nothing where it found nothing."""
    if not found.drifted:
        return ""
    columns = dict([each for each in found.columns.items() if each[1] >= LEAST_FALL][:GIVEAWAYS])
    drawing = svg.single_bars(list(columns), list(columns.values()), "Columns by which new rows were told apart")
    return (
        '<h3>By what it told them apart</h3><p class="explains">How much of the AUC is lost when the values of one '
        f'column are shuffled.</p><figure class="narrow">{drawing}</figure>'
    )


def _contract(result: Drift) -> str:
    if result.contract is None:
        return ""
    intro = f"All new data are held to the contract <em>{esc(result.contract)}</em>. "
    if not result.broken:
        return section("contract", "Contract", intro + "They keep every critical expectation.", "")
    lines = [
        [
            esc(each.column or "the table"),
            esc(each.description),
            f"{each.rows:,} rows" if each.rows else esc(each.observed),
        ]
        for each in result.broken
    ]
    intro += "Critical expectations they break; retraining would stop at the stage <code>validate</code>."
    return section(
        "contract", "Contract", intro, table(["column", "expectation", "broken in, or what was found"], lines)
    )


def _method(result: Drift) -> str:
    config = result.config
    intro = (
        "Numbers and dates: Kolmogorov-Smirnov's test, its distance as the difference. Categories: Pearson's test of "
        "homogeneity, by permutation where rows are few, and the total variation less what chance gives. Missing or "
        "not: Fisher's exact test. p-values are corrected over all tests (Holm): the chance of a false alarm is "
        f"{config.alpha:g} at most. A column that changes by nature, such as a date, can be named in "
        "<code>monitor.ignore</code>. Values that few rows share are not named."
    )
    left_out = f"<p>Not looked at: {', '.join(map(esc, result.left_out))}.</p>" if result.left_out else ""
    return section("method", "How it was judged", intro, left_out)
