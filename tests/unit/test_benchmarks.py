"""The benchmark without its peers: the page says what the cells say, and a peer that fails stops nothing."""

import ast
import importlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks import cells, fit, page, run, scale, tables
from tests.architecture.imports import ROOT

MACHINES = ("2 cores of A with AMX, no GPU", "8 cores of B with no bf16 instructions, no GPU")
FIGURES = {
    "shape_error": 1.0,
    "trend_error": 2.0,
    "detection_train": 0.6,
    "detection_test": 0.7,
    "utility": 0.9,
    "utility_real": 0.92,
    "fit_s": 50.0,
    "sample_s": 0.5,
    "rows_per_s": 60_000,
    "precision": "float32",
}


def cell(folder: Path, model: str, seed: int = 0, machine: str = MACHINES[0], **figures: Any) -> None:
    about = {"machine": machine, "table": "magic", "target": "class", "model": model, "seed": seed, "threads": 2}
    folder.mkdir(exist_ok=True)
    path = folder / f"magic-{model}-{seed}-{len(machine)}.json"
    path.write_text(json.dumps({**about, "rows": 17_118, "held_out": 1_902, **FIGURES, **figures}))


def own(detection: float, copies: tuple[float, float, float] = (0, 0, 0.005)) -> dict[str, Any]:
    same = dict.fromkeys(("detection", "shape_error", "trend_error", "utility"), (detection, 0, 1))
    return {**same, "copy_rate": copies, "mia_auc": (0.5, 0.48, 0.52)}


def written(folder: Path) -> str:
    return page.write(folder / "results", folder / "docs").read_text()


def test_the_committed_page_and_its_drawings_are_what_the_committed_cells_say(tmp_path: Path) -> None:
    page.write(cells.RESULTS, tmp_path)
    drawings = {path.name for path in (ROOT / "docs" / "benchmarks").iterdir()}
    assert drawings == {path.name for path in (tmp_path / "benchmarks").iterdir()}
    for name in ("benchmarks.md", *(f"benchmarks/{drawing}" for drawing in drawings)):
        assert (tmp_path / name).read_bytes() == (ROOT / "docs" / name).read_bytes(), f"{name}: make bench writes it"


def test_every_committed_cell_names_its_machine_and_holds_figures() -> None:
    for each in cells.read(cells.RESULTS.glob("*.json")):
        assert " cores of " in each["machine"], each["name"]
        assert "error" not in each, each["name"]


def test_cells_of_two_machines_make_two_tables(tmp_path: Path) -> None:
    for machine in MACHINES:
        cell(tmp_path / "results", "tvae", machine=machine)
    text = written(tmp_path)
    assert text.count("### magic") == 2
    for machine in MACHINES:
        assert f"Machine: {machine}." in text
    assert {path.name for path in (tmp_path / "docs" / "benchmarks").iterdir()} == {"magic.svg", "magic-2.svg"}


def test_where_one_table_has_several_machines_each_is_named_with_its_cells() -> None:
    found = [{"name": f"images-{i}", "machine": machine} for i, machine in enumerate((*MACHINES, MACHINES[0]))]
    assert cells.measured_on(found)[1:] == [
        f"Machine of images-0, images-2: {MACHINES[0]}.  ",
        f"Machine of images-1: {MACHINES[1]}.  ",
    ]


def test_times_are_multiples_of_the_peers_and_both_judges_are_compared(tmp_path: Path) -> None:
    results = tmp_path / "results"
    cell(results, "real", own=own(0.98, (0.01, 0, 0.02)))
    for seed in range(3):
        cell(results, "tvae", seed, detection_test=0.7 + seed / 100, own=own(0.7 + seed / 100))
    cell(results, "ctgan", detection_test=0.6, own=own(0.5, (0.02, 0.015, 0.03)))
    cell(results, "peer_tvae", fit_s=200.0, sample_s=0.25, detection_test=0.05, own=own(0.04, (0.03, 0.025, 0.04)))
    text = written(tmp_path)
    assert "| tvae | 0.25 / 2 |" in text
    assert "| tvae | 3 | 1 +- 0 |" in text
    assert "over 5 cells: detection 1.00" in text
    assert "| fresh real rows | 0.98 |" in text
    assert "0.02 (0.015 to 0.03) * |" in text  # ... begins above what they show
    assert "0.03 (0.025 to 0.04) *apart* |" in text  # the interval of copies lies above that of fresh real rows
    assert "0 (0 to 0.005) |" in text  # that fewer rows are copies is no reproach


