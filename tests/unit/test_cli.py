"""The command line as a person types it: what it prints, writes and refuses, and its exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import geratriz
from geratriz import __version__
from geratriz.cli import app as cli
from geratriz.errors import ConfigError, GeratrizError
from geratriz.parts import SplitConfig
from geratriz.table.data.split import split
from tests.domain_examples import QUICK
from tests.personal_table import people
from tests.tables import mixed

COMMANDS = (
    "validate",
    "contract draft",
    "fit",
    "sample",
    "impute",
    "score",
    "provenance",
    "evaluate",
    "register",
    "models",
    "promote",
    "rollback",
    "history",
    "audit",
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    mixed().write(tmp_path / "rows.parquet")
    return tmp_path / "rows.parquet"


def run(*words: object) -> str:
    """What a command printed; a refusal is raised as the error it is."""
    result = CliRunner().invoke(cli.app, [str(word) for word in words])
    if isinstance(result.exception, GeratrizError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def shell(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "geratriz", *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    text = run(*command.split(), "--help")
    assert "Usage" in text


def test_the_version_is_printed() -> None:
    assert run("--version").strip() == __version__


def test_a_drafted_contract_validates_the_data_it_was_drafted_from(data: Path) -> None:
    suite = data.parent / "contract.json"
    said = run("contract", "draft", data, "-o", suite)
    assert "drafted" in said
    assert "number: looks like id; no two rows have the same value" in said
    with pytest.raises(ConfigError, match=r"number: looks like id.* Is it personal or id or \w+\?[\s\S]*data\.schema"):
        run("validate", data, "--contract", suite)
    assert "looks like" not in run("contract", "draft", data, "-o", suite, "--schema", "number=id")
    assert "600 rows keep the contract 'rows'" in run("validate", data, "--contract", suite)
    assert json.loads(run("validate", data, "--contract", suite, "--json"))["violating_rows"] == 0
    printed = CliRunner().invoke(cli.app, ["contract", "draft", str(data)]).stdout
    assert json.loads(printed)["meta"]["decide"].keys() == {"number"}


def test_a_warning_names_its_column_and_stops_nothing(data: Path) -> None:
    suite = data.parent / "contract.json"
    rule = {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": "size", "max_value": 2},
        "severity": "warning",
    }
    suite.write_text(json.dumps({"name": "strict", "expectations": [rule]}))
    assert "warning: size: values are at most 2" in run("validate", data, "--contract", suite)


@pytest.mark.slow
def test_fit_and_sample_with_settings_and_conditions(data: Path) -> None:
    model, out = data.parent / "model", data.parent / "out.csv"
    settings = [word for key, value in QUICK["tvae"].items() for word in ("--set", f"{key}={value}")]
    assert "600 rows" in run("fit", data, "--kind", "tvae", "-o", model, "--target", "sold", *settings)
    run("sample", model, "-n", 25, "-o", out, "--where", "group='b'", "--where", "rating=null", "--seed", 7)
    rows = pd.read_csv(out)
    assert len(rows) == 25
    assert set(rows["group"]) == {"b"}
    assert rows["rating"].isna().all()


def test_rows_of_a_generator_fitted_under_a_contract_keep_it(data: Path) -> None:
    pd.read_parquet(data).query("price > size").to_parquet(data, index=False)
    suite, out = data.parent / "contract.json", data.parent / "out.csv"
    columns = {"column_A": "price", "column_B": "size"}
    rule = {"type": "expect_column_pair_values_a_to_be_greater_than_b", "kwargs": columns}
    suite.write_text(json.dumps({"name": "dear", "expectations": [rule]}))
    run("fit", data, "--kind", "independent", "-o", data.parent / "model", "--contract", suite)
    said = run("sample", data.parent / "model", "-n", 300, "-o", out)
    assert "% of the rows drawn kept the contract's rules; the others were drawn again." in said
    assert "acceptance 0." in run("provenance", out)
    assert "300 rows keep the contract 'dear'" in run("validate", out, "--contract", suite)


@pytest.fixture
def model(data: Path) -> Path:
    geratriz.fit(geratriz.Table.read(data), "independent").save(data.parent / "model")
    return data.parent / "model"


@pytest.mark.parametrize("count", ["1000", "1_000", "1e3", "1.0E3"])
def test_numbers_of_rows_are_read_as_people_write_them(model: Path, tmp_path: Path, count: str) -> None:
    assert "1,000 rows" in run("sample", model, "-n", count, "-o", tmp_path / "rows.csv")
    assert len(pd.read_csv(tmp_path / "rows.csv")) == 1000


@pytest.mark.parametrize("count", ["many", "1.5", "1e-3", "inf", "nan", "1e999999999", ""])
def test_what_is_no_number_of_rows_is_wrong_usage(model: Path, tmp_path: Path, count: str) -> None:
    result = CliRunner().invoke(cli.app, ["sample", str(model), "-n", count, "-o", str(tmp_path / "rows.csv")])
    assert result.exit_code == 2
    assert "is not a whole number" in result.output


@pytest.mark.slow
def test_sample_goes_on_where_it_ended_with_any_number_of_processes(model: Path, tmp_path: Path) -> None:
    """Takes a second or two: the processes that draw are real."""

    def draw(name: str, *words: object) -> pd.DataFrame:
        run("sample", model, "-o", tmp_path / name, "--seed", 2, *words)
        return pd.read_parquet(tmp_path / name)

    whole, first = draw("whole.parquet", "-n", "2e4", "--jobs", 2), draw("first.parquet", "-n", 9_000)
    rest = draw("rest.parquet", "-n", 11_000, "--start", "9e3")
    pd.testing.assert_frame_equal(pd.concat([first, rest], ignore_index=True), whole)


def test_provenance_is_printed_for_people_and_machines(model: Path, tmp_path: Path) -> None:
    for name in ("rows.parquet", "rows.jsonl"):
        said = run("sample", model, "-n", 5, "-o", tmp_path / name, "--where", "group='b'", "--seed", 7)
        assert f"geratriz provenance {tmp_path / name}" in said
        text = run("provenance", tmp_path / name)
        assert "kind      independent" in text and 'where     {"group": "b"}' in text
        content = json.loads(run("provenance", tmp_path / name, "--json"))
        assert (content["seed"], content["rows"], content["geratriz"]) == (7, 5, __version__)


@pytest.mark.slow
def test_progress_goes_to_standard_error_and_results_to_standard_output(model: Path) -> None:
    """Takes a second or two: the streams are those of a process of its own."""
    done = shell("sample", model, "-n", 9000, "-o", "rows.csv", cwd=model.parent)
    assert done.stdout.startswith("rows.csv: 9,000 rows") and len(done.stdout.splitlines()) == 1
    assert "sampling rows.csv" in done.stderr and "9,000/9,000" in done.stderr


def test_evaluate_writes_metrics_and_page(brief_metrics: None, data: Path) -> None:
    """Takes a second or two: every metric, on three pairs of tables."""
    parts = split(mixed(300), SplitConfig(train=0.4, fresh=0.2, test=0.4))
    for name, part in parts.items():
        part.write(data.parent / f"{name}.parquet")
    where = [word for each in ("train", "test") for word in (f"--{each}", data.parent / f"{each}.parquet")]
    report = data.parent / "report"
    fresh = data.parent / "fresh.parquet"
    text = run("evaluate", *where, "--synthetic", fresh, "-o", report, "--target", "sold")
    assert "detection" in text
    metrics = json.loads((report / "metrics.json").read_text())["metrics"]
    assert metrics["detection"]["value"] > 0.8
    assert set(metrics["utility"]) == {"value", "low", "high", "floor", "ceiling", "better"}
    assert (report / "index.html").exists()


@pytest.mark.slow
def test_what_a_user_can_mend_is_one_message_and_exit_code_1(data: Path) -> None:
    done = shell("fit", data.parent / "absent.parquet", "-o", "model", cwd=data.parent)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("DataError: ")
    assert "does not exist" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_wrong_usage_is_exit_code_2(data: Path) -> None:
    assert shell("sample", "model", cwd=data.parent).returncode == 2
    assert shell("fly", cwd=data.parent).returncode == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--kind", "tave"), "Did you mean 'tvae'"),
        (("--set", "epoch=3"), "autoregressive.epoch is not a setting. Did you mean 'epochs'"),
        (("--set", "epochs"), "expected NAME=VALUE"),
        (("--set", "epochs=many"), "expected int"),
        (("--target", "sould"), "Did you mean 'sold'"),
    ],
)
def test_a_wrong_argument_of_fit_names_itself(data: Path, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(GeratrizError, match=message):
        run("fit", data, "-o", data.parent / "model", *words)


def test_what_is_declared_personal_when_rows_are_judged_is_not_shown(brief_metrics: None, tmp_path: Path) -> None:
    frame = people(100)[["name", "group", "age"]]
    frame.to_csv(tmp_path / "rows.csv", index=False)
    sides = [word for side in ("train", "test", "synthetic") for word in (f"--{side}", tmp_path / "rows.csv")]
    run("evaluate", *sides, "-o", tmp_path / "report", "--schema", "name={kind: personal, form: name}")
    for part in ("metrics.json", "index.html"):
        assert frame["name"].iloc[0] not in (tmp_path / "report" / part).read_text()


@pytest.fixture(scope="module")
def any_order(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("any_order")
    geratriz.fit(mixed(300), "autoregressive", seed=0, **QUICK["autoregressive"]).save(folder / "model")
    return folder / "model"


@pytest.mark.slow
def test_missing_cells_are_filled_in(any_order: Path, tmp_path: Path) -> None:
    frame = mixed(40, seed=3).frame
    holed = frame.assign(price=frame["price"].where(frame.index % 2 == 0))
    holed.to_csv(tmp_path / "holes.csv", index=False)
    missing = int(holed.isna().sum().sum())
    assert f"40 rows, {missing} cells filled in." in run(
        "impute", any_order, tmp_path / "holes.csv", "-o", tmp_path / "whole.csv"
    )
    whole = pd.read_csv(tmp_path / "whole.csv")
    assert not whole.isna().any().any()
    assert whole.loc[::2, "price"].tolist() == frame.loc[::2, "price"].tolist()
    again = tmp_path / "again.csv"
    run("impute", any_order, tmp_path / "holes.csv", "-o", again, "--seed", "0")
    assert again.read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.slow
def test_rows_are_scored(any_order: Path, tmp_path: Path) -> None:
    rows = mixed(40, seed=3)
    rows.write(tmp_path / "rows.parquet")
    said = run("score", any_order, tmp_path / "rows.parquet", "-o", tmp_path / "scored.parquet")
    scored = pd.read_parquet(tmp_path / "scored.parquet")
    assert f"{scored['log_likelihood'].mean():.2f} nats per row" in said
    assert f"from 0: {scored['log_likelihood'].idxmin()} (" in said
    assert scored["log_likelihood"].tolist() == geratriz.load(any_order).log_likelihood(rows).tolist()
    pd.testing.assert_frame_equal(scored.drop(columns="log_likelihood"), rows.frame)


@pytest.mark.parametrize("command", ["impute", "score"])
def test_another_kind_of_generator_neither_imputes_nor_scores(command: str, data: Path) -> None:
    geratriz.fit(mixed(), "independent", seed=0).save(data.parent / "floor")
    with pytest.raises(GeratrizError, match=r"of kind independent, which does not model .* --kind autoregressive"):
        run(command, data.parent / "floor", data, "-o", data.parent / "out.csv")
    with pytest.raises(GeratrizError, match=r"must end in \.parquet or \.csv"):
        run(command, data.parent / "floor", data, "-o", data.parent / "out.txt")
