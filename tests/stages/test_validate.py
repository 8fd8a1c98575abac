"""Stage validate: a report in any case, and an end when something critical is broken."""

import json
from pathlib import Path

import pytest

from geratriz.errors import ContractError
from geratriz.stages import validate
from geratriz.table.draft import suite_of
from tests.tables import mixed, told


def run(folder: Path, *, broken: bool) -> Path:
    table = mixed()
    (folder / "contract.json").write_text(json.dumps(suite_of(told(table), "mixed")))
    frame = table.frame.copy()
    if broken:
        frame["group"] = frame["group"].astype("str")
        frame.loc[3, "group"] = "<b>"
    frame.to_parquet(folder / "data.parquet")
    out = folder / "validation"
    validate.main(validate.Params(), data=folder / "data.parquet", contract=folder / "contract.json", out=out)
    return out


def test_good_data_pass_and_leave_equal_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        out = run(tmp_path / name, broken=False)
        contents.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert contents[0] == contents[1]
    assert set(contents[0]) == {"validation.json", "index.html"}
    assert "600 rows keep the contract 'mixed'" in capsys.readouterr().out


def test_bad_data_end_the_stage_after_the_report_is_written(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="row 3: '<b>'"):
        run(tmp_path, broken=True)
    assert json.loads((tmp_path / "validation/validation.json").read_text())["violating_rows"] == 1
    page = (tmp_path / "validation/index.html").read_text()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
