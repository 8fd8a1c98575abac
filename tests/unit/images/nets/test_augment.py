"""Augmentation: what stays inside the image, what gradients pass through, what is left alone."""

import pytest
import torch

from geratriz.images.nets.augment import augment


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("channels, height, width", [(1, 8, 8), (3, 13, 5), (4, 1, 1)])
def test_shapes_stay_and_gradients_pass(channels: int, height: int, width: int) -> None:
    images = torch.rand(6, channels, height, width, requires_grad=True)
    seen = augment(images, rng())
    assert seen.shape == images.shape
    seen.sum().backward()
    assert images.grad is not None and torch.isfinite(images.grad).all()


def test_every_image_is_changed_in_its_own_way() -> None:
    images = torch.rand(1, 1, 16, 16).expand(8, -1, -1, -1)
    seen = augment(images, rng())
    assert len(torch.unique(seen.flatten(1), dim=0)) == 8


def test_a_hole_hides_some_of_each_image_and_not_all() -> None:
    seen = augment(torch.ones(64, 1, 32, 32), rng())
    hidden = (seen == 0).float().mean((1, 2, 3))
    assert (hidden > 0.05).all() and (hidden < 0.6).all()


def test_alpha_is_shifted_and_holed_but_is_no_colour() -> None:
    images = torch.rand(16, 4, 16, 16)
    images[:, 3] = 1.0
    seen = augment(images, rng())[:, 3]
    assert set(torch.unique(seen).tolist()) <= {0.0, 1.0}
