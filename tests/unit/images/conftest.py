"""What tests of images share."""

from collections.abc import Iterator

import pytest

from geratriz.images.evaluate import utility


@pytest.fixture(scope="module")
def quick_classifier() -> Iterator[None]:
    """The classifier behind ``cas`` learns for a tenth of its steps: bars and discs are told apart after that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utility, "MIN_STEPS", 30)
        patch.setattr(utility, "EPOCHS", 1)
        yield
