"""A vector for each level, of which numbers that lie near each other share a part.

With a vector of its own for each of 128 bins a network has to learn of every bin apart what holds for all beside it:
there is too little of each, and it learns rows by heart instead. Here a number's vector is one of its own and a linear
map of features of where it lies among the column's numbers.

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

LEAST = 3  # numbers that a column needs to have an order worth telling
OWN = 0.1  # how long a number's own part is at first, beside that of a word


class Vectors(nn.Module):
    """One vector a level."""

    features: Tensor
    rows: Tensor

    def __init__(self, levels: Sequence[Levels], width: int, length: float) -> None:
        """``length`` is the standard deviation of a component at first."""
        super().__init__()
        sizes = [each.size for each in levels]
        numbers = [
            i for i, each in enumerate(levels) if each.column.kind in NUMERIC and len(each.atoms) + each.bins >= LEAST
        ]
        longest = max((sizes[i] for i in numbers), default=0)
        nothing = len(numbers) * longest
        features = torch.zeros(len(numbers), longest, FEATURES)
        rows = [torch.full((size,), nothing) for size in sizes]
        for column, i in enumerate(numbers):
            features[column, : sizes[i]] = _features(levels[i])
            rows[i] = column * longest + torch.arange(sizes[i])
        own = torch.randn(sum(sizes), width) * length
        own[torch.cat(rows) < nothing] *= OWN
        self.own = nn.Parameter(own)
        self.shared = nn.Parameter(torch.randn(len(numbers), FEATURES, width) * length)
        self.register_buffer("features", features, persistent=False)  # (M, S, F)
        self.register_buffer("rows", torch.cat(rows), persistent=False)  # (L,) of these, side by side, and of a last 0

    def forward(self) -> Tensor:
        """The vectors, (L, W)."""
        shared = torch.bmm(self.features, self.shared).flatten(0, 1)
        return self.own + nn.functional.pad(shared, (0, 0, 0, 1)).index_select(0, self.rows)


def _features(levels: Levels) -> Tensor:
    """Of each level of a column of numbers, (levels, F), their mean 0 and about half as long as 1; 0 where missing."""
    atoms = np.array(levels.atoms, dtype=np.float64)
    if levels.bins:
        places = np.concatenate([levels.to_place(atoms), (np.arange(levels.bins) + 0.5) / levels.bins])
    else:
        places = (np.arange(len(atoms)) + 0.5) / len(atoms)
    found = Features()(torch.from_numpy(ndtri(places.clip(TAIL, 1 - TAIL))).float())
    found = (found - found.mean(0)) / FEATURES**0.5
    return torch.cat([found[: len(atoms)], torch.zeros(int(levels.missing), FEATURES), found[len(atoms) :]])
