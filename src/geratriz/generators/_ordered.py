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

from geratriz.data.codec import TAIL, Levels
from geratriz.generators._numbers import FEATURES, Features

KINDS = ("integer", "float", "datetime")
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
        numbers = [i for i, each in enumerate(levels) if each.column.kind in KINDS and _count(each) >= LEAST]
        longest = max((sizes[i] for i in numbers), default=0)
        features, rows = torch.zeros(len(numbers), longest, FEATURES), []
        for i, each in enumerate(levels):
            column = numbers.index(i) if i in numbers else len(numbers)
            rows.append(column * longest + torch.arange(each.size) * (i in numbers))
            if i in numbers:
                features[column, : each.size] = _features(each)
        own = torch.randn(sum(sizes), width) * length
        own[torch.cat(rows) < len(numbers) * longest] *= OWN
        self.own = nn.Parameter(own)
        self.shared = nn.Parameter(torch.randn(len(numbers), FEATURES, width) * length)
        self.register_buffer("features", features, persistent=False)  # (M, S, F)
        self.register_buffer("rows", torch.cat(rows), persistent=False)  # (L,) of these, side by side, and of a last 0

    def forward(self) -> Tensor:
        """The vectors, (L, W)."""
        shared = torch.bmm(self.features, self.shared).flatten(0, 1)
        return self.own + nn.functional.pad(shared, (0, 0, 0, 1)).index_select(0, self.rows)


def _count(levels: Levels) -> int:
    return len(levels.atoms) + levels.bins


def _features(levels: Levels) -> Tensor:
    """Of each level of a column of numbers, (levels, F), their mean 0 and about as long as 1; 0 where it is missing."""
    there = np.ones(levels.size, dtype=bool)
    there[len(levels.atoms) : levels.exact] = False
    if levels.bins:
        atoms = levels.to_place(np.array([float(each) for each in levels.atoms]))
        places = np.concatenate([atoms, (np.arange(levels.bins) + 0.5) / levels.bins])
    else:
        places = (np.arange(len(levels.atoms)) + 0.5) / len(levels.atoms)
    features = torch.zeros(levels.size, FEATURES)
    found = Features()(torch.from_numpy(ndtri(places.clip(TAIL, 1 - TAIL))).float())
    features[torch.from_numpy(there)] = (found - found.mean(0)) / FEATURES**0.5
    return features
