"""Have data drifted: new rows held against those a generator was made from, column by column and all columns at once.

A column has drifted if two things hold. The difference is no chance: a Kolmogorov-Smirnov test (numbers, dates), a test
of homogeneity (categories) and Fisher's exact test (missing or not), corrected over all tests by Holm's method (1979),
which keeps the chance of one false alarm among all of them under ``alpha`` however columns depend on each other. And it
matters: its size is over ``effect``; with a million rows every difference is significant. All sizes have one unit, the
share of rows: by how much the probability of some event differs at most, whether "up to x" (KS distance), "one of these
words" (total variation) or "missing".

What no column shows by itself, such as a correlation that is gone, a classifier over all columns sees (Lopez-Paz and
Oquab 2017): it says drift where even the low end of the interval of its AUC is over ``auc``.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from geratriz import seeding
from geratriz.column import NUMERIC, REPLACED, Column, as_numbers
from geratriz.contract import ContractReport
from geratriz.errors import ConfigError, nearest
from geratriz.table.data.split import places, row_hashes
from geratriz.table.data.table import Table
from geratriz.table.evaluate.details import TOP_LEVELS, edges
from geratriz.table.evaluate.features import Features, encode
from geratriz.table.evaluate.trio import subsample

EXPECTED = 5  # rows a cell must be expected to have for chi-squared to hold (Cochran 1954)
PERMUTATIONS = 1000  # where it does not
CELLS_AT_ONCE = 2_000_000
EXACT_KS = 1000  # rows a side up to which the exact distribution is worth its time
SAME_ROWS = 0.5  # of the reference, found again: then the table has grown
BY_CHANCE = 0.25  # of them, at most, may be there by chance
BOOTSTRAP = 200  # resamples behind the interval of the AUC
NAMED = 5  # new values in a sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftConfig:
    """The section ``monitor`` of params.yaml: what counts as drift."""

    seed: int = 0
    alpha: float = 0.01
    """The chance that some column is called drifted when nothing has changed, at most."""
    effect: float = 0.1
    """A column's difference, as a share of the rows, that matters."""
    auc: float = 0.55
    """What the classifier may reach; 0.5 is a guess."""
    max_rows: int = 10_000
    """Rows a side that the classifier is given at most."""
    ignore: tuple[str, ...] = ()
    """Columns that change by nature, such as the day a row was written."""

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1 or not 0 <= self.effect < 1:
            raise ValueError(f"alpha is {self.alpha} and effect {self.effect}, expected numbers between 0 and 1")
        if not 0.5 <= self.auc < 1:
            raise ValueError(f"auc is {self.auc}, expected at least 0.5, a guess, and under 1")
        if self.max_rows < 10:
            raise ValueError(f"max_rows is {self.max_rows}, expected at least 10")


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """What one test found."""

    size: float
    """By how much a probability differs at most, 0 to 1; of categories, beyond what chance alone gives."""
    p: float
    """Corrected over all tests."""
    drifted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnDrift:
    """One column, before and now. Values that fewer rows share than its ``rare`` are not named."""

    name: str
    kind: str
    values: Difference | None
    """None where a side has no value."""
    missing: Difference | None
    """None where nothing is missing."""
    missing_share: tuple[float, float]
    """Before and now."""
    new_share: float
    """Rows whose category was never seen before."""
    new: tuple[str, ...]
    """Those categories, the most frequent first."""
    drawing: Mapping[str, Any]
    """``histogram`` or ``levels``: shares of rows with a value, ``before`` and ``now``; empty where there are none."""

    @property
    def drifted(self) -> bool:
        """Whether values or what is missing have drifted."""
        return any(each is not None and each.drifted for each in (self.values, self.missing))

    @property
    def size(self) -> float:
        """The larger difference."""
        return max((each.size for each in (self.values, self.missing) if each is not None), default=0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Together:
    """What a classifier over all columns made of rows it was not fitted to."""

    auc: float
    low: float
    high: float
    rows: int
    """A side."""
    columns: Mapping[str, float]
    """How much of the AUC is lost when a column is shuffled, the most first."""
    drifted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """A critical expectation of the contract that new data break; values are not shown."""

    column: str | None
    description: str
    rows: int
    """Rows that break it; 0 where it is about the table."""
    observed: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """The verdict, why, and what it rests on."""

    drifted: bool
    reasons: tuple[str, ...]
    """Empty when nothing has drifted."""
    before: int
    """Rows of the reference."""
    now: int
    """Rows of the new data."""
    judged: int
    """Of these, rows that were compared: where the table has grown, those that were not in it before."""
    schema: tuple[str, ...]
    """Columns that are gone, new or of another type, in words."""
    left_out: tuple[str, ...]
    """Columns that were not looked at: ids, personal ones, and those to ignore."""
    columns: tuple[ColumnDrift, ...]
    """The most telling first."""
    together: Together | None
    """None where no column can be compared."""
    contract: str | None
    """Its name, where there is one."""
    broken: tuple[Broken, ...]
    config: DriftConfig = field(default_factory=DriftConfig)

    def to_json(self) -> dict[str, Any]:
        """A JSON mapping."""
        columns = [{**asdict(each), "drifted": each.drifted, "size": each.size} for each in self.columns]
        return {**asdict(self), "columns": columns}


def drift(
    reference: Table,
    current: Table,
    config: DriftConfig = DriftConfig(),
    *,
    contract: ContractReport | None = None,
) -> Drift:
    """Hold ``current`` against ``reference``, the rows a generator was made from.

    Most data sets grow. Where most rows of the reference stand in ``current`` again, the others are judged alone: a few
    new rows among many old ones would never show. Equal tables and settings give equal results.

    Args:
        reference: what is known; its schema says what columns are.
        current: the new data, under a schema of its own.
        config: what counts as drift.
        contract: what the data's contract found in ``current``.

    Raises:
        ConfigError: a column to ignore is in neither table.
        DataError: a number cannot be read as one.
    """
    _check_ignored(config, {*reference.schema.names, *current.schema.names})
    names, schema = _common(reference, current)
    left_out = tuple(name for name in names if reference.schema[name].kind in REPLACED or name in config.ignore)
    looked_at = tuple(reference.schema[name] for name in names if name not in left_out)
    is_new = _new_rows(reference.frame[list(names)], current.frame[list(names)])
    columns: tuple[ColumnDrift, ...] = ()
    together = None
    if looked_at:
        common = dataclasses.replace(reference.schema, columns=looked_at, target=None)
        before = Table(reference.frame[list(common.names)], common)
        now = Table.from_frame(_without_type(current.frame.loc[is_new, list(common.names)]), schema=common)
        columns = _columns(before, now, config)
        together = _together(before, now, config)
    broken = _broken(contract, current.schema.names)
    reasons = (*schema, *_reasons(columns, together, config), *(_sentence(each) for each in broken))
    return Drift(
        drifted=bool(reasons),
        reasons=reasons,
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


# Tables ---------------------------------------------------------------------------------------------------------------


def _check_ignored(config: DriftConfig, known: Iterable[str]) -> None:
    known = set(known)
    for name in config.ignore:
        if name not in known:
            raise ConfigError(f"monitor.ignore names {name!r}, which is no column.{nearest(name, known)}")


def _common(reference: Table, current: Table) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns that can be compared, and in words what has become of the others."""
    names, changes = [], []
    for column in reference.schema.columns:
        if column.name not in current.schema.names:
            changes.append(f"Column {column.name!r} is gone.")
            continue
        sorts = [_sort(table.frame[column.name], column.kind) for table in (reference, current)]
        if column.kind not in REPLACED and sorts[1] is not None and sorts[0] != sorts[1]:
            changes.append(f"Column {column.name!r} held {sorts[0] or 'no value'}, now {sorts[1]}.")
        else:
            names.append(column.name)
    known = reference.schema.names
    changes += [f"Column {name!r} is new." for name in current.schema.names if name not in known]
    return tuple(names), tuple(changes)


def _sort(values: pd.Series, kind: str) -> str | None:
    """What a column holds, whatever type it is kept in; None where every value is missing."""
    present = values.dropna()
    types = pd.api.types
    if not len(present):
        return None
    if types.is_datetime64_any_dtype(values.dtype):
        return "dates"
    if types.is_bool_dtype(values.dtype) or all(isinstance(each, (bool, np.bool_)) for each in present.unique()):
        return "booleans"
    is_number = types.is_numeric_dtype(values.dtype)
    if not is_number and not all(isinstance(each, (int, float, np.number)) for each in present.unique()):
        return "dates" if kind == "datetime" and _are_dates(present) else "text"
    if kind == "integer":
        numbers = as_numbers(str(values.name), present, kind)
        return "whole numbers" if np.array_equal(numbers, np.round(numbers)) else "numbers with fractions"
    return "numbers"


def _without_type(frame: pd.DataFrame) -> pd.DataFrame:
    """``frame`` with columns that hold no value as plain missing: their type, such as dates, says nothing."""
    empty = [name for name in frame.columns if frame[name].isna().all()]
    return frame.assign(**dict.fromkeys(empty, np.nan)) if empty else frame


def _are_dates(present: pd.Series) -> bool:
    try:
        pd.to_datetime(present, utc=True)
    except (ValueError, TypeError):
        return False
    return True


def _new_rows(reference: pd.DataFrame, current: pd.DataFrame) -> np.ndarray:
    """Which rows of ``current`` to judge, bool (N,): those not in ``reference`` where that is the same table grown.

    Tables of few values share rows by chance. The share of rows that have an equal one within the reference tells how
    many; where it explains what is shared, and where nothing is left, all rows are judged.
    """
    every = np.ones(len(current), dtype=bool)
    if not len(reference.columns):
        return every
    known = np.isin(places(current), places(reference))
    repeated = 1 - len(np.unique(row_hashes(reference))) / len(reference)
    by_chance = repeated * max(1.0, len(current) / len(reference))
    grown = known.sum() >= SAME_ROWS * len(reference) and by_chance < BY_CHANCE
    return ~known if grown and not known.all() else every


# Columns --------------------------------------------------------------------------------------------------------------


def _columns(before: Table, now: Table, config: DriftConfig) -> tuple[ColumnDrift, ...]:
    sides = encode([before, now])
    found: dict[tuple[str, str], tuple[float, float]] = {}  # size and p, by column and what was tested
    for i, column in enumerate(before.schema.columns):
        a, b = (side.values[:, i] for side in sides)
        present = [each[~np.isnan(each)] for each in (a, b)]
        if len(present[0]) and len(present[1]):
            rng = seeding.generator(config.seed, "drift", column.name)
            both = (present[0], present[1])
            test = _words_differ(*both, rng) if sides[0].categorical[i] else _numbers_differ(*both)
            found[column.name, "values"] = test
        if np.isnan(a).any() or np.isnan(b).any():
            found[column.name, "missing"] = _missing_differs(np.isnan(a), np.isnan(b))
    corrected = dict(zip(found, holm([p for _, p in found.values()]), strict=True))
    differences = {
        key: Difference(size=size, p=corrected[key], drifted=corrected[key] <= config.alpha and size > config.effect)
        for key, (size, _) in found.items()
    }
    columns = [_column(column, i, (before, now), sides, differences) for i, column in enumerate(before.schema.columns)]
    return tuple(sorted(columns, key=lambda each: (not each.drifted, -each.size, each.name)))


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected so that each can be held against the chance of one false alarm among all of them.

    Holm, A simple sequentially rejective multiple test procedure, 1979: valid under any dependence.
    """
    order = np.argsort(p, kind="stable")
    corrected, so_far = np.empty(len(p)), 0.0
    for rank, i in enumerate(order):
        so_far = max(so_far, (len(p) - rank) * p[i])
        corrected[i] = min(so_far, 1.0)
    return corrected.tolist()


def _numbers_differ(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """The KS distance and its p-value; ties (rounded numbers) make it too large, never too small."""
    from scipy.stats import ks_2samp

    found = ks_2samp(a, b, method="exact" if max(len(a), len(b)) <= EXACT_KS else "asymp")
    return float(found.statistic), float(found.pvalue)


def _words_differ(a: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """The total variation of codes beyond what chance gives, and the p-value of Pearson's test of homogeneity.

    Chance is subtracted since the distance of two samples grows with the number of categories: thousands of rare words
    would always seem to have changed. Where cells are sparse, the statistic's distribution is that of tables with the
    same margins; far out in its tail, the gamma curve through its first three moments (Winkler et al. 2016).
    """
    from scipy.stats import chi2, pearson3

    levels = 1 + int(max(a.max(), b.max()))
    counts = np.array([np.bincount(side.astype(np.int64), minlength=levels) for side in (a, b)])
    counts = counts[:, counts.sum(0) > 0]
    total, (n, m) = counts.sum(0), counts.sum(1)
    if counts.shape[1] < 2:
        return 0.0, 1.0

    def statistic(of_a: np.ndarray) -> np.ndarray:
        rows = n + m
        value: np.ndarray = rows / m * (rows / n * (of_a**2 / total).sum(-1) - n)
        return value

    def distance(of_a: np.ndarray) -> np.ndarray:
        value: np.ndarray = 0.5 * np.abs(of_a / n - (total - of_a) / m).sum(-1)
        return value

    here, apart = float(statistic(counts[0])), float(distance(counts[0]))
    if total.min() * min(n, m) / (n + m) >= EXPECTED:
        share = total / (n + m)
        by_chance = 0.5 * np.sqrt(2 / np.pi * share * (1 - share) * (1 / n + 1 / m)).sum()
        return max(apart - float(by_chance), 0.0), float(chi2.sf(here, counts.shape[1] - 1))
    statistics, distances = [], []
    at_once = max(CELLS_AT_ONCE // counts.shape[1], 1)
    for start in range(0, PERMUTATIONS, at_once):
        of_a = rng.multivariate_hypergeometric(total, n, size=min(at_once, PERMUTATIONS - start))
        statistics.append(statistic(of_a))
        distances.append(distance(of_a))
    null = np.concatenate(statistics)
    excess = max(apart - float(np.concatenate(distances).mean()), 0.0)
    as_far = int((null >= here * (1 - 1e-12)).sum())
    if as_far >= PERMUTATIONS // 50 or null.std() == 0:
        return excess, (as_far + 1) / (PERMUTATIONS + 1)
    centred = (null - null.mean()) / null.std()
    return excess, float(pearson3.sf(here, float((centred**3).mean()), null.mean(), null.std()))


def _missing_differs(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    from scipy.stats import fisher_exact

    cells = [[int(side.sum()), int((~side).sum())] for side in (a, b)]
    return abs(float(a.mean()) - float(b.mean())), float(fisher_exact(cells)[1])


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
        many = np.flatnonzero(unseen & (counts[1] >= column.rare))
        new = tuple(str(words[code]) for code in sorted(many.tolist(), key=lambda code: -counts[1][code]))
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
    """Shares per bar; what lies beyond the ``rare`` outermost numbers is counted in the outermost bars."""
    both = np.sort(np.concatenate([a, b]))
    if not len(a) or not len(b) or len(both) < 2 * column.rare + 2:
        return {}
    ends = edges(np.clip(both, both[column.rare], both[-column.rare - 1]), column.step)
    shares = [np.histogram(np.clip(each, ends[0], ends[-1]), ends)[0] / len(each) for each in (a, b)]
    return {
        "histogram": {
            "edges": [float(f"{end:.12g}") for end in ends],
            "step": column.step,
            "before": shares[0].round(5).tolist(),
            "now": shares[1].round(5).tolist(),
        }
    }


def _levels(column: Column, words: Mapping[int, Any], counts: np.ndarray) -> dict[str, Any]:
    """Shares per category; those that fewer than ``rare`` rows of either side share are one bar without a name."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    named = [code for code in range(len(words)) if counts[:, code].max() >= column.rare]
    named = sorted(named, key=lambda code: (-shares[:, code].max(), str(words[code])))[:TOP_LEVELS]
    levels = [
        {"level": str(words[code]), "before": float(shares[0, code]), "now": float(shares[1, code])} for code in named
    ]
    return {"levels": levels, "levels_in_all": len(words)} if len(words) else {}


# Together, and in words -----------------------------------------------------------------------------------------------


def _together(before: Table, now: Table, config: DriftConfig) -> Together:
    """The detector that judges synthetic rows, given new rows in their place; sides are cut to equal size."""
    from geratriz.table.evaluate.detection import tell_apart

    rows = min(len(before), len(now), config.max_rows)
    cut = [subsample(table, rows, config.seed, name) for name, table in (("before", before), ("now", now))]
    score = tell_apart(*encode(cut), seed=config.seed, bootstrap=BOOTSTRAP)
    low, high = 1 - score.high / 2, 1 - score.low / 2  # it is 1 - (2 AUC - 1)
    return Together(
        auc=1 - score.value / 2,
        low=low,
        high=high,
        rows=rows,
        columns=score.detail["columns"],
        drifted=low > config.auc,
    )


def _broken(report: ContractReport | None, names: Sequence[str]) -> tuple[Broken, ...]:
    """Critical failures. What was observed is shown where it is no column's value."""
    return tuple(
        Broken(
            column=each.column,
            description=each.description,
            rows=each.unexpected_count,
            observed=each.observed if each.column is None or each.column not in names else "",
        )
        for each in (() if report is None else report.critical)
    )


def _sentence(broken: Broken) -> str:
    where = f"column {broken.column!r}" if broken.column else "the table"
    found = f"{broken.rows:,} row{'' if broken.rows == 1 else 's'}" if broken.rows else broken.observed
    shown = f" ({found})" if found and (broken.rows or broken.column) else ""  # of the table it may be a long list
    return f"The contract is broken: {where}: {broken.description}{shown}."


def _reasons(columns: Sequence[ColumnDrift], together: Together | None, config: DriftConfig) -> list[str]:
    reasons = [sentence for column in columns if column.drifted for sentence in _about(column, config)]
    if together is not None and together.drifted:
        alone = "" if reasons else " No column differs enough by itself: it is how they go together."
        by = ", ".join(list(together.columns)[:3])
        reasons.append(
            f"A classifier tells new rows from known ones with an AUC of {together.auc:.3f} ({together.low:.3f} to "
            f"{together.high:.3f}; {config.auc:g} is allowed), most by {by}.{alone}"
        )
    return reasons


def _about(column: ColumnDrift, config: DriftConfig) -> list[str]:
    sentences = []
    if column.values is not None and column.values.drifted:
        words = "KS distance" if column.kind in NUMERIC else "total variation"
        named = ", ".join(repr(each) for each in column.new[:NAMED])
        more = f", such as {named}" if named else ""
        new = f" {100 * column.new_share:.3g} % of the rows have a value never seen before{more}."
        sentences.append(
            f"Column {column.name!r} has changed: {words} {column.values.size:.3f} ({config.effect:g} is allowed)."
            f"{new if column.new_share else ''}"
        )
    if column.missing is not None and column.missing.drifted:
        before, now = (f"{100 * share:.3g} %" for share in column.missing_share)
        sentences.append(f"Column {column.name!r} is missing in {now} of the rows, before in {before}.")
    return sentences
