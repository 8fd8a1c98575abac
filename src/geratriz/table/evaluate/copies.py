"""Are synthetic rows copies: exact ones, near ones, rare values and extremes, each against what unseen real rows show.

Common rows, values and extremes turn up among synthetic rows without having been copied. So each share is held against
what real rows show that were never trained on: what remains, the excess, is 0 for one that learnt the population.
"""

from typing import Any

import numpy as np
import pandas as pd

from geratriz import seeding
from geratriz.column import NUMERIC, RARE, as_numbers
from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import Z_OF_TWO, beyond_chance, share
from geratriz.scoring.score import Score
from geratriz.table.data.split import row_hashes
from geratriz.table.data.table import Table
from geratriz.table.evaluate.distances import Space, nearest, neighbours
from geratriz.table.evaluate.features import Features, encode
from geratriz.table.evaluate.trio import Trio, subsample

ROWS = 40_000  # of synthetic and of training rows each, whose distances are looked at
PROBES = 5_000  # unseen rows that say how near strangers come to training rows
STRANGER = 0.01  # the share of strangers that come as near as what is called a near copy
BLUR = 0.0025  # the interval that meetings by chance may put around the share of near copies


def copy_rate(trio: Trio) -> Score:
    """The share of synthetic rows that equal a training row in every learnt column.

    Held against the whole training table, not a cut of it: a copy of any training row is a copy. The synthetic side
    is cut, so that the rate stands beside that of as many fresh real rows, which repeat common rows too.
    """
    copies = np.isin(_hashes(trio.cut[2]), np.unique(_hashes(trio.train)))
    return share(int(copies.sum()), len(copies))


def dcr_share(trio: Trio) -> Score:
    """The share of synthetic rows nearer to a training row than to any test row, ties counted half; ideal is 0.5.

    Nearness is no evidence of privacy (Yao et al., "The DCR Delusion", arXiv 2505.01524); it stands here because
    readers look for it.
    """
    train, test, synthetic = trio.features
    space = Space.over(train)
    to_train, to_test = (nearest(synthetic, side, space)[0] for side in (train, test))
    hits = float((to_train < to_test).sum() + 0.5 * (to_train == to_test).sum())
    result = share(round(hits), len(synthetic))
    return Score(value=hits / len(synthetic), low=result.low, high=result.high)


def copy_excess(trio: Trio) -> Score:
    """The share of synthetic rows that copy a training row, beyond what chance explains; exact or near, the greater.

    Only rows that are alone count, those no other real row is like: what several people share is nobody's. Of the real
    rows, training rows and unseen ones, a generator that copies nobody meets the unseen in proportion to their number;
    what training rows are met beyond that was copied. A near copy comes nearer to a training row than at least 99 % of
    unseen rows do.
    """
    exact, near = _exact(trio), _near(trio)
    return Score(
        value=max(exact["excess"], near["excess"]),
        low=max(each["excess"] - Z_OF_TWO * each["error"] for each in (exact, near)),
        high=max(each["excess"] + Z_OF_TWO * each["error"] for each in (exact, near)),
        detail={"exact": exact, "near": near},
    )


def rare_excess(trio: Trio) -> Score | None:
    """The share of synthetic rows with a level that is rare in the training rows, less that of unseen rows.

    Rare is what fewer rows have than the schema asks for (``Column.rare``).
    """
    rare = {}
    for column in trio.train.schema.learnt:
        if column.kind not in NUMERIC:
            counts = trio.train.frame[column.name].value_counts()
            rare[column.name] = set(counts.index[(counts > 0) & (counts < column.rare)])
    return _excess_of_values(trio, rare)


def extreme_excess(trio: Trio) -> Score | None:
    """The share of synthetic rows with one of the smallest or largest numbers of the training rows, less that of
    unseen rows; how many are, ``Column.rare`` says, and an end that so many rows share is nobody's."""
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
    train, unseen, synthetic = (_hashes(each) for each in (trio.train, trio.unseen, trio.synthetic))
    rows, counts = np.unique(np.concatenate([train, unseen]), return_counts=True)
    alone = rows[counts == 1]
    met, times = np.unique(synthetic[np.isin(synthetic, alone)], return_counts=True)
    of_train = np.isin(met, train)
    return beyond_chance(times[of_train], times[~of_train], len(train) / len(unseen), len(synthetic))


def _near(trio: Trio) -> dict[str, float]:
    seed = trio.config.seed
    train = subsample(trio.train, ROWS, seed, "copies train")
    unseen = subsample(trio.unseen, ROWS, seed, "copies unseen")
    seen, strangers, synthetic = encode([train, unseen, subsample(trio.synthetic, ROWS, seed, "copies synthetic")])
    space, ratio = Space.over(seen), len(seen) / len(strangers)
    rng = seeding.generator(seed, "copies order")
    probes = strangers.take(rng.permutation(len(strangers))[:PROBES])
    # In random order, that of rows equally near the first is anybody.
    order = rng.permutation(len(seen) + len(strangers))
    real = Features(seen.names, np.vstack([seen.values, strangers.values])[order], seen.categorical)
    distances, rows = nearest(synthetic, real, space)
    # So near that the meetings of strangers, who come as near by chance, leave the excess precise.
    precise = (BLUR / Z_OF_TWO) ** 2 * len(synthetic) / ratio
    near = float(np.quantile(nearest(probes, seen, space)[0], min(STRANGER, precise), method="lower"))
    met, times = np.unique(rows[distances <= near], return_counts=True)
    if len(met):
        second = neighbours(real.take(met), real, space, 2)[0][:, -1]
        met, times = met[second > near], times[second > near]
    of_train = order[met] < len(seen)
    found = beyond_chance(times[of_train], times[~of_train], ratio, len(synthetic))
    return {**found, "distance": near}


def _excess_of_values(trio: Trio, values: dict[str, set[Any]]) -> Score | None:
    """How much more often a row of the synthetic side than of the unseen one holds one of ``values``, by column."""
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
    # Newcombe's interval of a difference of two shares (1998, method 10), honest where one of them is 0.
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
    explains="The share of synthetic rows that copy, exactly or nearly, a training row no other real row is like, less "
    "what chance explains.",
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
    explains=f"The share of synthetic rows with a category that fewer than {RARE} training rows have, less that of "
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
    explains="The share of synthetic rows with one of the smallest or largest numbers of the training rows, less that "
    "of fresh real rows.",
    better="lower",
    compute=extreme_excess,
    span=(-0.005, 0.015),
    chance=0.0,
    limit=0.01,
)
COPY_RATE = Metric(
    name="copy_rate",
    title="Copies",
    explains="The share of synthetic rows that equal a training row. Common rows repeat in real data too: read it "
    "beside what fresh real rows show. The verdict rests on the copies beyond chance.",
    better="lower",
    compute=copy_rate,
    span=(0.0, 0.01),
)
DCR_SHARE = Metric(
    name="dcr_share",
    title="Nearer to training rows",
    explains="The share of synthetic rows nearer to a training row than to a test row; half is ideal. Weak evidence: "
    "passing it proves no privacy.",
    better="lower",
    compute=dcr_share,
    span=(0.5, 0.6),
)
