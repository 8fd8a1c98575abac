"""Tests of homogeneity: the size of a difference as a share of the rows, its p-value, and corrected p-values."""

from collections.abc import Sequence

import numpy as np

MIN_EXPECTED = 5  # expected rows per cell for chi-squared to hold (Cochran 1954)
PERMUTATIONS = 1000  # tables simulated where chi-squared does not hold
CELLS_AT_ONCE = 2_000_000
EXACT_KS = 1000  # most rows per side for the exact distribution


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected so that each can be compared with the chance of any false alarm among all of them.

    Holm, A simple sequentially rejective multiple test procedure, 1979: valid under any dependence.
    """
    order = np.argsort(p, kind="stable")
    corrected, so_far = np.empty(len(p)), 0.0
    for rank, i in enumerate(order):
        so_far = max(so_far, (len(p) - rank) * p[i])
        corrected[i] = min(so_far, 1.0)
    return corrected.tolist()


def numbers_differ(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """KS distance and its p-value; ties (rounded numbers) make the p-value too large, never too small."""
    from scipy.stats import ks_2samp

    found = ks_2samp(a, b, method="exact" if max(len(a), len(b)) <= EXACT_KS else "asymp")
    return float(found.statistic), float(found.pvalue)


def words_differ(a: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Total variation of codes beyond chance, and the p-value of Pearson's test of homogeneity.

    Chance is subtracted because the distance of two samples grows with the number of categories: thousands of rare
    words would always seem to have changed. If cells are sparse, the distribution of the statistic is simulated over
    tables with the same margins; its tail is a gamma curve with the same three moments (Winkler et al. 2016).
    """
    from scipy.stats import chi2, pearson3

    levels = 1 + int(max(a.max(), b.max()))
    counts = np.array([np.bincount(side.astype(np.int64), minlength=levels) for side in (a, b)])
    counts = counts[:, counts.sum(0) > 0]
    total, (n, m) = counts.sum(0), counts.sum(1)
    if counts.shape[1] < 2:
        return 0.0, 1.0

    def statistic(of_a: np.ndarray) -> np.ndarray:
        rows = n + m
        value: np.ndarray = rows / m * (rows / n * (of_a**2 / total).sum(-1) - n)
        return value

    def distance(of_a: np.ndarray) -> np.ndarray:
        value: np.ndarray = 0.5 * np.abs(of_a / n - (total - of_a) / m).sum(-1)
        return value

    observed, variation = float(statistic(counts[0])), float(distance(counts[0]))
    if total.min() * min(n, m) / (n + m) >= MIN_EXPECTED:
        share = total / (n + m)
        by_chance = 0.5 * np.sqrt(2 / np.pi * share * (1 - share) * (1 / n + 1 / m)).sum()
        return max(variation - float(by_chance), 0.0), float(chi2.sf(observed, counts.shape[1] - 1))
    statistics, distances = [], []
    at_once = max(CELLS_AT_ONCE // counts.shape[1], 1)
    for start in range(0, PERMUTATIONS, at_once):
        of_a = rng.multivariate_hypergeometric(total, n, size=min(at_once, PERMUTATIONS - start))
        statistics.append(statistic(of_a))
        distances.append(distance(of_a))
    null = np.concatenate(statistics)
    excess = max(variation - float(np.concatenate(distances).mean()), 0.0)
    exceeding = int((null >= observed * (1 - 1e-12)).sum())
    if exceeding >= PERMUTATIONS // 50 or null.std() == 0:
        return excess, (exceeding + 1) / (PERMUTATIONS + 1)
    centred = (null - null.mean()) / null.std()
    return excess, float(pearson3.sf(observed, float((centred**3).mean()), null.mean(), null.std()))


def missing_differs(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Difference of the missing shares, and the p-value of Fisher's exact test."""
    from scipy.stats import fisher_exact

    cells = [[int(side.sum()), int((~side).sum())] for side in (a, b)]
    return abs(float(a.mean()) - float(b.mean())), float(fisher_exact(cells)[1])
