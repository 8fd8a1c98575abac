"""Settings under which every generator of tables is fitted in a second or two, and a fit under them."""

from typing import Any

from geratriz.table.data.table import Table
from geratriz.table.generators.base import Generator
from geratriz.table.generators.catalog import GENERATORS

QUICK: dict[str, dict[str, Any]] = {
    "autoregressive": {"epochs": 3, "width": 32, "batch": 64, "components": 4, "threads": 1},
    "ctgan": {"steps": 60, "width": 32, "noise": 8, "batch": 64, "threads": 1},
    "tvae": {"epochs": 3, "width": 32, "latent": 4, "batch": 64, "components": 5, "threads": 1},
}


def fit(kind: str, data: Table, **arguments: Any) -> Generator[Any]:
    """The generator called ``kind``, fitted on ``data`` under seed 0 unless ``arguments`` say otherwise."""
    generator_cls = GENERATORS.find(kind)
    config = generator_cls.config_cls(**QUICK.get(kind, {}))
    fitted: Generator[Any] = generator_cls.fit(data, config, **{"seed": 0, "device": "cpu", **arguments})
    return fitted
