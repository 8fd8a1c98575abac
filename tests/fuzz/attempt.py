"""One input, read under limits: no traceback, no hang, no file beside it, no gigabytes."""

import resource
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.fuzz.readers import Reader

MAX_SECONDS = 10
MAX_MEMORY_KB = 2 * 1024 * 1024
CORPUS = Path(__file__).parents[1] / "faults" / "corpus"


class Hangs(BaseException):
    """Reading took longer than it may."""


def failure(reader: Reader, content: bytes) -> str | None:
    """What is wrong with how ``reader`` takes ``content``; None if nothing is."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as scratch:
        own = Path(scratch) / "own"
        own.mkdir()
        try:
            with _limited():
                reader.read(content, own)
        except reader.refusals as refusal:
            if "Traceback" in str(refusal):
                return f"a message with a traceback: {refusal}"
        except Hangs:
            return f"it took more than {MAX_SECONDS} s"
        except Exception as problem:
            return f"{type(problem).__name__}: {str(problem)[:300]}"
        beside = [path.name for path in Path(scratch).iterdir() if path != own]
        if beside:
            return f"it wrote {beside} beside its own folder"
        shutil.rmtree(own)
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before > MAX_MEMORY_KB:
        return "it took more than 2 GB"
    return None


@contextmanager
def _limited() -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise Hangs

    old = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, MAX_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
