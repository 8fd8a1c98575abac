"""What tests of tables share."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def quick_calibration() -> Iterator[None]:
    """Fits that end by calibrating on an eighth of the rows they usually draw for it: half their time, in a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("geratriz.table.nets.codes.MAX_CALIBRATION_ROWS", 4096)
        yield
