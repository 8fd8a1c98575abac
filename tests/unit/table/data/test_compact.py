"""A file read to be fitted on: the table that Table.read gives, in less memory."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from geratriz.errors import DataError
from geratriz.table.data import compact
from geratriz.table.data.codec import Codec
from geratriz.table.data.levels import CodecConfig
from geratriz.table.data.protect import pooled, protect
from geratriz.table.data.split import row_hashes
from geratriz.table.data.table import Table
from tests.tables import mixed


def learnt(table: Table) -> list[object]:
    """All that a fit takes from a table."""
    kept = protect(table, 0, CodecConfig())
    codec = Codec.fit(kept, CodecConfig(), np.random.default_rng(1))
    codes = codec.codes(kept, np.random.default_rng(2))
    head, arrays = codec.to_state()
    hashed = hashlib.sha256(row_hashes(table.frame).tobytes()).hexdigest()
    return [table.schema, pooled(table, kept), head, codes.tolist(), {k: a.tolist() for k, a in arrays.items()}, hashed]


def words_in_every_form(path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """A frame in several row groups and batches: rare words, words that come late, gaps, keys, dates and numbers."""
    monkeypatch.setattr(compact, "BATCH_ROWS", 100)
    frame = mixed(1000).frame
    late = pd.Series(np.where(np.arange(1000) < 700, "early", "late"))
    late[999] = "once"
    frame = frame.assign(
        late=late, key=[f"k{i:04d}" for i in range(1000)], day_text=frame["day"].dt.strftime("%Y-%m-%d")
    )
    frame.to_parquet(path, row_group_size=300)
    return frame


def test_it_is_the_table_that_is_read_otherwise_to_all_that_a_fit_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.parquet"
    words_in_every_form(path, monkeypatch)
    said = {"day_text": "datetime", "late": {"rare": 2}, "size": "category"}
    whole, small = (read(path, target="sold", overrides=said) for read in (Table.read, compact.read))
    assert learnt(small) == learnt(whole)
    assert small.schema["key"].kind == "id"
    assert isinstance(small.frame["late"].dtype, pd.CategoricalDtype)
    assert small.schema["late"].dtype == str(whole.frame["late"].dtype)
    as_prepared = compact.read(path, schema=whole.schema)
    assert learnt(as_prepared) == learnt(whole)


def test_what_has_an_index_or_is_csv_is_read_as_ever(tmp_path: Path) -> None:
    frame = mixed(100).frame.drop(columns="number")
    frame.set_index("day").to_parquet(tmp_path / "named.parquet")
    frame.to_csv(tmp_path / "rows.csv", index=False)
    for name in ("named.parquet", "rows.csv"):
        pd.testing.assert_frame_equal(compact.read(tmp_path / name).frame, Table.read(tmp_path / name).frame)


def test_a_file_that_is_none_is_refused_as_ever(tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="cannot be read as parquet"):
        compact.read(tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="does not exist"):
        compact.read(tmp_path / "none.parquet")
