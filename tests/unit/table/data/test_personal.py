"""Personal columns are not learnt: new values of the same form, none of them real, nothing real kept."""

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from geratriz.errors import ConfigError, DataError, RequestError
from geratriz.table.data import forms, personal
from geratriz.table.data.schema import Declared
from geratriz.table.data.table import Table
from geratriz.table.generators.base import BLOCK
from geratriz.table.generators.independent import Independent
from tests.personal_table import people

LEARNT = ("group", "age")
PERSONAL = [name for name in people(10) if name not in LEARNT]
PERSON: Declared = dict.fromkeys(PERSONAL, "personal")
FORMS = {
    "name": r"[A-Z]\w*(-[A-Z]\w*)? [A-Z]['\w]*-[A-Z]['\w]*",
    "first": r"[A-Z]\w*-[A-Z]\w*",
    "surname": r"[A-Z]['\w]*-[A-Z]['\w]*",
    "mail": r"[a-z.]+\d+@example\.com",
    "phone": r"\+49 \d{2,3} \d{7,8}",
    "mobile": r"[1-9]\d{9}",
    "ssn": r"\d{3}-\d{2}-\d{4}",
    "iban": r"DE\d{20}",
    "card": r"4\d{3}( \d{4}){3}",
    "code": r"[A-Z]{2}-\d{6}",
    "street": r"(?=.*\d).*, .*",
    "note": r"[A-Z].{15,200}",
    "account": r"[1-9]\d{7}",
}


@pytest.fixture(scope="module")
def table() -> Table:
    return Table.from_frame(people(), overrides=PERSON)


@pytest.fixture(scope="module")
def generator(table: Table) -> Independent:
    return Independent.fit(table, seed=0)


@pytest.fixture(scope="module")
def drawn(generator: Independent) -> pd.DataFrame:
    return generator.sample(20_000, seed=1).frame


@pytest.mark.parametrize("name", PERSONAL)
def test_no_value_is_real_and_all_have_the_form(name: str, table: Table, drawn: pd.DataFrame) -> None:
    assert not forms.folded(drawn[name]) & forms.folded(table.frame[name])
    assert all(re.fullmatch(FORMS[name], text) for text in forms.texts(drawn[name]))


def test_dtypes_come_back_and_the_share_of_missing_values(table: Table, drawn: pd.DataFrame) -> None:
    for name in table.schema.names:
        real = table.frame[name]
        assert drawn[name].isna().mean() == pytest.approx(real.isna().mean(), abs=0.02)
        kinds = [isinstance(each.dtype, pd.CategoricalDtype) or each.dtype for each in (drawn[name], real)]
        assert kinds[0] == kinds[1]


@pytest.mark.parametrize("name", ["mail", "phone", "mobile", "ssn", "iban", "card", "code"])
def test_what_is_a_key_is_one_again(name: str, drawn: pd.DataFrame) -> None:
    assert drawn[name].is_unique


def test_a_bundle_holds_no_real_value(generator: Independent, table: Table, tmp_path: Path) -> None:
    generator.save(tmp_path)
    head = (tmp_path / "generator.json").read_text().casefold()
    bytes_kept = (tmp_path / "tensors.safetensors").read_bytes()
    for name in PERSONAL:
        for text in forms.folded(table.frame[name]):
            assert name in ("first", "surname") or text not in head  # those stand in new double ones
            assert text.encode() not in bytes_kept
    texts = {text.casefold() for text in _texts(json.loads((tmp_path / "generator.json").read_text()))}
    assert not texts & frozenset().union(*(forms.folded(table.frame[name]) for name in PERSONAL))
    kept = np.concatenate([each.ravel().astype(float) for each in load_file(tmp_path / "tensors.safetensors").values()])
    assert not np.isin(table.frame["mobile"], kept).any()


def _texts(content: object) -> list[str]:
    if isinstance(content, dict):
        return [text for key, value in content.items() for text in [key, *_texts(value)]]
    if isinstance(content, list):
        return [text for each in content for text in _texts(each)]
    return [str(content)]


