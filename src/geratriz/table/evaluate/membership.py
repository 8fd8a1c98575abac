"""Membership inference: who was trained on? Five attacks, of which the strongest counts.

The attacker holds all synthetic rows and reference rows of the same population, and ranks candidates: training rows
(members) among rows that were never seen (strangers). No attack dominates (Synth-MIA, arXiv 2509.18014), so the
verdict rests on the best of them, over all candidates and over the tenth that lies farthest out: people who are like
nobody else are learnt by heart first. If synthetic rows depend on the population alone, members and strangers can be
exchanged, whatever the generator's quality, and every attack is a guess: AUC 0.5, and at 1 % false alarms 1 % found.

In a split by time, what changed between the parts looks like membership too: read the values beside the ceiling's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from geratriz import seeding
from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import auc, of_the_greatest, rate_at, weights
from geratriz.scoring.score import Score
from geratriz.table.evaluate import trees
from geratriz.table.evaluate.distances import Space, neighbours
from geratriz.table.evaluate.features import Features, encode
from geratriz.table.evaluate.trio import Trio, subsample

SYNTHETIC_ROWS = 40_000  # the attacker looks at; more cost time and change little
CANDIDATES = 10_000  # of members and of strangers each
REFERENCE = 5_000  # rows of the population, at most this third of those never seen
CLASSIFIED = 4  # synthetic rows a reference row that the classifier learns from
NEIGHBOURS = 10
BANDWIDTH = 5  # a kernel is as wide as the way to this many reference rows
EPSILON = 1e-3  # of a column's range: rows nearer than this are the same row to the attacker
OUTLIERS = 0.1  # the share of candidates farthest from the reference rows
FEWEST = 20  # candidates of a side; with fewer nothing can be said
FEWEST_AT = 300  # strangers; with fewer, one false alarm in a hundred cannot be told from none
ALARMS = 0.01  # false alarms an attacker allows himself


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What the attacker knows: candidates beside the synthetic and the reference rows."""

    candidates: Features
    synthetic: Features
    reference: Features
    space: Space
    to_synthetic: np.ndarray
    """Distances from each candidate to its nearest synthetic rows, ascending, (N, NEIGHBOURS)."""
    nearest: np.ndarray
    """Which those are, (N, NEIGHBOURS)."""
    to_reference: np.ndarray
    """The same to the reference rows, (N, NEIGHBOURS)."""
    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    """How suspicious each candidate is to each attack."""

    suspicion: dict[str, np.ndarray]
    """By attack, (N,)."""
    member: np.ndarray
    """bool (N,): the truth."""
    outlier: np.ndarray
    """bool (N,)."""


def distance_difference(known: Evidence) -> np.ndarray:
    """How much nearer the synthetic rows come than the reference rows do (Chen et al., GAN-Leaks, CCS 2020)."""
    return np.asarray(known.to_reference[:, 0] - known.to_synthetic[:, 0])


def distance_ratio(known: Evidence) -> np.ndarray:
    """The same as a ratio, which is sharpest at copies."""
    return np.asarray(np.log(known.to_reference[:, 0] + EPSILON) - np.log(known.to_synthetic[:, 0] + EPSILON))


def density_ratio(known: Evidence) -> np.ndarray:
    """Density of the synthetic rows over that of the reference rows (DOMIAS: van Breugel et al., arXiv 2302.12580).

    Mean distances to the nearest rows stand for densities, which suits mixed columns.
    """
    return np.asarray(np.log(known.to_reference.mean(1) + EPSILON) - np.log(known.to_synthetic.mean(1) + EPSILON))


