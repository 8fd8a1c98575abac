"""Drawings as inline SVG: pure functions from numbers to text, coloured by the page's style."""

from collections.abc import Sequence

from geratriz.report._html import esc, number

WIDTH = 300
HEIGHT = 110


def between(
    *, value: float, low: float, high: float, floor: float | None, ceiling: float | None, better: str, label: str
) -> str:
    """A value with its interval on an axis from worse (left) to better (right), between its landmarks."""
    width, middle, pad = 460, 30, 34
    marks = [each for each in (value, low, high, floor, ceiling) if each is not None]
    least, most = min(marks), max(marks)
    span = most - least or 1.0

    def x(each: float) -> float:
        part = (each - least) / span
        return round(pad + (width - 2 * pad) * (part if better == "higher" else 1 - part), 1)

    parts = [_line("track", x(least), middle, x(most), middle)]
    if floor is not None and ceiling is not None:
        parts.append(_line("between", x(floor), middle, x(ceiling), middle))
    for mark, css, name, y in ((floor, "floor", "columns apart", 56), (ceiling, "ceiling", "fresh real", 56)):
        if mark is not None:
            place = x(mark)
            anchor = "start" if place < width / 3 else "end" if place > 2 * width / 3 else "middle"
            other = ceiling if css == "floor" else floor
            near = other is not None and abs(x(other) - place) < 150
            height = y + 14 if near and css == "ceiling" else y
            parts.append(_line(css, place, middle - 8, place, middle + 8, 2.5))
            parts.append(f'<text x="{place}" y="{height}" text-anchor="{anchor}">{name} {number(mark)}</text>')
    parts.append(_line("interval", x(low), middle, x(high), middle))
    parts.append(f'<circle class="dot" cx="{x(value)}" cy="{middle}" r="6.5"/>')
    parts.append(f'<text class="strong" x="{x(value)}" y="14" text-anchor="middle">{number(value)}</text>')
    return _svg(width, 74, label, "".join(parts))


def histogram(edges: Sequence[float], real: Sequence[float], synthetic: Sequence[float], label: str) -> str:
    """Real shares as filled bars, synthetic ones as an outline over them."""
    most = max([*real, *synthetic, 1e-9])
    step = WIDTH / len(real)
    bars = "".join(
        f'<rect class="real" x="{i * step:.1f}" y="{_y(share, most):.1f}" width="{step - 0.6:.1f}" '
        f'height="{HEIGHT - 16 - _y(share, most):.1f}"/>'
        for i, share in enumerate(real)
    )
    steps = " ".join(
        f"{i * step:.1f},{_y(share, most):.1f} {(i + 1) * step:.1f},{_y(share, most):.1f}"
        for i, share in enumerate(synthetic)
    )
    axis = _line("axis", 0, HEIGHT - 16, WIDTH, HEIGHT - 16)
    ends = (
        f'<text x="0" y="{HEIGHT - 3}">{number(edges[0])}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 3}" text-anchor="end">{number(edges[-1])}</text>'
    )
    return _svg(WIDTH, HEIGHT, label, f'{bars}<polyline class="outline" points="{steps}"/>{axis}{ends}')


def bars(names: Sequence[str], real: Sequence[float], synthetic: Sequence[float], label: str) -> str:
    """A pair of horizontal bars a level, real over synthetic."""
    most = max([*real, *synthetic, 1e-9])
    left, row = 112, 19
    scale = (WIDTH - left) / most
    parts = []
    for i, (name, a, b) in enumerate(zip(names, real, synthetic, strict=True)):
        top = i * row
        short = name if len(name) <= 17 else name[:16] + "\N{HORIZONTAL ELLIPSIS}"
        parts.append(
            f"<g><title>{esc(name)}: real {a:.2%}, synthetic {b:.2%}</title>"
            f'<text x="{left - 6}" y="{top + 12}" text-anchor="end">{esc(short)}</text>'
            f'<rect class="real" x="{left}" y="{top + 3}" width="{scale * a:.1f}" height="6"/>'
            f'<rect class="synthetic" x="{left}" y="{top + 10}" width="{scale * b:.1f}" height="4"/></g>'
        )
    return _svg(WIDTH, row * len(names) + 2, label, "".join(parts))


def single_bars(names: Sequence[str], values: Sequence[float], label: str) -> str:
    """One horizontal bar a name."""
    most = max([*values, 1e-9])
    left, row, width = 150, 20, 620
    scale = (width - left - 60) / most
    parts = [
        f'<g><text x="{left - 8}" y="{i * row + 13}" text-anchor="end">{esc(name)}</text>'
        f'<rect class="synthetic" x="{left}" y="{i * row + 4}" width="{scale * value:.1f}" height="11"/>'
        f'<text x="{left + scale * value + 6:.1f}" y="{i * row + 13}">{number(value)}</text></g>'
        for i, (name, value) in enumerate(zip(names, values, strict=True))
    ]
    return _svg(width, row * len(names) + 2, label, "".join(parts))


def curve(steps: Sequence[float], values: Sequence[float], label: str) -> str:
    """A line over steps, its ends labelled."""
    least, most = min(values), max(values)
    span, length = most - least or 1.0, (steps[-1] - steps[0]) or 1
    points = " ".join(
        f"{WIDTH * (step - steps[0]) / length:.1f},{6 + (HEIGHT - 26) * (1 - (value - least) / span):.1f}"
        for step, value in zip(steps, values, strict=True)
    )
    axis = _line("axis", 0, HEIGHT - 16, WIDTH, HEIGHT - 16)
    ends = (
        f'<text x="0" y="{HEIGHT - 3}">{number(values[0])} at {number(steps[0])}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 3}" text-anchor="end">{number(values[-1])} at {number(steps[-1])}</text>'
    )
    return _svg(WIDTH, HEIGHT, label, f'<polyline class="curve" points="{points}"/>{axis}{ends}')


def _y(share: float, most: float) -> float:
    return 4 + (HEIGHT - 20) * (1 - share / most)


def _line(css: str, x1: float, y1: float, x2: float, y2: float, width: float | None = None) -> str:
    extra = f' stroke-width="{width}"' if width else ""
    return f'<line class="{css}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"{extra}/>'


def _svg(width: float, height: float, label: str, body: str) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{esc(label)}">'
        f"<title>{esc(label)}</title>{body}</svg>"
    )
