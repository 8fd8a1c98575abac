"""Drift of data: new rows compared with those a generator was fitted to, per column and over all columns at once.

A column has drifted if two conditions hold. The difference is significant: by a Kolmogorov-Smirnov test (numbers,
dates), a test of homogeneity (categories) and Fisher's exact test (missing or not), corrected over all tests by Holm's
method (1979), which keeps the chance of any false alarm under ``alpha`` however columns depend on each other. And the
difference is large: its size is over ``effect``, since with a million rows every difference is significant. All sizes
have one unit, the share of rows: the largest difference in the probability of an event, whether "up to x" (KS
distance), "one of these words" (total variation) or "missing".

A classifier over all columns finds what no single column shows, such as a lost correlation (Lopez-Paz and Oquab 2017):
it reports drift if even the low end of the interval of its AUC is over ``auc``.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from geratriz import seeding
from geratriz.column import NUMERIC, REPLACED, Column, as_numbers
from geratriz.contract import ContractReport
from geratriz.errors import ConfigError, nearest
from geratriz.table.data.split import row_hashes, row_positions
from geratriz.table.data.table import Table
from geratriz.table.evaluate.details import TOP_LEVELS, edges
from geratriz.table.evaluate.drift_result import Broken, ColumnDrift, Difference, Drift, DriftConfig, Together
from geratriz.table.evaluate.drift_words import broken_sentence, reasons
from geratriz.table.evaluate.features import Features, encode
from geratriz.table.evaluate.homogeneity import holm, missing_differs, numbers_differ, words_differ
from geratriz.table.evaluate.trio import subsample

MIN_KNOWN = 0.5  # share of the reference rows in the new data from which the table counts as grown
MAX_BY_CHANCE = 0.25  # largest share of them that may be equal by chance
BOOTSTRAP = 200  # resamples for the interval of the AUC


def drift(
    reference: Table,
    current: Table,
    config: DriftConfig | None = None,
    *,
    contract: ContractReport | None = None,
) -> Drift:
    """Compare ``current`` with ``reference``, the rows a generator was fitted to.

    Most data sets grow. If ``current`` contains most rows of the reference, only the other rows are compared: a few new
    rows among many old ones would never show. Equal tables and settings give equal results.

    Args:
        reference: the known data; its schema defines the kinds of columns.
        current: the new data, with its own schema.
        config: what counts as drift; the defaults when None.
        contract: the result of checking ``current`` against the data's contract.

    Raises:
        ConfigError: a column to ignore is in neither table.
        DataError: a number cannot be read as one.
    """
    config = DriftConfig() if config is None else config
    _check_ignored(config, {*reference.schema.names, *current.schema.names})
    names, schema = _common(reference, current)
    left_out = tuple(name for name in names if reference.schema[name].kind in REPLACED or name in config.ignore)
    compared = tuple(reference.schema[name] for name in names if name not in left_out)
    is_new = _new_rows(reference.frame[list(names)], current.frame[list(names)])
    columns: tuple[ColumnDrift, ...] = ()
    together = None
    if compared:
        common = dataclasses.replace(reference.schema, columns=compared, target=None)
        before = Table(reference.frame[list(common.names)], common)
        now = Table.from_frame(_without_type(current.frame.loc[is_new, list(common.names)]), schema=common)
        columns = _columns(before, now, config)
        together = _together(before, now, config)
    broken = _broken(contract, current.schema.names)
    found = (*schema, *reasons(columns, together, config), *(broken_sentence(rule) for rule in broken))
    return Drift(
        drifted=bool(found),
        reasons=found,
        before=len(reference),
        now=len(current),
        judged=int(is_new.sum()),
        schema=schema,
        left_out=left_out,
        columns=columns,
        together=together,
        contract=None if contract is None else contract.name,
        broken=broken,
        config=config,
    )


def _check_ignored(config: DriftConfig, known: Iterable[str]) -> None:
    known = set(known)
    for name in config.ignore:
        if name not in known:
            raise ConfigError(f"monitor.ignore names {name!r}, which is no column.{nearest(name, known)}")


def _common(reference: Table, current: Table) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the columns that can be compared, and a sentence about every other column."""
    names, changes = [], []
    for column in reference.schema.columns:
        if column.name not in current.schema.names:
            changes.append(f"Column {column.name!r} is gone.")
            continue
        contents = [_content(table.frame[column.name], column.kind) for table in (reference, current)]
        if column.kind not in REPLACED and contents[1] is not None and contents[0] != contents[1]:
            changes.append(f"Column {column.name!r} held {contents[0] or 'no value'}, now {contents[1]}.")
        else:
            names.append(column.name)
    known = reference.schema.names
    changes += [f"Column {name!r} is new." for name in current.schema.names if name not in known]
    return tuple(names), tuple(changes)