def local_likelihood(known: Evidence) -> np.ndarray:
    """How much likelier the synthetic rows around a candidate become when it joins the population (Gen-LRA, 2024).

    The sum, over the nearest synthetic rows, of log(1 + K(row, candidate) / sum of K(row, reference)), with an
    exponential kernel as wide as the way to the row's fifth nearest reference row.
    """
    to_reference, _ = neighbours(known.synthetic, known.reference, known.space, NEIGHBOURS)
    width = to_reference[:, min(BANDWIDTH, to_reference.shape[1]) - 1] + EPSILON
    crowd = np.exp(-to_reference / width[:, None]).sum(1)
    own = np.exp(-known.to_synthetic / width[known.nearest])
    return np.asarray(np.log1p(own / crowd[known.nearest]).sum(1))


def classifier(known: Evidence) -> np.ndarray:
    """How surely boosted trees, fitted to tell synthetic from reference rows, take a candidate for synthetic (LOGAN:
    Hayes et al., arXiv 1705.07663)."""
    many = min(len(known.synthetic), CLASSIFIED * len(known.reference))
    chosen = seeding.generator(known.seed, "attack classifier").permutation(len(known.synthetic))[:many]
    x = np.vstack([known.synthetic.take(chosen).for_trees(), known.reference.for_trees()])
    y = np.repeat([1, 0], [many, len(known.reference)])
    with trees.one_thread():
        model = trees.classifier(x, y, known.reference.categorical, known.seed)
        return np.asarray(model.decision_function(known.candidates.for_trees()))


ATTACKS: dict[str, Callable[[Evidence], np.ndarray]] = {
    "distance difference": distance_difference,
    "distance ratio": distance_ratio,
    "density ratio": density_ratio,
    "local likelihood": local_likelihood,
    "classifier": classifier,
}


def mia_auc(trio: Trio) -> Score | None:
    """The greatest area under an attack's ROC curve; 0.5 is chance."""
    return _greatest(trio, outliers=False, at=None)


def mia_tpr_at_1pct(trio: Trio) -> Score | None:
    """The greatest share of members that an attack finds at 1 % false alarms; 0.01 is chance (Carlini et al., 2022)."""
    return _greatest(trio, outliers=False, at=ALARMS)


def mia_auc_outliers(trio: Trio) -> Score | None:
    """:func:`mia_auc` over the candidates that lie farthest out."""
    return _greatest(trio, outliers=True, at=None)


def mia_tpr_at_1pct_outliers(trio: Trio) -> Score | None:
    """:func:`mia_tpr_at_1pct` over the candidates that lie farthest out."""
    return _greatest(trio, outliers=True, at=ALARMS)


_RANKINGS: WeakKeyDictionary[Trio, Ranking | None] = WeakKeyDictionary()  # four figures look at the same one


