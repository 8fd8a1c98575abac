"""The flow: it learns where latents lie, what they are like given a label, and the same noise gives the same latent."""

import numpy as np
import pytest
import torch
from torch import Tensor

from geratriz.fitting.flow import Flow, fit_flow
from geratriz.fitting.runtime import Runtime

RUNTIME = Runtime(device="cpu", threads=1, precision="float32")


@pytest.mark.slow
def test_two_far_clusters_are_learnt_each_with_its_label() -> None:
    labels = torch.arange(2).repeat(200)
    points = torch.randn(400, 2, generator=torch.Generator().manual_seed(0)) * 0.1
    points[:, 0] += torch.where(labels == 1, 3.0, -3.0)

    def draw(index: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor | None]:
        return points[index], labels[index]

    torch.manual_seed(0)
    flow = fit_flow(Flow(2, 2, width=32, blocks=2), draw, 400, steps=200, runtime=RUNTIME, seed=0)
    noise, asked = torch.randn(300, 2), torch.arange(300) % 2
    with torch.no_grad():
        latents = flow.latents(noise, asked)
        again = flow.latents(noise, asked)
    assert torch.equal(latents, again)
    right = (latents[:, 0] > 0).numpy() == (asked == 1).numpy()
    assert right.mean() > 0.98
    assert np.abs(latents[:, 0].abs().mean() - 3) < 0.3


def test_a_latent_that_is_always_the_same_comes_back_the_same() -> None:
    points = torch.cat([torch.randn(50, 1), torch.full((50, 1), 2.0)], 1)
    flow = fit_flow(
        Flow(2, 0, width=8, blocks=1), lambda index, _: (points[index], None), 50, steps=20, runtime=RUNTIME, seed=0
    )
    with torch.no_grad():
        assert torch.allclose(flow.latents(torch.randn(20, 2), None)[:, 1], torch.tensor(2.0), atol=1e-2)
