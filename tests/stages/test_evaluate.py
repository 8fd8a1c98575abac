"""Stage evaluate: files in, metrics.json and a page out."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from geratriz import bundle
from geratriz.report.page import Page, write
from geratriz.report.terminal import table as table_of
from geratriz.scoring.verdict import Gate
from geratriz.stages import evaluate as stage
from geratriz.table.data.table import Table
from geratriz.table.draft import suite_of
from geratriz.table.evaluate import suite
from geratriz.table.evaluate.trio import EvaluateConfig, Trio
from geratriz.table.generators.catalog import GENERATORS
from geratriz.table.judge import assess
from geratriz.table.report.page import render
from tests.page_reader import Reader
from tests.tables import mixed, told

CONFIG = EvaluateConfig(bootstrap=20)
# A hundred strangers cannot tell one false alarm in a hundred, and no description fits one row of so small a table.
MEASURED = set(suite.METRICS) - {"mia_tpr_at_1pct", "mia_tpr_at_1pct_outliers", "personal_overlap"}
GATES = {"shape_error": Gate(max=60), "detection": Gate(min=0.99)}


@pytest.fixture(scope="module")
def inputs(brief_metrics: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What the stages before leave: a split table, landmarks, a bundle with its history, and its synthetic rows.

    Takes seconds: every metric, on three pairs of tables of as many rows as the attacks need.
    """
    folder = tmp_path_factory.mktemp("graph")
    train, fresh, test = mixed(300, 1), mixed(150, 2), mixed(150, 3)
    for name, table in (("train", train), ("fresh", fresh), ("test", test)):
        table.write(folder / "prepared" / f"{name}.parquet")
    train.schema.write(folder / "prepared" / "schema.json")
    contract = suite_of(told(train), "mixed")
    (folder / "contract.json").write_text(json.dumps(contract), encoding="utf-8")
    marks = suite.landmarks(train, fresh, test, CONFIG, contract)
    (folder / "landmarks.json").write_text(json.dumps(marks.to_json()), encoding="utf-8")
    generator = GENERATORS.find("independent").fit(train, seed=0)
    generator.save(folder / "models" / "floor")
    lines = "".join(json.dumps({"step": step, "loss": 1 / step}) + "\n" for step in (1, 2, 3))
    (folder / "models" / "floor" / bundle.HISTORY).write_text(lines, encoding="utf-8")
    generator.sample(300, seed=1).write(folder / "floor.parquet")
    return {
        "prepared": folder / "prepared",
        "synthetic": folder / "floor.parquet",
        "landmarks": folder / "landmarks.json",
        "contract": folder / "contract.json",
        "bundle": folder / "models" / "floor",
    }


@pytest.fixture(scope="module")
def done(inputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    out = tmp_path_factory.mktemp("report") / "floor"
    stage.main(stage.Params(evaluate={"bootstrap": 20}, gates=GATES, privacy={}), **inputs, out=out)
    report: dict[str, Any] = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    return SimpleNamespace(out=out, report=report, page=(out / "index.html").read_text(encoding="utf-8"))


def test_the_report_has_metrics_between_landmarks_details_rows_and_a_verdict(done: SimpleNamespace) -> None:
    assert set(done.report) == {"metrics", "inapplicable", "privacy", "verdict", "rows", "details"}
    assert set(done.report["metrics"]) == MEASURED
    for name, entry in done.report["metrics"].items():
        of_privacy = {"chance"} if suite.METRICS[name].chance is not None else set()
        assert set(entry) == {"value", "low", "high", "floor", "ceiling", "better"} | of_privacy
        assert entry["low"] <= entry["value"] <= entry["high"]
    assert done.report["rows"] == {"train": 300, "test": 150, "synthetic": 300, "compared": 150}


def test_the_verdict_is_that_of_the_gates(done: SimpleNamespace) -> None:
    assert done.report["verdict"]["release"] is False
    shape, detection, attacks, *objections = done.report["verdict"]["reasons"]
    assert attacks.startswith("Privacy: not proved.")
    assert "mia_tpr_at_1pct was not measured: the held-out part is too small." in objections
    assert done.report["privacy"]["outcome"] == "unproven"
    assert shape.startswith("shape_error") and shape.endswith("passed.")
    assert detection.startswith("detection") and detection.endswith("refused.")


def test_the_page_shows_what_the_generator_is_and_every_part(done: SimpleNamespace, inputs: dict[str, Path]) -> None:
    page = Reader(done.page)
    parts = ["privacy", "metrics", "columns", "pairs", "detector", "training", "neighbours", "contract", "settings"]
    assert page.ids == parts
    for words in ("Must not be released", "independent", "300 rows", bundle.digest(inputs["bundle"])[:12]):
        assert words in page.words
    for column in ("price", "rating", "day"):
        assert column in page.words


def test_equal_inputs_give_equal_bytes(done: SimpleNamespace, inputs: dict[str, Path], tmp_path: Path) -> None:
    stage.main(stage.Params(evaluate={"bootstrap": 20}, gates=GATES, privacy={}), **inputs, out=tmp_path / "floor")
    for name in ("metrics.json", "index.html"):
        assert (tmp_path / "floor" / name).read_bytes() == (done.out / name).read_bytes()


def test_rows_without_a_bundle_a_target_a_contract_or_gates_are_judged_too(tmp_path: Path) -> None:
    train, test, synthetic = (mixed(200, seed).frame[["number", "price", "note"]] for seed in (1, 2, 3))
    real = Table.from_frame(train)
    held, rows = (Table.from_frame(each, schema=real.schema) for each in (test, synthetic))
    fresh, held = suite.halve(held)
    marks = suite.landmarks(real, fresh, held, CONFIG, None)
    trio = Trio(train=real, test=held, fresh=fresh, synthetic=rows, config=CONFIG, rows=marks.rows)
    report = assess(trio, marks, gates=None, limits=None)
    write(report, html=render(Page(title="theirs.csv", report=report)), out=tmp_path / "out")
    page = Reader((tmp_path / "out" / "index.html").read_text(encoding="utf-8"))
    assert "No verdict" in page.words
    assert "Not measured: Utility, Contract violations." in page.words
    assert (report["verdict"]["release"], report["verdict"]["reasons"]) == (None, [])
    assert {finding["rule"] for finding in report["verdict"]["findings"]} == {"attack"}
    assert "released" not in table_of(report)
    assert "Privacy: not proved." in table_of(report)
    assert "Privacy: not proved." in page.words


def test_the_terminal_shows_metrics_landmarks_and_verdict(done: SimpleNamespace) -> None:
    text = table_of(done.report)
    assert "fresh real" in text.splitlines()[0]
    assert "must not be released:" in text
    assert all(name in text for name in MEASURED)
    assert len({len(line) for line in text.splitlines()[: len(MEASURED) + 1]}) == 1
