"""Singling out: do descriptions read off synthetic rows point at one person among those trained on?

The attacker takes a synthetic row and a few of its columns and says: there is exactly one such person. A guess that
comes true among training rows more often than among as many rows that were never seen gives members away. (The
multivariate attack of Giomi et al., "Anonymeter", PoPETs 2023; singling out as the EU's Article 29 Working Party means
it, WP216.)
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

GUESSES = 60_000  # of which one in thirty fits one synthetic row of Adult
COLUMNS = 4  # said of a person, at most
ROWS = 10_000  # a side
FEWEST = 20


def singling_out(trio: Trio) -> Score | None:
    """How much more often a guess is true of the training rows than of unseen ones, in shares of guesses.

    Only descriptions count that fit one synthetic row: others would be no reason to believe that they fit one person.
    None where fewer than :data:`FEWEST` rows are left or no description fits one row.
    """
    seed = trio.config.seed
    rows = min(len(trio.train), len(trio.unseen), len(trio.synthetic), ROWS)
    if rows < FEWEST:
        return None
    tables = [
        subsample(table, rows, seed, f"singling {name}")
        for name, table in (("train", trio.train), ("unseen", trio.unseen), ("synthetic", trio.synthetic))
    ]
    train, unseen, synthetic = encode(tables)
    sides = [np.ascontiguousarray(side.values.T) for side in (train, unseen, synthetic)]  # a column lies together
    rng = seeding.generator(seed, "singling guesses")
    middle = np.array([_median(column) for column in sides[2]])
    many = min(COLUMNS, len(sides[2]))
    made, found = 0, []
    for row in rng.integers(rows, size=GUESSES):
        columns = rng.permutation(len(sides[2]))[:many]
        said = [
            (i, sides[2][i, row], _direction(synthetic.categorical[i], sides[2][i, row], middle[i])) for i in columns
        ]
        if _fitting(sides[2], said) != 1:
            continue
        made += 1
        found.append([_fitting(side, said) == 1 for side in sides[:2]])
    if not made:
        return None
    hits = np.array(found, dtype=np.float64)
    gain = hits[:, 0] - hits[:, 1]
    error = np.sqrt((gain.var() * made + 1) / made**2)  # a guess more is reckoned with than was seen
    value = float(gain.mean())
    return Score(
        value=value,
        low=float(value - Z * error),
        high=float(value + Z * error),
        detail={"guesses": made, "train": float(hits[:, 0].mean()), "unseen": float(hits[:, 1].mean())},
    )


def _median(values: np.ndarray) -> float:
    present = values[~np.isnan(values)]
    return float(np.median(present)) if len(present) else 0.0


def _direction(categorical: bool, wanted: float, middle: float) -> Compare:
    """How a cell is compared with the one that is described: equal, or as far from the middle or farther."""
    if np.isnan(wanted):
        return lambda cells, _: np.isnan(cells)
    return np.equal if categorical else np.greater_equal if wanted >= middle else np.less_equal


def _fitting(columns: np.ndarray, said: Sequence[tuple[int, float, Compare]]) -> int:
    """How many rows a description fits; ``columns`` are (columns, rows)."""
    rows: np.ndarray | None = None
    for column, wanted, compare in said:
        cells = columns[column] if rows is None else columns[column][rows]
        fits = np.flatnonzero(compare(cells, wanted))
        rows = fits if rows is None else rows[fits]
    return 0 if rows is None else len(rows)


SINGLING_OUT = Metric(
    name="singling_out",
    title="Singling out, advantage",
    explains="Descriptions read off synthetic rows that fit one person exactly: how many more of them do so among "
    "training rows than among strangers.",
    better="lower",
    compute=singling_out,
    span=(-0.05, 0.1),
    chance=0.0,
    limit=0.08,
)
