"""Serving of a registered generator by MLflow: `n_rows`, conditions and a seed in, rows or images out.

MLflow runs this file from the copy of the package that is stored with the model; no pickle is involved. A request is
a frame with one line per order: the column ``n_rows``, and any columns of the data as conditions, empty where a line
sets no condition. The model's signature declares no inputs, on purpose: MLflow drops undeclared columns, so a misspelt
condition would be answered with rows that ignore it. Requests are validated here instead.

An image is a row with ``image``, a PNG in base64, and, if the data are labelled, ``label``, the only condition.
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
        """Load the bundle from the artifacts of the model."""
        folder = Path(context.artifacts["bundle"])
        self._served = domains.serve(kind_of_bundle(folder)).load(folder)
        self._lock = threading.Lock()  # the server has several threads, and sampling seeds the global random generators

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return the requested rows, order by order, with the columns of the training data.

        Args:
            context: of MLflow; unused.
            model_input: one line per order: ``n_rows``, and conditions under the column names of the data.
            params: ``seed``; without it, rows differ from call to call. The first order returns the same rows as
                ``geratriz sample --seed``.

        Raises:
            MlflowException: the request is invalid; served as HTTP 400 with the reason.
        """
        del context
        try:
            orders = _orders(model_input, self._served.names, self._served.max_rows)
            seed = _seed(params)
            frames = []
            with self._lock:
                for line, (rows, where) in enumerate(orders):
                    own_seed = seed if line == 0 else seeding.derive(seed, "order", line)
                    frames.append(self._served.draw(rows, seed=own_seed, where=where))
        except (GeratrizError, ValueError) as problem:
            raise MlflowException.invalid_parameter_value(str(problem)) from None
        return _plain(pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0])


def _orders(request: Any, names: tuple[str, ...], max_rows: int) -> list[tuple[int, dict[str, Any]]]:
    """Lines of the request, (rows, conditions)."""
    frame = _frame(request)
    if ROWS not in frame.columns:
        raise ValueError(f"the request has no column {ROWS!r}, the number of rows. Its columns: {list(frame.columns)}.")
    if ROWS in names:
        names = tuple(name for name in names if name != ROWS)  # a column of this name cannot be a condition here
    for name in frame.columns:
        if name != ROWS and name not in names:
            raise ValueError(f"the request has a column {name!r}, which the data do not have.{nearest(name, names)}")
    orders = []
    for line, cells in enumerate(frame.to_dict(orient="records")):
        where = {str(name): _condition(cell) for name, cell in cells.items() if name != ROWS and not _is_missing(cell)}
        orders.append((_integer(f"{ROWS} in line {line}", cells[ROWS], minimum=1), where))
    total = sum(rows for rows, _ in orders)
    if not 1 <= total <= max_rows:
        raise ValueError(
            f"the request asks for {total:,} rows; expected 1 to {max_rows:,}. Use `geratriz sample` for more."
        )
    return orders


def _frame(request: Any) -> pd.DataFrame:
    """The request as a frame: MLflow passes a frame or, for the key ``inputs``, a mapping or list of mappings."""
    if isinstance(request, pd.DataFrame):
        return request
    parts = [request] if isinstance(request, Mapping) else list(request) if isinstance(request, list) else []
    if not parts or not all(isinstance(part, Mapping) for part in parts):
        raise ValueError(f"the request is a {type(request).__name__}; expected lines with a column {ROWS!r}.")
    frames = [pd.DataFrame({name: np.atleast_1d(cells) for name, cells in part.items()}) for part in parts]
    return pd.concat(frames, ignore_index=True)


def _seed(params: Mapping[str, Any] | None) -> int:
    seed = (params or {}).get("seed")
    return secrets.randbits(32) if seed is None else _integer("seed", seed, minimum=0)


def _integer(name: str, value: Any, *, minimum: int) -> int:
    is_integer = isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()
    if not is_integer or value < minimum:
        raise ValueError(f"{name} is {value!r}; it must be a whole number, at least {minimum}.")
    return int(value)


def _condition(cell: Any) -> Any:
    """A condition as it was sent: pandas turns a column of integers into floats if a line leaves it empty."""
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell


def _is_missing(cell: Any) -> bool:
    return cell is None or cell is pd.NA or cell is pd.NaT or cell != cell


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Replace missing values by None: JSON has neither NaN nor NaT."""
    missing = [name for name in frame.columns if frame[name].isna().any()]
    columns = {name: frame[name].astype(object).where(frame[name].notna(), None) for name in missing}
    return frame.assign(**columns) if columns else frame


if __name__ != "geratriz.registry.serving":  # MLflow executes this file under another name; an import has no effect
    set_model(ServedGenerator())
