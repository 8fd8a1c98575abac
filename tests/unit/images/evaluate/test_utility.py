"""What a classifier learns from synthetic images."""

import numpy as np
import pytest
import torch

from geratriz.images.data.images import Images
from geratriz.images.evaluate import utility
from geratriz.images.evaluate.suite import METRICS
from geratriz.images.evaluate.trio import ImageTrio
from geratriz.scoring.metric import inapplicable
from tests.images import CLASSES, shapes

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick_classifier")]


def trio(synthetic: Images) -> ImageTrio:
    return ImageTrio(train=shapes(120), test=shapes(80, seed=1), synthetic=synthetic)


def test_good_images_teach_and_images_under_the_wrong_label_do_not() -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    good = shapes(120, seed=2)
    assert good.labels is not None
    found = utility.cas(trio(good))
    assert found is not None and found.value > 0.85
    assert set(found.detail["by_class"]) == set(CLASSES)
    wrong = utility.cas(trio(Images(good.pixels, good.schema, 1 - good.labels)))
    assert wrong is not None and wrong.value < 0.2
    real = utility.cas_real(trio(good))
    assert real is not None and real.value > 0.85
    assert torch.equal(torch.get_rng_state(), state)


def test_unlabelled_images_and_one_class_are_not_measured() -> None:
    bare = [shapes(20, labelled=False, seed=seed) for seed in range(3)]
    unlabelled = ImageTrio(train=bare[0], test=bare[1], synthetic=bare[2])
    assert utility.cas(unlabelled) is None
    assert inapplicable(METRICS, unlabelled) == ("cas", "cas_real")
    sets = [shapes(20, seed=seed) for seed in range(3)]
    alone = [Images(each.pixels, each.schema, np.zeros(20, np.int64)) for each in sets]
    assert utility.cas(ImageTrio(train=alone[0], test=alone[1], synthetic=alone[2])) is None


def test_a_class_that_was_never_drawn_scores_nothing_and_large_images_are_looked_at() -> None:
    large = [shapes(40, height=70, width=12, channels=3, seed=seed) for seed in range(3)]
    bars = large[2].take(np.flatnonzero(large[2].labels == 0))
    found = utility.cas(ImageTrio(train=large[0], test=large[1], synthetic=bars))
    assert found is not None
    assert found.detail["by_class"]["disc"] == 0
    assert found.detail["by_class"]["bar"] == 1
