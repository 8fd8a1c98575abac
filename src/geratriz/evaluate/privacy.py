"""Are synthetic rows copies: exact copies, nearness to the training rows, and an attack on membership.

Nearness is no evidence of privacy (Yao et al., "The DCR Delusion", arXiv 2505.01524); it stands here because readers
look for it, beside what fresh real data show. The attack is what a release should rest on.
"""

import numpy as np

from geratriz import seeding
from geratriz.evaluate.base import Score, Trio, sample
from geratriz.evaluate.distances import Space, nearest
from geratriz.evaluate.features import encode
from geratriz.evaluate.resampling import around, auc, share, weights

ATTACKER_ROWS = 40_000  # synthetic rows the attacker looks at; more cost time and change little
CANDIDATES = 4_000  # rows the attacker guesses about, of members and of others each
EPSILON = 1e-3  # of a column's range: rows nearer than this are the same row to the attacker


def copy_rate(trio: Trio) -> Score:
    """The share of synthetic rows that equal a training row in every learnt column.

    Held against the whole training table, not a cut of it: a copy of any training row is a copy. The synthetic side
    is cut, so that the rate stands beside that of as many fresh real rows, which repeat common rows too.
    """
    from geratriz.data.split import row_hashes

    names = [column.name for column in trio.train.schema.learnt]
    known = np.unique(row_hashes(trio.train.frame[names]))
    copies = np.isin(row_hashes(trio.cut[2].frame[names]), known)
    return share(int(copies.sum()), len(copies))


def dcr_share(trio: Trio) -> Score:
    """The share of synthetic rows nearer to a training row than to any test row, ties counted half; ideal is 0.5."""
    train, test, synthetic = trio.features
    space = Space.over(train)
    to_train, to_test = (nearest(synthetic, side, space)[0] for side in (train, test))
    hits = float((to_train < to_test).sum() + 0.5 * (to_train == to_test).sum())
    result = share(round(hits), len(synthetic))
    return Score(value=hits / len(synthetic), low=result.low, high=result.high)


def mia_auc(trio: Trio) -> Score:
    """AUC of a membership attack by density ratio (DOMIAS: van Breugel et al., arXiv 2302.12580); 0.5 is no leak.

    The attacker holds the synthetic rows and reference rows of the same population (one half of ``test``), and
    guesses who was trained on: training rows against the other half of ``test``. A row is the more suspect the nearer
    the synthetic rows are in proportion to the reference rows; nearest-neighbour distances stand for the densities,
    which suits mixed columns and is sharpest where it matters, at copies. All synthetic rows are used, not a cut:
    the attacker would.

    In a split by time, what changed between ``train`` and ``test`` looks like membership too: read the value beside the
    ceiling's, which is measured on rows that were not trained on.

    Tried on four tables against the fifth neighbour and against boosted trees that tell synthetic from reference
    rows: where a tenth of the synthetic rows were copies the nearest neighbour gave .53 to .56, the fifth and the trees
    .50 to .52; where half were, .73 to .76 against .53 to .58. A table whose rows repeat often hides copies from any
    attack.
    """
    seed = trio.config.seed
    half = min(len(trio.test) // 2, CANDIDATES)
    if half < 2 or len(trio.train) < 2:
        return Score(value=0.5, low=0.0, high=1.0)
    test = sample(trio.test, 2 * half, seed, "attack test")
    turned = seeding.generator(seed, "attack halves").permutation(len(test))
    members = sample(trio.train, half, seed, "attack train")
    synthetic = sample(trio.synthetic, ATTACKER_ROWS, seed, "attack synthetic")
    parts = encode([members, test.take(turned[:half]), test.take(turned[half:]), synthetic])
    space = Space.over(parts[2])
    suspicion = []
    for candidates in parts[:2]:
        to_reference, to_synthetic = (nearest(candidates, side, space)[0] for side in parts[2:])
        suspicion.append(np.log(to_reference + EPSILON) - np.log(to_synthetic + EPSILON))
    scores = np.concatenate(suspicion)
    member = np.repeat([True, False], [len(each) for each in suspicion])
    value = float(auc(scores, member)[0])
    resampled = auc(scores, member, weights(len(scores), trio.config.bootstrap, seed, "attack"))
    low, high = around(value, resampled, floor=0, ceiling=1)
    return Score(value=value, low=low, high=high)


def contract_violations(trio: Trio) -> Score | None:
    """The share of synthetic rows, all of them, that break a critical expectation of the contract; None without one."""
    from geratriz.data.contract import check

    if trio.suite is None:
        return None
    report = check(trio.synthetic.frame, trio.suite)
    return share(report.violating_rows, report.rows, report=report.to_json())
