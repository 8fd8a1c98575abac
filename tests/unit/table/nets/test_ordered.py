"""Vectors of levels: what numbers share with their neighbours, and words with nobody."""

import numpy as np
import pandas as pd
import pytest
import torch

from geratriz.table.data.codec import Codec
from geratriz.table.data.levels import CodecConfig, Levels
from geratriz.table.data.table import Table
from geratriz.table.nets.ordered import Vectors

WIDTH = 64


@pytest.fixture(scope="module")
def levels() -> tuple[Levels, ...]:
    """A number in bins with a heavy value and missing ones, one of few values, words, and a number of two values."""
    rng = np.random.default_rng(0)
    number = pd.Series(np.where(rng.random(4000) < 0.2, 0.0, rng.normal(size=4000)))
    number[rng.random(4000) < 0.1] = np.nan
    frame = pd.DataFrame(
        {
            "number": number,
            "few": rng.integers(0, 40, 4000),
            "word": rng.choice(list("abcdefghij"), 4000),
            "flag": rng.integers(0, 2, 4000),
        }
    )
    return Codec.fit(Table.from_frame(frame), CodecConfig(), rng).modelled_levels


@pytest.fixture(scope="module")
def parts(levels: tuple[Levels, ...]) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    vectors = Vectors(levels, WIDTH, 1.0)()
    sizes = [each.size for each in levels]
    assert vectors.shape == (sum(sizes), WIDTH)
    return {each.column.name: part.detach() for each, part in zip(levels, torch.split(vectors, sizes), strict=True)}


def alike(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(one, other, dim=0))


def test_neighbours_are_alike_and_far_numbers_are_not(
    levels: tuple[Levels, ...], parts: dict[str, torch.Tensor]
) -> None:
    bins = parts["number"][levels[0].exact :]
    assert alike(bins[60], bins[61]) > 0.9
    assert alike(bins[5], bins[120]) < 0.3
    assert alike(parts["few"][20], parts["few"][21]) > 0.8


def test_a_heavy_value_lies_among_the_bins(levels: tuple[Levels, ...], parts: dict[str, torch.Tensor]) -> None:
    number = levels[0]
    zero = number.atoms.index(0.0)
    bin_of_zero = number.exact + int(number.to_probability(np.zeros(1))[0] * number.bins)
    assert alike(parts["number"][zero], parts["number"][bin_of_zero]) > 0.8


def test_words_missing_values_and_two_numbers_have_vectors_of_their_own(
    levels: tuple[Levels, ...], parts: dict[str, torch.Tensor]
) -> None:
    assert abs(alike(parts["word"][3], parts["word"][4])) < 0.5
    assert parts["word"].std() == pytest.approx(1, abs=0.1)
    assert parts["flag"].std() == pytest.approx(1, abs=0.3)
    missing = parts["number"][len(levels[0].atoms)]
    assert missing.std() < 0.2, "its own part alone, short at first"


def test_a_step_on_one_bin_moves_its_neighbours(levels: tuple[Levels, ...]) -> None:
    vectors = Vectors(levels, WIDTH, 1.0)
    before = vectors().detach()
    first = levels[0].exact
    vectors()[first + 60].sum().backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for each in vectors.parameters():
            each -= 0.1 * each.grad
    moved = (vectors() - before).abs().mean(1)
    assert moved[first + 61] > 3 * moved[first + 120]
    assert moved[first + 60] > 0
    assert (moved[sum(each.size for each in levels[:2]) :] == 0).all()


def test_tables_of_words_alone_have_vectors(levels: tuple[Levels, ...]) -> None:
    assert Vectors(levels[2:3], WIDTH, 1.0)().shape == (10, WIDTH)
