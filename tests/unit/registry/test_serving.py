"""The registered model as MLflow runs it: in a fresh process, elsewhere, without pickles; and behind HTTP.

Both import MLflow and torch anew, which takes seconds.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from geratriz.errors import GeratrizError
from geratriz.registry import serving
from geratriz.registry.packaging import package
from geratriz.registry.serving import ServedGenerator
from geratriz.table.data.table import Table
from geratriz.table.generators.catalog import GENERATORS
from geratriz.table.generators.independent import Independent
from tests.projects import table


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packaged generator. Its bundle's folder has another name, as in a project."""
    folder = tmp_path_factory.mktemp("packaged")
    Independent.fit(table(), seed=0).save(folder / "small")
    package(folder / "model", folder / "small")
    return folder / "model"


@pytest.fixture(scope="module")
def served(model: Path) -> ServedGenerator:
    """What answers, without a server before it."""

    class Context:
        artifacts = {"bundle": str(model / "artifacts" / "bundle")}  # noqa: RUF012 - a stand-in for MLflow's

    generator = ServedGenerator()
    generator.load_context(Context())
    return generator


def clean_environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "OMP_NUM_THREADS": "1",
    }


def ask(served: ServedGenerator, seed: int | None = None, **columns: Any) -> pd.DataFrame:
    return served.predict(None, pd.DataFrame(columns), {"seed": seed})


@pytest.mark.slow
def test_it_loads_in_a_fresh_process_elsewhere_with_its_own_code(model: Path) -> None:
    code = (
        f"import mlflow.pyfunc, pandas as pd; loaded = mlflow.pyfunc.load_model({str(model)!r})\n"
        "import geratriz; print(geratriz.__file__)\n"
        "print(loaded.predict(pd.DataFrame({'n_rows': [3]}), params={'seed': 7}).to_json(orient='records'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        cwd="/",
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    where, rows = done.stdout.splitlines()[-2:]
    assert where == str(model / "code" / "geratriz" / "__init__.py")
    here = GENERATORS.load(model / "artifacts" / "bundle").sample(3, seed=7).frame
    assert [row["age"] for row in json.loads(rows)] == here["age"].tolist()


def test_nothing_in_the_model_is_a_pickle_and_every_requirement_is_pinned(model: Path) -> None:
    assert not [path for path in model.rglob("*") if path.suffix in (".pkl", ".pickle", ".joblib", ".pt")]
    lines = (model / "requirements.txt").read_text().split()
    assert len(lines) > 5
    assert all("==" in line and "+" not in line for line in lines)


def test_the_first_order_gives_the_rows_that_sample_gives(served: ServedGenerator, model: Path) -> None:
    direct = GENERATORS.load(model / "artifacts" / "bundle").sample(5, seed=7).frame
    found = ask(served, seed=7, n_rows=[5])
    assert found["age"].tolist() == direct["age"].tolist()
    assert found["gap"].isna().tolist() == direct["gap"].isna().tolist()


def test_each_line_has_its_own_number_and_conditions(served: ServedGenerator) -> None:
    found = ask(served, seed=7, n_rows=[20, 5, 10], income=[">50K", None, "<=50K"], age=[None, 40, None])
    assert len(found) == 35
    assert set(found["income"][:20]) == {">50K"}
    assert set(found["age"][20:25]) == {40}
    assert set(found["income"][25:]) == {"<=50K"}
    assert found["age"][:20].tolist() != ask(served, seed=8, n_rows=[20])["age"].tolist()


def test_two_lines_that_ask_the_same_get_different_rows(served: ServedGenerator) -> None:
    found = ask(served, seed=7, n_rows=[30, 30])
    assert found["age"][:30].tolist() != found["age"][30:].tolist()


def test_lines_that_ask_the_same_share_blocks_and_rows_stay_in_their_lines(served: ServedGenerator) -> None:
    together = ask(served, seed=7, n_rows=[200])
    assert ask(served, seed=7, n_rows=[1] * 200)["age"].tolist() == together["age"].tolist()
    started = time.monotonic()
    ask(served, seed=7, n_rows=[1] * serving.MAX_LINES)
    assert time.monotonic() - started < 2  # a block each takes half a minute
    mixed = ask(served, seed=7, n_rows=[2] * 6, income=[">50K", "<=50K", None] * 2)
    assert mixed["income"][[0, 1, 6, 7]].tolist() == [">50K"] * 4
    assert mixed["income"][[2, 3, 8, 9]].tolist() == ["<=50K"] * 4


def test_ids_of_two_lines_do_not_collide(tmp_path: Path) -> None:
    frame = table().frame.assign(key=[f"k-{number:05d}" for number in range(400)])
    Independent.fit(Table.from_frame(frame, overrides={"key": "id"}), seed=0).save(tmp_path)

    class Context:
        artifacts = {"bundle": str(tmp_path)}  # noqa: RUF012 - a stand-in for MLflow's

    generator = ServedGenerator()
    generator.load_context(Context())
    assert ask(generator, seed=1, n_rows=[50, 50, 50], income=[None, ">50K", None])["key"].is_unique


def test_a_request_ends_at_its_limit_of_time(served: ServedGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.exceptions import MlflowException

    monkeypatch.setattr(serving, "MAX_SECONDS", -1.0)
    with pytest.raises(MlflowException, match=r"longer than -1 s, the limit") as caught:
        ask(served, n_rows=[1])
    assert caught.value.get_http_status_code() == 429


def test_without_a_seed_each_answer_is_another(served: ServedGenerator) -> None:
    assert not ask(served, n_rows=[50]).equals(ask(served, n_rows=[50]))


def test_missing_values_are_null_in_json(served: ServedGenerator) -> None:
    found = ask(served, seed=7, n_rows=[50])
    assert None in found["gap"].tolist()
    assert not any(isinstance(cell, float) and cell != cell for cell in found["gap"])


@pytest.mark.parametrize(
    "request_", [{"n_rows": [1, 2]}, [{"n_rows": 1}, {"n_rows": 2}], [{"n_rows": 1, "age": 40}, {"n_rows": 2}]]
)
def test_the_key_inputs_of_a_request_is_understood_too(served: ServedGenerator, request_: Any) -> None:
    assert len(served.predict(None, request_, None)) == 3


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"rows": [1]}, "no column 'n_rows'"),
        ({"n_rows": ["three"]}, "n_rows in line 0 is 'three'"),
        ({"n_rows": [1, 2.5]}, "n_rows in line 1 is 2.5"),
        ({"n_rows": [None]}, "n_rows in line 0 is None"),
        ({"n_rows": [0]}, "at least 1"),
        ({"n_rows": [True]}, "n_rows in line 0 is True"),
        ({"n_rows": [2_000_000]}, "asks for 2,000,000 rows"),
        ({"n_rows": [99_999, 2]}, "asks for 100,001 rows; expected 1 to 100,000 over all its lines"),
        ({"n_rows": [1] * 1_001}, "has 1,001 lines; expected at most 1,000"),
        ({"n_rows": []}, "asks for 0 rows"),
        ({"n_rows": [1], "incom": [">50K"]}, "'incom'.*Did you mean 'income'"),
        ({"n_rows": [1], "income": ["50K"]}, "income = '50K', never seen"),
        ({"n_rows": [1], "age": ["old"]}, "age = 'old', but the column is integer"),
        ({"n_rows": [1], "age": [500]}, "age = 500"),
    ],
)
def test_a_request_that_cannot_be_met_names_what_is_wrong(
    served: ServedGenerator, columns: dict[str, Any], message: str
) -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match=message) as caught:
        ask(served, **columns)
    assert caught.value.get_http_status_code() == 400
    assert not isinstance(caught.value, GeratrizError)


