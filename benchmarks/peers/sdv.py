"""GaussianCopula of SDV at its defaults. It takes the table as it is, gaps included, and rounds as the table does.

It is told which columns are numbers and which are words, as the others are: left to itself it takes a number that is
never the same twice (`No` of beijing_pm25) for a key, and issues it anew in place of learning it.
"""

import pandas as pd
from sdv.metadata import Metadata
from sdv.single_table import GaussianCopulaSynthesizer

from benchmarks import fit

TABLE = "table"  # since SDV 2 a single table is a mapping of one name, too


def model(train: pd.DataFrame, job: fit.Job) -> fit.Fitted:
    """A fitted Gaussian copula."""
    numbers = job.of("integer", "float")
    columns = {name: {"sdtype": "numerical" if name in numbers else "categorical"} for name in job.kinds}
    metadata = Metadata.load_from_dict({"tables": {TABLE: {"columns": columns}}, "relationships": []})
    synthesizer = GaussianCopulaSynthesizer(metadata)
    words = [name for name in job.kinds if name not in numbers]
    synthesizer.fit({TABLE: train.astype(dict.fromkeys(words, object))})
    return fit.Fitted(lambda rows: synthesizer.sample(num_rows=rows)[TABLE], precision="float64")


if __name__ == "__main__":
    fit.main(model, ("sdv", "copulas"))
