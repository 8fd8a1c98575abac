"""Files that are no tables, or not quite: one error that names the file and the next step, and nothing lost."""

import gzip
import io
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from geratriz.parts import SplitConfig
from geratriz.stages import entry, landmarks, prepare, train, validate
from geratriz.table.data.rules import Rules
from geratriz.table.data.split import split
from geratriz.table.data.table import Table, read_frame
from tests.architecture.imports import ROOT
from tests.faults.conftest import Command, content
from tests.tables import mixed


def parquet(names: list[str], *columns: list[Any]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table([pa.array(each) for each in columns], names=names), file)
    return file.getvalue()


def whole() -> bytes:
    file = io.BytesIO()
    mixed().frame.to_parquet(file)
    return file.getvalue()


BAD: dict[str, tuple[Callable[[], bytes] | None, str]] = {
    "absent.parquet": (None, "does not exist"),
    "empty.parquet": (lambda: b"", r"empty.parquet cannot be read as parquet: it is empty \(0 bytes\). Copy or export"),
    "empty.csv": (lambda: b"", r"it is empty \(0 bytes\)"),
    "truncated.parquet": (lambda: whole()[:5000], "cannot be read as parquet: .*footer.*Copy or export it again"),
    "text.parquet": (lambda: b"a,b\n1,2\n", "cannot be read as parquet: .*not a parquet file"),
    "truncated.csv.gz": (lambda: gzip.compress(b"a,b\n1,2\n" * 999)[:-20], "cannot be read as csv: .*end-of-stream"),
    "table.xlsx": (lambda: b"PK", r"neither Parquet nor CSV: its name must end in .parquet, .csv or .csv.gz"),
    "long.csv": (lambda: b"a,b\n1,2\n1,2,3\n", "line 3 has 3 fields, the header 2. Correct that line"),
    "first.csv": (lambda: b"a,b\n1,2,3\n4,5,6\n", "line 2 has 3 fields, the header 2"),
    "short.csv": (lambda: b"a,b\n1,2\n3\n", "line 3 has 1 fields, the header 2"),
    "latin.csv": (lambda: "a,b\n1,\xe9\n".encode("latin-1"), "not UTF-8 text .byte 0xe9.*`iconv -f LATIN1 -t UTF-8"),
    "utf16.csv": (lambda: "a,b\n1,2\n".encode("utf-16"), "not UTF-8 text"),
    "header.csv": (lambda: b"a,b\n", "0 rows and 2 columns; at least one of each"),
    "none.parquet": (lambda: parquet([]), "0 rows and 0 columns"),
    "semicolon.csv": (lambda: b"a;b\n1;2\n", "its fields seem to be separated by ';', not by commas"),
    "doubled.csv": (lambda: b"a,b,a\n1,2,3\n", "doubled.csv: column names must be unique; repeated: 'a'"),
    "doubled.parquet": (lambda: parquet(["a", "a"], [1], [2]), "repeated: 'a'"),
    "nameless.csv": (lambda: b",a\n0,1\n", "column 1 of 2 has no name. Name it; if it numbers the rows.*index=False"),
    "nameless.parquet": (lambda: parquet(["a", " "], [1], [2]), "column 2 of 2 has no name"),
    "list.parquet": (lambda: parquet(["a"], [[1], [2]]), "'a' holds a ndarray in a cell; a cell is one value. Flatten"),
    "struct.parquet": (lambda: parquet(["a"], [{"b": 1}]), "'a' holds a dict in a cell"),
    "bytes.parquet": (lambda: parquet(["a"], [b"x"]), "'a' holds a bytes .b'x'.. Convert it to numbers, text"),
    "infinite.csv": (lambda: b"a,b\n1.5,1\ninf,1\n", r"'a' holds an infinite value \(row 1\). Replace it"),
    "huge.csv": (lambda: b"a,b\n1.5,1\n1.7976931348623157e308,1\n", r"1.79769e\+308, which is too large, \(row 1\)"),
}


@pytest.mark.parametrize("name", BAD)
def test_fit_refuses_it_and_leaves_the_model_that_is_there(
    name: str, tmp_path: Path, model: Path, refused: Command
) -> None:
    make, message = BAD[name]
    if make is not None:
        (tmp_path / name).write_bytes(make())
    before = content(model)
    assert re.search(message, refused("fit", tmp_path / name, "--kind", "independent", "-o", model))
    assert content(model) == before


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    path = tmp_path / "damaged.parquet"
    path.write_bytes(whole()[:5000])
    return path


@pytest.mark.parametrize("side", ["train", "test", "synthetic"])
def test_evaluate_refuses_a_damaged_side_and_leaves_the_report_that_is_there(
    side: str, damaged: Path, tmp_path: Path, refused: Command
) -> None:
    mixed().write(tmp_path / "whole.parquet")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "metrics.json").write_text("{}")
    sides = dict.fromkeys(("train", "test", "synthetic"), tmp_path / "whole.parquet") | {side: damaged}
    words = [word for name, path in sides.items() for word in (f"--{name}", path)]
    assert "damaged.parquet cannot be read" in refused("evaluate", *words, "-o", tmp_path / "report")
    assert content(tmp_path / "report") == {"metrics.json": b"{}"}


