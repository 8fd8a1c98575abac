"""Vectors of levels, partly shared between numbers that are near each other.

With separate vectors for 128 bins, a network has to learn for each bin alone what also holds for its neighbours; a bin
has too few rows for that, and rows are memorised instead. Here a number's vector is the sum of its own vector and a
linear map of features of its position among the column's numbers.

Shapes: L levels over all columns, M columns of numbers, S levels of the longest of these, F features, W width.
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor, nn

from geratriz.column import NUMERIC
from geratriz.table.data.levels import TAIL, Levels
from geratriz.table.nets.numbers import FEATURES, Features

MIN_NUMBERS = 3  # numbers in a column from which on their vectors share a part
OWN_SCALE = 0.1  # initial length of a number's own vector, relative to that of a word


class Vectors(nn.Module):
    """One vector per level."""

    features: Tensor
    rows: Tensor

    def __init__(self, levels: Sequence[Levels], width: int, length: float) -> None:
        """Initialise the vectors with the standard deviation ``length`` per component."""
        super().__init__()
        sizes = [column.size for column in levels]
        counts = [len(column.atoms) + column.bins if column.column.kind in NUMERIC else 0 for column in levels]
        numbers = [i for i, count in enumerate(counts) if count >= MIN_NUMBERS]
        longest = max((sizes[i] for i in numbers), default=0)
        zero_row = len(numbers) * longest
        features = torch.zeros(len(numbers), longest, FEATURES)
        rows = [torch.full((size,), zero_row) for size in sizes]
        for column, i in enumerate(numbers):
            features[column, : sizes[i]] = _features(levels[i])
            rows[i] = column * longest + torch.arange(sizes[i])
        own = torch.randn(sum(sizes), width) * length
        own[torch.cat(rows) < zero_row] *= OWN_SCALE
        self.own = nn.Parameter(own)
        self.shared = nn.Parameter(torch.randn(len(numbers), FEATURES, width) * length)
        self.register_buffer("features", features, persistent=False)  # (M, S, F)
        self.register_buffer("rows", torch.cat(rows), persistent=False)  # (L,) rows of these; the last is 0

    def forward(self) -> Tensor:
        """Return the vectors, (L, W)."""
        shared = torch.bmm(self.features, self.shared).flatten(0, 1)
        return self.own + nn.functional.pad(shared, (0, 0, 0, 1)).index_select(0, self.rows)


def _features(levels: Levels) -> Tensor:
    """Features of the levels of a column of numbers, (levels, F), with mean 0 and length about 0.5; 0 where missing."""
    atoms = np.array(levels.atoms, dtype=np.float64)
    if levels.bins:
        places = np.concatenate([levels.to_probability(atoms), (np.arange(levels.bins) + 0.5) / levels.bins])
    else:
        places = (np.arange(len(atoms)) + 0.5) / len(atoms)
    found = Features()(torch.from_numpy(ndtri(places.clip(TAIL, 1 - TAIL))).float())
    found = (found - found.mean(0)) / FEATURES**0.5
    return torch.cat([found[: len(atoms)], torch.zeros(int(levels.missing), FEATURES), found[len(atoms) :]])
