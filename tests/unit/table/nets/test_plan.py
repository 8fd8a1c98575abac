"""The plan of a fit, and the rows held out of it."""

import pytest

from geratriz.table.generators.ctgan import CtganConfig
from geratriz.table.generators.ctgan import _resolve as plan_ctgan
from geratriz.table.generators.tvae import TvaeConfig
from geratriz.table.generators.tvae import _resolve as plan_tvae
from geratriz.table.nets.plan import Plan, hold_out
from tests.tables import mixed


def test_small_tables_get_small_fits_and_large_ones_are_not_gone_over_many_times() -> None:
    tiny, small, adult, large = (plan_tvae(TvaeConfig(), rows, 400) for rows in (1, 300, 32_561, 3_200_000))
    assert tiny.rounds * tiny.steps * tiny.batch <= 200 * 64
    assert (small.batch, small.width) == (16, 128)
    assert (adult.batch, adult.width, adult.rounds * adult.steps * adult.batch // 32_561) == (512, 512, 29)
    assert large.rounds * large.steps * large.batch // 3_200_000 == 4
    assert large.steps == 500
    assert plan_tvae(TvaeConfig(), 32_561, 10_000).width == 256, "a step of many levels takes several times as long"
    one, other = (plan_ctgan(CtganConfig(), rows, 400) for rows in (300, 32_561))
    assert one.rounds * one.steps < other.rounds * other.steps
    assert plan_ctgan(CtganConfig(), 32_561, 10_000).steps < other.steps
    assert plan_ctgan(CtganConfig(steps=7, batch=3, width=5), 10**6, 400) == Plan(batch=3, width=5, rounds=7, steps=1)


@pytest.mark.parametrize(
    ("rows", "share", "least", "most"), [(20, 0.1, 0, 0), (300, 0.1, 30, 70), (3000, 0.1, 250, 350)]
)
def test_rows_are_held_out_where_there_are_enough(rows: int, share: float, least: int, most: int) -> None:
    held = hold_out(mixed(rows), share)
    assert least <= held.sum() <= most
    assert (held == hold_out(mixed(rows), share)).all()
