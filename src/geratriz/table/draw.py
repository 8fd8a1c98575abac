"""Port `draw` of tables: rows in memory or to a file of any size, by several processes; always the same rows.

The last bits of a network's sums depend on the number of threads, and so does, once in many rows, a drawn value.
Therefore one thread computes every block, and several processes use several processors.
"""

import dataclasses
import itertools
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from collections.abc import Generator as Iteration
from contextlib import closing, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from geratriz import config
from geratriz.errors import RequestError
from geratriz.fitting.order import Order, one_thread
from geratriz.output import Origin, check_room, writing
from geratriz.table import output
from geratriz.table.data.table import Table
from geratriz.table.generators.base import BLOCK, Generator
from geratriz.table.generators.catalog import GENERATORS

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

T = TypeVar("T")

ROWS_PER_JOB = 250_000  # minimum rows per process: a process takes seconds to start
MAX_DEFAULT_JOBS = 8  # processes unless more are requested: each takes half a gigabyte


load = GENERATORS.load


def sample(generator: Generator[Any], order: Order, *, jobs: int | None = 1) -> Table:
    """Draw the rows of ``order`` into memory.

    Raises:
        RequestError: the order cannot be satisfied, or ``jobs`` is not a number of processes.
    """
    with one_thread():
        blocks = order.blocks(generator)
        first = next(blocks)
        with closing(_rest(generator, order, first, blocks, _unchanged, _jobs(jobs, order))) as rest:
            return Table.joined([first, *rest])


def parse(text: str) -> Any:
    """Parse a value of ``--where``."""
    return config.parse(text)


def write(
    generator: Generator[Any],
    path: Path,
    order: Order,
    *,
    origin: Origin,
    jobs: int | None = 1,
    on_progress: Callable[[int], None] | None = None,
) -> None:
    """Draw the rows of ``order`` into the file ``path`` (Parquet, CSV or JSON lines), in bounded memory.

    Args:
        generator: generator to draw from.
        path: its ending names the format. An existing file is replaced once all rows are written.
        order: rows to draw.
        origin: origin of the generator, for the provenance.
        jobs: processes that draw; None chooses by the number of rows. The file's bytes do not depend on it.
        on_progress: called with the number of rows written so far.

    Raises:
        RequestError: the order cannot be satisfied, the ending is unknown, the disk has no room for the rows, or the
            file cannot be written.
    """
    output.check_ending(path)
    with one_thread():
        blocks = order.blocks(generator)
        first = next(blocks)
        provenance = order.provenance(generator, origin)
        form = output.format_of(path, first)
        if len(first) < order.rows:
            typical = first if len(first) == BLOCK else next(_remaining(order, first).blocks(generator))
            check_room(path, order.rows * output.bytes_per_row(form, typical, provenance))
        with (
            writing(path, form, provenance) as append,
            closing(_rest(generator, order, first, blocks, form.encode, _jobs(jobs, order))) as rest,
        ):
            for number, part in enumerate(itertools.chain([form.encode(first)], rest), order.start // BLOCK + 1):
                append(part)
                if on_progress is not None:
                    on_progress(min(number * BLOCK - order.start, order.rows))


def _remaining(order: Order, first: Table) -> Order:
    return dataclasses.replace(order, start=order.start + len(first), rows=order.rows - len(first))


def _jobs(requested: int | None, order: Order) -> int:
    if requested is None:
        return max(1, min(order.rows // ROWS_PER_JOB, _processors(), MAX_DEFAULT_JOBS))
    if not isinstance(requested, int) or requested < 1:
        raise RequestError(f"jobs, the number of processes, is {requested!r}; it must be a whole number, at least 1.")
    return requested


def _rest(
    generator: Generator[Any],
    order: Order,
    first: Table,
    blocks: Iterator[Table],
    finish: Callable[[Table], T],
    jobs: int,
) -> Iteration[T, None, None]:
    """Apply ``finish`` to each block after the ``first``; ``blocks`` continues with them."""
    remaining = _remaining(order, first)
    if jobs == 1 or remaining.rows <= BLOCK:
        yield from map(finish, blocks)
    else:
        yield from _by_processes(generator, remaining, finish, jobs)


def _by_processes(generator: Generator[Any], order: Order, finish: Callable[[Table], T], jobs: int) -> Iterator[T]:
    """Draw the blocks of ``order``, which starts at a full block, each finished by the process that drew it.

    The processes take turns, and each has its own pipe. It is one block ahead of the reader and waits until that block
    is read; a killed process closes its pipe. (In a pool, which shares one pipe, a process killed while writing leaves
    the others and the reader waiting forever.)
    """
    context = get_context("spawn")
    processes = []
    with tempfile.TemporaryDirectory() as scratch:
        generator.save(scratch)
        try:
            for turn in range(jobs):
                reader, writer = context.Pipe(duplex=False)
                process = context.Process(target=_draw, args=(scratch, order, turn, jobs, finish, writer), daemon=True)
                process.start()
                writer.close()
                processes.append((process, reader))
            for _, (_, pipe) in zip(range(0, order.rows, BLOCK), itertools.cycle(processes), strict=False):
                yield pipe.recv()
        except (EOFError, OSError):  # after a message, or within one
            raise RequestError(
                f"one of the {jobs} sampling processes ended unexpectedly. It may have run out of memory: use fewer "
                "jobs. Or a script called this without `if __name__ == '__main__':`, which new processes need."
            ) from None
        finally:
            for process, _ in processes:
                process.terminate()
            for process, pipe in processes:
                process.join()
                pipe.close()


def _draw(
    folder: str, order: Order, turn: int, turns: int, finish: Callable[[Table], Any], pipe: "Connection[Any, Any]"
) -> None:
    """Draw and send, in a separate process, every block of this process's turn."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process handles Ctrl-C
    generator: Any = load(folder)
    end = order.start + order.rows
    with one_thread(), suppress(BrokenPipeError):  # the parent process has ended
        for start in range(order.start + turn * BLOCK, end, turns * BLOCK):
            part = dataclasses.replace(order, start=start, rows=min(BLOCK, end - start))
            for block in part.blocks(generator):
                pipe.send(finish(block))


def _unchanged(block: Table) -> Table:
    return block


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
