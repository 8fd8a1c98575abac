"""The wavelet transform: sums of squares stay, detail is in the fine bands."""

import pytest
import torch

from geratriz.images.nets.bands import bands, divide


def test_coefficients_keep_the_sum_of_squares() -> None:
    images = torch.randn(3, 2, 8, 6)
    coefficients = divide(images)
    assert coefficients.shape == (3, 8, 4, 3)
    assert coefficients.square().sum() == pytest.approx(float(images.square().sum()), rel=1e-5)


@pytest.mark.parametrize("size, count", [((32, 32), 4), ((8, 8), 4), ((6, 6), 2), ((7, 8), 1), ((1, 1), 1)])
def test_maps_are_divided_while_they_are_even(size: tuple[int, int], count: int) -> None:
    images = torch.randn(2, 3, *size)
    found = bands(images)
    assert len(found) == count
    assert sum(float(each.square().sum()) for each in found) == pytest.approx(float(images.square().sum()), rel=1e-5)


def test_a_flat_image_has_no_detail_and_a_checkerboard_nothing_else() -> None:
    flat = bands(torch.ones(1, 1, 8, 8))
    assert all(float(each.abs().max()) == 0 for each in flat[:-1])
    board = (torch.arange(8)[:, None] + torch.arange(8)) % 2 * 2.0 - 1
    assert all(float(each.abs().max()) == 0 for each in bands(board[None, None])[1:])
