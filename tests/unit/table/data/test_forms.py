"""What looks personal is recognised, and what only resembles it is not."""

import numpy as np
import pandas as pd
import pytest

from geratriz.table.data import forms
from tests.personal_table import people

RNG = np.random.default_rng(0)
LOOKALIKES = {
    "dates": [f"{year}-0{month}-1{day}" for year in range(2000, 2010) for month in (1, 2) for day in (1, 2, 3)],
    "short dates": [f"1{a}.0{b}.20{c}" for a in range(3) for b in range(1, 4) for c in range(10, 16)],
    "brackets": [f"{10000 * i}-{10000 * i + 9999}" for i in range(1, 30)],
    "years": [f"{year}-{year + 1}" for year in range(1990, 2020)],
    "addresses of machines": [f"10.{a}.{b}.17" for a in range(6) for b in range(6)],
    "versions": [f"1.{a}.{b}" for a in range(6) for b in range(6)],
    "post codes": [f"{i}-{j}" for i in range(12345, 12350) for j in range(1000, 1005)],
    "decimals as text": [f"{x:.4f}" for x in RNG.normal(5000, 100, 60)],
    "books": [f"978-3-16-14841{i}-{j}" for i in range(10, 40) for j in range(3)],
    "handles": [f"@user{i}" for i in range(60)],
    "words": ["red", "green", "blue", "black", "white", "grey"] * 10,
}


@pytest.mark.parametrize("name", LOOKALIKES)
def test_what_resembles_a_number_of_a_person_is_not_taken_for_one(name: str) -> None:
    found = forms.recognise(pd.Series(LOOKALIKES[name]))
    assert found is None


@pytest.mark.parametrize(
    ("column", "form"), [("mail", "email"), ("phone", "phone"), ("ssn", "code"), ("iban", "code"), ("card", "code")]
)
def test_values_alone_say_what_they_are_with_a_few_others_among_them(column: str, form: str) -> None:
    values = people(100)[column].where(np.arange(100) % 10 > 0, "unknown")
    found = forms.recognise(values)
    assert found is not None
    assert found.certain
    assert found.form == form
    assert not any(text in found.because for text in values)


@pytest.mark.parametrize(
    ("column", "form"),
    [
        ("customerName", "name"),
        ("remarks", "text"),
        ("home address", "address"),
        ("mobile", "phone"),
        ("Tel-Nr", "phone"),
    ],
)
def test_the_name_of_a_column_is_weaker_evidence(column: str, form: str) -> None:
    of_form = {"name": "name", "text": "note", "address": "street", "phone": "mobile"}
    found = forms.recognise(people(100)[of_form[form]].rename(column), column)
    assert found is not None
    assert (found.form, found.certain) == (form, False)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("product_name", ["Widget", "Gadget", "Gizmo"] * 50),
        ("PhoneService", ["yes", "no"] * 60),
        ("email_count", list(range(30)) * 5),
        ("phone_calls", list(range(30)) * 5),
        ("address_type", ["home", "work", "billing", "shipping"] * 30),
        ("phone_brand", [f"brand {i}" for i in range(60)]),
        ("note", ["good", "bad"] * 60),
        ("name", [f"{i} 00 {i}" for i in range(100)]),
    ],
)
def test_a_name_alone_says_nothing_where_the_values_cannot_be(column: str, values: list[object]) -> None:
    assert forms.recognise(pd.Series(values), column) is None


@pytest.mark.parametrize("form", ["name", "mail", "phone", "mobile", "street", "note", "ssn", "code"])
def test_the_form_of_a_declared_column_is_told_by_its_values(form: str) -> None:
    told = forms.form_of(people(100)[form], "mobile" if form == "mobile" else "x")
    wanted = {"mail": "email", "mobile": "phone", "street": "address", "note": "text", "ssn": "code"}
    assert told == wanted.get(form, form)


def test_equal_values_are_equal_in_every_dtype() -> None:
    for dtype in ("int16", "Int64", "float32", "object", "category"):
        assert forms.folded(pd.Series([1, 20, 300]).astype(dtype)) == {"1", "20", "300"}
    assert forms.folded(pd.Series([" Stra\xdfe ", None, "STRASSE"])) == {"strasse"}
    assert forms.folded(pd.Series([0.1, 2.50, np.nan, -0.0])) == {"0.1", "2.5", "0"}
    assert forms.folded(pd.Series([0.1], dtype="float32")) == {"0.1"}
