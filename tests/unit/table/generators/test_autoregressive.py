"""What is particular to the autoregressive generator: exact likelihoods, any condition, missing cells filled in."""

import dataclasses
import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import norm

from geratriz.errors import RequestError
from geratriz.table.data.rules import Rule, Rules
from geratriz.table.data.table import Table
from geratriz.table.generators import autoregressive
from geratriz.table.generators.autoregressive import ORDERS, Autoregressive, AutoregressiveConfig
from geratriz.table.nets.numbers import MAX_NORMAL, Features, Mixtures
from tests.tables import mixed
from tests.unit.fitting.recorder import Recorder

pytestmark = pytest.mark.slow

SMALL = AutoregressiveConfig(epochs=6, width=32, batch=64, components=4, threads=1)


def fitted(frame: pd.DataFrame, *, rules: Rules | None = None, **settings: Any) -> Autoregressive:
    config = dataclasses.replace(SMALL, **settings)
    return Autoregressive.fit(Table.from_frame(frame), config, seed=0, device="cpu", rules=rules)


def likelihoods(generator: Autoregressive, frame: pd.DataFrame) -> np.ndarray:
    return generator.log_likelihood(Table.from_frame(frame, schema=generator.schema))


def every(**columns: object) -> pd.DataFrame:
    """All combinations of the given values."""
    return pd.DataFrame(list(itertools.product(*columns.values())), columns=list(columns))  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def data() -> Table:
    return mixed(3000)


@pytest.fixture(scope="module")
def losses() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def generator(data: Table, losses: Recorder) -> Autoregressive:
    """One fit of seconds for many tests: the price that rows are sold above is learnt after that many steps."""
    config = AutoregressiveConfig(epochs=20, width=96, batch=64, components=8, threads=1)
    return Autoregressive.fit(data, config, seed=0, device="cpu", tracker=losses)


@pytest.fixture(scope="module")
def words() -> tuple[pd.DataFrame, Autoregressive]:
    """A table of few values, missing ones among them."""
    rng = np.random.default_rng(0)
    x = rng.choice(["a", "b", "c"], 800, p=[0.6, 0.3, 0.1])
    frame = pd.DataFrame(
        {
            "x": x,
            "n": rng.poisson(np.where(x == "a", 1, 3)).clip(max=4),
            "y": pd.Series(np.where(x == "b", "u", rng.choice(["u", "v"], 800))).where(rng.random(800) > 0.2),
        }
    )
    return frame, fitted(frame)


@pytest.fixture(scope="module")
def counts() -> tuple[pd.DataFrame, Autoregressive]:
    """A grid of many values, a heavy one in the middle of it and one beyond its end."""
    rng = np.random.default_rng(1)
    x = rng.choice(["a", "b"], 1500)
    amount = np.round(rng.normal(np.where(x == "a", 200, 350), 60)).astype(int)
    amount[rng.random(1500) < 0.15] = 250
    amount[rng.random(1500) < 0.05] = 9999
    return (frame := pd.DataFrame({"x": x, "amount": amount})), fitted(frame)


def test_the_held_out_likelihood_rises(generator: Autoregressive, losses: Recorder) -> None:
    first, last = losses.rounds[0], losses.rounds[-1]
    assert set(first) == {"loss", "held_out"}
    assert last["held_out"] < first["held_out"] - 2
    assert last["loss"] < first["loss"] - 2


def test_what_depends_in_the_data_depends_in_the_sample(generator: Autoregressive, data: Table) -> None:
    sample = generator.sample(5000, seed=1).frame
    for frame in (sample, data.frame):
        groups = frame.groupby("group", observed=True)["weight"]
        for group, mean in {"a": 0, "b": 5, "c": 20}.items():
            assert groups.mean()[group] == pytest.approx(mean, abs=2)  # the gap from 8 to 17 is narrow in quantiles
            assert groups.median()[group] == pytest.approx(mean, abs=0.4)
    assert sample.loc[sample["group"] == "b", "rating"].isna().mean() > 0.95
    assert sample.loc[sample["group"] == "a", "rating"].isna().mean() < 0.05
    assert ((sample["price"] > 9) == sample["sold"]).mean() > 0.93


