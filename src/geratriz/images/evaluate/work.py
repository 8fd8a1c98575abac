"""Resources of metrics of images: one thread, and blocks of images that fit in memory whatever their size."""

from collections.abc import Iterator
from contextlib import contextmanager

from geratriz.images.data.images import ImageSchema

BLOCK_BYTES = 2**26  # size of a block of images as float32


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch and BLAS on one thread inside the block (usable as a decorator).

    The last bits of a sum depend on the number of threads, and trained networks depend on those bits: figures must not
    depend on the number of processors. Two processes that each use all processors were measured six times slower
    (docs/log.md).
    """
    import torch
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        torch.set_num_threads(threads)


def blocks(count: int, schema: ImageSchema, limit: int | None = None) -> Iterator[slice]:
    """Consecutive slices of ``count`` images, small enough as float32 and at most ``limit`` images each."""
    height, width, channels = schema.shape
    step = max(BLOCK_BYTES // (4 * height * width * channels), 1)
    if limit is not None:
        step = min(step, limit)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))
