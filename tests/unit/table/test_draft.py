"""A draft asks what it cannot know, and writes no value of a column it asks about."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from geratriz import contract
from geratriz.errors import ConfigError
from geratriz.table.data import forms
from geratriz.table.data.table import Table
from geratriz.table.draft import suite_of
from tests.personal_table import people

ASKED = {
    "name": "name", "first": None, "surname": "name", "mail": "email", "phone": "phone", "mobile": "phone",
    "ssn": "code", "iban": "code", "card": "code", "street": "address", "note": "text",
}  # fmt: skip


def table(**declared: str) -> Table:
    frame = people(300).assign(number=np.arange(300), shuffled=np.random.default_rng(0).permutation(300) + 5)
    return Table.from_frame(frame, overrides=declared)


def test_it_asks_about_what_looks_personal_and_about_keys_it_guessed() -> None:
    asked = suite_of(table(), "people")["meta"]["decide"]
    assert {name: each.get("form") for name, each in asked.items() if each["looks_like"] == "personal"} == {
        name: form for name, form in ASKED.items() if form is not None
    }
    assert {name for name, each in asked.items() if each["looks_like"] == "id"} == {"code", "number", "shuffled"}
    assert asked["mobile"]["choose"] == ["personal", "id", "integer"]
    assert asked["mail"]["because"] == "100% of its values are e-mail addresses"


def test_no_value_of_a_column_that_is_asked_about_stands_in_the_draft() -> None:
    drafted = suite_of(table(), "people")
    text = json.dumps(drafted)
    for name in drafted["meta"]["decide"].keys() - {"number", "shuffled"}:
        assert name not in drafted["meta"]["kinds"]
        assert not any(json.dumps(each)[1:-1] in text for each in forms.texts(people(300)[name])), name


def test_what_was_declared_is_not_asked() -> None:
    asked = suite_of(table(), "people")["meta"]["decide"]
    told = suite_of(table(**dict.fromkeys(asked, "personal")), "people")
    assert "decide" not in told["meta"]
    assert told["meta"]["kinds"]["mail"] == "personal"


def test_a_draft_that_still_asks_is_no_contract_until_each_column_is_decided(tmp_path: Path) -> None:
    drafted, path = suite_of(table(), "people"), tmp_path / "people.json"
    path.write_text(json.dumps(drafted))
    with pytest.raises(ConfigError, match=r"people.json is a draft: the kind of 13 of its columns") as refused:
        contract.read_suite(path)
    assert "mail: looks like personal; 100% of its values are e-mail addresses. Is it personal or" in str(refused.value)
    for name in list(drafted["meta"]["decide"]):
        drafted["meta"]["kinds"][name] = drafted["meta"]["decide"].pop(name)["looks_like"]
    path.write_text(json.dumps(drafted))
    report = contract.check(table().frame, contract.read_suite(path))
    assert report.critical == report.warnings == ()


def test_a_list_of_columns_to_decide_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"name": "x", "expectations": [], "meta": {"decide": ["mail"]}}')
    with pytest.raises(ConfigError, match=r"meta\.decide must map each column"):
        contract.read_suite(tmp_path / "x.json")


def test_few_words_and_plain_numbers_are_not_asked_about() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "name": rng.choice(["Widget", "Gadget"], 200),
            "comment": rng.choice(["good", "bad"], 200),
            "amount": rng.permutation(10**7)[:200],
            "phone_calls": rng.integers(0, 9, 200),
            "price": rng.normal(size=200),
        }
    )
    assert "decide" not in suite_of(Table.from_frame(frame), "goods")["meta"]
