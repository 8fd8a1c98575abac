"""Attribute inference: does knowing the synthetic rows tell more of those trained on than of anybody else?

The attacker knows every column of a person but one and guesses that one by the nearest synthetic row. What he learns of
strangers too is knowledge of the population, which synthetic rows are made to give; what he learns of members beyond
that is disclosure. A second attacker, who holds real rows that were never trained on in the place of synthetic ones,
says whose secrets are easy anyway. (After Giomi et al., "Anonymeter", PoPETs 2023.)
"""

import numpy as np

from geratriz import seeding
from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import of_the_greatest, weights
from geratriz.scoring.score import Score
from geratriz.table.evaluate.distances import Space, blocks
from geratriz.table.evaluate.features import Features, encode
from geratriz.table.evaluate.trio import Trio, subsample

TARGETS = 4_000  # members and strangers each, whose secret is guessed
HOLDOUT = 3_000  # rows of the second attacker, at most a third of those never seen
VOTES = 10  # of the nearest rows he lets speak
SYNTHETIC_ROWS = 20_000  # the attacker looks at; more cost time and change little
SECRETS = 30  # columns, the first of them, are taken for the secret in turn
HIT = 0.05  # a number is guessed if it comes so near, in the range of the middle 90 %
FEWEST = 20  # targets of a side


def attribute_advantage(trio: Trio) -> Score | None:
    """The greatest advantage over all secrets, in shares of guesses that hit; None with one column or few unseen rows.

    Hits on members less hits on strangers, after what the second attacker's success explains of either is taken out.
    """
    if len(trio.train.schema.learnt) < 2:
        return None
    seed = trio.config.seed
    turned = seeding.generator(seed, "secrets unseen").permutation(len(trio.unseen))
    held = min(len(turned) // 3, HOLDOUT)
    strangers = turned[held:][:TARGETS]
    if held < 1 or min(len(strangers), len(trio.train)) < FEWEST:
        return None
    members = subsample(trio.train, TARGETS, seed, "secrets train")
    sides = [members, trio.unseen.take(strangers), trio.unseen.take(turned[:held])]
    known, unknown, holdout, synthetic = encode(
        [*sides, subsample(trio.synthetic, SYNTHETIC_ROWS, seed, "secrets synthetic")]
    )
    space = Space.over(holdout)
    targets = Features(known.names, np.vstack([known.values, unknown.values]), known.categorical)
    secrets = min(len(known.names), SECRETS)
    mine = _hits(targets, synthetic, space, secrets, 1)
    ease = _hits(targets, holdout, space, secrets, VOTES)
    gain = mine - _explained(mine, ease)  # (targets, secrets)
    resamples = trio.config.bootstrap
    n, m = len(known), len(unknown)
    drawn = weights(n, resamples, seed, "secret members"), weights(m, resamples, seed, "secret strangers")
    values = gain[:n].mean(0) - gain[n:].mean(0)
    resampled = drawn[0] @ gain[:n] / n - drawn[1] @ gain[n:] / m
    posed = seeding.generator(seed, "secret null").multinomial(n, np.full(m, 1 / m), size=resamples)
    null = posed.astype(np.float32) @ gain[n:] / n - drawn[1] @ gain[n:] / m
    low, high = of_the_greatest(values, resampled, null, 0.0)
    secret = [
        {
            "secret": name,
            "members": float(mine[:n, i].mean()),
            "strangers": float(mine[n:, i].mean()),
            "holdout_members": float(ease[:n, i].mean()),
            "holdout_strangers": float(ease[n:, i].mean()),
            "advantage": float(values[i]),
        }
        for i, name in enumerate(known.names[:secrets])
    ]
    return Score(value=float(values.max()), low=low, high=high, detail={"secrets": secret})


def _hits(targets: Features, base: Features, space: Space, secrets: int, votes: int) -> np.ndarray:
    """The share of the ``votes`` rows of ``base`` nearest by other columns that tell the secret, (targets, secrets).

    The distance by all columns is computed once; each secret's own part is taken off it.
    """
    votes = min(votes, len(base))
    hits = np.empty((len(targets), secrets))
    for part, distance in blocks(targets, base, space):
        few = targets.take(part)
        for i in range(secrets):
            others = distance - _part(few, base, space, i)
            near = others.argmin(1)[:, None] if votes == 1 else np.argpartition(others, votes - 1, axis=1)[:, :votes]
            told = _is_told(few.values[:, i, None], base.values[near, i], targets.categorical[i], _scale(few, space, i))
            hits[part, i] = told.mean(1)
    return hits


def _explained(mine: np.ndarray, ease: np.ndarray) -> np.ndarray:
    """What a straight line through ``ease`` says of ``mine``, per secret: a control variate that takes noise out."""
    centred = ease - ease.mean(0)
    slope = (centred * mine).sum(0) / np.maximum(np.square(centred).sum(0), 1e-12)
    return np.asarray(slope * centred)


def _part(few: Features, base: Features, space: Space, column: int) -> np.ndarray:
    """What one column adds to the distances, (few, base)."""
    only = slice(column, column + 1)
    sides = [Features(each.names[only], each.values[:, only], each.categorical[only]) for each in (few, base)]
    if few.categorical[column]:
        a, b = (np.nan_to_num(side.values[:, 0], nan=-1) for side in sides)
        return np.asarray(a[:, None] != b[None, :])
    place = int((~few.categorical[:column]).sum())
    own = Space(space.centre[place : place + 1], space.scale[place : place + 1])
    a, b = (own.points(side)[0][:, 0] for side in sides)
    gaps = np.isnan(a).any() or np.isnan(b).any()
    difference = np.abs(np.nan_to_num(a)[:, None] - np.nan_to_num(b)[None, :])
    return np.asarray(difference + (np.isnan(a)[:, None] != np.isnan(b)[None, :]) if gaps else difference)


def _scale(side: Features, space: Space, column: int) -> float:
    return 1.0 if side.categorical[column] else float(space.scale[int((~side.categorical[:column]).sum())])


def _is_told(truth: np.ndarray, guess: np.ndarray, categorical: bool, scale: float) -> np.ndarray:
    missing = np.isnan(truth) & np.isnan(guess)
    near = truth == guess if categorical else np.abs(truth - guess) <= HIT * scale
    return np.asarray(near | missing)


ATTRIBUTE_ADVANTAGE = Metric(
    name="attribute_advantage",
    title="Attribute inference, advantage",
    explains="An attacker knows all but one column of a person and guesses that one from the synthetic rows: how many "
    "more guesses hit training rows than strangers, for the secret where it is most.",
    better="lower",
    compute=attribute_advantage,
    span=(-0.05, 0.1),
    chance=0.0,
    limit=0.08,
)
