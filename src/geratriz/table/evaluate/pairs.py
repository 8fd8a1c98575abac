"""Details of the pairs of columns with the largest errors: their correlation, or the cells that differ most."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from geratriz.table.evaluate.trends import BINS, Cells, correlations, standardised
from geratriz.table.evaluate.trio import Trio

MAX_PAIRS = 8  # with the largest errors
MAX_CELLS = 3  # per pair, largest difference first


def worst_pairs(trio: Trio, trend: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The pairs with the largest errors in ``trend``, the detail of `trend_error`; JSON-native.

    A pair of numbers has its ``correlation``, real and synthetic. Others have ``cells``, each with its place in both
    columns and its shares of the rows; a place is ``{"level": ...}``, ``{"from": ..., "to": ...}`` with None for an
    open end, or ``{"missing": True}``.
    """
    names, matrix = trend["names"], trend["matrix"]
    ranked = sorted((-matrix[i][j], j, i) for i in range(len(names)) for j in range(i))[:MAX_PAIRS]
    return [_pair(trio, i, j, -error) for error, i, j in ranked if error < 0]


def _pair(trio: Trio, i: int, j: int, error: float) -> dict[str, Any]:
    _, real, synthetic = trio.features
    found: dict[str, Any] = {"columns": [real.names[i], real.names[j]], "error": error}
    if not real.categorical[[i, j]].any():
        ones = np.ones(len(real))
        both = (correlations(*standardised(side.values[:, [i, j]]), ones)[0, 1] for side in (real, synthetic))
        found["correlation"] = {"real": float(next(both)), "synthetic": float(next(both))}
        return found
    sides = [Cells.of(real, synthetic, k) for k in (i, j)]
    a, b = sides[0].beside(sides[1])
    used, codes = np.unique(np.concatenate([a, b]), return_inverse=True)
    shares = [np.bincount(part, minlength=len(used)) / len(part) for part in np.split(codes, [len(a)])]
    furthest = np.argsort(-np.abs(shares[0] - shares[1]), kind="stable")[:MAX_CELLS]
    places = [_places(trio, k, cells) for k, cells in zip((i, j), sides, strict=True)]
    found["cells"] = [
        {
            "places": [places[0][cell // sides[1].count], places[1][cell % sides[1].count]],
            "real": float(shares[0][k]),
            "synthetic": float(shares[1][k]),
        }
        for k, cell in zip(furthest, used[furthest].tolist(), strict=True)
    ]
    return found


def _places(trio: Trio, column: int, cells: Cells) -> dict[int, dict[str, Any]]:
    """Place of each cell of a column, as in :func:`worst_pairs`."""
    places: dict[int, dict[str, Any]] = {cells.count - 1: {"missing": True}}
    if cells.edges is not None:
        ends = [None, *(float(f"{edge:.12g}") for edge in cells.edges), None]
        places.update({k: {"from": ends[k], "to": ends[k + 1]} for k in range(BINS)})
        return places
    name = trio.features[1].names[column]
    for table, codes in zip(trio.cut[1:], (cells.real, cells.synthetic), strict=True):
        words = table.frame[name]
        first = pd.DataFrame({"code": codes, "word": words.astype(object).to_numpy()})[words.notna().to_numpy()]
        places.update({int(code): {"level": str(word)} for code, word in first.drop_duplicates("code").to_numpy()})
    return places
