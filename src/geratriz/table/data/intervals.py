"""Intervals of a column of numbers, each with the rows of at least k entities, and its distribution function over them.

Within an interval every number is equally likely, so a number of fewer than k entities is drawn no more often than the
numbers next to it that nobody has. The ends of intervals lie between two neighbouring numbers and are neither of them.
This is microaggregation (Domingo-Ferrer and Mateo-Sanz, IEEE TKDE 14, 2002) with a uniform distribution instead of the
average. On a grid, a number of many rows of k entities or more has an interval of its own, one grid cell.
"""

import itertools
from collections.abc import Iterator

import numpy as np

from geratriz.table.data.entities import sharing

LEAK = 0.25  # rows per side that a number with an interval of its own gives to the gap beside it: no density is 0
INSIDE = 0.499  # of a grid step, from the outermost number to the end of its cell


def distribution(
    numbers: np.ndarray, owners: np.ndarray | None, step: float | None, rare: int, knots: int
) -> tuple[np.ndarray, np.ndarray]:
    """Increasing piecewise linear distribution function of ``numbers``.

    Args:
        numbers: at least two different ones, (N,), on the grid of ``step`` if there is one.
        owners: entity of each number, (N,); None where every one is its own.
        step: distance of neighbouring grid values, or None.
        rare: minimum of entities per interval, k.
        knots: about the largest number of intervals.

    Returns:
        Ends of the intervals and the share of numbers below each, both (K,).
    """
    order = np.argsort(numbers, kind="stable")
    owners = None if owners is None else owners[order]
    distinct, index, counts = np.unique(numbers[order], return_inverse=True, return_counts=True)
    heavy = np.zeros(len(distinct), dtype=bool)
    rows = max(rare, len(numbers) / knots)
    if step is not None:
        heavy = (counts >= rows) & (sharing(index, owners, len(distinct)) >= rare)
    counts = _absorbed(distinct, counts, heavy, index, owners, rare)
    below = np.concatenate([[0], np.cumsum(counts)])  # rows below each distinct number
    groups = list(_groups(below, heavy, index, owners, rare, rows))
    first, last = float(distinct[groups[0][0]]), float(distinct[groups[-1][1] - 1])
    if step is not None:
        first, last = first - INSIDE * step, last + INSIDE * step
    ends, heights = [first], [0.0]
    for (_, end), (start, _) in itertools.pairwise(groups):
        for at, height in _between(distinct, heavy, end - 1, start, float(below[start]), step):
            if ends[-1] < at < last:
                ends.append(at)
                heights.append(height)
    return np.array([*ends, last]), np.array([*heights, below[-1]]) / below[-1]


def _absorbed(
    distinct: np.ndarray,
    counts: np.ndarray,
    heavy: np.ndarray,
    index: np.ndarray,
    owners: np.ndarray | None,
    rare: int,
) -> np.ndarray:
    """Rows per number after those between two ``heavy`` numbers, if of too few entities, became the nearest of them."""
    counts = counts.copy()
    starts = np.searchsorted(index, np.arange(len(distinct) + 1))
    for start, end in _runs(~heavy):
        if not heavy.any() or _people(owners, starts[start], starts[end]) >= rare:
            continue
        for number in range(start, end):
            sides = [side for side in (start - 1, end) if 0 <= side < len(distinct)]
            nearest = min(sides, key=lambda side: abs(distinct[side] - distinct[number]))
            counts[nearest] += counts[number]
            counts[number] = 0
    return counts


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Start and end of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _people(owners: np.ndarray | None, start: int, end: int) -> int:
    return int(end - start) if owners is None else len(np.unique(owners[start:end]))


def _groups(
    below: np.ndarray, heavy: np.ndarray, index: np.ndarray, owners: np.ndarray | None, rare: int, rows: float
) -> Iterator[tuple[int, int]]:
    """Ranges of distinct numbers that share an interval: from ``start``, before ``end``."""
    starts = np.searchsorted(index, np.arange(len(heavy) + 1))
    for first, last in sorted([*_runs(~heavy), *((int(at), int(at) + 1) for at in np.flatnonzero(heavy))]):
        if below[first] == below[last]:  # absorbed
            continue
        found = []
        start = first
        while start < last:
            end = min(max(int(np.searchsorted(below, below[start] + rows)), start + 1), last)
            while end < last and _people(owners, starts[start], starts[end]) < rare:
                end += 1
            found.append((start, end))
            start = end
        if len(found) > 1 and _people(owners, starts[found[-1][0]], starts[last]) < rare:
            found[-2:] = [(found[-2][0], last)]
        yield from found


def _between(
    distinct: np.ndarray, heavy: np.ndarray, left: int, right: int, rows: float, step: float | None
) -> Iterator[tuple[float, float]]:
    """Ends of two neighbouring intervals, with the number of rows below; ``left`` and ``right`` are next to them."""
    a, b = float(distinct[left]), float(distinct[right])
    if step is None or b - a < 1.5 * step or not (heavy[left] or heavy[right]):
        yield a + (b - a) / 2, rows
        return
    if heavy[left]:
        yield a + step / 2, rows - LEAK
    if not (heavy[left] and heavy[right]):
        yield a + (b - a) / 2, rows
    if heavy[right]:
        yield b - step / 2, rows + LEAK
