"""How metrics of images compute: on one thread, and on as many images at once as memory holds, whatever their size."""

from collections.abc import Iterator
from contextlib import contextmanager

from geratriz.images.data.images import ImageSchema

BYTES = 2**26  # of the images of a block, as float32


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch and BLAS compute with one thread inside the block (usable as a decorator).

    The last bits of a sum depend on how many threads share it, and what a network has learnt depends on them: figures
    must not tell how many processors there were. Two processes that each use all of them were measured six times slower
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


def blocks(count: int, schema: ImageSchema, most: int | None = None) -> Iterator[slice]:
    """Slices of ``count`` images, one after another: what is small enough as float32, ``most`` images at most."""
    height, width, channels = schema.shape
    step = max(BYTES // (4 * height * width * channels), 1)
    if most is not None:
        step = min(step, most)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))