def test_equal_fits_and_saved_ones_give_equal_rows(generator: Independent, table: Table, tmp_path: Path) -> None:
    again = Independent.fit(table, seed=0)
    generator.save(tmp_path / "a")
    again.save(tmp_path / "b")
    for part in ("generator.json", "tensors.safetensors"):
        assert (tmp_path / "a" / part).read_bytes() == (tmp_path / "b" / part).read_bytes()
    rows = generator.sample(300, seed=3).frame
    pd.testing.assert_frame_equal(Independent.load(tmp_path / "a").sample(300, seed=3).frame, rows)
    other = generator.sample(300, seed=4).frame
    assert (other["name"] != rows["name"]).mean() > 0.9


def test_any_rows_can_be_drawn_alone(generator: Independent, drawn: pd.DataFrame) -> None:
    start = BLOCK - 10
    (first, second) = generator.blocks(50, seed=1, start=start)
    alone = pd.concat([first.frame, second.frame], ignore_index=True)
    pd.testing.assert_frame_equal(alone, drawn.iloc[start : start + 50].reset_index(drop=True))


def test_learnt_columns_do_not_move_when_a_personal_one_is_there(generator: Independent, table: Table) -> None:
    alone = Table.from_frame(table.frame[list(LEARNT)])
    rows = Independent.fit(alone, seed=0).sample(500, seed=2).frame
    pd.testing.assert_frame_equal(generator.sample(500, seed=2).frame[list(LEARNT)], rows)


def test_global_random_state_is_left_alone(table: Table) -> None:
    state = random.getstate()
    Independent.fit(table, seed=0).sample(10, seed=0)
    assert random.getstate() == state