def _content(values: pd.Series, kind: str) -> str | None:
    """Content of a column in words, whatever its dtype; None where every value is missing."""
    present = values.dropna()
    types = pd.api.types
    if not len(present):
        return None
    if types.is_datetime64_any_dtype(values.dtype):
        return "dates"
    if types.is_bool_dtype(values.dtype) or all(isinstance(value, (bool, np.bool_)) for value in present.unique()):
        return "booleans"
    is_number = types.is_numeric_dtype(values.dtype)
    if not is_number and not all(isinstance(value, (int, float, np.number)) for value in present.unique()):
        return "dates" if kind == "datetime" and _are_dates(present) else "text"
    if kind == "integer":
        numbers = as_numbers(str(values.name), present, kind)
        return "whole numbers" if np.array_equal(numbers, np.round(numbers)) else "numbers with fractions"
    return "numbers"


def _without_type(frame: pd.DataFrame) -> pd.DataFrame:
    """``frame`` with empty columns as NaN, whatever their dtype was."""
    empty = [name for name in frame.columns if frame[name].isna().all()]
    return frame.assign(**dict.fromkeys(empty, np.nan)) if empty else frame


def _are_dates(present: pd.Series) -> bool:
    try:
        pd.to_datetime(present, utc=True)
    except (ValueError, TypeError):
        return False
    return True


def _new_rows(reference: pd.DataFrame, current: pd.DataFrame) -> np.ndarray:
    """Mask of the rows of ``current`` to compare, bool (N,): those not in ``reference`` if that table has grown.

    Tables of few values share rows by chance. The share of repeated rows within the reference estimates how many. If it
    explains the shared rows, or if no row is new, all rows are compared.
    """
    all_rows = np.ones(len(current), dtype=bool)
    if not len(reference.columns):
        return all_rows
    known = np.isin(row_positions(current), row_positions(reference))
    repeated = 1 - len(np.unique(row_hashes(reference))) / len(reference)
    by_chance = repeated * max(1.0, len(current) / len(reference))
    grown = known.sum() >= MIN_KNOWN * len(reference) and by_chance < MAX_BY_CHANCE
    return ~known if grown and not known.all() else all_rows


def _columns(before: Table, now: Table, config: DriftConfig) -> tuple[ColumnDrift, ...]:
    sides = encode([before, now])
    found: dict[tuple[str, str], tuple[float, float]] = {}  # size and p-value by column and test
    for i, column in enumerate(before.schema.columns):
        a, b = (side.values[:, i] for side in sides)
        present = [values[~np.isnan(values)] for values in (a, b)]
        if len(present[0]) and len(present[1]):
            rng = seeding.generator(config.seed, "drift", column.name)
            both = (present[0], present[1])
            test = words_differ(*both, rng) if sides[0].categorical[i] else numbers_differ(*both)
            found[column.name, "values"] = test
        if np.isnan(a).any() or np.isnan(b).any():
            found[column.name, "missing"] = missing_differs(np.isnan(a), np.isnan(b))
    corrected = dict(zip(found, holm([p for _, p in found.values()]), strict=True))
    differences = {
        key: Difference(size=size, p=corrected[key], drifted=corrected[key] <= config.alpha and size > config.effect)
        for key, (size, _) in found.items()
    }
    columns = [_column(column, i, (before, now), sides, differences) for i, column in enumerate(before.schema.columns)]
    return tuple(sorted(columns, key=lambda column: (not column.drifted, -column.size, column.name)))


