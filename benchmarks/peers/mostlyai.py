"""TabularARGN of mostlyai-engine at its defaults. It takes the table as it is: gaps, whole numbers and words."""

import pandas as pd
from mostlyai.engine import TabularARGN

from benchmarks import fit


def model(train: pd.DataFrame, job: fit.Job) -> fit.Fitted:
    """A fitted TabularARGN."""
    words = job.of("category", "boolean")
    argn = TabularARGN(random_state=job.seed, **({"max_epochs": 1} if job.quick else {}))
    argn.fit(train.astype(dict.fromkeys(words, object)))
    return fit.Fitted(lambda rows: argn.sample(n_samples=rows))


if __name__ == "__main__":
    fit.main(model, ("mostlyai-engine", "torch"))
