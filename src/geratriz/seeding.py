"""Seeds of independent random streams, and a scope that restores the global random state."""

import hashlib
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


def derive(seed: int, *names: int | str) -> int:
    """Derive a 63-bit seed from ``seed`` and every name, for independent streams from one number.

    It uses SHA-256, not ``hash``: equal on every machine and in every process.
    """
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: int | str) -> np.random.Generator:
    """Return a NumPy generator for the stream ``names`` under ``seed``."""
    return np.random.default_rng(derive(seed, *names))


@contextmanager
def scope(seed: int) -> Iterator[None]:
    """Seed ``random``, NumPy and (if it is loaded) torch inside the block, and restore them after it.

    It is needed for torch's initialisers, which draw from the global generator, and should be needed for nothing else.
    """
    torch = sys.modules.get("torch")
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 - libraries read the legacy state
    torch_state = torch.get_rng_state() if torch else None
    cuda_state = torch.cuda.get_rng_state_all() if torch and torch.cuda.is_available() else None
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - libraries read the legacy state
    if torch:
        torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002 - libraries read the legacy state
        if torch and torch_state is not None:
            torch.set_rng_state(torch_state)
        if torch and cuda_state is not None:
            torch.cuda.set_rng_state_all(cuda_state)
