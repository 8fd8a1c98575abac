"""Rows into files block by block: formats, provenance, and what is left when something goes wrong."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from geratriz import output
from geratriz.errors import DataError, RequestError
from geratriz.output import Provenance
from geratriz.table import output as tables
from geratriz.table.data.table import Table, read_frame
from tests.tables import mixed

PROVENANCE = Provenance(
    bundle="0" * 64,
    model="models:/toy/3",
    verdict="release",
    geratriz="0.1.0",
    kind="tvae",
    record={"seed": 1},
    seed=7,
    where={"group": "b", "day": pd.Timestamp("2024-01-31"), "size": np.int64(3)},
    start=0,
    rows=600,
    block=100,
    acceptance=0.93,
)


def write(path: Path, *blocks: Table) -> Path:
    form = tables.format_of(path, blocks[0])
    with output.writing(path, form, PROVENANCE) as append:
        for block in blocks:
            append(form.encode(block))
    return path


def pieces(table: Table, size: int = 100) -> list[Table]:
    return [table.take(slice(first, first + size)) for first in range(0, len(table), size)]


def json_rows(path: Path) -> list[dict[str, object]]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in content.splitlines()]


def test_parquet_brings_the_rows_back_with_their_types(tmp_path: Path) -> None:
    table = mixed()
    again = Table.read(write(tmp_path / "new" / "rows.parquet", *pieces(table)), target="sold")
    pd.testing.assert_frame_equal(again.frame, table.frame)
    assert again.schema == table.schema


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_csv_brings_the_rows_back(tmp_path: Path, ending: str) -> None:
    table = mixed()
    path = write(tmp_path / f"rows{ending}", *pieces(table))
    again = read_frame(path)
    expected = table.frame.assign(group=table.frame["group"].astype("str"), rating=table.frame["rating"].astype(float))
    pd.testing.assert_frame_equal(again, expected, check_dtype=False)


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz"])
def test_json_lines_hold_numbers_words_and_nulls(tmp_path: Path, ending: str) -> None:
    table = mixed()
    rows = json_rows(write(tmp_path / f"rows{ending}", *pieces(table)))
    assert len(rows) == 600
    for row, expected in zip(rows, table.frame.to_dict("records"), strict=True):
        assert list(row) == list(expected)
        assert row["number"] == expected["number"] and row["price"] == expected["price"]
        assert row["sold"] is bool(expected["sold"]) and row["group"] == expected["group"]
        assert np.float32(row["weight"]) == expected["weight"]
        assert row["day"] == f"{expected['day']:%Y-%m-%d}"
        for name in ("rating", "note"):
            assert row[name] is None if pd.isna(expected[name]) else row[name] == expected[name]


@pytest.mark.parametrize("ending", tables.ENDINGS)
def test_equal_rows_give_equal_bytes(tmp_path: Path, ending: str) -> None:
    first, second = (write(tmp_path / name / f"rows{ending}", *pieces(mixed())) for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()


def test_names_that_mean_something_to_json_csv_or_a_template_survive(tmp_path: Path) -> None:
    sure, ready = '100 % "sure"', "pr\u00eat"
    frame = pd.DataFrame({sure: ["a\nb", None], "a,b": [1.5, 2.0], ready: ["\u00fc", "%s"]})
    table = Table.from_frame(frame)
    expected = [
        {'100 % "sure"': "a\nb", "a,b": 1.5, "pr\u00eat": "\u00fc"},
        {'100 % "sure"': None, "a,b": 2.0, "pr\u00eat": "%s"},
    ]
    assert json_rows(write(tmp_path / "rows.jsonl", table)) == expected
    pd.testing.assert_frame_equal(read_frame(write(tmp_path / "rows.csv", table)), frame)


def test_moments_are_written_alike_whatever_else_is_in_their_block(tmp_path: Path) -> None:
    moments = pd.to_datetime(["2024-01-01 00:00:00", "2024-01-02 10:30:00", None])
    table = Table.from_frame(pd.DataFrame({"t": moments, "z": moments.tz_localize("Europe/Lisbon"), "n": [1, 2, 3]}))
    path = write(tmp_path / "rows.csv", *pieces(table, 1))
    assert path.read_text() == (
        "t,z,n\n2024-01-01T00:00:00,2024-01-01T00:00:00Z,1\n2024-01-02T10:30:00,2024-01-02T10:30:00Z,2\n,,3\n"
    )
    assert read_frame(path)["t"].tolist()[:2] == moments.tolist()[:2]
    assert [row["t"] for row in json_rows(write(tmp_path / "rows.jsonl", *pieces(table, 1)))][1:] == [
        "2024-01-02T10:30:00",
        None,
    ]


def test_a_column_without_a_value_in_the_first_block_keeps_its_type(tmp_path: Path) -> None:
    words, truths = np.array([None] * 100 + ["late"] * 100, object), np.array([None] * 100 + [True] * 100, object)
    table = Table.from_frame(pd.DataFrame({"word": words, "truth": truths}, dtype=object))
    table = Table(table.frame.astype(object), table.schema)
    again = pd.read_parquet(write(tmp_path / "rows.parquet", *pieces(table)))
    assert again["word"].dropna().tolist() == ["late"] * 100
    assert again["truth"].dropna().tolist() == [True] * 100


def test_values_of_several_types_in_a_column_are_refused_by_parquet_alone(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": pd.Series([1, "a", 1, "a"], dtype=object), "y": 1.5})
    table = Table(frame, Table.from_frame(frame.assign(x=["1", "a"] * 2)).schema)  # from_frame() refuses such a frame
    with pytest.raises(DataError, match=r"one type.*CSV or JSON lines"):
        write(tmp_path / "rows.parquet", table)
    assert [row["x"] for row in json_rows(write(tmp_path / "rows.jsonl", table))] == [1, "a", 1, "a"]


def test_blocks_are_gathered_into_row_groups_of_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "CELLS_PER_ROW_GROUP", 2000)
    file = pq.ParquetFile(write(tmp_path / "rows.parquet", *pieces(mixed(), 90)))
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [270, 270, 60]


def test_parquet_carries_its_provenance_for_anyone_to_read(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet", mixed())
    content = json.loads(pq.read_schema(path).metadata[b"geratriz"])
    assert content == output.read_provenance(path)
    assert content["where"] == {"group": "b", "day": "2024-01-31 00:00:00", "size": 3}
    assert content["model"] == "models:/toy/3" and content["rows"] == 600
    assert not list(tmp_path.glob("*.json"))


def test_the_provenance_of_a_text_file_stands_beside_it(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv.gz", mixed())
    assert sorted(each.name for each in tmp_path.iterdir()) == ["rows.csv.gz", "rows.csv.gz.provenance.json"]
    assert output.read_provenance(path)["seed"] == 7


def test_files_without_provenance_say_so(tmp_path: Path) -> None:
    mixed().write(tmp_path / "theirs.parquet")
    mixed().write(tmp_path / "theirs.csv")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    for name, message in (
        ("theirs.parquet", "holds no provenance record"),
        ("theirs.csv", r"theirs\.csv\.provenance\.json does not exist"),
        ("absent.parquet", r"absent\.parquet does not exist"),
        ("absent.csv", r"absent\.csv does not exist"),
        ("broken.parquet", "cannot be read"),
    ):
        with pytest.raises(DataError, match=message):
            output.read_provenance(tmp_path / name)


@pytest.mark.parametrize("ending", tables.ENDINGS)
def test_an_error_half_way_leaves_the_earlier_file_and_nothing_else(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"rows{ending}", mixed())
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    form = tables.format_of(path, mixed())
    with pytest.raises(KeyboardInterrupt), output.writing(path, form, PROVENANCE) as append:
        append(form.encode(mixed()))
        raise KeyboardInterrupt
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "big_disk").mkdir()
    link = tmp_path / "rows.parquet"
    link.symlink_to(tmp_path / "big_disk" / "rows.parquet")
    write(link, mixed())
    assert link.is_symlink() and len(pd.read_parquet(tmp_path / "big_disk" / "rows.parquet")) == 600


def test_a_file_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "rows.parquet", Path("/proc/rows.parquet")):
        with pytest.raises(RequestError, match="cannot be written"):
            write(path, mixed())
    with pytest.raises(RequestError, match=r"must end in \.parquet, \.csv"):
        write(tmp_path / "rows.xlsx", mixed())


def test_a_disk_without_room_is_known_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rows.parquet"
    output.check_room(path, 1000)
    with pytest.raises(RequestError, match=r"about 1\.5 EB, and its disk has .* free.*nothing was written"):
        output.check_room(path, 1.5e18)
    assert not path.parent.exists()


def test_the_bytes_of_a_row_are_those_of_the_file(tmp_path: Path) -> None:
    table = mixed()
    for ending in tables.ENDINGS:
        path = write(tmp_path / f"rows{ending}", table)
        form = tables.format_of(path, table)
        assert tables.bytes_per_row(form, table, PROVENANCE) * 600 == pytest.approx(path.stat().st_size)
