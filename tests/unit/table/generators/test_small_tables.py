"""What defaults make of few rows."""

import pytest

from geratriz.table.evaluate.copies import copy_rate, dcr_share
from geratriz.table.evaluate.trio import Trio
from geratriz.table.generators.catalog import GENERATORS
from tests.tables import mixed

pytestmark = pytest.mark.thorough


@pytest.mark.parametrize("kind", ["ctgan", "tvae"])
def test_300_rows_are_not_learnt_by_heart(kind: str) -> None:
    """Five and ten seconds: it is the defaults that are held to it, and they train as long as they do."""
    rows, strangers = mixed(300, seed=1), mixed(300, seed=2)
    generator_cls = GENERATORS.find(kind)
    generator = generator_cls.fit(rows, generator_cls.config_cls(threads=1), seed=0, device="cpu")
    trios = [Trio(train=rows, test=strangers, synthetic=generator.sample(300, seed=seed)) for seed in range(4)]
    assert max(copy_rate(each).value for each in trios) == 0
    nearer = [dcr_share(each).value for each in trios]  # columns drawn apart: 0.51; trained to the end: 0.66 by tvae
    assert sum(nearer) / len(nearer) < 0.59
