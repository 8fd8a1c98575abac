"""Singling out: do descriptions read off synthetic rows point at one person among those trained on?

The attacker takes a synthetic row and a few of its columns and says: there is exactly one such person. A guess that
comes true among training rows more often than among as many rows that were never seen gives members away. (The
multivariate attack of Giomi et al., "Anonymeter", PoPETs 2023; singling out as the EU's Article 29 Working Party means
it, WP216.)
"""

import numpy as np

from geratriz import seeding
from geratriz.evaluate.base import Score, Trio, sample
from geratriz.evaluate.features import Features, encode
from geratriz.evaluate.resampling import Z

GUESSES = 20_000
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
        sample(table, rows, seed, f"singling {name}")
        for name, table in (("train", trio.train), ("unseen", trio.unseen), ("synthetic", trio.synthetic))
    ]
    train, unseen, synthetic = encode(tables)
    rng = seeding.generator(seed, "singling guesses")
    middle = np.array([_median(synthetic.values[:, i]) for i in range(len(synthetic.names))])
    many = min(COLUMNS, len(synthetic.names))
    made, found = 0, []
    for row in rng.integers(rows, size=GUESSES):
        columns = rng.permutation(len(synthetic.names))[:many]
        if _fitting(synthetic, synthetic.values[row], columns, middle) != 1:
            continue
        made += 1
        found.append([_fitting(side, synthetic.values[row], columns, middle) == 1 for side in (train, unseen)])
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


def _fitting(side: Features, row: np.ndarray, columns: np.ndarray, middle: np.ndarray) -> int:
    """How many rows have the same categories and lie as far out or farther in each number."""
    left = side.values
    for column in columns:
        cells, wanted = left[:, column], row[column]
        if np.isnan(wanted):
            fits = np.isnan(cells)
        elif side.categorical[column]:
            fits = cells == wanted
        else:
            fits = cells >= wanted if wanted >= middle[column] else cells <= wanted
        left = left[fits]
    return len(left)
