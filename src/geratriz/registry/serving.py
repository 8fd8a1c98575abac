"""A registered generator as MLflow serves it: `n_rows`, conditions and a seed in, rows or images out.

MLflow runs this file from the copy of the package that is stored with the model; no pickle is involved. A request is
a frame with one line an order: the column ``n_rows``, and any of the data's columns as conditions, empty where the
line asks for nothing. The model's signature declares no inputs, on purpose: MLflow drops a column that is not declared,
and would answer a misspelt condition with rows that do not keep it. Everything is checked here instead.

An image is a row of ``image``, a PNG in base64, and ``label`` where the set is labelled, which is the one condition.
"""

import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from geratriz import domains, seeding
from geratriz.errors import GeratrizError, nearest
from geratriz.registry.kinds import kind_of_bundle

ROWS = "n_rows"


class ServedGenerator(PythonModel):  # type: ignore[misc]
    """The generator behind ``mlflow.pyfunc.load_model`` and ``mlflow models serve``."""

    def load_context(self, context: Any) -> None:
        """Load the bundle that lies among the model's artifacts."""
        folder = Path(context.artifacts["bundle"])
        self._served = domains.serve(kind_of_bundle(folder)).load(folder)
        self._turn = threading.Lock()  # the server answers in threads, sampling seeds the global generators

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """The rows asked for, one order after the other, in the columns and order of the training data.

        Args:
            context: MLflow's; not needed any more.
            model_input: one line an order: ``n_rows``, and conditions under the data's column names.
            params: ``seed``; rows differ from call to call without one. The first order gives the rows that
                ``geratriz sample --seed`` gives.

        Raises:
            MlflowException: the request cannot be met; served as HTTP 400 with the reason.
        """
        del context
        try:
            orders = _orders(model_input, self._served.names, self._served.most)
            seed = _seed(params)
            frames = []
            with self._turn:
                for line, (rows, where) in enumerate(orders):
                    own_seed = seed if line == 0 else seeding.derive(seed, "order", line)
                    frames.append(self._served.draw(rows, seed=own_seed, where=where))
        except (GeratrizError, ValueError) as problem:
            raise MlflowException.invalid_parameter_value(str(problem)) from None
        return _plain(pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0])


def _orders(asked: Any, names: tuple[str, ...], most: int) -> list[tuple[int, dict[str, Any]]]:
    """Each line of the request as (rows, conditions)."""
    frame = _frame(asked)
    if ROWS not in frame.columns:
        raise ValueError(f"the request has no column {ROWS!r}, the number of rows; it has {list(frame.columns)}.")
    if ROWS in names:
        names = tuple(name for name in names if name != ROWS)  # the number of rows wins; it cannot be a condition here
    for name in frame.columns:
        if name != ROWS and name not in names:
            raise ValueError(f"the request has a column {name!r}, which the data does not have.{nearest(name, names)}")
    orders = []
    for line, cells in enumerate(frame.to_dict(orient="records")):
        where = {str(name): _given(cell) for name, cell in cells.items() if name != ROWS and not _is_missing(cell)}
        orders.append((_whole(f"{ROWS} in line {line}", cells[ROWS], least=1), where))
    total = sum(rows for rows, _ in orders)
    if not 1 <= total <= most:
        raise ValueError(
            f"the request asks for {total:,} rows; expected 1 to {most:,}. `geratriz sample` writes any number."
        )
    return orders


def _frame(asked: Any) -> pd.DataFrame:
    """The request as a frame: it comes as one, or under the key ``inputs`` as a mapping or list of mappings."""
    if isinstance(asked, pd.DataFrame):
        return asked
    parts = [asked] if isinstance(asked, Mapping) else list(asked) if isinstance(asked, list) else []
    if not parts or not all(isinstance(part, Mapping) for part in parts):
        raise ValueError(f"the request is a {type(asked).__name__}; expected lines with a column {ROWS!r}.")
    frames = [pd.DataFrame({name: np.atleast_1d(cells) for name, cells in part.items()}) for part in parts]
    return pd.concat(frames, ignore_index=True)


def _seed(params: Mapping[str, Any] | None) -> int:
    given = (params or {}).get("seed")
    return secrets.randbits(32) if given is None else _whole("seed", given, least=0)


def _whole(name: str, given: Any, *, least: int) -> int:
    if isinstance(given, bool) or not isinstance(given, int | float) or not float(given).is_integer() or given < least:
        raise ValueError(f"{name} is {given!r}; it must be a whole number, at least {least}.")
    return int(given)


def _given(cell: Any) -> Any:
    """A condition as it was sent: pandas makes a column of whole numbers one of floats where a line leaves it empty."""
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell


def _is_missing(cell: Any) -> bool:
    return cell is None or cell is pd.NA or cell is pd.NaT or cell != cell


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """``frame`` with None for missing values: JSON knows neither NaN nor NaT."""
    missing = [name for name in frame.columns if frame[name].isna().any()]
    columns = {name: frame[name].astype(object).where(frame[name].notna(), None) for name in missing}
    return frame.assign(**columns) if columns else frame


if __name__ != "geratriz.registry.serving":  # MLflow executes the file under a name of its own; an import is harmless
    set_model(ServedGenerator())
