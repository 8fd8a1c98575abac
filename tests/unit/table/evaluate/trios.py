"""Trios: people divided as the pipeline does, with generators that copy on purpose; and two frames side by side."""

from functools import lru_cache

import numpy as np
import pandas as pd

from geratriz.table.data.table import Table
from geratriz.table.evaluate.trio import EvaluateConfig, Trio
from geratriz.table.generators.independent import Independent


def people(rows: int, seed: int) -> pd.DataFrame:
    """Rows of mixed columns that depend on each other; hardly any two are alike, as in a census."""
    rng = np.random.default_rng(seed)
    job = rng.choice(["farm", "shop", "bank", "lab"], rows, p=[0.4, 0.3, 0.2, 0.1])
    level = np.select([job == "farm", job == "shop", job == "bank"], [0, 1, 2], 3)
    age = np.clip(rng.normal(35 + 3 * level, 12), 17, 90).round()
    return pd.DataFrame(
        {
            "age": age.astype(int),
            "job": job,
            "town": rng.choice([f"t{i}" for i in range(12)], rows),
            "hours": np.clip(rng.normal(38 + level, 8), 1, 99).round().astype(int),
            "wage": np.exp(rng.normal(9 + level / 3 + age / 100, 0.5)).round(2),
            "weight": rng.integers(10_000, 900_000, rows),
            "rich": np.where(rng.random(rows) < 0.1 + level / 6, "yes", "no"),
        }
    )


@lru_cache(maxsize=12)  # what is found out about a trio is kept with it, so tests about the same one share it
def trio(
    seed: int = 0, *, copied: float = 0.0, noise: float = 0.0, independent: bool = False, rows: int = 4000
) -> Trio:
    """Synthetic rows of which the share ``copied`` are training rows, their numbers moved by ``noise`` deviations."""
    frames = [people(n, 10 * seed + i) for i, n in enumerate((rows, rows // 3, rows // 3, rows))]
    train, test, fresh, synthetic = frames
    given = Table.from_frame(train, target="rich")
    if independent:  # the generator: shuffled columns would give every extreme back
        synthetic = Independent.fit(given, seed=seed).sample(rows, seed=seed).frame
    rng = np.random.default_rng(seed)
    many = round(copied * rows)
    copies = train.iloc[rng.choice(rows, many, replace=False)].copy()
    for name in ("wage", "weight"):
        moved = copies[name] + noise * train[name].std() * rng.normal(size=many)
        copies[name] = moved.round(2) if name == "wage" else moved.round().astype(int)
    sides = [
        Table.from_frame(frame, schema=given.schema)
        for frame in (test, fresh, pd.concat([copies, synthetic.iloc[many:]], ignore_index=True))
    ]
    return Trio(train=given, test=sides[0], fresh=sides[1], synthetic=sides[2], config=EvaluateConfig(seed=seed))


def against(real: pd.DataFrame, synthetic: pd.DataFrame) -> Trio:
    """Rows held against real ones that are both those trained on and those held out."""
    table = Table.from_frame(real)
    return Trio(train=table, test=table, synthetic=Table.from_frame(synthetic[real.columns], schema=table.schema))
