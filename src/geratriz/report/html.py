"""The frame of every page, a single HTML file with its style inside, and the formats of numbers on it."""

import html
import math
from collections.abc import Sequence
from importlib import resources

import numpy as np

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def esc(text: object) -> str:
    """Escape ``text`` for HTML, including attributes."""
    return html.escape(str(text), quote=True)


def frame(title: str, body: str) -> str:
    """A whole page around ``body``."""
    style = resources.files("geratriz.report").joinpath("style.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{esc(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def section(name: str, title: str, intro: str, body: str) -> str:
    """A section of a page with the anchor ``name``; ``intro`` and ``body`` are HTML."""
    return f'<section id="{name}">\n<h2>{title}</h2>\n<p class="explains">{intro}</p>\n{body}\n</section>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, css: str = "") -> str:
    """A table of cells in HTML; the first cell of a row is its header."""
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>\n' for row in rows
    )
    return scroll(f'<table class="{css}"><thead><tr>{top}</tr></thead>\n<tbody>\n{body}</tbody></table>')


def scroll(wide: str) -> str:
    """A box around wide HTML that scrolls, with the keyboard too."""
    return f'<div class="scroll" tabindex="0">{wide}</div>'


def legend(**words: str) -> str:
    """A legend of colours and marks: each keyword is a style of ``.key`` with its text."""
    items = "".join(
        f'<span><span class="key {css.replace("_", "-")}"></span>{text}</span>' for css, text in words.items()
    )
    return f'<p class="legend">{items}</p>'


def number(value: float | None) -> str:
    """A number with three significant digits, or all digits of its integer part: 0.654, 12.3, 4567, 12,345, 1.23e-7."""
    if value is None:
        return "&ndash;"
    if 999.5 <= abs(value) < 1e9:
        return f"{value:,.0f}" if abs(value) >= 9999.5 else f"{value:.0f}"
    mantissa, e, exponent = f"{value:.3g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if e else mantissa


def percent(share: float) -> str:
    """A share as a percentage: 12.3 %."""
    return f"{number(round(100 * share, 2))}&nbsp;%"


def place(value: float, kind: str) -> str:
    """One value of a column of this ``kind`` with few digits; dates are given as seconds since 1970."""
    if kind != "datetime":
        return f"{value:.5g}" if abs(value) < 99999.5 else f"{value:,.0f}" if abs(value) < 1e9 else number(value)
    when = np.datetime64(round(value), "s")
    return str(when.astype("datetime64[D]") if value % 86400 == 0 else when).replace("T", " ")


def shorten(name: str, letters: int) -> str:
    """``name`` in at most ``letters`` letters."""
    return name if len(name) <= letters else name[: letters - 1] + ELLIPSIS


def scale(edges: Sequence[float], kind: str) -> list[str]:
    """Labels of an axis, with enough digits to differ; dates are given as seconds since 1970."""
    span = edges[-1] - edges[0]
    if kind == "datetime":
        unit = "D" if span >= 3 * 86400 else "s"
        return [str(np.datetime64(int(edge), "s").astype(f"datetime64[{unit}]")).replace("T", " ") for edge in edges]
    digits = max(0, 2 - math.floor(math.log10(span))) if span > 0 else 3
    if digits > 6 or max(abs(edges[0]), abs(edges[-1])) >= 1e9:
        return [number(edge) for edge in edges]
    texts = [f"{edge:,.{digits}f}" if abs(edge) >= 9999.5 else f"{edge:.{digits}f}" for edge in edges]
    return [text.rstrip("0").rstrip(".") if "." in text else text for text in texts]
