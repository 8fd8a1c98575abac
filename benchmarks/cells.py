"""A cell: one measurement, kept as JSON in results/ with the machine and the versions it was taken with."""

import json
import os
import platform
import traceback
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

RESULTS = Path(__file__).parent / "results"
Cell = dict[str, Any]


Again = Literal["all", "elsewhere"]  # which of the cells that stand are measured anew


def keep(path: Path, measure: Callable[[], Cell], *, again: Again | None = None, about: Cell | None = None) -> None:
    """Measure and keep one cell, unless it stands.

    ``about`` says what the cell is of, and that it may fail: the error is kept in the place of figures, and the next
    run tries again.
    """
    if path.exists() and _stands(json.loads(path.read_text()), again):
        return
    try:
        figures = measure()
    except Exception as error:
        if about is None:
            raise
        traceback.print_exc()
        figures = {**about, "error": str(error)}
    cell = {"machine": machine(), "versions": versions(), **figures}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(cell, indent=1) + "\n")
    print(f"{path.stem}: {json.dumps(cell)}", flush=True)


def _stands(cell: Cell, again: Again | None) -> bool:
    if "error" in cell or again == "all":
        return False
    return again is None or cell["machine"] == machine()


def read(paths: Iterable[Path]) -> list[Cell]:
    """The cells that stand, each with its ``name``."""
    return [{"name": path.stem, **json.loads(path.read_text())} for path in paths if path.exists()]


def measured_on(cells: Iterable[Cell]) -> list[str]:
    """A paragraph that names the machine of a table's cells; where there are several, each with its cells."""
    names: dict[str, list[str]] = {}
    for cell in cells:
        names.setdefault(cell["machine"], []).append(cell["name"])
    if len(names) == 1:
        return ["", f"Machine: {next(iter(names))}."]
    return ["", *(f"Machine of {', '.join(of)}: {name}.  " for name, of in names.items())]


def machine() -> str:
    """The processor, whether it has the instructions that bfloat16 is fast with, its cores, and a GPU."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    entries = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    model = entries.get("model name") or platform.processor() or platform.machine()
    flags = entries.get("flags", "").split()
    fast = "AMX" if "amx_bf16" in flags else "AVX-512 bf16" if "avx512_bf16" in flags else "no bf16 instructions"
    gpu = "a GPU" if Path("/dev/nvidia0").exists() else "no GPU"
    return f"{os.cpu_count()} cores of {model} with {fast}, {gpu}"


def versions() -> dict[str, str]:
    """What the figures of this process depend on most."""
    return {"python": platform.python_version(), **{name: version(name) for name in ("torch", "scikit-learn")}}
