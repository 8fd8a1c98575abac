"""Drawings as inline SVG: pure functions from numbers to text, with colours from the page's style.

A drawing scales to the width of the page. Coordinates are in units of its view box, of about one pixel each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from geratriz.report.html import esc, number, percent, shorten

WIDTH = 320
HEIGHT = 150
LABEL_HEIGHT = 17  # space for the labels below an axis
LETTER_WIDTH = 6.2  # upper bound, to keep labels apart
SIDES = ("real", "synthetic")  # default names of the two colours
MAX_BAR_RATIO = 4.0  # a bar taller than this multiple of the next one is cut, so that the others can be seen


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A position on an axis with a label below it."""

    at: float
    name: str
    css: str


def between(
    *,
    value: float,
    low: float,
    high: float,
    marks: Sequence[Mark],
    span: tuple[float, float],
    allowed: tuple[float, float] | None,
    better: str,
    label: str,
) -> str:
    """A value with its interval and ``marks``, on an axis over ``span`` where better values are further right.

    If ``allowed`` is given, the axis has one colour inside that range and another outside.
    """
    width, middle, pad = 440, 30, 10
    least, most = span

    def x(at: float) -> float:
        part = (min(max(at, least), most) - least) / (most - least)
        return round(pad + (width - 2 * pad) * (part if better == "higher" else 1 - part), 1)

    def bar(css: str, a: float, b: float, height: int) -> str:
        left, right = sorted((x(a), x(b)))
        return (
            f'<rect class="{css}" x="{left}" y="{middle - height // 2}" width="{max(right - left, 2):.1f}" '
            f'height="{height}" rx="{height // 2}"/>'
        )

    def text(css: str, words: str, at: float, y: int) -> tuple[str, float, float]:
        half = LETTER_WIDTH * len(words) / 2
        centre = min(max(at, half), width - half)
        return f'<text class="{css} middle" x="{centre:.1f}" y="{y}">{words}</text>', centre - half, centre + half

    parts = [bar("track" if allowed is None else "refused", least, most, 8)]
    if allowed is not None and max(least, allowed[0]) < min(most, allowed[1]):
        parts.append(bar("allowed", max(least, allowed[0]), min(most, allowed[1]), 8))
    rows: list[float] = []  # right end of the last label in each row
    for mark in sorted(marks, key=lambda mark: x(mark.at)):
        position, words = x(mark.at), f"{mark.name} {number(mark.at)}"
        _, left, right = text(mark.css, words, position, 0)
        row = next((i for i, end in enumerate(rows) if end + 10 < left), len(rows))
        rows[row : row + 1] = [right]
        parts.append(_line(f"tick {mark.css}", position, middle - 9, position, middle + 9))
        parts.append(text(mark.css, words, position, 54 + 14 * row)[0])
    parts.append(bar("interval", low, high, 4))
    parts.append(f'<circle class="dot" cx="{x(value)}" cy="{middle}" r="6.5"/>')
    parts.append(text("strong", number(value), x(value), 15)[0])
    return _svg(width, 44 + 14 * len(rows), label, "".join(parts))


def histogram(
    ends: Sequence[tuple[str, str]],
    real: Sequence[float],
    synthetic: Sequence[float],
    label: str,
    sides: tuple[str, str] = SIDES,
) -> str:
    """Real shares as filled bars, synthetic ones as an outline; ``ends`` are the first and last value of each bar.

    A bar that is much taller than all others is cut, with its height written next to it.
    """
    pairs = [max(pair) for pair in zip(real, synthetic, strict=True)]
    tallest = pairs.index(max(pairs))
    second = max(pairs[:tallest] + pairs[tallest + 1 :], default=0)
    is_cut = second > 0 and pairs[tallest] > MAX_BAR_RATIO * second
    most = max(1.6 * second if is_cut else pairs[tallest], 1e-9)
    step, base = WIDTH / len(real), HEIGHT - LABEL_HEIGHT

    def y(share: float) -> float:
        return 4 + (base - 4) * (1 - min(share / most, 1))

    bars = "".join(
        f'<rect class="real" x="{i * step:.1f}" y="{y(share):.1f}" width="{max(step - 0.6, 0.6):.1f}" '
        f'height="{base - y(share):.1f}"><title>{esc(_range(*ends[i]))}: {sides[0]} {percent(share)}, '
        f"{sides[1]} {percent(synthetic[i])}</title></rect>"
        for i, share in enumerate(real)
    )
    outline = " ".join(
        f"{i * step:.1f},{y(share):.1f} {(i + 1) * step:.1f},{y(share):.1f}" for i, share in enumerate(synthetic)
    )
    note = _cut(tallest, step, real[tallest], synthetic[tallest]) if is_cut else ""
    labels = (
        f'<text x="0" y="{HEIGHT - 3}">{esc(ends[0][0])}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 3}"{_END}>{esc(ends[-1][1])}</text>'
    )
    drawing = f'{bars}<polyline class="outline" points="{outline}"/>{note}{_line("axis", 0, base, WIDTH, base)}{labels}'
    return _svg(WIDTH, HEIGHT, label, drawing)