def test_what_was_to_be_reached_stands_beside_what_was(tmp_path: Path) -> None:
    for seed, detection in enumerate((0.7, 0.9)):
        cell(tmp_path / "results", "autoregressive", seed, detection_train=detection, detection_test=0.89, utility=0.93)
    assert "| autoregressive | 0.8 / 0.75 | 0.89 / 0.9 **missed** | 0.93 / 0.93 |" in written(tmp_path)


def test_seconds_are_held_against_those_asked_with_all_cores(tmp_path: Path) -> None:
    results = tmp_path / "results"
    cell(results, "ctgan", table="adult", fit_s=300.0, sample_s=0.6)
    text = written(tmp_path)
    assert "/ 240" not in text and "Seconds of this table" not in text  # one core's are not what was asked
    figures = {"model": "ctgan", "threads": 2, "fit_s": 200.0, "sample_s": 0.4}
    for seed, machine in enumerate((*MACHINES, MACHINES[0])):
        path = results / f"cores-ctgan-{seed}.json"
        path.write_text(json.dumps({"machine": machine, "seed": seed, **figures, "fit_s": 200.0 + seed}))
    text = written(tmp_path)
    assert "201 / 240 | 0.4 / 0.5 |" in text and "fits: 2 of ctgan." in text
    assert "300 | 60,000 |" in text  # the table of all models keeps its own


def test_a_model_that_fails_is_a_cell_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: Any) -> dict[str, Any]:
        raise RuntimeError("ValueError: out of | memory")

    arguments = ["run", "--only", "tables", "--sets", "magic", "--models", "peer_tvae", "--quick", str(tmp_path)]
    monkeypatch.setattr("sys.argv", arguments)
    monkeypatch.setattr(tables, "measured", fail)
    run.main()
    kept = json.loads((tmp_path / "results" / "magic-peer_tvae-0.json").read_text())
    assert kept["error"] == "ValueError: out of | memory"
    assert "| peer_tvae | failed: ValueError: out of / memory |" in capsys.readouterr().out

    monkeypatch.setattr(
        tables, "measured", lambda quick, **about: {**about, "threads": 2, "rows": 9, "held_out": 1, **FIGURES}
    )
    run.main()
    assert "| peer_tvae | 1 | 1 | 2 |" in capsys.readouterr().out
    monkeypatch.setattr(tables, "measured", fail)
    run.main()  # what stands is not measured again
    assert "failed" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("again", "machine", "measured"),
    [(None, "another", 0), ("elsewhere", "another", 1), ("elsewhere", cells.machine(), 0), ("all", cells.machine(), 1)],
)
def test_what_stands_is_measured_anew_where_that_is_asked_for(
    tmp_path: Path, again: cells.Again | None, machine: str, measured: int
) -> None:
    path = tmp_path / "cell.json"
    path.write_text(json.dumps({"machine": machine, "times": 0}))
    cells.keep(path, lambda: {"times": 1}, again=again)
    assert json.loads(path.read_text())["times"] == measured


def test_a_peer_and_a_judge_without_an_environment_say_who_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "HERE", tmp_path)
    with pytest.raises(RuntimeError, match=r"peers/\.venv/ctgan is missing; `make bench` makes it"):
        tables.run(fit.Job("peer_ctgan", 0, 1, 5, "class", {}, True), tmp_path)
    with pytest.raises(RuntimeError, match=r"/\.venv is missing; `make bench` makes it"):
        tables.measured(table="magic", target="class", model="real", seed=0)


