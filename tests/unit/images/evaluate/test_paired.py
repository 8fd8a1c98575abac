"""One generator of images beside another: the better is told from the worse, and what both share is asked once."""

import numpy as np
import pytest
import torch

from geratriz.images.data.images import Images
from geratriz.images.evaluate import distances, paired, suite
from geratriz.images.evaluate.trio import ImageEvaluateConfig
from tests.images import shapes


def draws(count: int, seed: int) -> list[Images]:
    return [shapes(40, height=16, width=16, seed=seed + each) for each in range(count)]


def test_the_better_is_told_from_the_worse_and_equals_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    test = shapes(40, height=16, width=16)
    asked, threads = [], set()

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        asked.append(x is y)
        threads.add(torch.get_num_threads())
        return distances.kernel(x, y)

    monkeypatch.setattr(paired, "kernel", kernel)
    bad = [suite.scattered(each, 40, seed=0) for each in draws(3, 20)]
    found = paired.compare(draws(3, 10), bad, test, ImageEvaluateConfig())
    assert found["kid"]["high"] < 0 < found["coverage"]["low"]
    assert sum(asked) == 1 + 6 and len(asked) == 1 + 6 + 6
    assert threads == {1}
    for each in paired.compare(draws(3, 10), draws(3, 30), test, ImageEvaluateConfig()).values():
        assert each["low"] <= 0 <= each["high"]