def _cut(index: int, step: float, real: float, synthetic: float) -> str:
    """A gap across the bar that was cut, and both heights on the side with more room."""
    left, right = index * step - 3, (index + 1) * step + 3
    is_left = left > WIDTH - right
    return (
        f'<path class="cut" d="M{left:.1f} 20 L{right:.1f} 14 v4 L{left:.1f} 24 z"/>'
        f'<text x="{left - 4 if is_left else right + 4:.1f}" y="21"{_END if is_left else ""}>'
        f'<tspan class="of-real">{percent(real)}</tspan> / '
        f'<tspan class="of-synthetic">{percent(synthetic)}</tspan></text>'
    )


def bars(
    names: Sequence[str],
    real: Sequence[float],
    synthetic: Sequence[float],
    label: str,
    sides: tuple[str, str] = SIDES,
) -> str:
    """A pair of horizontal bars per level, real above synthetic."""
    most = max([*real, *synthetic, 1e-9])
    left, row = 122, 19
    unit = (WIDTH - left) / most
    parts = [
        f"<g><title>{esc(name)}: {sides[0]} {percent(a)}, {sides[1]} {percent(b)}</title>"
        f'<text x="{left - 8}" y="{i * row + 13}"{_END}>{esc(shorten(name, 18))}</text>'
        f'<rect class="real" x="{left}" y="{i * row + 3}" width="{unit * a:.1f}" height="7"/>'
        f'<rect class="synthetic" x="{left}" y="{i * row + 10}" width="{unit * b:.1f}" height="4"/></g>'
        for i, (name, a, b) in enumerate(zip(names, real, synthetic, strict=True))
    ]
    return _svg(WIDTH, row * len(names) + 2, label, "".join(parts))


def single_bars(names: Sequence[str], values: Sequence[float], label: str) -> str:
    """One horizontal bar per name."""
    left, row, width = 130, 20, 420
    unit = (width - left - 50) / max([*values, 1e-9])
    parts = [
        f'<g><title>{esc(name)}: {number(value)}</title><text x="{left - 8}" y="{i * row + 14}"{_END}>'
        f'{esc(shorten(name, 20))}</text><rect class="synthetic" x="{left}" y="{i * row + 4}" '
        f'width="{unit * value:.1f}" height="11" rx="2"/>'
        f'<text x="{left + unit * value + 6:.1f}" y="{i * row + 14}">{number(value)}</text></g>'
        for i, (name, value) in enumerate(zip(names, values, strict=True))
    ]
    return _svg(width, row * len(names) + 2, label, "".join(parts))


def curve(steps: Sequence[float], values: Sequence[float], label: str) -> str:
    """A line over steps, with the ends of both axes and the last value as labels."""
    least, most = min(values), max(values)
    height, left, right, top = HEIGHT, 46, WIDTH - 46, 10
    base = height - LABEL_HEIGHT - 6
    length = (steps[-1] - steps[0]) or 1

    def at(step: float, value: float) -> tuple[str, str]:
        x = left + (right - left) * (step - steps[0]) / length
        part = 0.5 if most == least else (value - least) / (most - least)
        return f"{x:.1f}", f"{top + (base - top) * (1 - part):.1f}"

    points = " ".join(",".join(at(step, value)) for step, value in zip(steps, values, strict=True))
    x, y = at(steps[-1], values[-1])
    parts = [
        _line("axis", left, top, right, top),
        _line("axis", left, base, right, base),
        *(
            f'<text x="{left - 6}" y="{y_axis + 4}"{_END}>{number(value)}</text>'
            for y_axis, value in ((top, most), (base, least))
            if most > least
        ),
        f'<text x="{left}" y="{height - 3}">step {number(steps[0])}</text>',
        f'<text x="{right}" y="{height - 3}"{_END}>{number(steps[-1])}</text>',
        f'<polyline class="curve" points="{points}"/>',
        f'<circle class="last" cx="{x}" cy="{y}" r="3.5"/>',
        f'<text class="strong" x="{float(x) + 7:.1f}" y="{float(y) + 4:.1f}">{number(values[-1])}</text>',
    ]
    return _svg(WIDTH, height, label, "".join(parts))


_END = ' class="end"'


def _range(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"


def _line(css: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{css}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>'


def _svg(width: float, height: float, label: str, body: str) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{esc(label)}">'
        f"<title>{esc(label)}</title>{body}</svg>"
    )
