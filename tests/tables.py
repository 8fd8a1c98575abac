"""Small tables made on the spot: one with every kind of column, missing values included."""

import numpy as np
import pandas as pd

from geratriz.table.data.table import Table


def mixed(rows: int = 600, seed: int = 0) -> Table:
    """Integers, floats, booleans, categories, dates and an id; what is missing depends on another column."""
    rng = np.random.default_rng(seed)
    group = rng.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1])
    level = np.select([group == "a", group == "b"], [0.0, 5.0], 20.0)
    price = np.round(level + rng.gamma(2.0, 3.0, rows), 2)
    frame = pd.DataFrame(
        {
            "number": np.arange(1, rows + 1),
            "group": pd.Categorical(group),
            "size": rng.poisson(3 + level / 4).astype(np.int32),
            "price": price,
            "weight": rng.normal(level, 1.0).astype(np.float32),
            "sold": price > 9,
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 400, rows), unit="D"),
            "rating": pd.array(np.where(group == "b", None, rng.integers(1, 6, rows)), dtype="Int64"),
            "note": pd.Series(rng.choice(["yes", "no", "perhaps"], rows)).where(rng.random(rows) > 0.1),
        }
    )
    return Table.from_frame(frame, target="sold")


def told(table: Table) -> Table:
    """A :func:`mixed` table whose id is declared, so that a draft of a contract has nothing to ask."""
    return Table.from_frame(table.frame, target=table.schema.target, overrides={"number": "id"})
