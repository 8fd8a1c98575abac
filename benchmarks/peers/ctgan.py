"""The package ctgan: CTGAN and TVAE at their defaults, in the form its README asks for.

Its README: continuous columns as floats, discrete ones as words, no missing values. So every number is given as a
float, and what is drawn is rounded to the column's decimals, as SDV does around this package. A numeric column with
gaps gets a discrete column beside it that says where they are: the model learns it like any other, and what it draws
there makes the gaps again. The gaps themselves are filled with the column's mean. Missing words are a word too.
"""

import pandas as pd
from ctgan import CTGAN, TVAE

from benchmarks import fit

MOST = 10  # decimals; a number with more is left almost as it was drawn
GAP = "missing: "  # before a column's name, and as a category's word


def model(train: pd.DataFrame, job: fit.Job) -> fit.Fitted:
    """A fitted CTGAN or TVAE."""
    numbers = job.of("integer", "float")
    decimals = {name: _decimals(train[name]) for name in numbers}
    words = [name for name in job.kinds if name not in numbers]
    given = train.astype(dict.fromkeys(numbers, float))
    given[words] = given[words].astype(object).where(given[words].notna(), GAP).astype(str)
    with_gaps = [name for name in numbers if train[name].isna().any()]
    for name in with_gaps:
        given[GAP + name] = train[name].isna().map({True: "yes", False: "no"})
        given[name] = given[name].fillna(given[name].mean())
    synthesizer = {"peer_ctgan": CTGAN, "peer_tvae": TVAE}[job.model](**({"epochs": 1} if job.quick else {}))
    synthesizer.set_random_state(job.seed)
    synthesizer.fit(given, [*words, *(GAP + name for name in with_gaps)])

    def sample(rows: int) -> pd.DataFrame:
        drawn = synthesizer.sample(rows).round(decimals)
        for name in with_gaps:
            drawn.loc[drawn[GAP + name] == "yes", name] = None
        drawn[words] = drawn[words].mask(drawn[words] == GAP)
        return drawn[list(job.kinds)]

    return fit.Fitted(sample)


def _decimals(values: pd.Series) -> int:
    """How many decimals a column's numbers have."""
    present = values.dropna().astype(float)
    return next((places for places in range(MOST) if (present.round(places) == present).all()), MOST)


if __name__ == "__main__":
    fit.main(model, ("ctgan", "torch"))