def test_a_condition_is_kept_and_the_rest_follows_it(generator: Autoregressive, data: Table) -> None:
    dear = generator.sample(2000, seed=1, where={"weight": 20.0}).frame
    assert (dear["weight"] == 20.0).all()
    assert (dear["group"] == "c").mean() > 0.9
    cheap = generator.sample(2000, seed=1, where={"sold": False, "group": "a"}).frame
    real = data.frame[~data.frame["sold"] & (data.frame["group"] == "a")]
    assert cheap["price"].mean() == pytest.approx(real["price"].mean(), abs=0.3)
    assert (cheap["price"] < 10).mean() > 0.95


def test_a_condition_on_a_number_is_on_the_number_and_not_on_its_bin() -> None:
    """Two numbers that one quantile bin holds: one is always with u, the other with v."""
    rng = np.random.default_rng(0)
    number = np.concatenate([rng.random(600), rng.random(600) + 20])
    frame = pd.DataFrame({"number": number, "side": np.where(number < 10, "u", "v")})
    generator = fitted(frame, epochs=12, bins=2, max_levels=2)
    for wanted, side in ((0.95, "u"), (20.05, "v")):
        assert (generator.sample(500, seed=0, where={"number": wanted}).frame["side"] == side).mean() > 0.9


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_probabilities_of_all_rows_sum_to_one(words: tuple[pd.DataFrame, Autoregressive], precision: str) -> None:
    frame, generator = words
    if precision != generator.record.precision:
        generator = fitted(frame, precision=precision, epochs=1)
    rows = every(x=["a", "b", "c"], n=sorted(frame["n"].unique()), y=["u", "v", None])
    assert np.exp(likelihoods(generator, rows)).sum() == pytest.approx(1, abs=1e-5)


def test_the_distribution_that_is_scored_is_the_one_that_is_drawn(words: tuple[pd.DataFrame, Autoregressive]) -> None:
    frame, generator = words
    rows = every(x=["a", "b", "c"], n=sorted(frame["n"].unique()), y=["u", "v", None])
    chances = np.exp(likelihoods(generator, rows))
    drawn = generator.sample(40_000, seed=3).frame.fillna({"y": "none"}).value_counts(normalize=True)
    shares = np.array([drawn.get(key, 0.0) for key in rows.fillna({"y": "none"}).itertuples(index=False, name=None)])
    noise = np.sqrt(chances * (1 - chances) / 40_000)
    assert np.abs((shares - chances) / noise).max() < 4.5


def test_probabilities_on_a_grid_sum_to_one_heavy_values_included(
    counts: tuple[pd.DataFrame, Autoregressive],
) -> None:
    _, generator = counts
    low, high = generator.codec.levels[1].ends
    assert low < 250 < high < 9999
    rows = every(x=["a", "b"], amount=[*range(int(low), int(high) + 1), 9999])
    chances = np.exp(likelihoods(generator, rows))
    assert chances.sum() == pytest.approx(1, abs=1e-4)
    drawn = generator.sample(30_000, seed=0).frame["amount"]
    for value in (250, 9999):
        assert (drawn == value).mean() == pytest.approx(chances[rows["amount"] == value].sum(), abs=0.01)
    few = generator.sample(30_000, seed=1).frame.query("x == 'a' and amount < 200")
    assert len(few) / 30_000 == pytest.approx(chances[(rows["x"] == "a") & (rows["amount"] < 200)].sum(), abs=0.012)


def test_the_density_of_a_number_without_a_grid_integrates_to_one() -> None:
    rng = np.random.default_rng(2)
    x = rng.choice(["a", "b"], 1200)
    frame = pd.DataFrame({"x": x, "z": np.where(x == "a", rng.normal(0, 1, 1200), rng.gamma(2, 3, 1200))})
    generator = fitted(frame)
    (levels,) = (each for each in generator.codec.levels if each.bins)
    edges = np.sort(np.concatenate([levels.knots, np.linspace(*levels.ends, 4000)]))  # the density jumps at the knots
    middles = (edges[1:] + edges[:-1]) / 2
    density = np.exp(likelihoods(generator, every(x=["a", "b"], z=middles))).reshape(2, -1)
    assert (density * np.diff(edges)).sum() == pytest.approx(1, abs=2e-3)
    near = generator.sample(20_000, seed=0).frame.query("x == 'a'")["z"].between(-1, 1).sum() / 20_000
    inside = (middles > -1) & (middles < 1)
    assert (density[0] * np.diff(edges))[inside].sum() == pytest.approx(near, abs=0.012)