def test_contracts_are_neither_drafted_from_nor_held_against_a_damaged_table(
    damaged: Path, tmp_path: Path, refused: Command
) -> None:
    suite = tmp_path / "contract.json"
    suite.write_text('{"name": "old", "expectations": []}')
    assert "damaged.parquet cannot be read" in refused("contract", "draft", damaged, "-o", suite)
    assert "damaged.parquet cannot be read" in refused("validate", damaged, "--contract", suite)
    assert "old" in suite.read_text()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder, its data prepared."""
    settings = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    settings["data"]["target"] = "sold"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "contract.json").write_text('{"name": "any", "expectations": []}')
    (tmp_path / "validation.json").write_text("{}")
    (tmp_path / "prepared").mkdir()
    table = mixed()
    table.schema.write(tmp_path / "prepared" / "schema.json")
    for name, part in split(table, SplitConfig()).items():
        part.write(tmp_path / "prepared" / f"{name}.parquet")
    Rules().write(tmp_path / "prepared" / "rules.json")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stage_refuses(module: ModuleType, arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        entry.run(module.main, module.Params, module.READS, arguments.split())
    assert ended.value.code == 1
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        (validate, "--data damaged.parquet --contract contract.json --out out"),
        (prepare, "--data damaged.parquet --contract contract.json --validated validation.json --out out"),
    ],
    ids=["validate", "prepare"],
)
def test_a_stage_refuses_damaged_data_and_leaves_no_output(
    module: ModuleType, arguments: str, damaged: Path, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = stage_refuses(module, arguments, capsys)
    assert said.startswith("DataError: damaged.parquet cannot be read")
    assert not (project / "out").exists()


@pytest.mark.parametrize("part", ["schema.json", "train.parquet"])
@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        (train, "--model independent --prepared prepared --out model --out_history history.csv"),
        (landmarks, "--prepared prepared --contract contract.json --out landmarks.json"),
    ],
    ids=["train", "landmarks"],
)
def test_a_stage_refuses_damaged_parts(
    part: str, module: ModuleType, arguments: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project / "prepared" / part
    path.write_bytes(path.read_bytes()[:100])
    said = stage_refuses(module, arguments, capsys)
    assert said.startswith(f"DataError: prepared/{part} ")


@pytest.mark.parametrize("content", ["", "[{", '[{"type": "expect_the_unexpected", "kwargs": {}}]', '["x"]'])
def test_train_refuses_damaged_rules(content: str, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "prepared" / "rules.json").write_text(content)
    words = "--model independent --prepared prepared --out model --out_history history.csv"
    assert stage_refuses(train, words, capsys).startswith("DataError: prepared/rules.json holds no rules")


def test_a_generator_is_not_saved_over_a_file(tmp_path: Path, refused: Command) -> None:
    mixed().write(tmp_path / "rows.parquet")
    said = refused("fit", tmp_path / "rows.parquet", "--kind", "independent", "-o", tmp_path / "rows.parquet")
    assert "is a file; a generator is saved into a folder. Use another path" in said
    assert len(read_frame(tmp_path / "rows.parquet")) == 600


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "excel.csv").write_text("a,b\n\xe9,1\n", encoding="utf-8-sig")
    frame = read_frame(tmp_path / "excel.csv")
    assert list(frame) == ["a", "b"]
    assert frame["a"].tolist() == ["\xe9"]


def test_a_long_csv_of_numbers_and_a_word_is_one_column_of_words(tmp_path: Path) -> None:
    lines = [str(i % 10) for i in range(300_000)]
    (tmp_path / "long.csv").write_text("\n".join(["x", *lines, "none"]))
    frame = read_frame(tmp_path / "long.csv")
    assert frame["x"].nunique() == 11
    assert set(map(type, frame["x"])) == {str}


def test_whatever_text_and_numbers_a_csv_holds_is_read_as_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(
        "offset,never,account,quoted\n"
        f'2024-01-01T12:00:00+00:00,0000-00-00,{10**29},"a, b"\n'
        f'2024-07-01T12:00:00+01:00,2024-01-01,7,"c\n""d"""\n'
    )
    frame = read_frame(tmp_path / "rows.csv")
    assert frame["offset"].tolist() == [pd.Timestamp("2024-01-01 12:00Z"), pd.Timestamp("2024-07-01 11:00Z")]
    assert frame["never"].tolist() == ["0000-00-00", "2024-01-01"]
    assert frame["account"].tolist() == [str(10**29), "7"]
    assert frame["quoted"].tolist() == ["a, b", 'c\n"d"']


def test_dates_decimals_and_a_named_index_of_parquet_are_columns_that_can_be_learnt(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "day": [date(2024, 1, 31), None],
            "far": date(9999, 12, 31),
            "price": [Decimal("1.10"), None],
        },
        index=pd.Index(["x", "y"], name="key"),
    )
    frame.to_parquet(tmp_path / "rows.parquet")
    read = Table.read(tmp_path / "rows.parquet")
    assert [(column.name, column.kind) for column in read.schema.columns] == [
        ("key", "category"),
        ("day", "datetime"),
        ("far", "datetime"),
        ("price", "float"),
    ]
    pd.testing.assert_frame_equal(Table.from_frame(frame.reset_index()).frame, read.frame)
