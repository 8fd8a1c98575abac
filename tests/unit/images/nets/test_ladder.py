"""Latents of maps: what a prior and a posterior that agree cost, and what the KL term is."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from geratriz.images.nets.ladder import Gaussian, Rung


@pytest.fixture
def rung() -> Rung:
    torch.manual_seed(0)
    return Rung(channels=6, latents=2)


def test_the_kl_term_is_that_of_posterior_and_prior(rung: Rung) -> None:
    maps, seen = torch.randn(3, 6, 4, 5), torch.randn(3, 6, 4, 5)
    prior = rung.prior(maps)
    posterior, cost = rung.posterior(prior, maps, seen)
    there, here = (Normal(each.mean, (each.log_variance / 2).exp()) for each in (posterior, prior))
    assert cost.shape == (3, 2, 4, 5)
    assert torch.allclose(cost, kl_divergence(there, here), atol=1e-5)


def test_latents_that_say_nothing_cost_nothing(rung: Rung) -> None:
    torch.nn.init.zeros_(rung.to_shift.weight)
    maps = torch.randn(3, 6, 4, 5)
    prior = rung.prior(maps)
    posterior, cost = rung.posterior(prior, maps, torch.randn_like(maps))
    assert torch.equal(posterior.mean, prior.mean) and not cost.any()


def test_a_draw_is_the_mean_and_noise_of_its_scale() -> None:
    drawn = Gaussian(torch.full((1,), 2.0), torch.full((1,), 4.0).log()).at(torch.tensor([-1.0]))
    assert drawn.item() == pytest.approx(0.0, abs=1e-6)
