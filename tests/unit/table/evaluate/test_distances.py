"""Distances between rows of mixed columns."""

import numpy as np
import pandas as pd
import pytest

from geratriz.table.data.table import Table
from geratriz.table.evaluate import distances
from geratriz.table.evaluate.distances import Space, nearest
from geratriz.table.evaluate.features import Features, encode
from tests.tables import mixed


def by_hand(queries: Features, base: Features, space: Space) -> np.ndarray:
    """Every distance, one cell at a time."""
    found = np.zeros((len(queries), len(base)))
    for q, row in enumerate(queries.values):
        for b, other in enumerate(base.values):
            number = 0
            for x, y, is_code in zip(row, other, queries.categorical, strict=True):
                if is_code:
                    found[q, b] += x != y and not (np.isnan(x) and np.isnan(y))
                    continue
                x, y = ((each - space.centre[number]) / space.scale[number] for each in (x, y))
                if np.isnan(x) != np.isnan(y):
                    found[q, b] += 1
                found[q, b] += abs(np.nan_to_num(x) - np.nan_to_num(y))
                number += 1
    return found


@pytest.mark.parametrize("cells", [1, 100, 10_000_000])
def test_the_nearest_row_is_the_nearest_of_all_however_they_are_divided(
    cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distances, "CELLS", cells)
    queries, base = encode([mixed(40, seed=1), mixed(60, seed=2)])
    space = Space.over(base)
    expected = by_hand(queries, base, space)
    found, rows = nearest(queries, base, space)
    assert found == pytest.approx(expected.min(1))
    assert np.take_along_axis(expected, rows[:, None], 1)[:, 0] == pytest.approx(expected.min(1))


def test_a_row_is_at_no_distance_from_itself() -> None:
    (features,) = encode([mixed(200)])
    found, _ = nearest(features, features, Space.over(features))
    assert (found == 0).all()


@pytest.mark.parametrize("kind", ["category", "float"])
def test_columns_of_one_kind_alone_will_do(kind: str) -> None:
    values = ["1.5", "2.5", None, "1.5"] if kind == "category" else [1.5, 2.5, None, 1.5]
    (features,) = encode([Table.from_frame(pd.DataFrame({"x": values}), overrides={"x": kind})])
    found, rows = nearest(features, features, Space.over(features))
    assert (found == 0).all()
    assert rows.tolist() == [0, 1, 2, 0]


def test_one_far_value_does_not_squeeze_the_rest_together() -> None:
    x = np.append(np.linspace(0, 1, 99), 1e9)
    (features,) = encode([Table.from_frame(pd.DataFrame({"x": x}))])
    assert Space.over(features).scale[0] == pytest.approx(0.9, abs=0.05)


def test_a_column_that_is_constant_or_never_there_adds_nothing() -> None:
    frame = pd.DataFrame({"constant": [2.5] * 30, "absent": [np.nan] * 30, "x": np.arange(30) / 8})
    (features,) = encode([Table.from_frame(frame)])
    found, rows = nearest(features, features, Space.over(features))
    assert (found == 0).all()
    assert (rows == np.arange(30)).all()
