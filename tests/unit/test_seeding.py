"""Seeds name streams, and global random state is given back."""

import contextlib
import random

import numpy as np
import torch

from geratriz import seeding


def test_streams_depend_on_the_seed_and_every_name() -> None:
    seeds = {seeding.derive(s, *names) for s in (0, 1) for names in ((), ("a",), ("b",), ("a", 0), ("a", 1))}
    assert len(seeds) == 10
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert seeding.derive(7, "block", 3) == 7823789696900141893


def test_a_scope_seeds_inside_and_restores_outside_even_after_an_error() -> None:
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 - the global state is what is tested
    torch.manual_seed(1)
    before = random.getstate(), torch.get_rng_state()
    drawn = []
    for _ in range(2):
        with contextlib.suppress(RuntimeError), seeding.scope(5):
            drawn.append((random.random(), np.random.random(), torch.rand(1).item()))  # noqa: NPY002
            raise RuntimeError
    assert drawn[0] == drawn[1]
    assert random.getstate() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
