"""Stacked Fashion-MNIST: of a thousand modes, how many does image_gan draw, and how evenly.

    python -m benchmarks.stacked fashion_mnist.npz

Three random images of Fashion-MNIST are the channels of one; a mode is the triple of their classes. 26,000 samples, as
in VEEGAN's and PacGAN's tables (Lin et al., arXiv 1712.04086, table 3). The divergence of the modes' frequencies from
the uniform distribution is above 0 for real data too: 999 / 52,000 = 0.019 from counting alone, and more where the
classifier errs. So it is held against that of 26,000 real stacks through the same classifier. One thread, no labels.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cells import RESULTS, keep

RESULT = RESULTS / "images-stacked.json"
TRAINED = 60_000  # stacks
SAMPLES = 26_000
LABELLED = 20_000  # single images that the classifier learns from
CLASSES = 10


def main() -> None:
    """Train, draw, count."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="an .npz with x_train, y_train, x_test and y_test")
    parser.add_argument("--images", type=int, default=600_000, help="shown while training, repeats counted")
    arguments = parser.parse_args()
    import torch

    from geratriz.images.data.images import Images, ImageSchema
    from geratriz.images.generators.image_gan import ImageGan, ImageGanConfig
    from geratriz.tracking import NullTracker

    class Lines(NullTracker):
        def metrics(self, values: Any, *, step: int, steps: int) -> None:
            print(f"round {step}/{steps}", {name: round(value, 3) for name, value in values.items()}, flush=True)

    torch.set_num_threads(1)
    arrays = np.load(arguments.data)
    singles = arrays["x_train"], arrays["y_train"].astype(np.int64)
    schema = ImageSchema(height=28, width=28, channels=3)
    known = Images(_stacked(singles[0], TRAINED, seed=0), schema)
    started = time.process_time()
    config = ImageGanConfig(images=arguments.images, threads=1, penalty=1.0, penalty_every=1)  # why: docs/log.md
    generator = ImageGan.fit(known, config, seed=0, device="cpu", tracker=Lines())
    seconds = time.process_time() - started
    read = _classifier(*singles)
    accuracy = float((read(arrays["x_test"][:5_000]) == arrays["y_test"][:5_000]).mean())
    modes, divergence = _modes(generator.sample(SAMPLES, seed=1).pixels, read)
    _, of_real = _modes(_stacked(singles[0], SAMPLES, seed=1), read)
    found = {
        "modes": modes,
        "kl": round(divergence, 4),
        "kl_of_real": round(of_real, 4),
        "difference": round(divergence - of_real, 4),
        "accuracy_of_classifier": round(accuracy, 4),
        "images_shown": arguments.images,
        "cpu_s": round(seconds),
    }
    keep(RESULT, lambda: found, again="all")


def _stacked(singles: np.ndarray, count: int, *, seed: int) -> np.ndarray:
    """Stacks of three random images, uint8 (count, 28, 28, 3)."""
    chosen = np.random.default_rng(seed).integers(0, len(singles), (count, 3))
    return np.stack([singles[chosen[:, channel]] for channel in range(3)], axis=-1)


def _classifier(images: np.ndarray, labels: np.ndarray) -> Any:
    """A function from single images (N, 28, 28) to their classes."""
    from geratriz.images.data.images import Images, ImageSchema
    from geratriz.images.evaluate.utility import classify

    schema = ImageSchema(height=28, width=28, channels=1, classes=tuple(map(str, range(CLASSES))))
    known = Images(images[:LABELLED, ..., None], schema, labels[:LABELLED])

    def read(singles: np.ndarray) -> np.ndarray:
        asked = Images(singles[..., None], schema, np.zeros(len(singles), np.int64))
        return classify(known, asked, seed=0)

    return read


def _modes(stacks: np.ndarray, read: Any) -> tuple[int, float]:
    """How many modes occur, and the divergence of their frequencies from the uniform distribution, in nats."""
    digits = read(np.concatenate([stacks[..., channel] for channel in range(3)])).reshape(3, -1)
    counts = np.bincount(digits[0] * CLASSES**2 + digits[1] * CLASSES + digits[2], minlength=CLASSES**3)
    shares = counts[counts > 0] / counts.sum()
    return int((counts > 0).sum()), float((shares * np.log(shares * CLASSES**3)).sum())


if __name__ == "__main__":
    main()
