"""Row rules: a contract's critical expectations about single rows, fast enough to check every drawn row.

Only :mod:`geratriz.contract` runs a suite with Great Expectations, which takes seconds. Here expectations about single
rows are evaluated with pandas, a block in milliseconds; a test compares the results with those of Great Expectations.
If a rule determines a column from others (pairs whose first value determines the second, two equal columns, columns
with a fixed sum), the column is filled in from them, and the rule holds by construction.
"""

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from geratriz.column import Column
from geratriz.errors import ConfigError, DataError
from geratriz.table.data import conditions
from geratriz.table.data.checks import CHECKS, EQUAL, NOT_NULL, PAIRS, SUM, as_mask, code_cells, ignored
from geratriz.table.data.schema import Schema

ROWWISE = ("expect_column_values_", "expect_column_value_", "expect_column_pair_values_", "expect_multicolumn_")
ACROSS_ROWS = ("unique", "increasing", "decreasing", "z_scores", "outliers")  # in types that compare rows
Values = Mapping[str, tuple[pd.Series, bool]]  # by column: its possible values, and whether the list is complete


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One expectation about single rows, with the type and arguments of the suite."""

    type: str
    kwargs: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.type not in CHECKS:
            raise ValueError(f"{self.type} is not a supported rule about single rows")
        if any(isinstance(value, Mapping) for key, value in self.kwargs.items() if key != "row_condition"):
            raise ValueError("it contains a parameter of the suite")
        if self.kwargs.get("row_condition") and self.type == PAIRS:
            raise ValueError("Great Expectations does not check pairs under a condition")
        if not self.columns:
            raise ValueError("it names no column")

    @property
    def about(self) -> tuple[str, ...]:
        """Columns that the rule is about, without those of its condition."""
        single = tuple(self.kwargs[key] for key in ("column", "column_A", "column_B") if key in self.kwargs)
        return single or tuple(self.kwargs["column_list"])

    @property
    def columns(self) -> frozenset[str]:
        """All columns that the rule reads.

        Raises:
            ValueError: its condition is not supported.
        """
        condition = self.kwargs.get("row_condition")
        return frozenset(self.about) | (conditions.columns(condition) if condition else set())

    def holds(self, frame: pd.DataFrame) -> np.ndarray:
        """Rows of ``frame`` that satisfy the rule, bool (N,). Missing values count as in Great Expectations.

        Raises:
            ConfigError: the rule does not fit the columns' values.
        """
        try:
            cells = frame[list(self.about)]
            checked = ~ignored(cells, self.type, self.kwargs)
            if condition := self.kwargs.get("row_condition"):
                checked &= conditions.mask(condition, frame)
            mask = np.ones(len(frame), dtype=bool)
            mask[checked] = as_mask(CHECKS[self.type](cells if checked.all() else cells[checked], self.kwargs))
            return mask
        except (TypeError, ValueError, KeyError, re.error) as problem:
            raise ConfigError(f"the rule {self} does not fit the values of its columns: {problem}") from None

    def __str__(self) -> str:
        name = self.type.removeprefix("expect_").replace("_", " ")
        values = {key: self.kwargs.get(key) for key in ("min_value", "max_value", "sum_total")}
        bounds = (f"{key} {bound}" for key, bound in values.items() if bound is not None)
        condition = self.kwargs.get("row_condition")
        where = f" where {condition}" if condition else ""
        return f"{', '.join(self.about)}: {' '.join([name, *bounds])}{where}"


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules that every row must satisfy."""

    rules: tuple[Rule, ...] = ()

    @classmethod
    def of(cls, suite: Mapping[str, Any]) -> "Rules":
        """Critical rules of a suite from :func:`geratriz.contract.read_suite`; see also :func:`not_enforced`."""
        return cls(tuple(rule for item in suite["expectations"] if (rule := _rule(item)) is not None))

    def __len__(self) -> int:
        return len(self.rules)

    def to_json(self) -> list[dict[str, Any]]:
        """JSON list; :meth:`from_json` is its inverse."""
        return [{"type": rule.type, "kwargs": dict(rule.kwargs)} for rule in self.rules]

    @classmethod
    def from_json(cls, content: Iterable[Mapping[str, Any]]) -> "Rules":
        """Rules from a list made by :meth:`to_json`."""
        return cls(tuple(Rule(type=item["type"], kwargs=item["kwargs"]) for item in content))

    def write(self, path: Path) -> None:
        """Write the rules as JSON."""
        path.write_text(json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Rules":
        """Read rules written by :meth:`write`.

        Raises:
            DataError: the file does not exist, or holds no rules.
        """
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError) as problem:
            raise DataError(f"{path} holds no rules ({problem}). `dvc repro prepare` writes it.") from None

    def holds(self, frame: pd.DataFrame) -> np.ndarray:
        """Rows of ``frame`` that satisfy all rules, bool (N,)."""
        mask = np.ones(len(frame), dtype=bool)
        for rule in self.rules:
            mask &= rule.holds(frame)
        return mask

    def broken(self, frame: pd.DataFrame) -> dict[str, float]:
        """Share of rows that violate each rule, in descending order, without rules that no row violates."""
        shares = {str(rule): 1.0 - float(rule.holds(frame).mean()) for rule in self.rules}
        return dict(sorted(((rule, share) for rule, share in shares.items() if share), key=lambda pair: -pair[1]))

    def require(self, frame: pd.DataFrame) -> None:
        """Check that all real rows satisfy all rules.

        Raises:
            DataError: some do not; the message names the rules.
        """
        shares = self.broken(frame)
        if shares:
            listed = "; ".join(f"{rule} (in {share:.2%} of the rows)" for rule, share in shares.items())
            raise DataError(
                f"real rows violate rules that synthetic rows must satisfy: {listed}. `geratriz validate` shows the "
                "rows. Correct the data or the contract."
            )

    def partition(self, names: Iterable[str]) -> tuple["Rules", "Rules"]:
        """Rules that read only the columns ``names``, and the other rules."""
        known = set(names)
        inside = tuple(rule for rule in self.rules if rule.columns <= known)
        return Rules(inside), Rules(tuple(rule for rule in self.rules if rule not in inside))

    def narrowed(self, schema: Schema, values: Values) -> "Rules":
        """Rules that remain to be checked in rows whose cells are among ``values``.

        A rule about one column that all its values satisfy is dropped. Sets of values or pairs keep only those that can
        occur, so that no rare one is stored. Columns that are filled in get a rule to have a possible value.
        """
        remaining = [_narrowed(rule, values) for rule in self.rules if not _always(rule, values)]
        filled = dict.fromkeys(target for rule in remaining for target in _targets(rule))
        inside = [rule for target in filled for rule in _inside(schema, target, values)]
        return Rules((*remaining, *inside))

    def fill(self, frame: pd.DataFrame, schema: Schema, fixed: Iterable[str] = ()) -> pd.DataFrame:
        """Fill in the columns of ``frame`` that other columns determine, except the ``fixed`` ones."""
        fixed = set(fixed)
        for rule in _in_order([rule for rule in self.rules if _targets(rule)]):
            target = next((name for name in _targets(rule) if name not in fixed), None)
            if target is not None:
                frame = frame.assign(**{target: _filled(frame, rule, schema[target])})
        return frame