@pytest.fixture(scope="module")
def address(model: Path) -> Iterator[str]:
    """A real `mlflow models serve` on loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "--env-manager", "local"]
    process = subprocess.Popen(
        [*command, "--port", str(port)],
        cwd="/",
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server did not come up"
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # the server's workers are its children
        process.wait(20)


def post(address: str, content: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    body = json.dumps(content).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as problem:
        return problem.code, json.loads(problem.read())


@pytest.mark.slow
def test_two_hundred_requests_at_once_are_answered_or_refused_in_bounded_memory(address: str) -> None:
    port = int(address.split(":")[2].split("/")[0])
    (server,) = {
        each.pid for each in psutil.net_connections("tcp") if each.status == "LISTEN" and each.laddr.port == port
    }
    process = psutil.Process(server)
    before, peak, done = process.memory_info().rss, 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.05):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    bodies = [[[1]], [[1]] * 1_000, [[1]] * 75_000, [[1_000_000]], [[5_000]]] * 40
    started = time.monotonic()
    with ThreadPoolExecutor(200) as pool:
        answers = list(
            pool.map(lambda data: post(address, {"dataframe_split": {"columns": ["n_rows"], "data": data}}), bodies)
        )
    done.set()
    watcher.join()
    assert time.monotonic() - started < 30
    assert [status for status, _ in answers] == [200, 200, 400, 400, 200] * 40
    assert "at most 1,000" in answers[2][1]["message"] and "expected 1 to 100,000" in answers[3][1]["message"]
    assert peak - before < 1e9


@pytest.mark.slow
def test_the_real_server_answers_rows_conditions_and_mistakes(address: str, model: Path) -> None:
    here = GENERATORS.load(model / "artifacts" / "bundle").sample(20, seed=7, where={"income": ">50K"}).frame
    frame = {"columns": ["n_rows", "income"], "data": [[20, ">50K"]]}
    status, answer = post(address, {"dataframe_split": frame, "params": {"seed": 7}})
    assert status == 200
    rows = answer["predictions"]
    assert [row["age"] for row in rows] == here["age"].tolist()
    assert {row["income"] for row in rows} == {">50K"}
    assert [row["day"] for row in rows] == [day.isoformat() for day in here["day"]]
    assert [row["gap"] is None for row in rows] == here["gap"].isna().tolist()
    status, answer = post(address, {"dataframe_split": {"columns": ["n_rows"], "data": [["three"]]}})
    assert status == 400
    assert "n_rows in line 0 is 'three'; it must be a whole number" in answer["message"]
    status, answer = post(address, {"dataframe_split": {"columns": ["n_rows", "incom"], "data": [[1, "x"]]}})
    assert status == 400
    assert "Did you mean 'income'" in answer["message"]


def test_no_answer_tells_anything_of_a_row_that_is_asked_about(served: ServedGenerator) -> None:
    """Rows and nothing else: a score, likelihood or distance of a given row could be put together to find members."""
    answer = served.predict(None, pd.DataFrame({"n_rows": [5], "age": [40]}), {"seed": 1})
    assert list(answer.columns) == list(table().schema.names)
    offered = {name for name in vars(ServedGenerator) if not name.startswith("_")}
    assert offered == {"load_context", "predict"}