def _greatest(trio: Trio, *, outliers: bool, at: float | None) -> Score | None:
    """The strongest attack on one group of candidates with the interval of the greatest; None where it is too small."""
    ranking = _RANKINGS.get(trio) or _RANKINGS.setdefault(trio, rank(trio))
    if ranking is None:
        return None
    group = ranking.outlier if outliers else np.ones(len(ranking.member), dtype=bool)
    member = ranking.member[group]
    members, strangers = int(member.sum()), int((~member).sum())
    if min(members, strangers) < FEWEST or (at is not None and strangers < FEWEST_AT):
        return None
    chance = 0.5 if at is None else at

    def strength(scores: np.ndarray, positive: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
        return auc(scores, positive, weight) if at is None else rate_at(scores, positive, at, weight)

    resamples, seed = trio.config.bootstrap, trio.config.seed
    drawn = np.empty((resamples, len(member)), dtype=np.float32)
    drawn[:, member] = weights(members, resamples, seed, "attack members")
    drawn[:, ~member] = weights(strangers, resamples, seed, "attack strangers")
    # Where there is nothing to find: strangers in the place of members, as many as there are members.
    rng = seeding.generator(seed, "attack null")
    posed = rng.multinomial(members, np.full(strangers, 1 / strangers), size=resamples).astype(np.float32)
    posing, label = np.hstack([posed, drawn[:, ~member]]), np.repeat([True, False], strangers)
    values, resampled, null = [], [], []
    for suspicion in ranking.suspicion.values():
        scores = suspicion[group]
        values.append(strength(scores, member)[0])
        resampled.append(strength(scores, member, drawn))
        null.append(strength(np.tile(scores[~member], 2), label, posing))
    found = np.array(values)
    low, high = of_the_greatest(found, np.stack(resampled, 1), np.stack(null, 1), chance)
    attacks = dict(zip(ranking.suspicion, map(float, found), strict=True))
    return Score(
        value=float(found.max()),
        low=max(low, 0.0),
        high=min(high, 1.0),
        detail={"attacks": attacks, "members": members, "strangers": strangers},
    )


def rank(trio: Trio) -> Ranking | None:
    """Every attack on the rows of ``trio``; None where too few rows were never seen."""
    seed = trio.config.seed
    turned = seeding.generator(seed, "attack unseen").permutation(len(trio.unseen))
    references = min(len(turned) // 3, REFERENCE)
    strangers = turned[references:][:CANDIDATES]
    if references < FEWEST or min(len(strangers), len(trio.train)) < FEWEST:
        return None
    members = subsample(trio.train, CANDIDATES, seed, "attack train")
    sides = [members, trio.unseen.take(strangers), trio.unseen.take(turned[:references])]
    member_rows, stranger_rows, reference, synthetic = encode(
        [*sides, subsample(trio.synthetic, SYNTHETIC_ROWS, seed, "attack synthetic")]
    )
    candidates = Features(reference.names, np.vstack([member_rows.values, stranger_rows.values]), reference.categorical)
    space = Space.over(reference)
    to_synthetic, nearest = neighbours(candidates, synthetic, space, NEIGHBOURS)
    to_reference, _ = neighbours(candidates, reference, space, NEIGHBOURS)
    known = Evidence(
        candidates=candidates,
        synthetic=synthetic,
        reference=reference,
        space=space,
        to_synthetic=to_synthetic,
        nearest=nearest,
        to_reference=to_reference,
        seed=seed,
    )
    lonely = to_reference.mean(1)
    return Ranking(
        suspicion={name: attack(known) for name, attack in ATTACKS.items()},
        member=np.repeat([True, False], [len(member_rows), len(stranger_rows)]),
        outlier=lonely >= np.quantile(lonely, 1 - OUTLIERS),
    )


MIA_AUC = Metric(
    name="mia_auc",
    title="Membership, AUC",
    explains="Five attackers guess who was trained on; this is the best of them. 0.5: the guesses are worth nothing.",
    better="lower",
    compute=mia_auc,
    span=(0.45, 0.6),
    chance=0.5,
    limit=0.55,
    required=True,
)
MIA_TPR_AT_1PCT = Metric(
    name="mia_tpr_at_1pct",
    title="Membership, found at 1 % false alarms",
    explains="The share of training rows the best attacker finds when he accuses one stranger in a hundred. It sees a "
    "few rows that leak where the AUC sees the average.",
    better="lower",
    compute=mia_tpr_at_1pct,
    span=(0.0, 0.04),
    chance=ALARMS,
    limit=0.03,
    required=True,
)
MIA_AUC_OUTLIERS = Metric(
    name="mia_auc_outliers",
    title="Membership of outliers, AUC",
    explains="The same over the tenth of the rows that is least like the others: the first to be learnt by heart.",
    better="lower",
    compute=mia_auc_outliers,
    span=(0.45, 0.7),
    chance=0.5,
    limit=0.65,
    required=True,
)
MIA_TPR_AT_1PCT_OUTLIERS = Metric(
    name="mia_tpr_at_1pct_outliers",
    title="Membership of outliers, found at 1 % false alarms",
    explains="The same over the tenth of the rows that is least like the others.",
    better="lower",
    compute=mia_tpr_at_1pct_outliers,
    span=(0.0, 0.12),
    chance=ALARMS,
    limit=0.10,
)
