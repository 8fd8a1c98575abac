"""Copies among synthetic rows: exact rows, near rows, rare values and extremes, each compared with unseen real rows.

Common rows, values and extremes occur among synthetic rows without having been copied. So each share is compared with
that of real rows never trained on. The difference, the excess, is 0 for a generator that learnt only the population.
"""

from typing import Any

import numpy as np
import pandas as pd

from geratriz import seeding
from geratriz.column import NUMERIC, RARE, as_numbers
from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import Z_TWO_INTERVALS, excess_over_chance, share
from geratriz.scoring.score import Score
from geratriz.table.data.split import row_hashes
from geratriz.table.data.table import Table
from geratriz.table.evaluate.distances import Space, nearest, neighbours
from geratriz.table.evaluate.features import Features, encode
from geratriz.table.evaluate.trio import Trio, subsample

MAX_ROWS = 40_000  # synthetic, training and unseen rows each, whose distances are computed
MAX_PROBES = 5_000  # unseen rows whose distances to training rows set the threshold of a near copy
NEAR_QUANTILE = 0.01  # share of unseen rows that are nearer to a training row than the threshold
MAX_ERROR = 0.0025  # half-width of the interval of near copies that chance matches may cause


def copy_rate(trio: Trio) -> Score:
    """Share of synthetic rows that equal a training row in every learnt column.

    All training rows are compared, since a copy of any of them is a copy. The synthetic rows are subsampled, so that
    the rate is comparable with that of the same number of fresh real rows, which repeat common rows too.
    """
    copies = np.isin(_hashes(trio.cut[2]), np.unique(_hashes(trio.train)))
    return share(int(copies.sum()), len(copies))


def dcr_share(trio: Trio) -> Score:
    """Share of synthetic rows nearer to a training row than to any test row; ties count half, and 0.5 is ideal.

    Distance is no evidence of privacy (Yao et al., "The DCR Delusion", arXiv 2505.01524); the metric is included
    because readers expect it.
    """
    train, test, synthetic = trio.features
    space = Space.over(train)
    to_train, to_test = (nearest(synthetic, side, space)[0] for side in (train, test))
    hits = float((to_train < to_test).sum() + 0.5 * (to_train == to_test).sum())
    result = share(round(hits), len(synthetic))
    return Score(value=hits / len(synthetic), low=result.low, high=result.high)


def copy_excess(trio: Trio) -> Score:
    """Share of synthetic rows that copy a training row, beyond chance: exact or near copies, whichever is greater.

    Only unique real rows count: a row that several people share belongs to no one of them. A generator that copies no
    row matches training rows and unseen rows in proportion to their numbers; matches of training rows beyond that are
    copies. A near copy is nearer to a training row than at least 99 % of unseen rows are.
    """
    exact, near = _exact(trio), _near(trio)
    return Score(
        value=max(exact["excess"], near["excess"]),
        low=max(found["excess"] - Z_TWO_INTERVALS * found["error"] for found in (exact, near)),
        high=max(found["excess"] + Z_TWO_INTERVALS * found["error"] for found in (exact, near)),
        detail={"exact": exact, "near": near},
    )


def rare_excess(trio: Trio) -> Score | None:
    """Share of synthetic rows with a level that is rare in the training rows, minus that of unseen rows.

    A level is rare if fewer than ``Column.rare`` training rows have it.
    """
    rare = {}
    for column in trio.train.schema.learnt:
        if column.kind not in NUMERIC:
            counts = trio.train.frame[column.name].value_counts()
            rare[column.name] = set(counts.index[(counts > 0) & (counts < column.rare)])
    return _excess_of_values(trio, rare)


def extreme_excess(trio: Trio) -> Score | None:
    """Share of synthetic rows with one of the ``Column.rare`` smallest or largest numbers of the training rows, minus
    that of unseen rows; a number that at least ``Column.rare`` rows share does not count."""
    rare = {}
    for column in trio.train.schema.learnt:
        if column.kind not in NUMERIC:
            continue
        numbers = pd.Series(as_numbers(column.name, trio.train.frame[column.name], column.kind)).dropna()
        counts = numbers.value_counts()
        counts = counts[counts < column.rare]
        ordered = np.sort(numbers.to_numpy())
        if len(ordered):
            ends = (ordered[: column.rare], ordered[-column.rare :])
            rare[column.name] = set(counts.index[counts.index.isin(np.concatenate(ends))])
    return _excess_of_values(trio, rare)


def _hashes(table: Table) -> np.ndarray:
    return row_hashes(table.frame[[column.name for column in table.schema.learnt]])


