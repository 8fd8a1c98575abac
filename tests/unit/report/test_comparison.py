"""The page on which models stand side by side."""

from typing import Any

from geratriz.report.comparison import render


def entry(value: float | None, *, better: str = "higher") -> dict[str, Any]:
    ends = {"low": None, "high": None} if value is None else {"low": value - 0.02, "high": value + 0.02}
    return {"value": value, **ends, "floor": 0.1, "ceiling": 0.98, "better": better}


def page(**metrics: tuple[dict[str, Any] | None, dict[str, Any] | None]) -> str:
    names = ("<gan>", "vae")
    reports: dict[str, dict[str, Any]] = {
        name: {"metrics": {metric: pair[i] for metric, pair in metrics.items() if pair[i] is not None}}
        for i, name in enumerate(names)
    }
    ranking = [
        {"model": name, "release": i == 0, "reasons": [f"gate {i}: {'passed' if i == 0 else 'failed'}."]}
        for i, name in enumerate(names)
    ]
    comparison = {
        "by": "detection",
        "winner": "<gan>",
        "releasable": True,
        "reasons": ["<gan> wins."],
        "ranking": ranking,
    }
    return render(comparison, reports)


def test_winner_reasons_and_links_are_there_and_names_are_escaped() -> None:
    html = page(detection=(entry(0.9), entry(0.7)))
    assert "<strong>&lt;gan&gt; may be released</strong>" in html
    assert "<gan>" not in html
    assert 'href="../models/vae/index.html"' in html
    assert "gate 1: failed." in html
    assert "http" not in html


def test_the_best_is_bold_only_where_it_is_apart() -> None:
    html = page(detection=(entry(0.9), entry(0.7)), utility=(entry(0.81), entry(0.8)))
    assert "<strong>0.9</strong>" in html
    assert "<strong>0.81</strong>" not in html
    lower = page(shape_error=(entry(3.0, better="lower"), entry(1.0, better="lower")))
    assert "<strong>1</strong>" in lower


def test_what_one_model_was_not_measured_by_is_a_dash() -> None:
    html = page(detection=(entry(0.9), None), utility=(entry(None), entry(0.8)))
    assert html.count("&ndash;") == 2