@pytest.mark.slow
def test_a_model_is_fitted_in_a_process_of_its_own(tmp_path: Path) -> None:
    pd.DataFrame({"a": range(40), "b": ["x", "y"] * 20}).to_parquet(tmp_path / "train.parquet")
    record = tables.run(fit.Job("independent", 0, 1, 25, "b", {"a": "integer", "b": "category"}, True), tmp_path)
    assert len(pd.read_parquet(tmp_path / "synthetic.parquet")) == 25
    assert record["fit_s"] >= 0
    assert record["versions"]["torch"]


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_every_name_of_ours_that_a_benchmark_imports_is_there(path: Path) -> None:
    """Most are imported when they are used, in runs that take hours."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in (
            "geratriz",
            "benchmarks",
            "tests",
        ):
            module = importlib.import_module(node.module or "")
            for name in (alias.name for alias in node.names):
                if not hasattr(module, name):
                    importlib.import_module(f"{node.module}.{name}")


def test_every_peer_has_a_script_and_complete_requirements() -> None:
    folder = ROOT / "benchmarks" / "peers"
    for peer in tables.PEERS.values():
        assert (folder / f"{peer}.py").exists()
        lines = [line for line in (folder / f"{peer}.txt").read_text().splitlines() if not line.startswith("#")]
        assert "torch==2.13.0" in lines
        assert all("==" in line for line in lines)


def test_adult_is_divided_as_it_officially_is() -> None:
    train, test = tables.parts("adult")
    assert (len(train), len(test)) == (32_561, 16_281)
    assert [int((part["income"] == ">50K").sum()) for part in (train, test)] == [7_841, 3_846]


def test_other_tables_are_divided_ninety_to_ten_and_alike_each_time() -> None:
    train, held = tables.parts("beijing_pm25")
    assert (len(train), len(held)) == (39_442, 4_382)
    assert not set(train["No"]) & set(held["No"])
    assert held.equals(tables.parts("beijing_pm25")[1])


def test_peers_have_one_seed_and_ours_three() -> None:
    planned = list(tables.plan({"magic": "class"}, tables.MODELS, run.SEEDS))
    assert planned.count(("magic", "tvae", 2)) == 1
    assert ("magic", "peer_tvae", 1) not in planned


def test_the_tables_of_the_scale_are_what_they_are_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "PART", 700)
    assert scale.adult(1_500, tmp_path / "adult.parquet") == "income"
    rows = pd.read_parquet(tmp_path / "adult.parquet")
    assert len(rows) == 1_500
    assert isinstance(rows["race"].dtype, pd.StringDtype)
    assert set(rows["race"]) <= set(tables.parts("adult")[0]["race"])
    scale.many_columns(tmp_path / "columns.parquet", rows=500)
    columns = pd.read_parquet(tmp_path / "columns.parquet")
    assert columns.shape == (500, scale.COLUMNS)
    assert abs(columns["size_8"].corr(columns["size_7"], method="spearman")) > 0.4
    scale.many_words(tmp_path / "words.parquet", rows=60_000)
    assert pd.read_parquet(tmp_path / "words.parquet")["place"].nunique() > 0.99 * scale.WORDS


def test_the_page_has_fits_of_many_rows_and_a_drawing_of_them(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    figures = {"columns": 15, "read_s": 1, "before_s": 2.5, "round_s": 1, "rounds_measured": 3, "rounds": 10}
    for kind in ("tvae", "ctgan"):
        for shape, rows in (("32000", 32_000), ("3200000", 3_200_000), ("words", 100_000)):
            about = {"machine": MACHINES[0], "kind": kind, "shape": shape, "rows": rows, "seconds": rows / 100}
            more = {"memory_gb": 0.5, "block_s": 2.0, "memory_sampling_gb": 0.7}
            path = tmp_path / "results" / f"scale-{kind}-{shape}.json"
            path.write_text(json.dumps({**about, **figures, **more}))
    text = written(tmp_path)
    assert "| tvae | 3,200,000 | 2.5 | 0.8 | 32,000 | 10,000 | 3 of 10 | 0.5 |" in text
    assert "| ctgan | a column of 10,000 words | 100,000 | 1,000 | 3 of 10 | 0.5 | 2.0 | 0.7 |" in text
    assert "resampled with noise" in text
    assert (tmp_path / "docs" / "benchmarks" / "scale.svg").read_text().count("<polyline") == 6
