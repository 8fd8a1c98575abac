"""The stage that ranks the evaluated models."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from geratriz.errors import ConfigError, DataError
from geratriz.stages.compare import Params, main


def report(root: Path, model: str, value: float | None, *, release: bool, floor: float | None = 0.1) -> None:
    """A metrics.json as `evaluate` writes it, with one metric that is better high and one that is better low."""
    ends = (None, None) if value is None else (value - 0.02, value + 0.02)
    detection: dict[str, Any] = {"value": value, "low": ends[0], "high": ends[1], "floor": floor, "ceiling": 0.98}
    errors = {"value": 1.5, "low": 1.4, "high": 1.6, "floor": 1.0, "ceiling": 0.5, "better": "lower"}
    content = {
        "metrics": {"detection": {**detection, "better": "higher"}, "shape_error": errors},
        "verdict": {"release": release, "reasons": [f"{model} was judged."]},
    }
    folder = root / "models" / model
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps(content))


def compare(root: Path, *models: str, by: str = "detection") -> dict[str, Any]:
    out = root / "comparison"
    main(Params(models=models, by=by), reports=root / "models", out=out, out_scores=root / "scores.json")
    found: dict[str, Any] = json.loads((out / "comparison.json").read_text())
    return found


def test_the_best_releasable_model_wins(tmp_path: Path) -> None:
    report(tmp_path, "small", 0.5, release=True)
    report(tmp_path, "large", 0.7, release=True)
    report(tmp_path, "copier", 0.9, release=False)
    found = compare(tmp_path, "small", "large", "copier")
    assert (found["winner"], found["releasable"]) == ("large", True)
    assert [each["model"] for each in found["ranking"]] == ["large", "small", "copier"]
    assert found["reasons"] == [
        "large wins with detection 0.700 (0.680 to 0.720); copier would do better but must not be released. "
        "It may be released.",
        "large was judged.",
    ]


def test_where_none_may_be_released_the_best_wins_and_is_marked(tmp_path: Path) -> None:
    report(tmp_path, "small", 0.5, release=False)
    report(tmp_path, "large", 0.7, release=False)
    found = compare(tmp_path, "small", "large")
    assert (found["winner"], found["releasable"]) == ("large", False)
    assert "It must not be released." in found["reasons"][0]


def test_the_floor_never_wins_over_a_model_that_has_learnt_something(tmp_path: Path) -> None:
    """Columns drawn independently pass any privacy gate; that makes them releasable, not good."""
    report(tmp_path, "independent", 0.11, release=True)
    report(tmp_path, "tvae", 0.6, release=False)
    found = compare(tmp_path, "independent", "tvae")
    assert (found["winner"], found["releasable"]) == ("tvae", False)


def test_the_floor_alone_wins_and_the_reason_says_what_it_is(tmp_path: Path) -> None:
    report(tmp_path, "independent", 0.11, release=True)
    found = compare(tmp_path, "independent")
    assert found["winner"] == "independent"
    assert "no better than the floor" in found["reasons"][0]


def test_without_a_floor_every_model_stands_above_it(tmp_path: Path) -> None:
    report(tmp_path, "small", 0.05, release=True, floor=None)
    report(tmp_path, "large", 0.7, release=False, floor=None)
    assert compare(tmp_path, "small", "large")["winner"] == "small"


def test_lower_wins_where_lower_is_better_and_ties_go_to_the_first_named(tmp_path: Path) -> None:
    report(tmp_path, "b", 0.5, release=True)
    report(tmp_path, "a", 0.7, release=True)
    assert compare(tmp_path, "b", "a", by="shape_error")["winner"] == "b"


def test_a_report_of_a_model_no_longer_named_is_not_read(tmp_path: Path) -> None:
    report(tmp_path, "old", 0.9, release=True)
    report(tmp_path, "new", 0.5, release=True)
    assert [each["model"] for each in compare(tmp_path, "new")["ranking"]] == ["new"]


def test_a_model_without_a_value_comes_last(tmp_path: Path) -> None:
    report(tmp_path, "unmeasured", None, release=True)
    report(tmp_path, "measured", 0.2, release=False)
    assert compare(tmp_path, "unmeasured", "measured")["winner"] == "measured"
    assert json.loads((tmp_path / "scores.json").read_text())["unmeasured"] == {"shape_error": 1.5}


def test_scores_are_flat_for_dvc_metrics_and_long_for_dvc_plots(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    report(tmp_path, "a", 0.5, release=True)
    compare(tmp_path, "a")
    assert json.loads((tmp_path / "scores.json").read_text()) == {"a": {"detection": 0.5, "shape_error": 1.5}}
    with (tmp_path / "comparison" / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"model": "a", "metric": "detection", "value": "0.5", "low": "0.48", "high": "0.52"}
    assert capsys.readouterr().out.splitlines()[:2] == [
        "model  detection               may be released",
        "a      0.500 (0.480 to 0.520)  yes",
    ]


def test_equal_reports_give_equal_bytes(tmp_path: Path) -> None:
    report(tmp_path, "a", 0.5, release=True)
    compare(tmp_path, "a")
    first = {path.name: path.read_bytes() for path in (tmp_path / "comparison").iterdir()}
    compare(tmp_path, "a")
    assert {path.name: path.read_bytes() for path in (tmp_path / "comparison").iterdir()} == first


def test_a_missing_report_says_which_and_what_to_do(tmp_path: Path) -> None:
    report(tmp_path, "a", 0.5, release=True)
    with pytest.raises(DataError, match=r"b is in params.yaml models but was not evaluated.*dvc repro"):
        compare(tmp_path, "a", "b")


@pytest.mark.parametrize("content", ["{", "[]", '{"metrics": {}}'])
def test_a_broken_report_is_an_error_that_names_it(tmp_path: Path, content: str) -> None:
    report(tmp_path, "a", 0.5, release=True)
    (tmp_path / "models" / "a" / "metrics.json").write_text(content)
    with pytest.raises(DataError, match=r"metrics.json .*evaluate@a"):
        compare(tmp_path, "a")


def test_an_unknown_metric_is_answered_with_the_nearest(tmp_path: Path) -> None:
    report(tmp_path, "a", 0.5, release=True)
    with pytest.raises(ConfigError, match="Did you mean 'detection'"):
        compare(tmp_path, "a", by="detecton")


@pytest.mark.parametrize("models", [(), ("a", "a")])
def test_no_model_or_one_twice_is_refused(tmp_path: Path, models: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=r"params\.yaml models"):
        compare(tmp_path, *models)


def test_a_metric_that_nobody_measured_is_an_error(tmp_path: Path) -> None:
    report(tmp_path, "a", None, release=True)
    with pytest.raises(DataError, match="no model has a value for detection"):
        compare(tmp_path, "a")
