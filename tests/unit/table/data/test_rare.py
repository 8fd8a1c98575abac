"""What fewer than five rows share does not come back: text, numbers of any size and kind, dates, beside gaps or not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from geratriz.errors import DataError
from geratriz.table.data.table import Table
from geratriz.table.generators.catalog import GENERATORS
from tests.domain_examples import QUICK

Values = Callable[[np.random.Generator], Any]


def of_persons(make: Values, times: int = 3) -> Values:
    """The values of 300 persons with a few rows each."""
    return lambda rng: np.repeat(np.asarray(make(rng)), times)


def with_gaps(make: Values, dtype: str = "float64") -> Values:
    return lambda rng: pd.Series(make(rng), dtype=dtype).where(rng.random(900) > 0.1)


def account(rng: np.random.Generator) -> Any:
    return rng.integers(10**9, 10**10, 300)


def cents(rng: np.random.Generator) -> Any:
    return rng.gamma(2, 2e5, 300).round(2)


def common_too(rng: np.random.Generator) -> Any:
    """Numbers that keep their levels: twenty common ones far apart, and forty of one to four rows."""
    common, rare = np.arange(20) * 1000, np.arange(40) * 503 + 77
    return np.concatenate([np.repeat(common, 40), np.repeat(rare, np.arange(40) % 4 + 1)])


NUMBERS: dict[str, Values] = {
    "ten digits": of_persons(account),
    "ten digits, four rows": of_persons(account, 4),
    "ten digits with gaps": with_gaps(of_persons(account), "Int64"),
    "fifteen digits": of_persons(lambda rng: rng.integers(10**14, 10**15, 300)),
    "cents": of_persons(cents),
    "cents with gaps": with_gaps(of_persons(cents)),
    "no grid": of_persons(lambda rng: rng.normal(size=300)),
    "short floats": of_persons(lambda rng: rng.normal(size=300).astype("float32")),
    "seconds": of_persons(
        lambda rng: (np.datetime64("1950-01-01", "s") + rng.integers(0, 2 * 10**9, 300)).astype("datetime64[s]")
    ),
    "a few of thirty rows": lambda rng: rng.permutation(account(rng))[:30].repeat(2),
    "levels": common_too,
    "between common ones": lambda rng: np.concatenate([common_too(rng)] * 2 + [rng.integers(0, 20_000, 200)]),
}
TEXTS: dict[str, Values] = {
    "text": lambda rng: [*["red", "blue"] * 400, *(f"K{each // 4}" for each in range(100))],
    "text with gaps": lambda rng: [*["red", None] * 400, *(f"K{each // 4}" for each in range(100))],
    "categories": lambda rng: pd.Categorical([*["red", "blue"] * 400, *(f"K{each // 4}" for each in range(100))]),
    "keys beyond 2^53": lambda rng: 2**60 + np.concatenate([np.arange(2).repeat(400), np.arange(100) // 4 + 7]),
    "two of a thousand": lambda rng: [*["Zoe"] * 2, *[None] * 998],
    "numbers of a thousand": lambda rng: pd.Series([*[41.25] * 2, *[None] * 998], dtype="float64"),
}
REFUSED: dict[str, Values] = {
    "keys with a gap": lambda rng: pd.array([None, *rng.integers(2**60, 2**62, 2999)], dtype="Int64"),
    "text of three rows each": lambda rng: [f"K{each // 3}" for each in range(900)],
}


def drawn(kind: str, values: Any, rows: int) -> pd.Series:
    """``rows`` cells of a generator fitted to a column of ``values`` and another one."""
    frame = pd.DataFrame({"x": values})
    frame["y"] = np.random.default_rng(1).normal(size=len(frame)).round(3)
    generator_cls = GENERATORS.find(kind)
    settings = {name: value for name, value in QUICK.get(kind, {}).items() if name not in ("max_levels", "bins")}
    generator = generator_cls.fit(Table.from_frame(frame), generator_cls.config_cls(**settings), seed=0, device="cpu")
    return generator.sample(rows, seed=1).frame["x"]


def rare_of(values: Any) -> np.ndarray:
    counts = pd.Series(values).value_counts()
    return counts.index[(counts > 0) & (counts < 5)].to_numpy()


def check_numbers(kind: str, name: str, rows: int) -> None:
    """A rare number whose neighbours on the grid are nobody's comes back no more often than they do."""
    values = NUMBERS[name](np.random.default_rng(7))
    cells, real, rare = drawn(kind, values, rows), pd.Series(values).dropna(), rare_of(values)
    step = {"cents": 0.01, "cents with gaps": 0.01, "seconds": np.timedelta64(1, "s")}.get(name, 1)
    if name in ("no grid", "short floats"):  # their grid is that of the floats
        beside = [np.nextafter(rare, rare.dtype.type(end)) for end in (-np.inf, np.inf)]
    else:
        beside = [rare + sign * step for sign in (-1, 1)]
        beside = [np.round(side.astype(float), 2) if step == 0.01 else side for side in beside]
    alone = ~np.isin(beside[0], real.to_numpy()) & ~np.isin(beside[1], real.to_numpy())
    assert alone.sum() >= 20
    hits = int(cells.isin(rare[alone]).sum())
    expected = sum(int(cells.isin(side[alone]).sum()) for side in beside) / 2
    assert hits <= expected + 4 * np.sqrt(expected + 1)
    assert hits < rows / 50


def check_texts(kind: str, name: str, rows: int) -> None:
    values = TEXTS[name](np.random.default_rng(7))
    assert not drawn(kind, values, rows).isin(rare_of(values)).any()


@pytest.mark.parametrize("name", NUMBERS)
def test_a_rare_number_comes_back_no_more_often_than_the_numbers_beside_it(name: str) -> None:
    check_numbers("independent", name, 100_000)


@pytest.mark.parametrize("name", TEXTS)
def test_a_rare_word_never_comes_back(name: str) -> None:
    check_texts("independent", name, 100_000)


@pytest.mark.parametrize("name", REFUSED)
def test_a_column_of_rare_values_alone_is_refused(name: str) -> None:
    with pytest.raises(DataError, match=r"to id|to personal"):
        drawn("independent", REFUSED[name](np.random.default_rng(7)), 10)


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("kind", [kind for kind in GENERATORS if kind != "independent"])
@pytest.mark.parametrize("name", [*NUMBERS, *TEXTS])
def test_it_does_not_from_any_generator(kind: str, name: str) -> None:
    (check_numbers if name in NUMBERS else check_texts)(kind, name, 100_000)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["autoregressive", "tvae"])
def test_a_ten_digit_number_of_each_person_does_not_come_back(kind: str) -> None:
    check_numbers(kind, "ten digits", 20_000)


def test_no_number_of_few_rows_stands_in_a_bundle() -> None:
    values = {name: NUMBERS[name](np.random.default_rng(7)) for name in ("ten digits", "cents", "no grid")}
    frame = pd.DataFrame(values)
    head, arrays = GENERATORS.find("independent").fit(Table.from_frame(frame), seed=0).codec.to_state()
    stored = np.concatenate([*arrays.values(), *(np.array(each["atoms"]) for each in head["levels"])])
    for name in frame:
        assert not np.isin(frame[name].astype(float), stored).any()
