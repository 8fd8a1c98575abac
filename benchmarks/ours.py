"""Ours: one generator of Geratriz at its defaults, fitted as a job of fit.py says."""

import pandas as pd

from benchmarks import fit
from geratriz.data.table import Table
from geratriz.generators import catalog

QUICK = {"ctgan": {"steps": 20}, "tvae": {"epochs": 1}, "autoregressive": {"epochs": 1}}  # the shortest fit of each


def model(train: pd.DataFrame, job: fit.Job) -> fit.Fitted:
    """A fitted generator. Rows are drawn with another seed than it was fitted with."""
    generator_cls = catalog.find(job.model)
    config = generator_cls.config_cls(**QUICK.get(job.model, {})) if job.quick else None
    generator = generator_cls.fit(Table.from_frame(train, target=job.target), config, seed=job.seed)
    return fit.Fitted(lambda rows: generator.sample(rows, seed=job.seed + 100).frame, generator.record.precision)


if __name__ == "__main__":
    for kind in catalog.GENERATORS:  # each loads its libraries when it is first asked for: before the clock runs
        catalog.find(kind)
    fit.main(model, ("geratriz", "torch"))
