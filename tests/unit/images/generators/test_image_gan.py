"""The GAN for images: a run that goes wrong is stopped, and one that goes right learns shapes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from geratriz.errors import TrainingError
from geratriz.fitting.runtime import Runtime
from geratriz.images.data.images import Images
from geratriz.images.generators.image_gan import ImageGan, ImageGanConfig, _Game
from geratriz.images.nets.stock import as_numbers
from tests.images import shapes
from tests.unit.fitting.recorder import Recorder

pytestmark = pytest.mark.slow

RUNTIME = Runtime(device="cpu", threads=1, precision="float32")
SMALL: dict[str, Any] = {"batch": 16, "width": 8, "noise": 8, "threads": 1, "precision": "float32"}


def fit(data: Images, **settings: Any) -> ImageGan:
    return ImageGan.fit(data, ImageGanConfig(**{**SMALL, **settings}), seed=0, device="cpu")


@pytest.mark.parametrize("settings", [{"rate": 0.5}, {"rate": 5.0, "penalty": 0.0}])
def test_a_run_that_goes_wrong_is_stopped_with_the_reason_and_its_last_checkpoint(
    settings: dict[str, float], tmp_path: Path
) -> None:
    """A second each: what is drawn is looked at after 200 steps and not before."""
    config = ImageGanConfig(**SMALL, images=16 * 400, **settings)
    with pytest.raises(TrainingError, match=r"collapsed|diverged|not finite") as told:
        ImageGan.fit(shapes(200), config, seed=0, device="cpu", checkpoint=tmp_path)
    (kept,) = tmp_path.glob("*.pt")
    assert "Lower the setting `rate`" in str(told.value) and str(kept) in str(told.value)


def test_what_is_not_finite_is_not_called_a_collapse() -> None:
    game = _Game(shapes(40), ImageGanConfig(**SMALL, images=16 * 400), RUNTIME, seed=0)
    for weight in game.ema.average.parameters():
        weight.data.fill_(float("nan"))
    values: dict[str, float] = {"accuracy": 0.5}
    game._watch(game.rounds, values)
    assert np.isnan(values["variety"])  # it stops the fit as a figure that is not finite


@pytest.mark.parametrize("count", [12, 64, 400])
def test_a_generator_as_varied_as_the_images_is_neither_collapsed_nor_diverged(count: int) -> None:
    """Images that come class by class, and fewer of them than are watched."""
    data = shapes(count)
    assert data.labels is not None
    data = data.take(np.argsort(data.labels, kind="stable"))
    game = _Game(data, ImageGanConfig(**SMALL, images=16 * 400), RUNTIME, seed=0)
    drawn = shapes(3000, seed=1)

    def perfect(noise: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        assert drawn.labels is not None
        chosen = [np.flatnonzero(drawn.labels == label)[place] for place, label in enumerate(labels.tolist())]
        return as_numbers(torch.from_numpy(drawn.pixels[chosen]))

    game.ema.average = perfect  # type: ignore[assignment]
    values = {"accuracy": 0.5}
    game._watch(game.rounds, values)
    assert 0.75 < values["variety"] < 1.3


def test_it_learns_what_is_asked_for_by_label() -> None:
    data = shapes(400)
    drawn = fit(data, images=16 * 400)  # a second or two: after so many steps a bar is no disc
    assert data.labels is not None
    for code, label in enumerate(data.schema.classes):
        mean = drawn.sample(200, seed=1, where={"label": label}).pixels.mean(0)
        own, other = (data.pixels[data.labels == each].mean(0) for each in (code, 1 - code))
        assert np.abs(mean - own).mean() < np.abs(mean - other).mean()


def test_small_sets_are_augmented_and_large_ones_are_not() -> None:
    config = ImageGanConfig(**SMALL, images=16 * 200)
    plans = [_Game(shapes(count), config, RUNTIME, seed=0).plan for count in (40, 400)]
    assert ["augmented" in plan for plan in plans] == [True, False]


def test_a_fit_says_what_it_plans_before_it_starts() -> None:
    heard = Recorder()
    ImageGan.fit(shapes(20), ImageGanConfig(**SMALL, images=16), seed=0, device="cpu", tracker=heard)
    assert heard.notes[0].startswith("20 images of 10 x 8: at most 1 rounds of 1 steps of 16")


def test_larger_sets_are_shown_more_images() -> None:
    assert ImageGanConfig().shown(12_000) == 160_000
    assert ImageGanConfig().shown(1_000_000) == 10_000_000
    assert ImageGanConfig(images=5).shown(12_000) == 5


@pytest.mark.parametrize(
    "wrong",
    [{"batch": 1}, {"rate": 0.0}, {"penalty": -1.0}, {"ema": 1.0}, {"noise": 0}, {"penalty_every": 0}, {"width": 0}],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ImageGanConfig(**wrong)
