"""Singling out: do descriptions taken from synthetic rows fit exactly one training row?

The attacker takes a synthetic row and a few of its columns and guesses that exactly one person fits them. Guesses that
are true of training rows more often than of the same number of unseen rows reveal members. (The multivariate attack of
Giomi et al., "Anonymeter", PoPETs 2023; singling out as defined by the EU's Article 29 Working Party, WP216.)
"""

from collections.abc import Callable, Sequence

import numpy as np

from geratriz import seeding
from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import Z
from geratriz.scoring.score import Score
from geratriz.table.evaluate.features import encode
from geratriz.table.evaluate.trio import Trio, subsample

Compare = Callable[[np.ndarray, float], np.ndarray]

MAX_GUESSES = 60_000  # on Adult, one in thirty fits exactly one synthetic row
MAX_COLUMNS = 4  # per description
MAX_ROWS = 10_000  # per side
MIN_ROWS = 20


def singling_out(trio: Trio) -> Score | None:
    """Share of guesses that are true of the training rows minus the share true of unseen rows.

    Only descriptions that fit exactly one synthetic row count: others give no reason to believe that they fit one
    person. None for fewer than :data:`MIN_ROWS` rows, or where no description fits exactly one row.
    """
    seed = trio.config.seed
    rows = min(len(trio.train), len(trio.unseen), len(trio.synthetic), MAX_ROWS)
    if rows < MIN_ROWS:
        return None
    tables = [
        subsample(table, rows, seed, f"singling {name}")
        for name, table in (("train", trio.train), ("unseen", trio.unseen), ("synthetic", trio.synthetic))
    ]
    train, unseen, synthetic = encode(tables)
    sides = [np.ascontiguousarray(side.values.T) for side in (train, unseen, synthetic)]  # contiguous columns
    rng = seeding.generator(seed, "singling guesses")
    middle = np.array([_median(column) for column in sides[2]])
    count = min(MAX_COLUMNS, len(sides[2]))
    guesses, found = 0, []
    for row in rng.integers(rows, size=MAX_GUESSES):
        columns = rng.permutation(len(sides[2]))[:count]
        description = [
            (i, sides[2][i, row], _direction(synthetic.categorical[i], sides[2][i, row], middle[i])) for i in columns
        ]
        if _fitting(sides[2], description) != 1:
            continue
        guesses += 1
        found.append([_fitting(side, description) == 1 for side in sides[:2]])
    if not guesses:
        return None
    hits = np.array(found, dtype=np.float64)
    gain = hits[:, 0] - hits[:, 1]
    error = np.sqrt((gain.var() * guesses + 1) / guesses**2)  # one guess is added to those observed
    value = float(gain.mean())
    return Score(
        value=value,
        low=float(value - Z * error),
        high=float(value + Z * error),
        detail={"guesses": guesses, "train": float(hits[:, 0].mean()), "unseen": float(hits[:, 1].mean())},
    )


def _median(values: np.ndarray) -> float:
    present = values[~np.isnan(values)]
    return float(np.median(present)) if len(present) else 0.0


def _direction(categorical: bool, value: float, middle: float) -> Compare:
    """Comparison of a cell with the described one: equal, or at least as far from the middle."""
    if np.isnan(value):
        return lambda cells, _: np.isnan(cells)
    return np.equal if categorical else np.greater_equal if value >= middle else np.less_equal


def _fitting(columns: np.ndarray, description: Sequence[tuple[int, float, Compare]]) -> int:
    """Number of rows that a description fits; ``columns`` are (columns, rows)."""
    rows: np.ndarray | None = None
    for column, value, compare in description:
        cells = columns[column] if rows is None else columns[column][rows]
        fits = np.flatnonzero(compare(cells, value))
        rows = fits if rows is None else rows[fits]
    return 0 if rows is None else len(rows)


SINGLING_OUT = Metric(
    name="singling_out",
    title="Singling out, advantage",
    explains="An attacker takes a few values of a synthetic row and guesses that exactly one person fits them. The "
    "value is the share of guesses true of training rows minus the share true of unseen rows.",
    better="lower",
    compute=singling_out,
    span=(-0.05, 0.1),
    chance=0.0,
    limit=0.08,
)
