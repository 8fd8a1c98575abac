"""Attribute inference: do synthetic rows reveal more about training rows than about other rows?

The attacker knows every column of a row but one and guesses that one, the secret, from the nearest synthetic row.
Guesses that hit non-members too are knowledge of the population, which synthetic rows are meant to give; those that hit
members more often are disclosure. A second attacker, with real rows that were never trained on instead of synthetic
ones, shows which secrets are easy to guess anyway. (After Giomi et al., "Anonymeter", PoPETs 2023.)
"""

import numpy as np

from geratriz import seeding
from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import interval_of_max, weights
from geratriz.scoring.score import Score
from geratriz.table.evaluate.distances import Space, blocks
from geratriz.table.evaluate.features import Features, encode
from geratriz.table.evaluate.trio import Trio, subsample, two_sides

MAX_TARGETS = 4_000  # members and non-members each, whose secret is guessed
MAX_REFERENCE = 3_000  # rows of the second attacker, at most a third of the unseen rows
NEIGHBOURS = 10  # nearest rows that the second attacker guesses from
MAX_SYNTHETIC = 20_000  # rows of the first attacker; more cost time and change little
MAX_SECRETS = 30  # columns, from the first, that are the secret in turn
TOLERANCE = 0.05  # largest error of a correct guess of a number, in the range of its middle 90 %
MIN_TARGETS = 20  # per side


def attribute_advantage(trio: Trio) -> Score | None:
    """Greatest advantage over all secrets, as a share of guesses; None with one column or too few unseen rows.

    The advantage is hits on members minus hits on non-members, after removing what the second attacker's hits explain.
    """
    if len(trio.train.schema.learnt) < 2:
        return None
    seed = trio.config.seed
    references, others = two_sides(trio.unseen, seed, "secrets unseen", MAX_REFERENCE)
    non_members = others[:MAX_TARGETS]
    if not len(references) or min(len(non_members), len(trio.train)) < MIN_TARGETS:
        return None
    members = subsample(trio.train, MAX_TARGETS, seed, "secrets train")
    sides = [members, trio.unseen.take(non_members), trio.unseen.take(references)]
    known, unknown, reference, synthetic = encode(
        [*sides, subsample(trio.synthetic, MAX_SYNTHETIC, seed, "secrets synthetic")]
    )
    space = Space.over(reference)
    targets = Features(known.names, np.vstack([known.values, unknown.values]), known.categorical)
    secrets = min(len(known.names), MAX_SECRETS)
    from_synthetic = _hits(targets, synthetic, space, secrets, 1)
    from_reference = _hits(targets, reference, space, secrets, NEIGHBOURS)
    gain = from_synthetic - _explained(from_synthetic, from_reference)  # (targets, secrets)
    resamples = trio.config.bootstrap
    n, m = len(known), len(unknown)
    weight = weights(n, resamples, seed, "secret members"), weights(m, resamples, seed, "secret strangers")
    values = gain[:n].mean(0) - gain[n:].mean(0)
    resampled = weight[0] @ gain[:n] / n - weight[1] @ gain[n:] / m
    replaced = seeding.generator(seed, "secret null").multinomial(n, np.full(m, 1 / m), size=resamples)
    null = replaced.astype(np.float32) @ gain[n:] / n - weight[1] @ gain[n:] / m
    low, high = interval_of_max(values, resampled, null, 0.0)
    secret = [
        {
            "secret": name,
            "members": float(from_synthetic[:n, i].mean()),
            "strangers": float(from_synthetic[n:, i].mean()),
            "holdout_members": float(from_reference[:n, i].mean()),
            "holdout_strangers": float(from_reference[n:, i].mean()),
            "advantage": float(values[i]),
        }
        for i, name in enumerate(known.names[:secrets])
    ]
    return Score(value=float(values.max()), low=low, high=high, detail={"secrets": secret})


def _hits(targets: Features, base: Features, space: Space, secrets: int, votes: int) -> np.ndarray:
    """Share of correct guesses from the ``votes`` rows of ``base`` nearest by the other columns, (targets, secrets).

    The distance over all columns is computed once; the part of each secret is subtracted from it.
    """
    votes = min(votes, len(base))
    hits = np.empty((len(targets), secrets))
    for part, distance in blocks(targets, base, space):
        rows = targets.take(part)
        for i in range(secrets):
            rest = distance - _column_distance(rows, base, space, i)
            near = rest.argmin(1)[:, None] if votes == 1 else np.argpartition(rest, votes - 1, axis=1)[:, :votes]
            hit = _is_hit(rows.values[:, i, None], base.values[near, i], targets.categorical[i], _scale(rows, space, i))
            hits[part, i] = hit.mean(1)
    return hits


def _explained(from_synthetic: np.ndarray, from_reference: np.ndarray) -> np.ndarray:
    """Prediction of ``from_synthetic`` by a line through ``from_reference``, per secret: a control variate."""
    centred = from_reference - from_reference.mean(0)
    slope = (centred * from_synthetic).sum(0) / np.maximum(np.square(centred).sum(0), 1e-12)
    return np.asarray(slope * centred)


def _column_distance(rows: Features, base: Features, space: Space, column: int) -> np.ndarray:
    """Part of one column in the distances, (rows, base)."""
    only = slice(column, column + 1)
    sides = [Features(side.names[only], side.values[:, only], side.categorical[only]) for side in (rows, base)]
    if rows.categorical[column]:
        a, b = (np.nan_to_num(side.values[:, 0], nan=-1) for side in sides)
        return np.asarray(a[:, None] != b[None, :])
    index = int((~rows.categorical[:column]).sum())
    own = Space(space.centre[index : index + 1], space.scale[index : index + 1])
    a, b = (own.points(side)[0][:, 0] for side in sides)
    gaps = np.isnan(a).any() or np.isnan(b).any()
    difference = np.abs(np.nan_to_num(a)[:, None] - np.nan_to_num(b)[None, :])
    return np.asarray(difference + (np.isnan(a)[:, None] != np.isnan(b)[None, :]) if gaps else difference)


def _scale(side: Features, space: Space, column: int) -> float:
    return 1.0 if side.categorical[column] else float(space.scale[int((~side.categorical[:column]).sum())])


def _is_hit(truth: np.ndarray, guess: np.ndarray, categorical: bool, scale: float) -> np.ndarray:
    missing = np.isnan(truth) & np.isnan(guess)
    near = truth == guess if categorical else np.abs(truth - guess) <= TOLERANCE * scale
    return np.asarray(near | missing)


ATTRIBUTE_ADVANTAGE = Metric(
    name="attribute_advantage",
    title="Attribute inference, advantage",
    explains="An attacker knows all columns of a row but one, and guesses that one from the synthetic rows. The value "
    "is the share of correct guesses on training rows minus that on unseen rows, for the most exposed column.",
    better="lower",
    compute=attribute_advantage,
    span=(-0.05, 0.1),
    chance=0.0,
    limit=0.08,
)