def _exact(trio: Trio) -> dict[str, float]:
    train, unseen, synthetic = (_hashes(table) for table in (trio.train, trio.unseen, trio.synthetic))
    rows, counts = np.unique(np.concatenate([train, unseen]), return_counts=True)
    unique = rows[counts == 1]
    matched, matches = np.unique(synthetic[np.isin(synthetic, unique)], return_counts=True)
    of_train = np.isin(matched, train)
    return excess_over_chance(matches[of_train], matches[~of_train], len(train) / len(unseen), len(synthetic))


def _near(trio: Trio) -> dict[str, float]:
    seed = trio.config.seed
    train = subsample(trio.train, MAX_ROWS, seed, "copies train")
    unseen = subsample(trio.unseen, MAX_ROWS, seed, "copies unseen")
    members, others, synthetic = encode([train, unseen, subsample(trio.synthetic, MAX_ROWS, seed, "copies synthetic")])
    space, ratio = Space.over(members), len(members) / len(others)
    rng = seeding.generator(seed, "copies order")
    probes = others.take(rng.permutation(len(others))[:MAX_PROBES])
    # In random order, so that ties between equally near rows are broken at random.
    order = rng.permutation(len(members) + len(others))
    real = Features(members.names, np.vstack([members.values, others.values])[order], members.categorical)
    distances, rows = nearest(synthetic, real, space)
    # A quantile small enough that chance matches of unseen rows leave the excess precise.
    precise = (MAX_ERROR / Z_TWO_INTERVALS) ** 2 * len(synthetic) / ratio
    threshold = float(np.quantile(nearest(probes, members, space)[0], min(NEAR_QUANTILE, precise), method="lower"))
    matched, matches = np.unique(rows[distances <= threshold], return_counts=True)
    if len(matched):
        second = neighbours(real.take(matched), real, space, 2)[0][:, -1]
        matched, matches = matched[second > threshold], matches[second > threshold]
    of_train = order[matched] < len(members)
    excess = excess_over_chance(matches[of_train], matches[~of_train], ratio, len(synthetic))
    return {**excess, "distance": threshold}


def _excess_of_values(trio: Trio, values: dict[str, set[Any]]) -> Score | None:
    """Share of synthetic rows with one of ``values``, by column, minus the share of unseen rows."""
    if not values:
        return None
    shares = []
    for table in (trio.synthetic, trio.unseen):
        holds = np.zeros(len(table), dtype=bool)
        for name, wanted in values.items():
            column = table.schema[name]
            cells = table.frame[name]
            if column.kind in NUMERIC:
                holds |= np.isin(as_numbers(name, cells, column.kind), list(wanted))
            else:
                holds |= cells.isin(wanted).to_numpy()
        shares.append(share(int(holds.sum()), len(holds)))
    synthetic, unseen = shares
    # Newcombe's interval of a difference of two shares (1998, method 10), valid where one of them is 0.
    below = np.hypot(synthetic.value - synthetic.low, unseen.high - unseen.value)
    above = np.hypot(synthetic.high - synthetic.value, unseen.value - unseen.low)
    excess = synthetic.value - unseen.value
    return Score(
        value=excess,
        low=float(excess - below),
        high=float(excess + above),
        detail={"synthetic": synthetic.value, "unseen": unseen.value, "values": sum(map(len, values.values()))},
    )


COPY_EXCESS = Metric(
    name="copy_excess",
    title="Copies beyond chance",
    explains="The share of synthetic rows that copy a training row, exactly or nearly, minus the share that chance "
    "explains. Only real rows unlike any other count.",
    better="lower",
    compute=copy_excess,
    span=(-0.005, 0.01),
    chance=0.0,
    limit=0.0075,
    required=True,
)
RARE_EXCESS = Metric(
    name="rare_excess",
    title="Rare values beyond chance",
    explains=f"The share of synthetic rows with a category that fewer than {RARE} training rows have, minus that of "
    "fresh real rows.",
    better="lower",
    compute=rare_excess,
    span=(-0.005, 0.015),
    chance=0.0,
    limit=0.01,
)
EXTREME_EXCESS = Metric(
    name="extreme_excess",
    title="Extremes beyond chance",
    explains="The share of synthetic rows with one of the smallest or largest numbers of the training rows, minus "
    "that of fresh real rows.",
    better="lower",
    compute=extreme_excess,
    span=(-0.005, 0.015),
    chance=0.0,
    limit=0.01,
)
COPY_RATE = Metric(
    name="copy_rate",
    title="Copies",
    explains="The share of synthetic rows that equal a training row. Common rows repeat in real data too: compare "
    "it with fresh real rows. The verdict uses the copies beyond chance instead.",
    better="lower",
    compute=copy_rate,
    span=(0.0, 0.01),
)
DCR_SHARE = Metric(
    name="dcr_share",
    title="Nearer to training rows",
    explains="The share of synthetic rows nearer to a training row than to a test row; half is ideal. A good value "
    "does not prove privacy.",
    better="lower",
    compute=dcr_share,
    span=(0.5, 0.6),
)
