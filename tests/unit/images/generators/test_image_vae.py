"""The VAE for images: there and back, what it reports, what stops it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geratriz.errors import RequestError, TrainingError
from geratriz.images.generators.image_vae import ImageVae, ImageVaeConfig
from tests.images import shapes
from tests.unit.fitting.recorder import Recorder

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {
    **{"batch": 16, "width": 8, "latent": 6, "prior_steps": 100, "images": 16 * 400},
    **{"threads": 1, "precision": "float32"},
}


class Watcher(Recorder):
    """Keeps the last picture too."""

    last: np.ndarray

    def picture(self, picture: np.ndarray, *, step: int) -> None:
        self.last = picture


@pytest.fixture(scope="module")
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture(scope="module")
def fitted(watcher: Watcher) -> ImageVae:
    """One fit of seconds for the whole file."""
    return ImageVae.fit(shapes(300), ImageVaeConfig(**SMALL), seed=0, device="cpu", tracker=watcher)


def test_images_come_back_from_their_latents(fitted: ImageVae) -> None:
    unseen = shapes(60, seed=7)
    latents = fitted.encode(unseen)
    assert latents.shape == (60, fitted.network.latents) and latents.dtype == np.float32
    back = fitted.decode(latents, unseen.labels)
    error = np.abs(back.pixels.astype(float) - unseen.pixels).mean()
    blank = np.abs(unseen.pixels - unseen.pixels.mean(0)).mean()
    assert error < 0.7 * blank


def test_samples_are_of_the_class_asked_for(fitted: ImageVae) -> None:
    data = shapes(300)
    assert data.labels is not None
    for code, label in enumerate(data.schema.classes):
        mean = fitted.sample(100, seed=1, where={"label": label}).pixels.mean(0)
        own, other = (data.pixels[data.labels == each].mean(0) for each in (code, 1 - code))
        assert np.abs(mean - own).mean() < np.abs(mean - other).mean()


def test_what_a_round_reports(fitted: ImageVae, watcher: Watcher) -> None:
    first, last = watcher.rounds[0], watcher.rounds[-1]
    assert set(first) == {"reconstruction", "kl", "kl_vector", "sigma", "active_units", "held_out"}
    assert last["held_out"] < first["held_out"]
    assert 0 < last["kl_vector"] < last["kl"]
    assert last["active_units"] > 0
    assert last["sigma"] < first["sigma"]


def test_a_run_that_goes_wrong_ends_with_the_reason_and_its_last_checkpoint(tmp_path: Path) -> None:
    config = ImageVaeConfig(**{**SMALL, "rate": 1e3})
    with pytest.raises(TrainingError, match=r"posterior collapsed: after round|not finite in round"):
        ImageVae.fit(shapes(200), config, seed=0, device="cpu", checkpoint=tmp_path)


def test_the_vector_says_what_an_image_is_and_the_maps_its_detail(fitted: ImageVae) -> None:
    """Images of one vector are alike; what the latents of maps add is less than what vectors differ by."""
    noise = np.random.default_rng(0).standard_normal((200, fitted.network.latents), dtype=np.float32)
    labels = np.zeros(200, np.int64)
    vectors, details = noise.copy(), noise.copy()
    vectors[:, 6:], details[:, :6] = noise[0, 6:], noise[0, :6]
    of_vector, of_detail = (fitted._decode(each, labels).astype(float).var(0).mean() for each in (vectors, details))
    assert 0 < of_detail < of_vector


@pytest.mark.parametrize("steps", [1, 10, 11])
def test_a_fit_may_be_of_any_number_of_steps(steps: int) -> None:
    config = ImageVaeConfig(**{**SMALL, "images": 16 * steps, "prior_steps": steps})
    assert len(ImageVae.fit(shapes(40), config, seed=0, device="cpu").sample(3, seed=0)) == 3


def test_pictures_of_a_fit_hold_no_training_image(fitted: ImageVae, watcher: Watcher) -> None:
    data = shapes(300)
    height, width, _ = data.schema.shape
    corners = [(row * (height + 2) + 2, column * (width + 2) + 2) for row in range(8) for column in range(8)]
    tiles = [watcher.last[top : top + height, left : left + width].tobytes() for top, left in corners]
    assert watcher.last.shape[:2] == (8 * (height + 2) + 2, 8 * (width + 2) + 2)
    assert not set(tiles) & {image.tobytes() for image in data.pixels}


def test_what_cannot_be_encoded_or_decoded_names_itself(fitted: ImageVae) -> None:
    with pytest.raises(RequestError, match="expected those of"):
        fitted.encode(shapes(3, height=9))
    with pytest.raises(RequestError, match=rf"expected \(images, {fitted.network.latents}\)"):
        fitted.decode(np.zeros((2, 5), np.float32), np.zeros(2, np.int64))
    with pytest.raises(RequestError, match="give labels"):
        fitted.decode(np.zeros((2, fitted.network.latents), np.float32))
    assert fitted.encode(shapes(3).take(slice(0, 0))).shape == (0, fitted.network.latents)
