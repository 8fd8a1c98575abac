"""Personal values of training rows among synthetic rows."""

import numpy as np
import pandas as pd

from geratriz.scoring.metric import Metric
from geratriz.scoring.score import Score
from geratriz.table.data import forms
from geratriz.table.evaluate.trio import Trio


def personal_overlap(trio: Trio) -> Score | None:
    """Share of synthetic rows with a value of a training row in a personal column; None without such columns.

    All rows are compared, case folded and stripped; missing values never count. It is a fact about the file, not an
    estimate: low and high equal the value. ``detail["columns"]`` has the share per column of values in ``train`` and
    in ``unseen`` rows. Values shared with unseen rows are shared by chance, which is common where codes are short: of
    20,000 codes like AB-1234 about 60 occur among 20,000 unseen rows.
    """
    names = [column.name for column in trio.train.schema.columns if column.kind == "personal"]
    if not names:
        return None
    real = {"train": trio.train.frame, "unseen": trio.unseen.frame}
    overlaps = np.zeros(len(trio.synthetic), dtype=bool)
    columns = {}
    for name in names:
        found = {side: _is_among(trio.synthetic.frame[name], frame[name]) for side, frame in real.items()}
        columns[name] = {side: float(rows.mean()) for side, rows in found.items()}
        overlaps |= found["train"]
    share = float(overlaps.mean())
    return Score(value=share, low=share, high=share, detail={"columns": columns})


def _is_among(values: pd.Series, real: pd.Series) -> np.ndarray:
    """Mask of the ``values`` that are among the ``real`` ones."""
    texts = [None if pd.isna(value) else forms.text_of(value).casefold() for value in values]
    known = forms.folded(real)
    return np.array([text is not None and text in known for text in texts], dtype=bool)


PERSONAL_OVERLAP = Metric(
    name="personal_overlap",
    title="Personal values of training rows",
    explains="The share of synthetic rows with a name, an address or another personal value of a training row.",
    better="lower",
    compute=personal_overlap,
    span=(0.0, 0.01),
    chance=0.0,
    limit=0.0,
)