@pytest.mark.slow
def test_drawing_needs_no_faker(generator: Independent, tmp_path: Path) -> None:
    generator.save(tmp_path)
    program = (
        "import sys; from geratriz.table.generators.independent import Independent as I; "
        f"I.load({str(tmp_path)!r}).sample(5, seed=0); assert 'faker' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_condition_on_a_personal_column_is_refused(generator: Independent) -> None:
    with pytest.raises(RequestError, match="'mail', which the generator did not learn: its kind is personal"):
        generator.sample(5, seed=0, where={"mail": "x@y.org"})


def anew(values: object, rows: int = 500, **said: object) -> pd.Series:
    """New values for a column that is personal."""
    frame = pd.DataFrame({"x": values})
    frame["group"] = np.arange(len(frame)) % 2 == 0
    table = Table.from_frame(frame, overrides={"x": {"kind": "personal", **said}})
    new = Independent.fit(table, seed=0).sample(rows, seed=0).frame["x"]
    assert not forms.folded(new) & forms.folded(frame["x"])
    assert new.dtype == frame["x"].dtype or isinstance(new.dtype, pd.CategoricalDtype)
    return new


NUMBERS = np.random.default_rng(0).integers(10**9, 2 * 10**9, 60)
EDGES = {
    "all missing": pd.Series([None] * 60, dtype="str"),
    "all missing numbers": pd.Series([np.nan] * 60),
    "all missing categories": pd.Series(pd.Categorical([None] * 60, categories=["a@b.org"])),
    "constant": ["Ada Lovelace"] * 60,
    "constant number": [4915112345] * 60,
    "one row": ["Ada Lovelace"],
    "one number": [7],
    "empty text": ["", " "] * 30,
    "negative": -NUMBERS,
    "short": (NUMBERS % 10_000).astype("int16"),
    "unsigned": np.uint64(2**64 - 1) - NUMBERS.astype("uint64"),
    "beyond 2^53": 2**60 + NUMBERS,
    "with gaps": pd.Series(NUMBERS, dtype="Int64").where(NUMBERS % 3 > 0),
    "floats": NUMBERS.astype("float64"),
    "short floats": NUMBERS.astype("float32"),
    "places": np.round(np.random.default_rng(0).normal(50, 3, 60), 4),
    "with zeros": [71.2, 0.5, 71.25, 7.0, 30.75] * 12,
    "objects": pd.Series(NUMBERS.tolist(), dtype="object"),
    "categories of numbers": pd.Categorical(NUMBERS),
    "ordered categories": pd.Categorical(["a@b.org", "c@d.org"] * 30, ordered=True),
    "no Latin": ["\u5c71\u7530 \u592a\u90ce", "\u4f50\u85e4 \u82b1\u5b50"] * 30,
}


@pytest.mark.parametrize("name", EDGES)
def test_odd_columns_work_too(name: str) -> None:
    new = anew(EDGES[name])
    assert new.isna().all() == (name.startswith("all missing"))


@pytest.mark.parametrize("form", forms.FORMS)
@pytest.mark.parametrize("locale", ["de_DE", "ja_JP"])
def test_any_text_can_take_any_form_in_any_language(form: str, locale: str) -> None:
    assert anew([f"{i} a" for i in range(60)], form=form, locale=locale).notna().all()


def test_names_follow_the_way_real_ones_are_written() -> None:
    assert anew(["LOVELACE, ADA", "TURING, ALAN"] * 30).str.fullmatch(r"[A-Z'-]+, [A-Z-]+").all()
    assert anew(["ada", "alan"] * 30, form="name").str.islower().all()


def test_texts_are_about_as_long() -> None:
    new = anew([f"{i} " + "word " * 60 for i in range(60)])
    assert 250 < new.str.len().median() <= 310


def test_addresses_are_of_a_domain_that_no_real_one_has() -> None:
    taken = [f"a{i}@{domain}" for i in range(20) for domain in personal.RESERVED]
    assert anew([*taken, "x@y.example"]).str.fullmatch(r"[a-z.]+\d+@[a-z]{8}\.example").all()


def test_a_column_of_categories_has_new_ones_alone_and_the_same_in_every_block() -> None:
    frame = pd.DataFrame({"x": pd.Categorical(["Ada Lovelace", "Alan Turing"] * 60, ordered=True), "y": [1, 2] * 60})
    generator = Independent.fit(Table.from_frame(frame, overrides={"x": "personal"}), seed=0)
    new = generator.sample(2 * BLOCK, seed=0).frame["x"]
    assert isinstance(new.dtype, pd.CategoricalDtype)
    assert not set(new.cat.categories) & set(frame["x"])


def test_an_id_of_categories_keeps_none_of_them() -> None:
    frame = pd.DataFrame({"x": pd.Categorical([f"key {i}" for i in range(60)]), "y": [1, 2] * 30})
    generator = Independent.fit(Table.from_frame(frame), seed=0)
    assert generator.schema["x"].categories is None
    assert generator.sample(2, seed=0).frame["x"].tolist() == ["x-000000001", "x-000000002"]
    assert "key 7" not in json.dumps(generator.codec.to_state()[0])


def test_a_form_or_language_that_is_not_known_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"data\.schema\.x\.form is 'e-mail'.*Did you mean 'email'"):
        anew(["a@b.org"], form="e-mail")
    with pytest.raises(ConfigError, match=r"data\.schema\.x\.locale is 'de_DR'.*Did you mean 'de_"):
        anew(["a@b.org"], locale="de_DR")


@pytest.mark.parametrize(
    "values", [[True, False] * 30, pd.date_range("2024", periods=60), np.arange(-128, 127, dtype="int8")]
)
def test_what_has_no_new_values_is_refused_with_a_way_on(values: object) -> None:
    with pytest.raises(DataError, match=r"'x' is (declared )?personal .*(Convert|convert)"):
        anew(values)


@pytest.mark.parametrize("name", ["mail", "phone", "iban"])
def test_text_that_looks_personal_is_not_learnt_until_it_is_said_what_it_is(name: str) -> None:
    repeated = pd.concat([people(40)[[name, "group"]]] * 8, ignore_index=True)  # few different ones: no id by a guess
    with pytest.raises(DataError, match=rf"'{name}' looks personal: 100% of .*kind: personal, form: \w+") as refused:
        Independent.fit(Table.from_frame(repeated), seed=0)
    assert not any(text in str(refused.value) for text in repeated[name])
    Independent.fit(Table.from_frame(repeated, overrides={name: "category"}), seed=0)
