"""Many rows from a generator: to a file in bounded memory, by several processes; the same rows however it is done.

The last bits of a network's sums depend on how many threads share them, and with them, once in many rows, a drawn
value. So every block is computed here by one thread; more processors are used by more processes.
"""

import dataclasses
import itertools
import operator
import os
import signal
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from geratriz.data import stream
from geratriz.data.stream import Origin, Provenance
from geratriz.data.table import Table
from geratriz.errors import RequestError
from geratriz.generators import catalog
from geratriz.generators.base import BLOCK, Generator

T = TypeVar("T")

BLOCKS_PER_TASK = 4  # drawn by a process between two answers
ROWS_PER_JOB = 250_000  # a process takes seconds to start
MOST_JOBS = 8  # unless more are asked for: each takes half a gigabyte


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """Rows ``start`` to ``start + rows`` of the endless table that ``seed`` and ``where`` name."""

    rows: int
    seed: int
    where: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Values that columns must have."""
    start: int = 0

    def blocks(self, generator: Generator[Any]) -> Iterator[Table]:
        """The rows, block by block.

        Raises:
            RequestError: at the first step, if the order cannot be met.
        """
        return generator.blocks(self.rows, seed=self.seed, where=self.where, start=self.start)


def table(generator: Generator[Any], order: Order, *, jobs: int | None = 1) -> Table:
    """The rows of ``order``, in memory.

    Raises:
        RequestError: the order cannot be met, or ``jobs`` is no number of processes.
    """
    with _one_thread():
        blocks = order.blocks(generator)
        first = next(blocks)
        frames = [each.frame for each in (first, *_rest(generator, order, first, blocks, _same, jobs))]
    return Table(pd.concat(frames, ignore_index=True) if len(frames) > 1 else first.frame, generator.schema)


def write(
    generator: Generator[Any],
    path: Path,
    order: Order,
    *,
    origin: Origin,
    jobs: int | None = 1,
    told: Callable[[int], None] | None = None,
) -> None:
    """The rows of ``order`` into the file ``path`` (Parquet, CSV or JSON lines), in bounded memory.

    Args:
        generator: to draw from.
        path: its ending names the format. It is replaced when all rows are written, and not before.
        order: which rows.
        origin: which generator it is, for the provenance.
        jobs: processes that draw; as many as pay when None. The file's bytes do not depend on them.
        told: is called with the number of rows written so far.

    Raises:
        RequestError: the order cannot be met, the ending is unknown, the disk has no room for so many rows, or the
            file cannot be written.
    """
    stream.check_ending(path)
    with _one_thread():
        blocks = order.blocks(generator)
        first = next(blocks)
        provenance = _provenance(generator, order, origin)
        form = stream.format_of(path, first)
        if len(first) < order.rows:
            typical = first if len(first) == BLOCK else next(_remaining(order, first).blocks(generator))
            stream.check_room(path, order.rows * stream.bytes_per_row(form, typical, provenance))
        rest = _rest(generator, order, first, blocks, form.encode, jobs)
        with stream.writing(path, form, provenance) as append:
            for number, part in enumerate(itertools.chain([form.encode(first)], rest), order.start // BLOCK + 1):
                append(part)
                if told is not None:
                    told(min(number * BLOCK - order.start, order.rows))


def _provenance(generator: Generator[Any], order: Order, origin: Origin) -> Provenance:
    return Provenance(
        **dataclasses.asdict(origin),
        kind=generator.kind,
        record=dataclasses.asdict(generator.record),
        seed=order.seed,
        where=order.where,
        start=operator.index(order.start),
        rows=operator.index(order.rows),
        block=BLOCK,
    )


def _remaining(order: Order, first: Table) -> Order:
    return dataclasses.replace(order, start=order.start + len(first), rows=order.rows - len(first))


def _rest(
    generator: Generator[Any],
    order: Order,
    first: Table,
    blocks: Iterator[Table],
    finish: Callable[[Table], T],
    jobs: int | None,
) -> Iterator[T]:
    """What comes after the ``first`` block: what ``finish`` makes of each of the remaining ``blocks``."""
    if jobs is None:
        jobs = max(1, min(order.rows // ROWS_PER_JOB, _processors(), MOST_JOBS))
    if not isinstance(jobs, int) or jobs < 1:
        raise RequestError(f"jobs, the number of processes, is {jobs!r}; it must be a whole number, at least 1.")
    remaining = _remaining(order, first)
    if jobs == 1 or remaining.rows <= BLOCK:
        return map(finish, blocks)
    return _by_processes(generator, remaining, finish, jobs)


def _by_processes(generator: Generator[Any], order: Order, finish: Callable[[Table], T], jobs: int) -> Iterator[T]:
    """The blocks of ``order``, each finished where it was drawn, in order; a few tasks ahead of who takes them."""
    step = BLOCKS_PER_TASK * BLOCK
    tasks = (
        dataclasses.replace(order, start=start, rows=min(step, order.start + order.rows - start))
        for start in range(order.start, order.start + order.rows, step)
    )
    with tempfile.TemporaryDirectory() as scratch:
        generator.save(scratch)
        pool = ProcessPoolExecutor(jobs, get_context("spawn"), _get_ready, (scratch, finish))
        try:
            ahead = deque(pool.submit(_work, task) for task in itertools.islice(tasks, 2 * jobs))
            while ahead:
                yield from ahead.popleft().result()
                ahead.extend(pool.submit(_work, task) for task in itertools.islice(tasks, 1))
        except BrokenProcessPool:
            raise RequestError(
                f"one of the {jobs} processes that draw ended unasked. It may have been out of memory: ask for fewer "
                "jobs. Or a script called this without `if __name__ == '__main__':`, which new processes need."
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


_ready: tuple[Generator[Any], Callable[[Table], Any]]  # of a process that draws for another


def _get_ready(folder: str, finish: Callable[[Table], Any]) -> None:
    global _ready
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the business of who asked
    _ready = catalog.load(folder), finish
    torch = sys.modules.get("torch")
    if torch:
        torch.set_num_threads(1)


def _work(order: Order) -> list[Any]:
    generator, finish = _ready
    return [finish(block) for block in order.blocks(generator)]


def _same(block: Table) -> Table:
    return block


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute with one thread inside the block, if it is there."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