def not_enforced(suite: Mapping[str, Any]) -> tuple[str, ...]:
    """Critical expectations about single rows that :meth:`Rules.of` does not support, as sentences."""
    unsupported = (
        item
        for item in suite["expectations"]
        if _is_critical(item)
        and item["type"].startswith(ROWWISE)
        and not any(word in item["type"] for word in ACROSS_ROWS)
        and _rule(item) is None
    )
    return tuple(
        f"{', '.join(map(str, _columns(item['kwargs'])))}: {item['type'].removeprefix('expect_').replace('_', ' ')}"
        for item in unsupported
    )


def _rule(expectation: Mapping[str, Any]) -> Rule | None:
    if not _is_critical(expectation):
        return None
    try:
        return Rule(type=expectation["type"], kwargs=expectation["kwargs"])
    except (ValueError, KeyError, TypeError):
        return None


def _is_critical(expectation: Mapping[str, Any]) -> bool:
    mostly = expectation["kwargs"].get("mostly", 1)
    return expectation.get("severity", "critical") == "critical" and (mostly is None or mostly == 1)


def _columns(kwargs: Mapping[str, Any]) -> Sequence[str]:
    return [kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs] or kwargs.get("column_list", [])


def _targets(rule: Rule) -> tuple[str, ...]:
    """Columns that ``rule`` determines from its other columns, the preferred one first."""
    if rule.kwargs.get("row_condition"):
        return ()
    if rule.type == PAIRS:
        pairs = rule.kwargs["value_pairs_set"] or []
        determined = 0 < len({(a, b) for a, b in pairs}) == len({a for a, _ in pairs})
        return (rule.kwargs["column_B"],) if determined else ()
    if rule.type == EQUAL:
        return (rule.kwargs["column_B"], rule.kwargs["column_A"])
    return tuple(reversed(rule.kwargs["column_list"])) if rule.type == SUM else ()


