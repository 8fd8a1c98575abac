"""Do synthetic rows hold personal values of the rows that were trained on."""

import numpy as np
import pandas as pd

from geratriz.scoring.metric import Metric
from geratriz.scoring.score import Score
from geratriz.table.data import forms
from geratriz.table.evaluate.trio import Trio


def personal_overlap(trio: Trio) -> Score | None:
    """The share of synthetic rows that hold, in a personal column, a value of a training row; None without any.

    All rows are compared, case folded and without spaces around; missing never counts. It is a statement about the
    file, not an estimate: low and high are the value. ``detail["columns"]`` has the share by column, of values in
    ``train`` and in ``unseen`` rows. What is shared with rows that were never seen is shared by chance, and where codes
    are short that must happen: of 20,000 codes like AB-1234 some 60 belong to one of 20,000 strangers.
    """
    names = [column.name for column in trio.train.schema.columns if column.kind == "personal"]
    if not names:
        return None
    real = {"train": trio.train.frame, "unseen": trio.unseen.frame}
    somewhere = np.zeros(len(trio.synthetic), dtype=bool)
    columns = {}
    for name in names:
        held = {side: _held(trio.synthetic.frame[name], frame[name]) for side, frame in real.items()}
        columns[name] = {side: float(rows.mean()) for side, rows in held.items()}
        somewhere |= held["train"]
    share = float(somewhere.mean())
    return Score(value=share, low=share, high=share, detail={"columns": columns})


def _held(values: pd.Series, real: pd.Series) -> np.ndarray:
    """Which of ``values`` are among the ``real`` ones."""
    texts = [None if pd.isna(each) else forms.text_of(each).casefold() for each in values]
    known = forms.known(real)
    return np.array([each is not None and each in known for each in texts], dtype=bool)


PERSONAL_OVERLAP = Metric(
    name="personal_overlap",
    title="Personal values of real rows",
    explains="The share of synthetic rows with a name, an address or another personal value of a real row.",
    better="lower",
    compute=personal_overlap,
    span=(0.0, 0.01),
    chance=0.0,
    limit=0.0,
)
