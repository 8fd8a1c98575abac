"""Ours: one generator of Geratriz at its defaults, or a variant of one, fitted as a job of fit.py says."""

import dataclasses
from typing import Any

import pandas as pd

from benchmarks import fit
from geratriz.table.data.table import Table
from geratriz.table.generators.catalog import GENERATORS

# The shortest fit of each.
QUICK: dict[str, dict[str, Any]] = {"ctgan": {"steps": 20}, "tvae": {"epochs": 1}, "autoregressive": {"epochs": 1}}
VARIANTS = ("tvae_flow", "autoregressive_rare_1")  # a flow as the prior; nothing rare or extreme protected


def model(train: pd.DataFrame, job: fit.Job) -> fit.Fitted:
    """A fitted generator. Rows are drawn with another seed than it was fitted with."""
    kind, _, variant = job.model.partition("_")
    generator_cls = GENERATORS.find(kind)
    settings = {**(QUICK.get(kind, {}) if job.quick else {}), **({"prior": "flow"} if variant == "flow" else {})}
    table = Table.from_frame(train, target=job.target)
    if variant == "rare_1":
        columns = tuple(dataclasses.replace(column, rare=1) for column in table.schema.columns)
        table = Table(table.frame, dataclasses.replace(table.schema, columns=columns))
    generator = generator_cls.fit(table, generator_cls.config_cls(**settings), seed=job.seed)
    return fit.Fitted(lambda rows: generator.sample(rows, seed=job.seed + 100).frame, generator.record.precision)


if __name__ == "__main__":
    for kind in GENERATORS:  # each loads its libraries when it is first asked for: before the clock runs
        GENERATORS.find(kind)
    fit.main(model, ("geratriz", "torch"))
