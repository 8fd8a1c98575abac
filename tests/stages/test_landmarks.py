"""The stage that measures the landmarks."""

import json
from pathlib import Path

import pytest

from geratriz.scoring.landmarks import Landmarks
from geratriz.stages.landmarks import READS, Params, main
from geratriz.table.draft import suite_of
from geratriz.table.evaluate.suite import METRICS
from tests.tables import mixed, told

PARAMS = Params(evaluate={"bootstrap": 20})


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    train = mixed(200, 1)
    for name, table in (("train", train), ("fresh", mixed(100, 2)), ("test", mixed(110, 3))):
        table.write(folder / f"{name}.parquet")
    train.schema.write(folder / "schema.json")
    (folder / "contract.json").write_text(json.dumps(suite_of(told(train), "mixed")))
    return folder


def test_it_writes_floor_and_ceiling_of_every_metric_and_the_same_bytes_again(
    brief_metrics: None, prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # seconds: every metric, on four pairs of tables
    files = [tmp_path / "one.json", tmp_path / "two.json"]
    for out in files:
        main(PARAMS, prepared=prepared, contract=prepared / "contract.json", out=out)
    assert files[0].read_bytes() == files[1].read_bytes()
    marks = Landmarks.read(files[0])
    assert marks.rows == 100
    few = {"mia_tpr_at_1pct", "mia_tpr_at_1pct_outliers", "mia_auc_outliers"}  # hundreds of strangers tell them
    few |= {"personal_overlap"}  # no column is personal
    assert set(METRICS) - few <= set(marks.floor)
    assert set(METRICS) - few <= set(marks.ceiling)
    assert "fresh real data" in capsys.readouterr().out


def test_its_settings_are_the_section_evaluate() -> None:
    assert READS == {"kind": "data.kind", "evaluate": "evaluate"}