def _column(
    column: Column,
    i: int,
    tables: tuple[Table, Table],
    sides: Sequence[Features],
    differences: Mapping[tuple[str, str], Difference],
) -> ColumnDrift:
    a, b = (side.values[:, i] for side in sides)
    missing = (float(np.isnan(a).mean()), float(np.isnan(b).mean()))
    present = (a[~np.isnan(a)], b[~np.isnan(b)])
    new_share, new, drawing = 0.0, tuple[str, ...](), dict[str, Any]()
    if column.kind in NUMERIC:
        drawing = _histogram(column, *present)
    else:
        cells = pd.concat([table.frame[column.name].dropna() for table in tables]).astype(object).to_numpy()
        codes = np.concatenate(present).astype(np.int64)
        words = dict(zip(codes[::-1].tolist(), cells[::-1], strict=True))
        counts = np.array([np.bincount(side.astype(np.int64), minlength=len(words)) for side in present])
        unseen = (counts[0] == 0) & (counts[1] > 0)
        new_share = float(counts[1][unseen].sum() / len(b))
        common = np.flatnonzero(unseen & (counts[1] >= column.rare))
        new = tuple(str(words[code]) for code in sorted(common.tolist(), key=lambda code: -counts[1][code]))
        drawing = _levels(column, words, counts)
    return ColumnDrift(
        name=column.name,
        kind=column.kind,
        values=differences.get((column.name, "values")),
        missing=differences.get((column.name, "missing")),
        missing_share=missing,
        new_share=new_share,
        new=new,
        drawing=drawing,
    )


def _histogram(column: Column, a: np.ndarray, b: np.ndarray) -> dict[str, Any]:
    """Shares per bar; the ``rare`` outermost numbers at each end are counted in the outermost bars."""
    both = np.sort(np.concatenate([a, b]))
    if not len(a) or not len(b) or len(both) < 2 * column.rare + 2:
        return {}
    ends = edges(np.clip(both, both[column.rare], both[-column.rare - 1]), column.step)
    shares = [np.histogram(np.clip(values, ends[0], ends[-1]), ends)[0] / len(values) for values in (a, b)]
    return {
        "histogram": {
            "edges": [float(f"{end:.12g}") for end in ends],
            "step": column.step,
            "before": shares[0].round(5).tolist(),
            "now": shares[1].round(5).tolist(),
        }
    }


def _levels(column: Column, words: Mapping[int, Any], counts: np.ndarray) -> dict[str, Any]:
    """Shares per category; categories with fewer than ``rare`` rows on both sides are not named."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    named = [code for code in range(len(words)) if counts[:, code].max() >= column.rare]
    named = sorted(named, key=lambda code: (-shares[:, code].max(), str(words[code])))[:TOP_LEVELS]
    levels = [
        {"level": str(words[code]), "before": float(shares[0, code]), "now": float(shares[1, code])} for code in named
    ]
    return {"levels": levels, "levels_in_all": len(words)} if len(words) else {}


def _together(before: Table, now: Table, config: DriftConfig) -> Together:
    """Score of the detector of synthetic rows on new rows instead; both sides are subsampled to equal size."""
    from geratriz.table.evaluate.detection import tell_apart

    rows = min(len(before), len(now), config.max_rows)
    cut = [subsample(table, rows, config.seed, name) for name, table in (("before", before), ("now", now))]
    score = tell_apart(*encode(cut), seed=config.seed, bootstrap=BOOTSTRAP)
    low, high = 1 - score.high / 2, 1 - score.low / 2  # the score is 1 - (2 AUC - 1)
    return Together(
        auc=1 - score.value / 2,
        low=low,
        high=high,
        rows=rows,
        columns=score.detail["columns"],
        drifted=low > config.auc,
    )


def _broken(report: ContractReport | None, names: Sequence[str]) -> tuple[Broken, ...]:
    """Critical failures; the observed value is included unless it may be a value of a column."""
    return tuple(
        Broken(
            column=finding.column,
            description=finding.description,
            rows=finding.unexpected_count,
            observed=finding.observed if finding.column is None or finding.column not in names else "",
        )
        for finding in (() if report is None else report.critical)
    )
