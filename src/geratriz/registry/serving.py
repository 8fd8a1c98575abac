"""Serving of a registered generator by MLflow: `n_rows`, conditions and a seed in, rows or images out.

MLflow runs this file from the copy of the package that is stored with the model; no pickle is involved. A request is
a frame with one line per order: the column ``n_rows``, and any columns of the data as conditions, empty where a line
sets no condition. The model's signature declares no inputs, on purpose: MLflow drops undeclared columns, so a misspelt
condition would be answered with rows that ignore it. Requests are validated here instead.

A request is bounded in lines, rows and seconds, and the error names the limit. Lines with equal conditions share the
blocks that are computed for them, and all lines of a request are rows of one endless table, so ids do not collide.

An image is a row with ``image``, a PNG in base64, and, if the data are labelled, ``label``, the only condition.
"""

import secrets
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import RESOURCE_EXHAUSTED
from mlflow.pyfunc import PythonModel

from geratriz import domains
from geratriz.errors import GeratrizError, nearest
from geratriz.registry.kinds import kind_of_bundle

ROWS = "n_rows"
MAX_LINES = 1_000  # per request
MAX_SECONDS = 30.0  # per request, waiting for others included; MLflow's own limit is 60 and does not stop the work


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
            MlflowException: the request is invalid or above a limit, served as HTTP 400 with the reason; or it took too
                long, served as 429.
        """
        del context
        until = time.monotonic() + MAX_SECONDS
        try:
            orders = _orders(model_input, self._served.names, self._served.max_rows)
            seed = _seed(params)
            frame = self._draw(orders, seed, until)
        except (GeratrizError, ValueError) as problem:
            raise MlflowException.invalid_parameter_value(str(problem)) from None
        return _plain(frame)

    def _draw(self, orders: list[tuple[int, dict[str, Any]]], seed: int, until: float) -> pd.DataFrame:
        """Draw the lines' rows, in their order; those of equal conditions are drawn together."""
        groups: dict[str, list[int]] = {}
        for line, (_, where) in enumerate(orders):
            groups.setdefault(repr(sorted(where.items())), []).append(line)
        block, first, frames, places = self._served.block, 0, [], []
        ends = np.cumsum([rows for rows, _ in orders])
        if not self._lock.acquire(timeout=max(until - time.monotonic(), 0)):
            raise _too_long("other requests came first. Try again later")
        try:
            for lines in groups.values():
                rows = sum(orders[line][0] for line in lines)
                for start in range(first, first + rows, block):
                    if time.monotonic() > until:
                        raise _too_long("ask for fewer rows, or for fewer different conditions, in one request")
                    part = min(block, first + rows - start)
                    frames.append(self._served.draw(part, seed=seed, where=orders[lines[0]][1], start=start))
                places += [np.arange(ends[line] - orders[line][0], ends[line]) for line in lines]
                first += -(-rows // block) * block  # the next group starts at a block of its own
        finally:
            self._lock.release()
        if len(frames) == 1:
            return frames[0]
        return pd.concat(frames, ignore_index=True).iloc[np.argsort(np.concatenate(places))].reset_index(drop=True)


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
    _check_lines(len(frame))
    orders = []
    for line, cells in enumerate(frame.to_dict(orient="records")):
        where = {str(name): _condition(cell) for name, cell in cells.items() if name != ROWS and not _is_missing(cell)}
        orders.append((_integer(f"{ROWS} in line {line}", cells[ROWS], minimum=1), where))
    total = sum(rows for rows, _ in orders)
    if not 1 <= total <= max_rows:
        raise ValueError(
            f"the request asks for {total:,} rows; expected 1 to {max_rows:,} over all its lines. "
            "Send several requests, or use `geratriz sample`."
        )
    return orders


def _frame(request: Any) -> pd.DataFrame:
    """The request as a frame: MLflow passes a frame or, for the key ``inputs``, a mapping or list of mappings."""
    if isinstance(request, pd.DataFrame):
        return request
    parts = [request] if isinstance(request, Mapping) else list(request) if isinstance(request, list) else []
    if not parts or not all(isinstance(part, Mapping) for part in parts):
        raise ValueError(f"the request is a {type(request).__name__}; expected lines with a column {ROWS!r}.")
    _check_lines(len(parts))
    frames = [pd.DataFrame({name: np.atleast_1d(cells) for name, cells in part.items()}) for part in parts]
    return pd.concat(frames, ignore_index=True)


def _check_lines(lines: int) -> None:
    if lines > MAX_LINES:
        raise ValueError(f"the request has {lines:,} lines; expected at most {MAX_LINES:,}. Send several requests.")


def _too_long(advice: str) -> MlflowException:
    return MlflowException(
        f"the request took longer than {MAX_SECONDS:g} s, the limit: {advice}.", error_code=RESOURCE_EXHAUSTED
    )


def _seed(params: Mapping[str, Any] | None) -> int:
    if params is not None and not isinstance(params, Mapping):
        raise ValueError(f"params is a {type(params).__name__}; expected an object such as {{'seed': 7}}.")
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
