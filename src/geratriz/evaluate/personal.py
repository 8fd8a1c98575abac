"""Do synthetic rows hold personal values of real ones."""

import numpy as np
import pandas as pd

from geratriz.data import forms
from geratriz.evaluate.base import Score, Trio


def personal_overlap(trio: Trio) -> Score | None:
    """The share of synthetic rows that hold, in a personal column, a value of a real row; None without such columns.

    All rows of all tables are compared, case folded and without spaces around; missing never counts. It is a statement
    about the file, not an estimate: low and high are the value. ``detail["columns"]`` has the share of each column, of
    values in ``train`` and in ``unseen`` rows: a generator cannot know the latter, so that what it shares with them it
    shares by chance, as short codes may.
    """
    names = [column.name for column in trio.train.schema.columns if column.kind == "personal"]
    if not names:
        return None
    frame = trio.synthetic.frame
    somewhere = np.zeros(len(frame), dtype=bool)
    columns = {}
    for name in names:
        held = {
            side: _held(frame[name], table.frame[name])
            for side, table in (("train", trio.train), ("unseen", trio.test))
        }
        columns[name] = {side: float(rows.mean()) for side, rows in held.items()}
        somewhere |= held["train"] | held["unseen"]
    share = float(somewhere.mean())
    return Score(value=share, low=share, high=share, detail={"columns": columns})


def _held(values: pd.Series, real: pd.Series) -> np.ndarray:
    """Which of ``values`` are among the ``real`` ones."""
    known = forms.known(real)
    texts = pd.Series([None if pd.isna(each) else forms.text_of(each).casefold() for each in values], dtype="object")
    return texts.isin(known).to_numpy()
