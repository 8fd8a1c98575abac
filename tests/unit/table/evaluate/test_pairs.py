"""What is wrong with the pairs that are furthest apart."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from geratriz.table.data.table import Table
from geratriz.table.evaluate.pairs import MAX_CELLS, MAX_PAIRS, worst_pairs
from geratriz.table.evaluate.trends import trend_error
from geratriz.table.evaluate.trio import Trio
from tests.tables import mixed
from tests.unit.table.evaluate.trios import against


def worst(trio: Trio) -> list[dict[str, Any]]:
    trend = trend_error(trio)
    assert trend is not None
    found: list[dict[str, Any]] = json.loads(json.dumps(worst_pairs(trio, trend.detail), allow_nan=False))
    return found


def test_two_numbers_have_their_correlations() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 500))
    (pair,) = worst(against(pd.DataFrame({"x": x, "y": x + y}), pd.DataFrame({"x": x, "y": y})))
    assert pair["columns"] == ["x", "y"]
    assert pair["correlation"]["real"] == pytest.approx(np.corrcoef(x, x + y)[0, 1])
    assert pair["correlation"]["synthetic"] == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert pair["error"] == pytest.approx(
        50 * abs(pair["correlation"]["real"] - pair["correlation"]["synthetic"]), abs=1e-3
    )


def test_others_have_the_combinations_that_differ_most() -> None:
    real = pd.DataFrame({"age": [10.5, 90.0] * 50, "word": ["young", None] * 50})
    synthetic = pd.DataFrame({"age": [10.5, 90.0] * 50, "word": ["young"] * 50 + ["new"] * 50})
    (pair,) = worst(against(real, synthetic))
    assert pair["error"] == pytest.approx(75)
    assert [cell["real"] - cell["synthetic"] for cell in pair["cells"]] == pytest.approx([0.5, 0.25, -0.25], abs=0.01)
    low, high = {"from": None, "to": 18.45}, {"from": 82.05, "to": None}
    assert pair["cells"][0]["places"] == [high, {"missing": True}]
    assert [low, {"level": "young"}] in [cell["places"] for cell in pair["cells"][1:]]


def test_shares_are_those_of_the_rows() -> None:
    trio = Trio(train=mixed(300, 1), test=mixed(300, 2), synthetic=mixed(300, 3))
    pairs = worst(trio)
    assert len(pairs) == MAX_PAIRS
    assert [pair["error"] for pair in pairs] == sorted((pair["error"] for pair in pairs), reverse=True)
    for pair in pairs:
        assert len(pair.get("cells", ())) <= MAX_CELLS
        for cell in pair.get("cells", ()):
            for side, table in zip(("real", "synthetic"), trio.cut[1:], strict=True):
                inside = [
                    _is_in(table.frame[name], each) for name, each in zip(pair["columns"], cell["places"], strict=True)
                ]
                assert (inside[0] & inside[1]).mean() == pytest.approx(cell[side])


def _is_in(values: pd.Series, place: dict[str, Any]) -> np.ndarray:
    if "missing" in place:
        return values.isna().to_numpy()
    if "level" in place:
        return (values.astype(str) == place["level"]).to_numpy() & values.notna().to_numpy()
    if pd.api.types.is_datetime64_any_dtype(values):
        values = (values - pd.Timestamp(0)).dt.total_seconds()
    numbers = values.to_numpy(np.float64, na_value=np.nan)
    low, high = (side if side is not None else end for side, end in ((place["from"], -np.inf), (place["to"], np.inf)))
    inside: np.ndarray = (numbers >= low) & (numbers < high)
    return inside


def test_a_table_beside_itself_has_no_worst_pair() -> None:
    table = mixed(200)
    assert worst(Trio(train=table, test=table, synthetic=table)) == []


def test_numbers_as_categories_keep_their_names() -> None:
    frame = pd.DataFrame({"code": [1, 2, 3, 4] * 25, "x": np.arange(100) / 7})
    real = Table.from_frame(frame, overrides={"code": "category"})
    other = Table.from_frame(frame.assign(code=1), schema=real.schema)
    (pair,) = worst(Trio(train=real, test=real, synthetic=other))
    assert pair["cells"][0]["places"][0] == {"level": "1"}
