"""Flexible prior for latents: a flow from Gaussian noise to the latents, learnt by flow matching.

(Lipman et al., arXiv 2210.02747, section 4, with straight paths.) A network learns the velocity from noise to data
along straight lines, x_t = (1 - t) noise + t z; latents are drawn by integrating it from t = 0 to 1 with Heun's method.
Unlike a mixture of Gaussians it has no number of components, and equal noise gives equal latents, so interpolating
between two noise vectors interpolates between two images. The flow may start from another distribution that is already
near the latents: paths are then short and need few steps. Shapes: N points, Z dimensions, F features of time.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from geratriz import seeding
from geratriz.fitting.learner import Learner
from geratriz.fitting.network import normal, uniform
from geratriz.fitting.runtime import Runtime

FREQUENCIES = 16  # sines and cosines of the time
HEUN_STEPS = 12  # integration steps; more change little (docs/log.md)
BATCH = 512  # points per step
PEAK_RATE = 2e-3
EMA_DECAY = 0.998  # per step


class Flow(nn.Module):
    """Velocity at a point and a time, given a label if there are labels."""

    mean: Tensor
    std: Tensor

    def __init__(self, latent: int, classes: int, *, width: int, blocks: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(latent))
        self.register_buffer("std", torch.ones(latent))
        self.start = nn.Linear(latent + 2 * FREQUENCIES, width)
        self.label = nn.Embedding(classes, width) if classes else None
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(blocks)
        )
        self.end = nn.Sequential(nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, latent))

    def forward(self, x_NZ: Tensor, time_N: Tensor, labels_N: Tensor | None) -> Tensor:
        """Return velocities, (N, Z), float32."""
        angles = time_N[:, None] * torch.pi * 2 ** (torch.arange(FREQUENCIES, device=x_NZ.device) / 2)
        hidden = self.start(torch.cat([x_NZ, angles.sin(), angles.cos()], 1))
        if self.label is not None:
            hidden = hidden + self.label(labels_N)
        for block in self.blocks:
            hidden = hidden + block(hidden)
        out: Tensor = self.end(hidden).float()
        return out

    def latents(self, noise_NZ: Tensor, labels_N: Tensor | None, *, steps: int = HEUN_STEPS) -> Tensor:
        """Return the latents (N, Z) that the flow maps ``noise_NZ`` to."""
        x = noise_NZ
        for step in range(steps):
            now, then = (x.new_full((len(x),), end / steps) for end in (step, step + 1))
            first = self(x, now, labels_N)
            second = self(x + first / steps, then, labels_N)
            x = x + (first + second) / (2 * steps)
        return x * self.std + self.mean

    def transport(self, starts_NZ: Tensor, *, steps: int) -> Tensor:
        """Return the latents that ``starts_NZ`` are mapped to by a flow fitted with ``starts_of``."""
        return self.latents((starts_NZ - self.mean) / self.std, None, steps=steps)


def fit_flow(
    flow: Flow,
    draw: Callable[[Tensor, torch.Generator], tuple[Tensor, Tensor | None]],
    count: int,
    *,
    steps: int,
    runtime: Runtime,
    seed: int,
    starts_of: Callable[[Tensor, torch.Generator], Tensor] | None = None,
    batch: int = BATCH,
) -> Flow:
    """Fit the flow and return its average over steps, in evaluation mode.

    Args:
        flow: network to train; its mean and scale are set from the latents.
        draw: function that samples latents (B, Z) and labels (B,) of the training points at an index (B,); a new sample
            on each call, so that the flow learns the posteriors and does not memorise their means.
        count: number of training points.
        steps: training steps of at most ``batch`` points each.
        runtime: device, threads and precision.
        seed: seed of noise and batches.
        starts_of: function from latents (B, Z) to the starts (B, Z) of their paths; Gaussian noise when None.
        batch: points per step.
    """
    rng = torch.Generator(runtime.device).manual_seed(seeding.derive(seed, "flow"))
    all_points = torch.arange(count, device=runtime.device)
    latents, _ = draw(all_points, rng)
    flow.mean.copy_(latents.mean(0))
    flow.std.copy_(latents.std(0).clamp_min(1e-4))
    learner = Learner(flow, rate=PEAK_RATE, steps=steps, ema=EMA_DECAY)
    for step in range(steps):
        index = torch.randint(count, (min(batch, count),), generator=rng, device=runtime.device)
        latents, labels = draw(index, rng)
        z = (latents - flow.mean) / flow.std
        start = normal(rng, *latents.shape) if starts_of is None else (starts_of(latents, rng) - flow.mean) / flow.std
        time = uniform(rng, len(z))
        with runtime.autocast():
            velocity = flow(torch.lerp(start, z, time[:, None]), time, labels)
        learner.step((velocity - (z - start)).square().mean(), step)
    return learner.ema.average.eval()
