"""Many rows: the same ones to a file or in memory, at once or in parts, by one process or several."""

import multiprocessing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from geratriz.errors import RequestError
from geratriz.fitting.order import Order
from geratriz.output import Origin, read_provenance
from geratriz.table import draw
from geratriz.table.generators.base import BLOCK, Generator
from geratriz.table.generators.catalog import GENERATORS
from tests.domain_examples import quick_fit
from tests.tables import mixed

ORIGIN = Origin(bundle="0" * 64)


@pytest.fixture(scope="module", params=list(GENERATORS))
def generator(request: pytest.FixtureRequest) -> Generator[Any]:
    return quick_fit(request.param, mixed())


@pytest.fixture(scope="module")
def independent() -> Generator[Any]:
    return quick_fit("independent", mixed())


def write(generator: Generator[Any], path: Path, rows: int, **rest: Any) -> bytes:
    jobs = rest.pop("jobs", 1)
    draw.write(generator, path, Order(rows=rows, seed=3, **rest), origin=ORIGIN, jobs=jobs)
    return path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    "generator",
    ["autoregressive", *(pytest.param(name, marks=pytest.mark.thorough) for name in ("ctgan", "tvae"))],
    indirect=True,
)
def test_several_processes_write_the_bytes_of_one(generator: Generator[Any], tmp_path: Path) -> None:
    """Some seconds: a process starts by importing what it draws with."""
    order: dict[str, Any] = {"rows": 3 * BLOCK, "start": BLOCK - 5, "where": {"group": "b"}}
    alone, together = (write(generator, tmp_path / f"{jobs}.parquet", jobs=jobs, **order) for jobs in (1, 2))
    assert alone == together
    rows = pd.read_parquet(tmp_path / "2.parquet")
    table = draw.sample(generator, Order(seed=3, **order))
    pd.testing.assert_frame_equal(rows, table.frame)
    assert len(rows) == 3 * BLOCK and set(rows["group"]) == {"b"}


@pytest.mark.slow
def test_the_number_of_torchs_threads_changes_nothing_and_is_left_as_it_was(generator: Generator[Any]) -> None:
    before = torch.get_num_threads()
    frames = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            frames.append(draw.sample(generator, Order(rows=2 * BLOCK, seed=3)).frame)
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    pd.testing.assert_frame_equal(*frames)


@pytest.mark.slow
def test_rows_in_memory_may_come_from_several_processes_too(independent: Generator[Any]) -> None:
    order = Order(rows=2 * BLOCK + 7, seed=3, start=2)
    frames = [draw.sample(independent, order, jobs=jobs).frame for jobs in (1, 2)]
    pd.testing.assert_frame_equal(*frames)


def test_a_file_goes_on_where_another_ended(independent: Generator[Any], tmp_path: Path) -> None:
    write(independent, tmp_path / "whole.csv", BLOCK + 300)
    write(independent, tmp_path / "first.csv", 100)
    write(independent, tmp_path / "second.csv", BLOCK + 200, start=100)
    whole, first, second = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("whole", "first", "second"))
    pd.testing.assert_frame_equal(whole, pd.concat([first, second], ignore_index=True))


def test_the_provenance_says_which_rows_of_which_generator(independent: Generator[Any], tmp_path: Path) -> None:
    write(independent, tmp_path / "rows.parquet", 20, start=5, where={"group": "c"})
    content = read_provenance(tmp_path / "rows.parquet")
    assert content["kind"] == "independent"
    assert content["bundle"] == "0" * 64
    assert content["record"]["rows"] == independent.record.rows
    assert not content["record"]["data"]  # no hash of the training rows
    asked = {name: content[name] for name in ("seed", "where", "start", "rows", "block")}
    assert asked == {"seed": 3, "where": {"group": "c"}, "start": 5, "rows": 20, "block": BLOCK}


def test_who_waits_is_told_how_far_it_is(independent: Generator[Any], tmp_path: Path) -> None:
    told: list[int] = []
    order = Order(rows=2 * BLOCK, seed=0, start=BLOCK - 10)
    draw.write(independent, tmp_path / "rows.csv", order, origin=ORIGIN, on_progress=told.append)
    assert told == [10, BLOCK + 10, 2 * BLOCK]


@pytest.mark.parametrize(
    ("order", "jobs", "message"),
    [
        ({"rows": 0}, 1, "n, the number of rows, is 0"),
        ({"rows": -1}, 1, "n, the number of rows, is -1"),
        ({"rows": 1.5}, 1, "must be a whole number"),
        ({"rows": 5, "start": -1}, 1, "start, the first of the rows, is -1"),
        ({"rows": 5, "where": {"group": "z"}}, 1, "never seen"),
        ({"rows": 5}, 0, "jobs, the number of processes, is 0"),
        ({"rows": 10**12}, 1, "its disk has .* free"),
    ],
)
def test_an_order_that_cannot_be_met_writes_nothing(
    independent: Generator[Any], tmp_path: Path, order: dict[str, Any], jobs: int, message: str
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("before")
    with pytest.raises(RequestError, match=message):
        write(independent, path, jobs=jobs, **order)
    assert [each.name for each in tmp_path.iterdir()] == ["rows.jsonl"]
    assert path.read_text() == "before"


@pytest.mark.slow
def test_a_process_that_is_killed_is_one_clear_error(independent: Generator[Any], tmp_path: Path) -> None:
    def kill(done: int) -> None:
        for process in multiprocessing.active_children():  # none yet when the first block is written
            process.kill()

    order = Order(rows=60 * BLOCK, seed=0)
    with pytest.raises(RequestError, match="one of the 2 sampling processes ended unexpectedly"):
        draw.write(independent, tmp_path / "rows.csv", order, origin=ORIGIN, jobs=2, on_progress=kill)
    assert not list(tmp_path.iterdir())
