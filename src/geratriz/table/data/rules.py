"""Row rules: what a contract's critical expectations ask of a single row, fast enough to hold every drawn row to them.

A suite is Great Expectations' and only data/contract.py runs it; that takes seconds. Here the expectations that speak
of one row at a time are evaluated with pandas, a block in milliseconds, and a test holds the answers against Great
Expectations' own. Where a rule says that a column follows from others (a pair of which the first determines the second,
two that are equal, several with a given sum), it is filled in from them: the rule then holds by construction.
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
from geratriz.table.data.checks import CHECKS, EQUAL, NOT_NULL, PAIRS, SUM, as_mask, coded, ignored
from geratriz.table.data.schema import Schema

ROWWISE = ("expect_column_values_", "expect_column_value_", "expect_column_pair_values_", "expect_multicolumn_")
ACROSS_ROWS = ("unique", "increasing", "decreasing", "z_scores", "outliers")  # in the name of what compares rows
Values = Mapping[str, tuple[pd.Series, bool]]  # by column: values it can have, and whether they are all there are


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One expectation about single rows, as it stands in a suite."""

    type: str
    kwargs: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.type not in CHECKS:
            raise ValueError(f"{self.type} is no rule about single rows that is known here")
        if any(isinstance(each, Mapping) for key, each in self.kwargs.items() if key != "row_condition"):
            raise ValueError("a parameter of the suite stands in it")
        if self.kwargs.get("row_condition") and self.type == PAIRS:
            raise ValueError("Great Expectations does not check pairs under a condition")
        if not self.columns:
            raise ValueError("it names no column")

    @property
    def about(self) -> tuple[str, ...]:
        """The columns it is about, without those of its condition."""
        single = tuple(self.kwargs[key] for key in ("column", "column_A", "column_B") if key in self.kwargs)
        return single or tuple(self.kwargs["column_list"])

    @property
    def columns(self) -> frozenset[str]:
        """All columns it reads.

        Raises:
            ValueError: its condition is not understood.
        """
        condition = self.kwargs.get("row_condition")
        return frozenset(self.about) | (conditions.columns(condition) if condition else set())

    def holds(self, frame: pd.DataFrame) -> np.ndarray:
        """Which rows of ``frame`` keep it, bool (N,). A missing value keeps it as it does for Great Expectations.

        Raises:
            ConfigError: it does not fit the columns' values.
        """
        try:
            cells = frame[list(self.about)]
            asked = ~ignored(cells, self.type, self.kwargs)
            if condition := self.kwargs.get("row_condition"):
                asked &= conditions.mask(condition, frame)
            kept = np.ones(len(frame), dtype=bool)
            kept[asked] = as_mask(CHECKS[self.type](cells if asked.all() else cells[asked], self.kwargs))
            return kept
        except (TypeError, ValueError, KeyError, re.error) as problem:
            raise ConfigError(f"the rule {self} does not fit the values it is about: {problem}") from None

    def __str__(self) -> str:
        words = self.type.removeprefix("expect_").replace("_", " ")
        named = {key: self.kwargs.get(key) for key in ("min_value", "max_value", "sum_total")}
        bounds = (f"{key} {bound}" for key, bound in named.items() if bound is not None)
        condition = self.kwargs.get("row_condition")
        where = f" where {condition}" if condition else ""
        return f"{', '.join(self.about)}: {' '.join([words, *bounds])}{where}"


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules that every row keeps."""

    rules: tuple[Rule, ...] = ()

    @classmethod
    def of(cls, suite: Mapping[str, Any]) -> "Rules":
        """The critical rules of a suite, as :func:`geratriz.data.contract.read_suite` gives it; see also
        :func:`not_enforced`."""
        return cls(tuple(rule for each in suite["expectations"] if (rule := _rule(each)) is not None))

    def __len__(self) -> int:
        return len(self.rules)

    def to_json(self) -> list[dict[str, Any]]:
        """A JSON list; :meth:`from_json` is its inverse."""
        return [{"type": each.type, "kwargs": dict(each.kwargs)} for each in self.rules]

    @classmethod
    def from_json(cls, content: Iterable[Mapping[str, Any]]) -> "Rules":
        """The rules in a list that :meth:`to_json` made."""
        return cls(tuple(Rule(type=each["type"], kwargs=each["kwargs"]) for each in content))

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Rules":
        """Read what :meth:`write` wrote.

        Raises:
            DataError: it is not there, or holds no rules.
        """
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError) as problem:
            raise DataError(f"{path} holds no rules ({problem}). `dvc repro prepare` writes it.") from None

    def holds(self, frame: pd.DataFrame) -> np.ndarray:
        """Which rows of ``frame`` keep all rules, bool (N,)."""
        kept = np.ones(len(frame), dtype=bool)
        for rule in self.rules:
            kept &= rule.holds(frame)
        return kept

    def broken(self, frame: pd.DataFrame) -> dict[str, float]:
        """The share of rows that break it, by rule, the most broken first; those that none breaks are left out."""
        shares = {str(rule): 1.0 - float(rule.holds(frame).mean()) for rule in self.rules}
        return dict(sorted(((rule, share) for rule, share in shares.items() if share), key=lambda each: -each[1]))

    def require(self, frame: pd.DataFrame) -> None:
        """Let real rows that keep all rules pass.

        Raises:
            DataError: some do not; names the rules.
        """
        shares = self.broken(frame)
        if shares:
            listed = "; ".join(f"{rule} (in {share:.2%} of the rows)" for rule, share in shares.items())
            raise DataError(
                f"the rows break rules that synthetic rows are to keep: {listed}. `geratriz validate` shows which. "
                "Mend the data, or the contract."
            )

    def among(self, names: Iterable[str]) -> tuple["Rules", "Rules"]:
        """The rules that read no other columns than ``names``, and the others."""
        known = set(names)
        inside = tuple(each for each in self.rules if each.columns <= known)
        return Rules(inside), Rules(tuple(each for each in self.rules if each not in inside))

    def narrowed(self, schema: Schema, values: Values) -> "Rules":
        """What is left to check in rows whose cells are among ``values``.

        A rule about one column that all its values keep holds by construction. Of sets of words or pairs those stay
        that can occur, so that no rare one is kept. What is filled in has to be a value that its column can have.
        """
        left = [_narrowed(rule, values) for rule in self.rules if not _always(rule, values)]
        filled = dict.fromkeys(target for rule in left for target in _targets(rule))
        inside = [each for target in filled for each in _inside(schema, target, values)]
        return Rules((*left, *inside))

    def fill(self, frame: pd.DataFrame, schema: Schema, fixed: Iterable[str] = ()) -> pd.DataFrame:
        """``frame`` with the columns that follow from others filled in, but for the ``fixed`` ones."""
        fixed = set(fixed)
        for rule in _in_order([rule for rule in self.rules if _targets(rule)]):
            target = next((each for each in _targets(rule) if each not in fixed), None)
            if target is not None:
                frame = frame.assign(**{target: _filled(frame, rule, schema[target])})
        return frame


def not_enforced(suite: Mapping[str, Any]) -> tuple[str, ...]:
    """The critical expectations about single rows that :meth:`Rules.of` does not take, as sentences."""
    left = (
        each
        for each in suite["expectations"]
        if _is_critical(each)
        and each["type"].startswith(ROWWISE)
        and not any(word in each["type"] for word in ACROSS_ROWS)
        and _rule(each) is None
    )
    return tuple(
        f"{', '.join(map(str, _named(each['kwargs'])))}: {each['type'].removeprefix('expect_').replace('_', ' ')}"
        for each in left
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


def _named(kwargs: Mapping[str, Any]) -> Sequence[str]:
    return [kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs] or kwargs.get("column_list", [])


def _targets(rule: Rule) -> tuple[str, ...]:
    """The columns that ``rule`` lets be filled in from the rest of it, the one to take first."""
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
    """A rule that reads what another fills in comes after it."""
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
            waiting[0],  # in a circle any may be the first
        )
        waiting = [rule for rule in waiting if rule is not ready]
        ordered.append(ready)
    return ordered


def _fill_pair(frame: pd.DataFrame, rule: Rule, target: Column) -> np.ndarray:
    codes, index = coded(frame[rule.kwargs["column_A"]])
    answers = {None: None, **dict(rule.kwargs["value_pairs_set"])}
    known = np.array([word in answers for word in index])
    told = np.empty(len(index), dtype=object)
    told[:] = [answers.get(word) for word in index]
    return np.where(known[codes], told[codes], _objects(frame[target.name]))


def _fill_equal(frame: pd.DataFrame, rule: Rule, target: Column) -> np.ndarray:
    source = rule.kwargs["column_A" if target.name == rule.kwargs["column_B"] else "column_B"]
    return _objects(frame[source])


def _fill_sum(frame: pd.DataFrame, rule: Rule, target: Column) -> np.ndarray:
    others = frame[[each for each in rule.about if each != target.name]].astype(np.float64)
    rest = rule.kwargs["sum_total"] - others.sum(axis=1, skipna=False).to_numpy()
    return target.snap(rest).astype(object)


_FILLS: dict[str, Callable[[pd.DataFrame, Rule, Column], np.ndarray]] = {
    PAIRS: _fill_pair,
    EQUAL: _fill_equal,
    SUM: _fill_sum,
}


def _filled(frame: pd.DataFrame, rule: Rule, target: Column) -> pd.Series:
    """The column ``target`` as it follows from ``rule``; rows that the rule passes over keep what they have."""
    passed = ignored(frame[list(rule.about)], rule.type, rule.kwargs)
    cells = np.where(passed, _objects(frame[target.name]), _FILLS[rule.type](frame, rule, target))
    return target.restore(pd.Series(cells, dtype=object, index=frame.index))


def _objects(values: pd.Series) -> np.ndarray:
    return values.astype(object).to_numpy()


def _always(rule: Rule, values: Values) -> bool:
    if len(rule.about) > 1:
        return False
    (name,) = rule.about
    known, all_there_are = values[name]
    if not all_there_are and rule.type not in (
        NOT_NULL,
        "expect_column_values_to_be_between",  # between two values that it lets pass lies none that it does not
    ):
        return False
    kwargs = {key: each for key, each in rule.kwargs.items() if key != "row_condition"}
    return bool(Rule(type=rule.type, kwargs=kwargs).holds(pd.DataFrame({name: known})).all())


def _narrowed(rule: Rule, values: Values) -> Rule:
    """``rule`` without words that its columns cannot have."""
    changes: dict[str, Any] = {}
    if rule.kwargs.get("value_set"):
        possible = _possible(values[rule.kwargs["column"]])
        changes["value_set"] = [each for each in rule.kwargs["value_set"] if possible(each)]
    if rule.kwargs.get("value_pairs_set"):
        a, b = (_possible(values[rule.kwargs[each]]) for each in ("column_A", "column_B"))
        changes["value_pairs_set"] = [[x, y] for x, y in rule.kwargs["value_pairs_set"] if a(x) and b(y)]
    return dataclasses.replace(rule, kwargs={**rule.kwargs, **changes})


def _possible(values: tuple[pd.Series, bool]) -> Callable[[Any], bool]:
    known, all_there_are = values
    index = coded(known)[1]
    return index.__contains__ if all_there_are else lambda value: True


def _inside(schema: Schema, name: str, values: Values) -> list[Rule]:
    """A rule that the column has a value it can have, where it is filled in."""
    known, all_there_are = values[name]
    present = known.dropna().astype(object).tolist()
    if schema[name].kind == "datetime":
        return []
    if all_there_are:
        return [Rule(type="expect_column_values_to_be_in_set", kwargs={"column": name, "value_set": present})]
    kwargs = {"column": name, "min_value": min(present), "max_value": max(present)}
    return [Rule(type="expect_column_values_to_be_between", kwargs=kwargs)]
