"""The page of a monitor: structure, words, and nothing but text from names and values."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

from geratriz.table.data.table import Table
from geratriz.table.evaluate.drift import drift
from geratriz.table.evaluate.drift_result import Broken, Drift, DriftConfig
from geratriz.table.report.drift import DriftPage, render, rows, verdict
from tests.page_reader import Reader
from tests.tables import mixed


def judged(*, older: float = 0.0, word: str = "yes", rows: int = 600) -> Drift:
    before, now = mixed(rows, 1).frame, mixed(rows, 2).frame
    now = now.assign(price=now["price"] + older, note=now["note"].replace("no", word))
    return drift(Table.from_frame(before), Table.from_frame(now), DriftConfig(max_rows=300))


@pytest.fixture(scope="module")
def bad() -> Drift:
    return judged(older=5, word="never heard")


def read(result: Drift, title: str = "people") -> Reader:
    return Reader(render(DriftPage(title=title, result=result, facts={"champion": "people version 3"})))


def test_a_drift_is_said_with_its_reasons_and_what_was_compared(bad: Drift) -> None:
    page = read(bad)
    assert page.ids == ["columns", "together", "method"]
    assert page.references == [f"#{name}" for name in page.ids]
    for words in (
        "The data have drifted", "people version 3", "600 rows", "never heard",
        "Column 'price' has changed: KS distance",
        "Not compared: number", "was trained to tell 300 rows of each side apart", "Most important columns",
    ):  # fmt: skip
        assert words in page.words
    assert page.words.index("price drifted") < page.words.index("weight 0.")


def test_no_drift_is_said_with_what_holds() -> None:
    page = read(judged(word="no"))
    assert "The data have not drifted No column differs by more than 10 % of the rows beyond chance." in page.words
    assert "Most important columns" not in page.words


def test_a_broken_contract_is_listed_and_a_kept_one_said(bad: Drift) -> None:
    kept = dataclasses.replace(bad, contract="rules")
    assert "They keep every critical expectation." in read(kept).words
    broken = (
        Broken(column="age", description="values are at most 9", rows=12, observed=""),
        Broken(column=None, description="the number of rows is at least 5", rows=0, observed="3"),
    )
    words = read(dataclasses.replace(kept, broken=broken)).words
    assert "age values are at most 9 12 rows the table the number of rows is at least 5 3" in words


def test_only_the_rows_that_are_new_are_counted_where_a_table_has_grown(bad: Drift) -> None:
    words = read(dataclasses.replace(bad, now=5000, judged=70)).words
    assert "new data 5,000 rows of these, new and compared 70 rows" in words


def test_a_page_asks_for_nothing_outside_itself_and_equal_content_gives_equal_bytes(bad: Drift) -> None:
    page = DriftPage(title="people", result=bad)
    text = render(page)
    assert text == render(page)
    assert not re.search(r"https?:|url\(|@import|<script|<link|<img|<iframe", text)


@pytest.mark.parametrize("nasty", ["<script>alert(1)</script>", '"><b onclick="x">', "</title></style>"])
def test_names_and_values_are_text_and_never_markup(nasty: str) -> None:
    frames = [mixed(200, seed).frame.rename(columns={"note": nasty}) for seed in (1, 2)]
    frames[1][nasty] = nasty
    frames[1]["new " + nasty] = 1
    result = drift(*map(Table.from_frame, frames))
    broken = (Broken(column=nasty, description=nasty, rows=1, observed=nasty),)
    page = read(dataclasses.replace(result, contract=nasty, broken=broken), title=nasty)
    assert not {"script", "b"} & set(page.tags)
    assert " ".join(nasty.split()) in page.words


def test_a_wide_table_of_every_sort_has_a_page() -> None:
    """A second: pages are cut at 300 columns, so there are more."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"c{i}": rng.normal(size=120) for i in range(320)})
    odd = {"none": np.nan, "one": 1, "empty": None, "many": [f"w{i % 60}" for i in range(120)]}
    result = drift(Table.from_frame(frame.assign(**odd)), Table.from_frame(frame.assign(**{**odd, "one": 2})))
    words = read(result).words
    assert "The first 24 of 324 are drawn." in words and "The first 300 of 324 columns." in words


def test_nothing_to_compare_has_a_page() -> None:
    result = drift(Table.from_frame(pd.DataFrame({"a": [1.5]})), Table.from_frame(pd.DataFrame({"b": [1.5]})))
    assert read(result).ids == ["method"]


def test_the_table_as_text_has_a_line_a_column(bad: Drift) -> None:
    (price,) = (line for line in rows(bad) if line["column"] == "price")
    assert price["drifted"] == "yes" and float(price["difference"]) > 0.1
    assert verdict(bad) == "The data have drifted"
