"""Stage sample: a bundle in, a Parquet file with its provenance out."""

from pathlib import Path

import pandas as pd
import pytest

from geratriz import bundle
from geratriz.output import read_provenance
from geratriz.stages import sample
from geratriz.table.data.rules import Rules
from geratriz.table.data.table import Table
from geratriz.table.generators.base import BLOCK
from geratriz.table.generators.catalog import GENERATORS
from tests.tables import mixed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    GENERATORS.find("independent").fit(mixed(), seed=0).save(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize(("rows", "expected"), [(None, 600), (17, 17), (BLOCK + 5, BLOCK + 5)])
def test_it_draws_as_many_rows_as_were_trained_on_or_as_asked(folder: Path, rows: int | None, expected: int) -> None:
    out = folder.parent / "synthetic.parquet"
    sample.main(sample.Params(seed=1, rows=rows), bundle=folder, out=out)
    drawn = GENERATORS.load(folder).sample(expected, seed=1)
    pd.testing.assert_frame_equal(pd.read_parquet(out), drawn.frame)


def test_the_file_names_the_bundle_and_nothing_that_changes_from_run_to_run(folder: Path) -> None:
    files = [folder.parent / name for name in ("one.parquet", "two.parquet")]
    for out in files:
        sample.main(sample.Params(seed=1, rows=None), bundle=folder, out=out)
    assert files[0].read_bytes() == files[1].read_bytes()
    content = read_provenance(files[0])
    assert content["bundle"] == bundle.digest(folder)
    assert {name for name, value in content.items() if value is None} == {"model", "verdict", "geratriz"}


def test_it_says_how_many_rows_kept_the_rules(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = {"column_A": "price", "column_B": "size"}
    rule = {"type": "expect_column_pair_values_a_to_be_greater_than_b", "kwargs": columns}
    data = Table.from_frame(mixed().frame.query("price > size"))
    GENERATORS.find("independent").fit(data, seed=0, rules=Rules.of({"expectations": [rule]})).save(folder)
    out = folder.parent / "synthetic.parquet"
    sample.main(sample.Params(seed=1, rows=100), bundle=folder, out=out)
    share = read_provenance(out)["acceptance"]
    assert 0.1 < share < 1
    assert f"{share:.2%} of the rows drawn kept the contract's rules" in capsys.readouterr().out
    assert pd.read_parquet(out).eval("price > size").all()
