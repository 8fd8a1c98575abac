"""Membership inference: which rows were training rows? Five attacks, of which the strongest counts.

The attacker has all synthetic rows and reference rows of the same population, and ranks candidates: training rows
(members) among rows never trained on (non-members). No attack dominates (Synth-MIA, arXiv 2509.18014), so the verdict
uses the best of them, over all candidates and over the tenth farthest from the reference rows, since outliers are
memorised first. If synthetic rows depend on the population alone, members and non-members can be exchanged, and every
attack is a guess, whatever the generator's quality: AUC 0.5, and 1 % of members found at 1 % false alarms.

Where rows belong to entities, an entity is the candidate: it is ranked by the mean over its rows, and none has rows on
two sides.

In a split by time, changes between the parts look like membership too: compare the values with the ceiling's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from geratriz import seeding
from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import auc, interval_of_max, rate_at, weights
from geratriz.scoring.score import Score
from geratriz.table.data.entities import entity_of_rows
from geratriz.table.evaluate import trees
from geratriz.table.evaluate.distances import Space, neighbours
from geratriz.table.evaluate.features import Features, encode
from geratriz.table.evaluate.trio import Trio, in_order, subsample, two_sides

MAX_SYNTHETIC = 40_000  # rows that the attacker uses; more cost time and change little
MAX_CANDIDATES = 10_000  # members and non-members each
MAX_REFERENCE = 5_000  # rows of the population, at most a third of the unseen rows
SYNTHETIC_PER_REFERENCE = 4  # synthetic rows per reference row in the training data of the classifier
NEIGHBOURS = 10
BANDWIDTH_NEIGHBOUR = 5  # the width of a kernel is the distance to this nearest reference row
EPSILON = 1e-3  # rows nearer than this share of one column's range count as equal
OUTLIER_SHARE = 0.1  # the share of candidates farthest from the reference rows
MIN_CANDIDATES = 20  # per side, for any result
MIN_NON_MEMBERS = 300  # for a rate at 1 % false alarms, which fewer cannot resolve
FALSE_ALARM_RATE = 0.01  # share of non-members that an attacker may accuse


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """Data of the attacker: candidates, synthetic rows and reference rows."""

    candidates: Features
    synthetic: Features
    reference: Features
    space: Space
    to_synthetic: np.ndarray
    """Distances from each candidate to its nearest synthetic rows, ascending, (N, NEIGHBOURS)."""
    nearest: np.ndarray
    """Indices of those rows, (N, NEIGHBOURS)."""
    to_reference: np.ndarray
    """Distances to the nearest reference rows, ascending, (N, NEIGHBOURS)."""
    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    """Scores of all candidates, rows or entities, by every attack."""

    suspicion: dict[str, np.ndarray]
    """Scores by attack, (N,); higher means more likely a member."""
    member: np.ndarray
    """Whether a candidate is a member, bool (N,)."""
    outlier: np.ndarray
    """Whether a candidate is an outlier, bool (N,)."""


def distance_difference(known: Evidence) -> np.ndarray:
    """Distance to the nearest reference row minus that to the nearest synthetic row (GAN-Leaks: Chen et al., 2020)."""
    return np.asarray(known.to_reference[:, 0] - known.to_synthetic[:, 0])


def distance_ratio(known: Evidence) -> np.ndarray:
    """Log ratio of the same distances, which is most sensitive to copies."""
    return np.asarray(np.log(known.to_reference[:, 0] + EPSILON) - np.log(known.to_synthetic[:, 0] + EPSILON))


def density_ratio(known: Evidence) -> np.ndarray:
    """Density of the synthetic rows over that of the reference rows (DOMIAS: van Breugel et al., arXiv 2302.12580).

    Mean distances to the nearest rows replace densities, which suits mixed columns.
    """
    return np.asarray(np.log(known.to_reference.mean(1) + EPSILON) - np.log(known.to_synthetic.mean(1) + EPSILON))


def local_likelihood(known: Evidence) -> np.ndarray:
    """Gain in likelihood of the synthetic rows near a candidate when it is added to the population (Gen-LRA, 2024).

    It is the sum over the nearest synthetic rows of log(1 + K(row, candidate) / sum of K(row, reference)), with an
    exponential kernel as wide as the distance to the row's fifth nearest reference row.
    """
    to_reference, _ = neighbours(known.synthetic, known.reference, known.space, NEIGHBOURS)
    width = to_reference[:, min(BANDWIDTH_NEIGHBOUR, to_reference.shape[1]) - 1] + EPSILON
    crowd = np.exp(-to_reference / width[:, None]).sum(1)
    own = np.exp(-known.to_synthetic / width[known.nearest])
    return np.asarray(np.log1p(own / crowd[known.nearest]).sum(1))


def classifier(known: Evidence) -> np.ndarray:
    """Score of boosted trees, fitted to tell synthetic from reference rows, that a candidate is synthetic (LOGAN: Hayes
    et al., arXiv 1705.07663)."""
    count = min(len(known.synthetic), SYNTHETIC_PER_REFERENCE * len(known.reference))
    chosen = seeding.generator(known.seed, "attack classifier").permutation(len(known.synthetic))[:count]
    x = np.vstack([known.synthetic.take(chosen).for_trees(), known.reference.for_trees()])
    y = np.repeat([1, 0], [count, len(known.reference)])
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
    """Greatest area under the ROC curve of an attack; 0.5 is chance."""
    return _strongest(trio, outliers=False, at=None)


def mia_tpr_at_1pct(trio: Trio) -> Score | None:
    """Greatest share of members that an attack finds at 1 % false alarms; 0.01 is chance (Carlini et al., 2022)."""
    return _strongest(trio, outliers=False, at=FALSE_ALARM_RATE)


def mia_auc_outliers(trio: Trio) -> Score | None:
    """:func:`mia_auc` over the outliers among the candidates."""
    return _strongest(trio, outliers=True, at=None)


def mia_tpr_at_1pct_outliers(trio: Trio) -> Score | None:
    """:func:`mia_tpr_at_1pct` over the outliers among the candidates."""
    return _strongest(trio, outliers=True, at=FALSE_ALARM_RATE)


_RANKINGS: WeakKeyDictionary[Trio, Ranking | None] = WeakKeyDictionary()  # shared by the four metrics


def _strongest(trio: Trio, *, outliers: bool, at: float | None) -> Score | None:
    """Score of the strongest attack on one group of candidates; None where the group is too small."""
    ranking = _RANKINGS.get(trio) or _RANKINGS.setdefault(trio, rank(trio))
    if ranking is None:
        return None
    group = ranking.outlier if outliers else np.ones(len(ranking.member), dtype=bool)
    member = ranking.member[group]
    members, non_members = int(member.sum()), int((~member).sum())
    if min(members, non_members) < MIN_CANDIDATES or (at is not None and non_members < MIN_NON_MEMBERS):
        return None
    chance = 0.5 if at is None else at

    def strength(scores: np.ndarray, positive: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
        return auc(scores, positive, weight) if at is None else rate_at(scores, positive, at, weight)

    resamples, seed = trio.config.bootstrap, trio.config.seed
    weight = np.empty((resamples, len(member)), dtype=np.float32)
    weight[:, member] = weights(members, resamples, seed, "attack members")
    weight[:, ~member] = weights(non_members, resamples, seed, "attack strangers")
    # Data without effect: non-members instead of members, in the same number.
    rng = seeding.generator(seed, "attack null")
    replaced = rng.multinomial(members, np.full(non_members, 1 / non_members), size=resamples).astype(np.float32)
    null_weight, null_label = np.hstack([replaced, weight[:, ~member]]), np.repeat([True, False], non_members)
    values, resampled, null = [], [], []
    for suspicion in ranking.suspicion.values():
        scores = suspicion[group]
        values.append(strength(scores, member)[0])
        resampled.append(strength(scores, member, weight))
        null.append(strength(np.tile(scores[~member], 2), null_label, null_weight))
    found = np.array(values)
    low, high = interval_of_max(found, np.stack(resampled, 1), np.stack(null, 1), chance)
    attacks = dict(zip(ranking.suspicion, map(float, found), strict=True))
    return Score(
        value=float(found.max()),
        low=max(low, 0.0),
        high=min(high, 1.0),
        detail={"attacks": attacks, "members": members, "strangers": non_members},
    )


def rank(trio: Trio) -> Ranking | None:
    """Run every attack on the rows of ``trio``; None where there are too few unseen rows."""
    seed = trio.config.seed
    references, others = two_sides(trio.unseen, seed, "attack unseen", MAX_REFERENCE)
    non_members = others[:MAX_CANDIDATES]
    if len(references) < MIN_CANDIDATES or min(len(non_members), len(trio.train)) < MIN_CANDIDATES:
        return None
    if trio.train.schema.entity is None:
        members = subsample(trio.train, MAX_CANDIDATES, seed, "attack train")
    else:
        members = trio.train.take(in_order(trio.train, seed, "attack train")[:MAX_CANDIDATES])
    sides = [members, trio.unseen.take(non_members), trio.unseen.take(references)]
    known, unknown, reference, synthetic = encode(
        [*sides, subsample(trio.synthetic, MAX_SYNTHETIC, seed, "attack synthetic")]
    )
    candidates = Features(reference.names, np.vstack([known.values, unknown.values]), reference.categorical)
    space = Space.over(reference)
    to_synthetic, nearest = neighbours(candidates, synthetic, space, NEIGHBOURS)
    to_reference, _ = neighbours(candidates, reference, space, NEIGHBOURS)
    evidence = Evidence(
        candidates=candidates,
        synthetic=synthetic,
        reference=reference,
        space=space,
        to_synthetic=to_synthetic,
        nearest=nearest,
        to_reference=to_reference,
        seed=seed,
    )
    suspicion = {name: attack(evidence) for name, attack in ATTACKS.items()}
    isolation = to_reference.mean(1)
    counts = [len(known), len(unknown)]
    if trio.train.schema.entity is not None:
        owners = [np.unique(entity_of_rows(side), return_inverse=True)[1] for side in sides[:2]]
        counts = [int(side.max()) + 1 for side in owners]
        owner = np.concatenate([owners[0], owners[1] + counts[0]])
        rows = np.bincount(owner)
        suspicion = {name: np.bincount(owner, scores) / rows for name, scores in suspicion.items()}
        isolation = np.bincount(owner, isolation) / rows
    return Ranking(
        suspicion=suspicion,
        member=np.repeat([True, False], counts),
        outlier=isolation >= np.quantile(isolation, 1 - OUTLIER_SHARE),
    )


MIA_AUC = Metric(
    name="mia_auc",
    title="Membership, AUC",
    explains="Five attacks guess which rows were training rows; this is the best one. 0.5: no better than guessing.",
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
    explains="The share of training rows that the best attack finds at 1 % false alarms, that is if it wrongly accuses "
    "one unseen row in a hundred. It shows a leak of a few rows, where the AUC shows the average.",
    better="lower",
    compute=mia_tpr_at_1pct,
    span=(0.0, 0.04),
    chance=FALSE_ALARM_RATE,
    limit=0.03,
    required=True,
)
MIA_AUC_OUTLIERS = Metric(
    name="mia_auc_outliers",
    title="Membership of outliers, AUC",
    explains="The same over the tenth of the rows that is least like the others, which are memorised first.",
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
    chance=FALSE_ALARM_RATE,
    limit=0.10,
)
