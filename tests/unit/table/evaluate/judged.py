"""A table that SDMetrics was asked about, and a trio of two frames."""

import numpy as np
import pandas as pd

from geratriz.table.data.table import Table
from geratriz.table.evaluate.trio import Trio


def judged(step: int, shift: int) -> Table:
    """A table without chance: the one SDMetrics' figures above were taken from."""
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


def against(real: pd.DataFrame, synthetic: pd.DataFrame) -> Trio:
    table = Table.from_frame(real)
    return Trio(train=table, test=table, synthetic=Table.from_frame(synthetic[real.columns], schema=table.schema))