def _in_order(rules: list[Rule]) -> list[Rule]:
    """Order rules so that one that reads a column comes after the one that fills it in."""
    waiting, ordered = list(rules), []
    while waiting:
        filled = {id(rule): _targets(rule)[0] for rule in waiting}
        ready = next(
            (
                rule
                for rule in waiting
                if not {filled[id(other)] for other in waiting if other is not rule}
                & (rule.columns - {filled[id(rule)]})
            ),
            waiting[0],  # in a cycle, any rule may be the first
        )
        waiting = [rule for rule in waiting if rule is not ready]
        ordered.append(ready)
    return ordered


def _fill_pair(frame: pd.DataFrame, rule: Rule, target: Column) -> np.ndarray:
    codes, index = code_cells(frame[rule.kwargs["column_A"]])
    second_of = {None: None, **dict(rule.kwargs["value_pairs_set"])}
    known = np.array([value in second_of for value in index])
    seconds = np.empty(len(index), dtype=object)
    seconds[:] = [second_of.get(value) for value in index]
    return np.where(known[codes], seconds[codes], _objects(frame[target.name]))


def _fill_equal(frame: pd.DataFrame, rule: Rule, target: Column) -> np.ndarray:
    source = rule.kwargs["column_A" if target.name == rule.kwargs["column_B"] else "column_B"]
    return _objects(frame[source])


def _fill_sum(frame: pd.DataFrame, rule: Rule, target: Column) -> np.ndarray:
    others = frame[[name for name in rule.about if name != target.name]].astype(np.float64)
    rest = rule.kwargs["sum_total"] - others.sum(axis=1, skipna=False).to_numpy()
    return target.snap(rest).astype(object)


_FILLS: dict[str, Callable[[pd.DataFrame, Rule, Column], np.ndarray]] = {
    PAIRS: _fill_pair,
    EQUAL: _fill_equal,
    SUM: _fill_sum,
}


def _filled(frame: pd.DataFrame, rule: Rule, target: Column) -> pd.Series:
    """Values of the column ``target`` as ``rule`` determines them; rows that the rule ignores keep theirs."""
    skipped = ignored(frame[list(rule.about)], rule.type, rule.kwargs)
    cells = np.where(skipped, _objects(frame[target.name]), _FILLS[rule.type](frame, rule, target))
    return target.restore(pd.Series(cells, dtype=object, index=frame.index))


def _objects(values: pd.Series) -> np.ndarray:
    return values.astype(object).to_numpy()


def _always(rule: Rule, values: Values) -> bool:
    if len(rule.about) > 1:
        return False
    (name,) = rule.about
    known, complete = values[name]
    if not complete and rule.type not in (
        NOT_NULL,
        "expect_column_values_to_be_between",  # if it accepts two values, it accepts all between them
    ):
        return False
    kwargs = {key: value for key, value in rule.kwargs.items() if key != "row_condition"}
    return bool(Rule(type=rule.type, kwargs=kwargs).holds(pd.DataFrame({name: known})).all())


def _narrowed(rule: Rule, values: Values) -> Rule:
    """Remove values from ``rule`` that its columns cannot have."""
    changes: dict[str, Any] = {}
    if rule.kwargs.get("value_set"):
        possible = _possible(values[rule.kwargs["column"]])
        changes["value_set"] = [value for value in rule.kwargs["value_set"] if possible(value)]
    if rule.kwargs.get("value_pairs_set"):
        a, b = (_possible(values[rule.kwargs[key]]) for key in ("column_A", "column_B"))
        changes["value_pairs_set"] = [[x, y] for x, y in rule.kwargs["value_pairs_set"] if a(x) and b(y)]
    return dataclasses.replace(rule, kwargs={**rule.kwargs, **changes})


def _possible(values: tuple[pd.Series, bool]) -> Callable[[Any], bool]:
    known, complete = values
    index = code_cells(known)[1]
    return index.__contains__ if complete else lambda value: True


def _inside(schema: Schema, name: str, values: Values) -> list[Rule]:
    """Rule that a column that is filled in has one of its possible values."""
    known, complete = values[name]
    present = known.dropna().astype(object).tolist()
    if schema[name].kind == "datetime":
        return []
    if complete:
        return [Rule(type="expect_column_values_to_be_in_set", kwargs={"column": name, "value_set": present})]
    kwargs = {"column": name, "min_value": min(present), "max_value": max(present)}
    return [Rule(type="expect_column_values_to_be_between", kwargs=kwargs)]
