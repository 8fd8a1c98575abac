"""Stage prepare: parts and schema, equal bytes for equal data."""

import json
import re
from pathlib import Path

import pytest

from geratriz.errors import ConfigError, DataError
from geratriz.parts import SplitConfig
from geratriz.stages import prepare
from geratriz.table.data.rules import Rules
from geratriz.table.data.schema import Schema
from geratriz.table.data.table import Table
from tests.tables import mixed


def params(**changes: object) -> prepare.Params:
    settings = {"kind": "table", "raw": "data.parquet", "contract": "contract.json", "target": "sold"}
    return prepare.Params(data={**settings, "schema": {"size": "category"}, **changes})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    mixed().write(tmp_path / "data.parquet")
    (tmp_path / "validation").mkdir()
    (tmp_path / "validation" / "validation.json").write_text("{}")
    write_contract(tmp_path)
    return tmp_path


def write_contract(folder: Path, **warning: object) -> None:
    """A contract with a rule, an expectation that only warns and one that rows cannot be made to keep."""
    rules = [
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "group", "value_set": ["a", "b", "c"]}},
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "size", **warning, "max_value": 9},
            "severity": "warning",
        },
        {"type": "expect_column_value_lengths_to_equal", "kwargs": {"column": "group", "value": 1}},
    ]
    (folder / "contract.json").write_text(json.dumps({"name": "toy", "expectations": rules}))


def read(folder: Path) -> dict[str, Path]:
    """What the stage reads."""
    return {
        "data": folder / "data.parquet",
        "contract": folder / "contract.json",
        "validated": folder / "validation" / "validation.json",
    }


def test_parts_and_schema_are_written_with_the_overrides(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        prepare.main(params(), **read(folder), out=folder / name)
    schema = Schema.read(folder / "one" / "schema.json")
    assert schema.target == "sold"
    assert schema["size"].kind == "category"
    parts = [Table.read(folder / "one" / f"{name}.parquet", schema=schema) for name in ("train", "fresh", "test")]
    assert sum(map(len, parts)) == 600
    assert "train: " in capsys.readouterr().out
    for path in (folder / "one").iterdir():
        assert path.read_bytes() == (folder / "two" / path.name).read_bytes()


def test_the_contracts_row_rules_are_written_alone_so_that_no_other_change_trains_anything(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, warning in (("one", {}), ("two", {"min_value": 1})):
        write_contract(folder, **warning)
        prepare.main(params(), **read(folder), out=folder / name)
    assert [str(each) for each in Rules.read(folder / "one" / "rules.json").rules] == [
        "group: column values to be in set"
    ]
    assert (folder / "one" / "rules.json").read_bytes() == (folder / "two" / "rules.json").read_bytes()
    assert "but it is not enforced: group: column value lengths to equal" in capsys.readouterr().out


def test_data_that_were_not_validated_are_not_prepared(folder: Path) -> None:
    with pytest.raises(DataError, match="not validated"):
        prepare.main(params(), **{**read(folder), "validated": folder / "nothing"}, out=folder / "out")


def test_an_unknown_kind_of_data_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.kind is 'sound'"):
        prepare.main(params(kind="sound"), **read(folder), out=folder / "out")


def test_a_split_by_time_says_where_it_cut_and_one_by_entity_what_becomes_of_keys(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = read(folder)
    prepare.main(params(split=SplitConfig(by="time:day")), **paths, out=folder / "time")
    assert re.search(r"test: \d+ rows, day 2024-12-\d\d 00:00:00 to 2025-02-0\d 00:00:00", capsys.readouterr().out)
    prepare.main(params(split=SplitConfig(by="group:price")), **paths, out=folder / "group")
    assert "'price' identifies entities, so it is not learnt: new keys are issued" in capsys.readouterr().out
    written = Schema.read(folder / "group" / "schema.json")
    assert (written.entity, written["price"].kind) == ("price", "id")
    prepare.main(params(split=SplitConfig(by="group:price"), schema={"price": "float"}), **paths, out=folder / "kept")
    assert "Set data.schema.price to id" in capsys.readouterr().out
    prepare.main(
        params(split=SplitConfig(by="group:price"), schema={"price": "personal"}), **read(folder), out=folder / "made"
    )
    assert "real keys" not in capsys.readouterr().out  # a personal key is made anew, as an id is


def test_a_split_that_fails_leaves_nothing_behind(folder: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'day'"):
        prepare.main(params(split=SplitConfig(by="time:dya")), **read(folder), out=folder / "out")
    assert not (folder / "out").exists()
