"""Figures for people, and the style every page shares."""

import re
from importlib import resources

import pytest

from geratriz.report.html import esc, frame, number, percent, place, scale, shorten
from tests.page_reader import Reader

STYLE = resources.files("geratriz.report").joinpath("style.css").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "&ndash;"), (0, "0"), (0.65432, "0.654"), (12.34, "12.3"), (999.7, "1000"), (4567.8, "4568"),
        (12345, "12,345"), (-0.13, "-0.13"), (1.234e-7, "1.23e-7"), (1.5e12, "1.5e12"), (9999.6, "10,000"),
    ],
)  # fmt: skip
def test_figures_have_as_many_digits_as_a_person_reads(value: float | None, text: str) -> None:
    assert number(value) == text


def test_shares_are_read_as_percent() -> None:
    assert percent(0.1234) == "12.3&nbsp;%"
    assert percent(0) == "0&nbsp;%"


@pytest.mark.parametrize(
    ("edges", "texts"),
    [
        ([0.0, 0.5, 1.0], ["0", "0.5", "1"]),
        ([1012.25, 1012.75], ["1012.25", "1012.75"]),
        ([17.0, 90.0], ["17", "90"]),
        ([20000.0, 604651.0], ["20,000", "604,651"]),
        ([0.0, 3e-9], ["0", "3e-9"]),
        ([5.0, 5.0], ["5", "5"]),
    ],
)
def test_marks_of_an_axis_tell_apart(edges: list[float], texts: list[str]) -> None:
    assert scale(edges, "float") == texts


@pytest.mark.parametrize(
    ("value", "text"),
    [(17.0, "17"), (24.3, "24.3"), (2013.0, "2013"), (181382.0, "181,382"), (-7.25, "-7.25"), (1.5e12, "1.5e12")],
)
def test_a_value_of_a_column_keeps_the_digits_a_person_needs(value: float, text: str) -> None:
    assert place(value, "float") == text


def test_a_date_is_a_day_or_has_its_time() -> None:
    assert place(86400.0 * 31, "datetime") == "1970-02-01"
    assert place(86400.0 * 31 + 60, "datetime") == "1970-02-01 00:01:00"


def test_long_names_are_cut() -> None:
    assert shorten("short", 8) == "short"
    assert len(shorten("much too long", 8)) == 8


def test_dates_have_hours_where_days_would_not_tell_apart() -> None:
    assert scale([0.0, 86400.0 * 30], "datetime") == ["1970-01-01", "1970-01-31"]
    assert scale([0.0, 3600.0], "datetime") == ["1970-01-01 00:00:00", "1970-01-01 01:00:00"]


def test_a_frame_is_a_whole_page_that_carries_its_style() -> None:
    page = Reader(frame("a < b", "<p>hello</p>"))
    assert page.tags[:2] == ["html", "head"]
    assert "hello" in page.words
    assert esc('<"&') == "&lt;&quot;&amp;"


def _colours(scheme: str) -> dict[str, tuple[float, float, float]]:
    """The style's colours in the light or dark scheme, as RGB in 0 .. 1."""
    light, dark = (re.search(rf"{place}\s*\{{(.*?)\}}", STYLE, re.S)[1] for place in (":root", r"dark\) \{\s*:root"))  # type: ignore[index]
    pairs = re.findall(r"--([\w-]+): #(\w{6})", light + (dark if scheme == "dark" else ""))
    return {name: tuple(int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)) for name, code in pairs}  # type: ignore[misc]


def _contrast(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """WCAG 2.1's contrast ratio."""
    lights = []
    for colour in (a, b):
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)


TEXTS = [
    (text, ground) for text in ("ink", "soft", "good", "bad", "synthetic", "real-edge") for ground in ("paper", "card")
]
BANNERS = [
    ("good", "good-paper"),
    ("bad", "bad-paper"),
    ("good", "bad-paper"),
    ("ink", "bad-paper"),
    ("ink", "none-paper"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), [*TEXTS, *BANNERS])
def test_text_stands_out_from_its_ground(scheme: str, text: str, ground: str) -> None:
    colours = _colours(scheme)
    assert _contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_stand_out_from_the_hottest_cell_of_the_heat_map(scheme: str) -> None:
    place = STYLE if scheme == "light" else STYLE[STYLE.index("dark)") :]
    heat = [int(part) / 255 for part in re.search(r"--heat: (\d+), (\d+), (\d+)", place).groups()]  # type: ignore[union-attr]
    most = float(re.search(r"--heat-most: ([\d.]+)", place)[1])  # type: ignore[index]
    colours = _colours(scheme)
    cell = tuple(most * hot + (1 - most) * cold for hot, cold in zip(heat, colours["paper"], strict=True))
    assert _contrast(colours["ink"], cell) >= 4.5
