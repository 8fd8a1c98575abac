"""The frame of every page: one HTML file with its style inside, that opens with no network."""

import html
from importlib import resources


def esc(text: object) -> str:
    """``text`` safe to stand in HTML, attributes too."""
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


def table(head: list[str], rows: list[list[str]], *, css: str = "") -> str:
    """A table from cells that are HTML already; the first cell of a row is its header."""
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>\n' for row in rows
    )
    return (
        f'<div class="scroll"><table class="{css}"><thead><tr>{top}</tr></thead>\n<tbody>\n{body}</tbody></table></div>'
    )


def number(value: float | None) -> str:
    """A figure with as many digits as a person reads: 0.6543, 12.3, 1,234."""
    if value is None:
        return "&ndash;"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    digits = 1 if size >= 100 else 2 if size >= 10 else 3 if size >= 1 else 4
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
