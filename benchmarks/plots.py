"""The drawings of docs/benchmarks.md, SVG files that stand alone: quality and fit time, speed of sampling, scale."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

WIDTH, HEIGHT = 880, 340
COLOURS = ("#c2410c", "#4f6f8f", "#65a30d")  # of ours against each other
DASHES = {"seconds": "none", "before_s": "6 4", "memory_gb": "2 3"}
TOP, BASE = 40, 290  # of both drawings
LEFT, RIGHT = 50, 470  # of the first one
BARS, END = 640, 810  # of the second one, between its names and its figures
LETTER = 6.6  # width of one, at most
STYLE = """
text { font: 12px system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; fill: #1c2024 }
.title { font-weight: 600 } .soft { fill: #59626b } .end { text-anchor: end } .middle { text-anchor: middle }
.paper { fill: #fbfbf9 } .grid { stroke: #e3e5e1 } .ours { fill: #c2410c } .peer { fill: #4f7090 }
@media (prefers-color-scheme: dark) {
  text { fill: #e8eaec } .soft { fill: #a5adb5 } .paper { fill: #14171a } .grid { stroke: #30363c }
  .ours { fill: #fb923c } .peer { fill: #8fb0cd }
}
"""


@dataclass(frozen=True)
class Point:
    """A model: what it costs and what it gives."""

    name: str
    is_ours: bool
    fit_s: float
    detection: float
    rows_per_s: float

    @property
    def css(self) -> str:
        """Its colour."""
        return "ours" if self.is_ours else "peer"


def speed_and_quality(title: str, points: Sequence[Point]) -> str:
    """A whole SVG file."""
    parts = [
        f'<text x="{LEFT}" y="20"><tspan class="title">{escape(title)}: detection against fit time</tspan>, '
        f'<tspan class="ours">ours</tspan> and <tspan class="peer">peers</tspan></text>',
        f'<text class="title" x="{BARS - 130}" y="20">rows drawn a second</text>',
        *_scatter(points),
        *_bars(points),
    ]
    return _file(f"{title}: quality and speed", parts)


def _scatter(points: Sequence[Point]) -> list[str]:
    least = min(each.fit_s for each in points) / 1.6
    most = max(each.fit_s for each in points) * 4  # room for a name

    def x(seconds: float) -> float:
        return LEFT + (RIGHT - LEFT) * math.log(seconds / least) / math.log(most / least)

    def y(share: float) -> float:
        return BASE - (BASE - TOP) * share

    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y(share):g}" x2="{RIGHT}" y2="{y(share):g}"/>')
        parts.append(f'<text class="soft end" x="{LEFT - 8}" y="{y(share) + 4:g}">{share:g}</text>')
    for seconds in _ticks(least, most):
        parts.append(f'<line class="grid" x1="{x(seconds):.1f}" y1="{TOP}" x2="{x(seconds):.1f}" y2="{BASE}"/>')
        parts.append(f'<text class="soft middle" x="{x(seconds):.1f}" y="{BASE + 18}">{seconds:g}</text>')
    parts.append(f'<text class="soft end" x="{RIGHT}" y="{BASE + 38}">seconds to fit; the upper left is best</text>')
    dots = [_box(x(each.fit_s) - 8, y(each.detection) - 8, 16, 16) for each in points]
    labels: list[Box] = []
    for i, each in enumerate(points):
        place, height = x(each.fit_s), y(each.detection)
        width = LETTER * len(each.name)
        spots = [(place + 9, height + 4), (place - 9 - width, height + 4)]
        spots += [(place - width / 2, height + step) for step in (-11, 19, -25, 33, -39)]
        boxes = [(left, min(base, BASE - 4), width) for left, base in spots]
        inside = [box for box in boxes if box[0] > LEFT and box[0] + width < RIGHT + 28]
        others = dots[:i] + dots[i + 1 :] + labels
        free = [box for box in inside if not any(_meet(_letters(*box), other) for other in others)]
        left, base, _ = (free or inside or boxes)[0]
        labels.append(_letters(left, base, width))
        parts.append(f'<circle class="{each.css}" cx="{place:.1f}" cy="{height:.1f}" r="5"/>')
        parts.append(f'<text x="{left:.1f}" y="{base:.1f}">{escape(each.name)}</text>')
    return parts


def _bars(points: Sequence[Point]) -> list[str]:
    most = max(each.rows_per_s for each in points)
    parts = []
    for i, each in enumerate(sorted(points, key=lambda point: -point.rows_per_s)):
        top, length = TOP + 8 + 26 * i, (END - BARS) * each.rows_per_s / most
        parts.append(f'<text class="end" x="{BARS - 8}" y="{top + 12}">{escape(each.name)}</text>')
        parts.append(f'<rect class="{each.css}" x="{BARS}" y="{top}" width="{length:.1f}" height="16" rx="2"/>')
        parts.append(f'<text class="soft" x="{BARS + length + 6:.1f}" y="{top + 12}">{each.rows_per_s:,.0f}</text>')
    return parts


def _ticks(least: float, most: float) -> list[float]:
    """Round numbers between the ends: 1, 2, 5, 10 ... where there is room, else powers of ten."""
    powers = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    fine = [digit * 10.0**power for power in powers for digit in (1, 2, 5) if least <= digit * 10.0**power <= most]
    return fine if len(fine) <= 7 else [10.0**power for power in powers if least <= 10.0**power <= most]


Box = tuple[float, float, float, float]


def _box(left: float, top: float, width: float, height: float) -> Box:
    return left, top, left + width, top + height


def _letters(left: float, base: float, width: float) -> Box:
    return _box(left, base - 10, width, 12)


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def scaling(cells: Sequence[Mapping[str, Any]]) -> str:
    """A whole SVG file: seconds of a fit, those before its first step, and memory, against rows; both axes by powers.

    ``cells`` are those of scale.py.
    """
    named = {"seconds": "a fit, s", "before_s": "before its first step, s", "memory_gb": "memory, GB"}
    rows = [each["rows"] for each in cells]
    heights = [each[name] for each in cells for name in named]
    ends = [(math.floor(math.log10(min(of))), math.ceil(math.log10(max(of)))) for of in (rows, heights)]
    (left, right), (low, high) = [(first, max(last, first + 1)) for first, last in ends]

    def x(number: float) -> float:
        return LEFT + (WIDTH - 250 - LEFT) * (math.log10(number) - left) / (right - left)

    def y(number: float) -> float:
        return BASE - (BASE - TOP) * (math.log10(number) - low) / (high - low)

    parts = [f'<text class="title" x="{LEFT}" y="20">Fits of Adult resampled with noise, against rows</text>']
    for power in range(low, high + 1):
        height = y(10.0**power)
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{height:.1f}" x2="{x(10.0**right):.1f}" y2="{height:.1f}"/>')
        parts.append(f'<text class="soft end" x="{LEFT - 8}" y="{height + 4:.1f}">{10.0**power:g}</text>')
    for power in range(left, right + 1):
        place = x(10.0**power)
        parts.append(f'<line class="grid" x1="{place:.1f}" y1="{TOP}" x2="{place:.1f}" y2="{BASE}"/>')
        parts.append(f'<text class="soft middle" x="{place:.1f}" y="{BASE + 18}">{10**power:,}</text>')
    legend = WIDTH - 235
    kinds = list(dict.fromkeys(each["kind"] for each in cells))
    for number, (kind, colour) in enumerate(zip(kinds, COLOURS, strict=False)):
        of_kind = sorted((each for each in cells if each["kind"] == kind), key=lambda each: float(each["rows"]))
        for name, dashes in DASHES.items():
            points = [(x(each["rows"]), y(each[name])) for each in of_kind]
            path = " ".join(f"{place:.1f},{height:.1f}" for place, height in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-dasharray="{dashes}"/>')
            parts += [f'<circle fill="{colour}" cx="{place:.1f}" cy="{height:.1f}" r="3"/>' for place, height in points]
        parts.append(f'<circle fill="{colour}" cx="{legend + 12}" cy="{TOP + 6 + 20 * number}" r="3"/>')
        parts.append(f'<text x="{legend + 32}" y="{TOP + 10 + 20 * number}">{escape(kind)}</text>')
    for number, (name, words) in enumerate(named.items(), len(kinds) + 1):
        height = TOP + 6 + 20 * number
        line = f'x1="{legend}" y1="{height}" x2="{legend + 24}" y2="{height}"'
        parts.append(f'<line stroke="#7a828a" {line} stroke-dasharray="{DASHES[name]}"/>')
        parts.append(f'<text x="{legend + 32}" y="{height + 4}">{escape(words)}</text>')
    return _file("Fits against rows", parts)


def _file(title: str, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
    body = "\n".join([f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>', *parts])
    return f"{head}\n<title>{escape(title)}</title>\n<style>{STYLE}</style>\n{body}\n</svg>\n"