def test_rows_that_are_not_of_the_kind_are_less_likely(generator: Autoregressive) -> None:
    fresh = mixed(500, seed=7)
    torn = fresh.frame.assign(weight=np.roll(fresh.frame["weight"], 1))
    real = generator.log_likelihood(Table.from_frame(fresh.frame, schema=generator.schema))
    assert real.shape == (500,) and real.dtype == np.float64
    assert np.isfinite(real).all()
    assert real.mean() > generator.log_likelihood(Table.from_frame(torn, schema=generator.schema)).mean() + 2


def test_a_row_whose_columns_contradict_each_other_is_impossible() -> None:
    word = np.tile(["low", "middle", "high"], 100)
    frame = pd.DataFrame({"word": word, "rank": np.tile([1, 2, 3], 100), "other": np.arange(300) % 7})
    generator = fitted(frame)
    assert len(generator.codec.twins) == 1
    scores = likelihoods(generator, pd.DataFrame({"word": ["low", "low"], "rank": [1, 3], "other": [0, 0]}))
    assert np.isfinite(scores[0])
    assert scores[1] == -np.inf


def test_missing_cells_are_filled_and_nothing_else_changes(generator: Autoregressive, data: Table) -> None:
    rng = np.random.default_rng(0)
    fresh = mixed(400, seed=5)
    frame = fresh.frame.copy()
    for name in ("group", "size", "price", "weight", "sold", "day", "note"):
        frame[name] = frame[name].astype(object).where(rng.random(400) > 0.3, None)
    holed = Table.from_frame(frame, schema=generator.schema)
    filled = generator.impute(holed, seed=1)
    assert filled.schema == generator.schema
    assert filled.frame.dtypes.equals(data.frame.dtypes)
    assert not filled.frame.isna().any().any()
    for name in frame:
        there = frame[name].notna()
        assert (filled.frame.loc[there, name] == fresh.frame.loc[there, name]).all()
    pd.testing.assert_frame_equal(filled.frame, generator.impute(holed, seed=1).frame)
    assert not filled.frame.equals(generator.impute(holed, seed=2).frame)
    guessed = frame["group"].isna() & frame["weight"].notna()
    assert (filled.frame.loc[guessed, "group"] == fresh.frame.loc[guessed, "group"]).mean() > 0.9
    decided = frame["sold"].isna() & frame["price"].notna()
    assert (filled.frame.loc[decided, "sold"] == (filled.frame.loc[decided, "price"] > 9)).mean() > 0.9


def test_a_row_of_which_nothing_is_known_is_filled_as_a_new_one(words: tuple[pd.DataFrame, Autoregressive]) -> None:
    frame, generator = words
    empty = pd.DataFrame({name: pd.Series([None] * 4000, dtype=object) for name in frame})
    filled = generator.impute(Table.from_frame(empty, schema=generator.schema), seed=0).frame
    drawn = generator.sample(4000, seed=1).frame
    assert (filled["x"] == "a").mean() == pytest.approx((drawn["x"] == "a").mean(), abs=0.03)
    assert set(filled["y"]) == {"u", "v"}


def test_a_cell_is_filled_from_the_column_that_says_the_same() -> None:
    frame = pd.DataFrame({"word": np.tile(["low", "middle", "high"], 100), "rank": np.tile([1, 2, 3], 100)})
    generator = fitted(frame.assign(other=np.arange(300) % 7))
    holed = pd.DataFrame({"word": ["low", None, None], "rank": [None, 3, None], "other": [1, None, 2]})
    filled = generator.impute(Table.from_frame(holed, schema=generator.schema), seed=0).frame
    assert filled["word"].tolist()[:2] == ["low", "high"]
    assert filled["rank"].tolist()[:2] == [1, 3]
    assert {"low": 1, "middle": 2, "high": 3}[filled["word"][2]] == filled["rank"][2]


def test_what_is_filled_in_keeps_the_rules() -> None:
    frame = pd.DataFrame({"low": np.arange(600) % 50, "more": np.random.default_rng(0).integers(0, 50, 600)})
    frame["high"] = frame["low"] + frame["more"]
    greater = Rule(
        type="expect_column_pair_values_a_to_be_greater_than_b",
        kwargs={"column_A": "high", "column_B": "low", "or_equal": True},
    )
    generator = fitted(frame, rules=Rules((greater,)))
    holed = pd.DataFrame({"low": [10, 45] * 50, "more": [None] * 100, "high": [None] * 100})
    filled = generator.impute(Table.from_frame(holed, schema=generator.schema), seed=0).frame
    assert (filled["high"] >= filled["low"]).all()
    broken = pd.DataFrame({"low": [40], "more": [None], "high": [3]})
    with pytest.raises(RequestError, match=r"row.* 0, never kept every rule.*high.*correct them"):
        generator.impute(Table.from_frame(broken, schema=generator.schema), seed=0)


