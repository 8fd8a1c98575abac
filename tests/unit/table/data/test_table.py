"""Tables in and out of files."""

from pathlib import Path

import pandas as pd
import pytest

from geratriz.errors import DataError
from geratriz.table.data.table import Table, read_frame
from tests.tables import mixed


def test_parquet_brings_a_table_back(tmp_path: Path) -> None:
    table = mixed()
    table.write(tmp_path / "new" / "table.parquet")
    again = Table.read(tmp_path / "new" / "table.parquet", target="sold")
    pd.testing.assert_frame_equal(again.frame, table.frame)
    assert again.schema == table.schema


def test_csv_keeps_dates_and_words_that_other_readers_take_for_missing(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("day,word,n\n2024-01-31,None,1\n2024-02-29,?,\n2024-03-01,NA,3\n")
    frame = read_frame(path)
    assert pd.api.types.is_datetime64_any_dtype(frame["day"])
    assert frame["word"].tolist()[:2] == ["None", "?"]
    assert frame["word"].isna().tolist() == [False, False, True]
    assert frame["n"].isna().tolist() == [False, True, False]


def test_a_versioned_file_that_is_not_here_says_how_to_bring_it(tmp_path: Path) -> None:
    (tmp_path / "raw.parquet.dvc").touch()
    with pytest.raises(DataError, match=r"dvc pull .*raw\.parquet\.dvc"):
        Table.read(tmp_path / "raw.parquet")


def test_a_frame_that_is_not_the_schemas_is_refused() -> None:
    table = mixed()
    with pytest.raises(DataError, match=r"missing \['note'\], not expected \['remark'\]"):
        Table.from_frame(table.frame.rename(columns={"note": "remark"}), schema=table.schema)
