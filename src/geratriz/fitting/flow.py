"""A prior of any shape for latents: a flow from Gaussian noise to them, learnt by flow matching.

(Lipman et al., arXiv 2210.02747, section 4, with straight paths.) A network learns the velocity from noise to data
along straight lines, x_t = (1 - t) noise + t z; latents are drawn by following it from t = 0 to 1 with Heun's method.
Unlike a mixture of Gaussians it knows no number of components, and equal noise gives equal latents, so that a walk
through the noise is a walk through the images. It may start from another distribution that is near the latents already:
then paths are short and few steps follow them. Shapes: N points, Z dimensions, F features of time.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from geratriz import seeding
from geratriz.fitting.learner import Learner
from geratriz.fitting.network import normal, uniform
from geratriz.fitting.runtime import Runtime

FREQUENCIES = 16
STEPS = 12  # of Heun's method; more change little (docs/log.md)
BATCH = 512
RATE = 2e-3
DECAY = 0.998


class Flow(nn.Module):
    """The velocity at a place and a time, given a label where there is one."""

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
        """Velocities, (N, Z), float32."""
        angles = time_N[:, None] * torch.pi * 2 ** (torch.arange(FREQUENCIES, device=x_NZ.device) / 2)
        hidden = self.start(torch.cat([x_NZ, angles.sin(), angles.cos()], 1))
        if self.label is not None:
            hidden = hidden + self.label(labels_N)
        for block in self.blocks:
            hidden = hidden + block(hidden)
        out: Tensor = self.end(hidden).float()
        return out

    def latents(self, noise_NZ: Tensor, labels_N: Tensor | None, *, steps: int = STEPS) -> Tensor:
        """Where the flow carries ``noise_NZ``."""
        x = noise_NZ
        for step in range(steps):
            now, then = (x.new_full((len(x),), at / steps) for at in (step, step + 1))
            first = self(x, now, labels_N)
            second = self(x + first / steps, then, labels_N)
            x = x + (first + second) / (2 * steps)
        return x * self.std + self.mean

    def onward(self, starts_NZ: Tensor, *, steps: int) -> Tensor:
        """Where a flow that was fitted with starts among the latents carries ``starts_NZ``."""
        return self.latents((starts_NZ - self.mean) / self.std, None, steps=steps)


def fit_flow(
    flow: Flow,
    draw: Callable[[Tensor, torch.Generator], tuple[Tensor, Tensor | None]],
    count: int,
    *,
    steps: int,
    runtime: Runtime,
    seed: int,
    begin: Callable[[Tensor, torch.Generator], Tensor] | None = None,
    batch: int = BATCH,
) -> Flow:
    """Learn the flow, and return its average over steps, in evaluation mode.

    Args:
        flow: the network; its mean and scale are set from the latents.
        draw: latents (B, Z) and labels (B,) of the training points at an index (B,); a new draw each time, so that the
            flow learns the posteriors and not their means by heart.
        count: training points.
        steps: of at most ``batch`` points each.
        runtime: where and how is computed.
        seed: of noise and batches.
        begin: where the paths to latents (B, Z) begin, (B, Z), among the latents; in Gaussian noise when None.
        batch: points a step.
    """
    rng = torch.Generator(runtime.device).manual_seed(seeding.derive(seed, "flow"))
    every = torch.arange(count, device=runtime.device)
    latents, _ = draw(every, rng)
    flow.mean.copy_(latents.mean(0))
    flow.std.copy_(latents.std(0).clamp_min(1e-4))
    learner = Learner(flow, rate=RATE, steps=steps, ema=DECAY)
    for step in range(steps):
        index = torch.randint(count, (min(batch, count),), generator=rng, device=runtime.device)
        latents, labels = draw(index, rng)
        z = (latents - flow.mean) / flow.std
        first = normal(rng, *latents.shape) if begin is None else (begin(latents, rng) - flow.mean) / flow.std
        time = uniform(rng, len(z))
        with runtime.autocast():
            velocity = flow(torch.lerp(first, z, time[:, None]), time, labels)
        learner.step((velocity - (z - first)).square().mean(), step)
    return learner.ema.average.eval()