def test_what_cannot_be_read_says_so(generator: Autoregressive, data: Table) -> None:
    strange = data.take(slice(3)).frame.assign(note=["yes", "jein", "no"])
    for ask in (generator.log_likelihood, lambda table: generator.impute(table, seed=0)):
        with pytest.raises(RequestError, match=r"'note' holds 'jein', never seen in the training data"):
            ask(Table.from_frame(strange, schema=generator.schema))
    holed = data.take(slice(3)).frame.assign(price=[1.0, None, 2.0])
    with pytest.raises(RequestError, match=r"'price' is missing in row 1, but never in the training"):
        generator.log_likelihood(Table.from_frame(holed, schema=generator.schema))


def test_a_mixture_has_the_density_and_the_mass_that_scipy_says() -> None:
    said = torch.randn(1, 3, 5, generator=torch.Generator().manual_seed(0))
    mixture = Mixtures(said)
    weights = said[0, 0].softmax(0).double().numpy()
    means, widths = said[0, 1].double().numpy(), said[0, 2].double().exp().numpy()
    value = torch.tensor([0.7])
    assert mixture.log_density(value).item() == pytest.approx(np.log(weights @ norm.pdf(0.7, means, widths)), abs=1e-5)
    for low, high in ((-0.3, 0.4), (-np.inf, 0.1), (1.0, np.inf), (-np.inf, np.inf), (8.0, 8.01), (-30.0, -29.0)):
        tails = norm.sf(low, means, widths) - norm.sf(high, means, widths)
        heads = norm.cdf(high, means, widths) - norm.cdf(low, means, widths)
        mass = mixture.log_mass(torch.tensor([low]), torch.tensor([high])).item()
        assert mass == pytest.approx(np.log(weights @ np.where(low > 0, tails, heads)), abs=1e-4)


def test_a_mixture_draws_what_it_says() -> None:
    said = torch.tensor([[[2.0, 0.0], [-1.0, 2.0], [-1.0, -2.0]]]).expand(50_000, 3, 2)
    rng = torch.Generator().manual_seed(0)
    drawn = Mixtures(said).draw(torch.rand(50_000, generator=rng), torch.randn(50_000, generator=rng))
    share = torch.tensor([2.0, 0.0]).softmax(0)[0].item()
    assert (drawn < 1).float().mean().item() == pytest.approx(share, abs=0.01)
    assert drawn[drawn < 1].std().item() == pytest.approx(np.exp(-1), abs=0.01)
    assert drawn.abs().max() <= MAX_NORMAL


def test_features_tell_near_numbers_apart_and_are_bounded() -> None:
    features = Features()(torch.tensor([[-MAX_NORMAL, -0.01, 0.0, 0.01, MAX_NORMAL]]))
    assert features.shape[:2] == (1, 5)
    assert features.abs().max() <= 1
    assert (features[0, 1] - features[0, 3]).norm() > 0.05


def test_rows_are_drawn_in_several_orders_with_the_target_last() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({name: rng.choice(["u", "v"], 200) for name in "abcdef"})
    generator = Autoregressive.fit(Table.from_frame(frame, target="c"), SMALL, seed=0, device="cpu")
    orders = generator._orders
    assert [order[-1] for order in orders] == [2] * ORDERS
    assert len({tuple(order) for order in orders}) > 1
    assert all(sorted(order) == list(range(6)) for order in orders)


def test_rows_of_which_the_same_is_told_are_drawn_as_if_each_were_computed(
    words: tuple[pd.DataFrame, Autoregressive], generator: Autoregressive, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = (words[1], generator)
    together = [each.sample(3000, seed=1).frame for each in kinds]
    monkeypatch.setattr(autoregressive, "MAX_GROUPS", 0.0)
    for one, each in zip(together, kinds, strict=True):
        alone = each.sample(3000, seed=1).frame
        same = (one == alone) | (one.isna() & alone.isna())
        assert same.to_numpy().all(1).mean() > 0.999, "but for the last bits of sums of other shapes"
