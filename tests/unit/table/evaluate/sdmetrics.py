"""The table that the figures of SDMetrics in these tests were computed from."""

import numpy as np
import pandas as pd

from geratriz.table.data.table import Table


def rows_for_sdmetrics(step: int, shift: int) -> Table:
    """500 rows made without chance: anybody can make them again. ``step`` and ``shift`` tell the sides apart."""
    i = np.arange(500)
    age = 17 + (i * step) % 61
    frame = {
        "age": age,
        "wage": np.round(age * 1.5 + (i * 7919 % 1000) / shift, 2),
        "sector": np.array(["public", "private", "own"])[(i * step // 7 + age // 20) % 3],
        "member": (i * 13 + age) % shift < 3,
        "since": pd.Timestamp("2020-01-01") + pd.to_timedelta((i * step * 11) % 900, unit="D"),
    }
    return Table.from_frame(pd.DataFrame(frame))
