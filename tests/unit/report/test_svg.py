"""Drawings."""

import re

import pytest

from geratriz.report import svg
from geratriz.report.svg import LETTER_WIDTH, Mark
from tests.page_reader import Reader

FLOOR, CEILING = Mark(at=0.1, name="floor", css="floor"), Mark(at=0.9, name="fresh real", css="ceiling")


def between(**changed: object) -> str:
    given = {
        "value": 0.5, "low": 0.4, "high": 0.6, "marks": [FLOOR, CEILING], "span": (0.0, 1.0), "allowed": None,
        "better": "higher", "label": "a label",
    }  # fmt: skip
    drawing = svg.between(**{**given, **changed})  # type: ignore[arg-type]
    Reader(drawing)
    return drawing


def dot(drawing: str) -> float:
    return float(re.search(r'circle class="dot" cx="([\d.]+)"', drawing)[1])  # type: ignore[index]


def bar(drawing: str, css: str) -> tuple[float, float]:
    left, width = map(float, re.search(rf'rect class="{css}" x="([\d.]+)"[^>]* width="([\d.]+)"', drawing).groups())  # type: ignore[union-attr]
    return left, left + width


def test_better_is_further_right_whichever_way_a_metric_runs() -> None:
    assert dot(between(value=0.8)) > dot(between(value=0.2))
    assert dot(between(value=0.8, better="lower")) < dot(between(value=0.2, better="lower"))


def test_what_a_gate_allows_is_coloured_on_its_side() -> None:
    infinity = float("inf")
    refused, allowed = (bar(between(allowed=(0.5, infinity)), css) for css in ("refused", "allowed"))
    assert allowed == (pytest.approx(sum(refused) / 2), refused[1])
    assert bar(between(allowed=(-infinity, 0.5), better="lower"), "allowed") == allowed
    assert "allowed" not in between(allowed=(2.0, infinity))


@pytest.mark.parametrize("at", [0.0, 0.1, 0.5, 0.8, 0.9, 1.0])
def test_labels_stay_inside_and_apart(at: float) -> None:
    drawing = between(marks=[FLOOR, CEILING, Mark(at=at, name="gate", css="gate")])
    width, height = map(float, re.search(r'viewBox="0 0 (\d+) (\d+)"', drawing).groups())  # type: ignore[union-attr]
    taken: list[tuple[float, float, float]] = []
    for x, y, words in re.findall(r'<text class="[^"]*" x="([\d.]+)" y="(\d+)">([^<]+)', drawing):
        half = LETTER_WIDTH * len(words) / 2
        left, right = float(x) - half, float(x) + half
        assert left >= -0.1 and right <= width + 0.1 and float(y) <= height
        assert all(right <= other[0] or left >= other[1] for other in taken if other[2] == float(y))
        taken.append((left, right, float(y)))


def test_a_value_beyond_the_axis_stays_on_it() -> None:
    assert dot(between(value=7.0)) == dot(between(value=1.0))


def test_a_bar_that_dwarfs_the_others_is_cut_and_labelled() -> None:
    ends = [("0", "1"), ("2", "3"), ("4", "5")]
    drawing = svg.histogram(ends, [0.96, 0.03, 0.01], [0.95, 0.04, 0.01], "gain")
    assert 'class="cut"' in drawing
    assert "96&nbsp;%" in drawing
    assert 'class="cut"' not in svg.histogram(ends, [0.4, 0.3, 0.3], [0.4, 0.3, 0.3], "even")


def test_every_bar_says_its_range_and_shares() -> None:
    drawing = svg.histogram([("0", "1"), ("2", "2")], [0.25, 0.75], [0.5, 0.5], "x")
    assert "<title>0 to 1: real 25&nbsp;%, synthetic 50&nbsp;%</title>" in drawing
    assert "<title>2: real 75&nbsp;%" in drawing


def test_one_bar_alone_is_no_tower() -> None:
    assert 'class="cut"' not in svg.histogram([("1", "1")], [1.0], [1.0], "constant")
    assert 'class="cut"' not in svg.histogram([("1", "1"), ("2", "2")], [1.0, 0.0], [1.0, 0.0], "constant")


def test_a_constant_curve_runs_through_the_middle() -> None:
    points = re.search(r'points="([^"]+)"', svg.curve([1, 2, 3], [32, 32, 32], "units"))[1]  # type: ignore[index]
    heights = {point.split(",")[1] for point in points.split()}
    assert len(heights) == 1


def test_long_names_are_cut_in_the_drawing_and_whole_in_the_title() -> None:
    name = "a name that is far too long for its place"
    drawing = svg.bars([name], [0.5], [0.5], "levels")
    assert f"<title>{name}" in drawing
    assert f">{name}</text>" not in drawing
