"""What tests of the metrics of tables share."""

from collections.abc import Iterator

import pytest

from geratriz.table.evaluate import singling


@pytest.fixture(scope="module")
def fewer_guesses() -> Iterator[None]:
    """A third of the guesses of the attack that singles out: enough to tell copies from fresh rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(singling, "MAX_GUESSES", 20_000)
        yield
