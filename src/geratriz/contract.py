"""A contract: what data must look like, as a Great Expectations suite in JSON. The one file that runs them.

A suite is Great Expectations' own JSON (name, expectations with type, kwargs, severity, meta), read by any tool that
knows it. Additions stand in the suite's ``meta``, where others ignore them. ``kinds`` is the kind of each column,
checked here, because expectations on types name dtypes, and those change with pandas' version and the file's format.
``decide`` are the columns of a draft whose kind a person has yet to say. ``shares`` are levels of a column and the
least share of the rows that each must have; Great Expectations has no such question. ``names`` is the column that rows
are called by, where they have names: examples show it with the value. Values of personal columns are never shown.
A critical failure stops the pipeline, a warning is reported. Raw and synthetic data are held against the same suite.
"""

import json
import os
import warnings
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from geratriz import config
from geratriz.column import KINDS, NUMERIC, as_numbers
from geratriz.errors import ConfigError, ContractError, DataError, nearest

EXAMPLES = 5
HIDDEN = "(hidden)"  # in place of a personal value
SEVERITIES = ("critical", "warning")


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A row that broke an expectation: its position in the data, from 0, and what stood there."""

    row: int
    value: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What one expectation found."""

    column: str | None
    """The column, two of them joined by ", ", or None for the table."""
    expectation: str
    severity: str
    success: bool
    description: str
    """What was expected, as a sentence."""
    unexpected_count: int
    """Rows that broke it; 0 where it is about the table as a whole."""
    rows: int
    """Rows it was asked of."""
    observed: str
    """What was found instead, for expectations about the table as a whole; empty for others."""
    examples: tuple[Example, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractReport:
    """What a contract found in a table."""

    name: str
    rows: int
    violating_rows: int
    """Rows that break at least one critical expectation."""
    findings: tuple[Finding, ...]

    @property
    def critical(self) -> tuple[Finding, ...]:
        """Failed expectations that stop the pipeline."""
        return tuple(each for each in self.findings if not each.success and each.severity == "critical")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Failed expectations that are reported."""
        return tuple(each for each in self.findings if not each.success and each.severity == "warning")

    def to_json(self) -> dict[str, Any]:
        """A JSON mapping; :meth:`from_json` is its inverse."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "ContractReport":
        """The report in a mapping that :meth:`to_json` made."""
        return config.load(cls, content, "report")


def read_suite(path: Path) -> dict[str, Any]:
    """The suite in a JSON file.

    Raises:
        ConfigError: there is none, or it is not of the form of a suite.
    """
    try:
        suite = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"there is no contract {path}. `geratriz contract draft DATA -o {path}` drafts one from the data."
        ) from None
    except json.JSONDecodeError as problem:
        raise ConfigError(f"{path} is not JSON: {problem}") from None
    if not isinstance(suite, dict) or not isinstance(suite.get("expectations"), list) or "name" not in suite:
        raise ConfigError(f"{path} is not a suite: it needs a 'name' and a list of 'expectations'.")
    for number, each in enumerate(suite["expectations"]):
        if not isinstance(each, dict) or not {"type", "kwargs"} <= each.keys():
            raise ConfigError(f"{path}: expectation {number} needs a 'type' and 'kwargs'.")
        if each.get("severity", "critical") not in SEVERITIES:
            hint = nearest(each["severity"], SEVERITIES)
            raise ConfigError(f"{path}: expectation {number} has severity {each['severity']!r}.{hint}")
    for column, kind in suite.get("meta", {}).get("kinds", {}).items():
        if kind not in KINDS:
            raise ConfigError(f"{path}: column {column!r} has kind {kind!r}.{nearest(kind, KINDS)}")
    for column, rule in suite.get("meta", {}).get("shares", {}).items():
        least = rule.get("least") if isinstance(rule, dict) else None
        if not isinstance(least, dict) or not all(_is_share(each) for each in least.values()):
            raise ConfigError(
                f"{path}: meta.shares.{column} must have 'least', which maps each level to a share from 0 to 1."
            )
        if rule.get("severity", "critical") not in SEVERITIES:
            raise ConfigError(f"{path}: meta.shares.{column} has severity {rule['severity']!r}.")
    if open_still := suite.get("meta", {}).get("decide"):
        if not isinstance(open_still, dict) or not all(isinstance(each, dict) for each in open_still.values()):
            raise ConfigError(f"{path}: meta.decide must map each column to what is asked about it, or be left out.")
        asked = "".join(
            f"\n  {name}: looks like {each.get('looks_like')}; {each.get('because')}. "
            f"Is it {' or '.join(each.get('choose', ()))}?"
            for name, each in open_still.items()
        )
        raise ConfigError(
            f"{path} is a draft: what {len(open_still)} of its columns are is for a person to decide.{asked}\n"
            "Move each from meta.decide to meta.kinds with the kind chosen, and set the same in data.schema of "
            "params.yaml. Or draft again with --schema COLUMN=KIND."
        )
    return suite


def check(frame: pd.DataFrame, suite: Mapping[str, Any]) -> ContractReport:
    """Hold ``frame`` against ``suite``. Equal frames give equal reports.

    Raises:
        ConfigError: an expectation's type or arguments are not Great Expectations'.
    """
    frame = frame.reset_index(drop=True)
    broken = np.zeros(len(frame), dtype=bool)
    meta = suite.get("meta", {})
    kinds, called = meta.get("kinds", {}), _called(frame, meta.get("names"))
    hidden = {name for name, kind in kinds.items() if kind == "personal"}
    findings = [_kind_finding(frame, name, kind, broken) for name, kind in kinds.items()]
    findings += [_share_finding(frame, name, rule) for name, rule in meta.get("shares", {}).items()]
    said = {name for name in kinds if name not in frame.columns}  # a column that is not there is one finding, not ten
    askable = []
    for each in suite["expectations"]:
        absent = [name for name in _columns(each["kwargs"]) if name not in frame.columns]
        if not absent:
            askable.append(each)
        elif not said.issuperset(absent):
            said.update(absent)
            findings.append(
                _finding(each, rows=len(frame), success=False, observed=f"there is no column {absent[0]!r}")
            )
    for each, result in zip(askable, _validate(frame, suite["name"], askable), strict=True):
        findings.append(_read(each, result, frame, broken, hidden, called))
    return ContractReport(
        name=suite["name"], rows=len(frame), violating_rows=int(broken.sum()), findings=tuple(findings)
    )


def require(report: ContractReport) -> None:
    """Let a report without critical failures pass.

    Raises:
        ContractError: there is one; the message shows each with its column, expectation, rows and examples.
    """
    if not report.critical:
        return
    lines = [f"the data break {len(report.critical)} critical expectation(s) of the contract {report.name!r}:"]
    for finding in report.critical:
        where = f"column {finding.column}" if finding.column else "the table"
        lines.append(f"  {where}: {finding.description} ({finding.expectation})")
        if finding.observed:
            lines.append(f"    found: {finding.observed}")
        if finding.unexpected_count:
            lines.append(f"    broken in {finding.unexpected_count:,} of {finding.rows:,} rows, for example")
            lines.extend(f"      row {example.row}: {example.value!r}" for example in finding.examples)
    lines.append("Mend the data, or the contract if it is the contract that is wrong, and run again.")
    raise ContractError("\n".join(lines))


def in_short(finding: Finding) -> str:
    """A failed expectation in one line: the column, what was expected, how many rows broke it and the first of them."""
    found = finding.observed
    if finding.unexpected_count:
        shown = "; ".join(_words(each.value) for each in finding.examples)
        found = f"{finding.unexpected_count:,} of {finding.rows:,} rows, for example {shown}"
    return f"{finding.column or 'table'}: {finding.description}" + (f"; found {found}" if found else "")


def _validate(frame: pd.DataFrame, name: str, expectations: list[dict[str, Any]]) -> list[Any]:
    """Great Expectations' results, in the order of ``expectations``."""
    if not expectations:
        return []
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries about libraries; none is about the data
        import great_expectations as gx
        from great_expectations.exceptions import GreatExpectationsError

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        try:
            suite = gx.ExpectationSuite(
                name=name,
                expectations=[
                    {**each, "severity": each.get("severity", "critical"), "meta": {**each.get("meta", {}), "place": i}}
                    for i, each in enumerate(expectations)
                ],
            )
        except (GreatExpectationsError, ValueError, TypeError) as problem:  # pydantic's errors are ValueErrors
            raise ConfigError(f"the contract {name!r} is not a valid suite: {problem}") from None
        asset = context.data_sources.add_pandas("data").add_dataframe_asset("table")
        batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
        outcome = batch.validate(suite, result_format={"result_format": "COMPLETE"})
    results = {int(each.expectation_config.meta["place"]): each for each in outcome.results}
    for place, each in enumerate(expectations):
        if place not in results:  # Great Expectations leaves out, with a line in its log, what it does not know
            raise ConfigError(
                f"the contract {name!r} has an expectation that Great Expectations does not take: {each['type']} "
                f"with {each['kwargs']}."
            )
    return [results[place] for place in range(len(expectations))]


def _read(
    expectation: Mapping[str, Any],
    outcome: Any,
    frame: pd.DataFrame,
    broken: np.ndarray,
    hidden: Collection[str],
    called: pd.Series | None,
) -> Finding:
    """Our finding from Great Expectations' result; critical rows are marked in ``broken``.

    Of ``hidden`` columns no value is shown, in the words of an error neither. ``called`` are the names of the rows.
    """
    result = outcome.result or {}
    columns = _columns(expectation["kwargs"])
    tells = not set(columns) & set(hidden)
    raised = [each for each in _exceptions(outcome.exception_info) if each.get("raised_exception")]
    if raised and not result:  # it could not be asked: it does not fit the column, which is not the data's fault
        messages = [str(each.get("exception_message")) for each in raised]
        reason = next((message.splitlines()[0] for message in messages if message), "no reason given")
        reason = reason if tells else "the reason may hold a personal value"
        return _finding(expectation, rows=len(frame), success=False, observed=f"could not be checked: {reason}")
    rows = np.asarray(result.get("unexpected_index_list") or [], dtype=np.int64)
    success = bool(outcome.success)  # numpy's bool at times, which JSON does not take
    severity = expectation.get("severity", "critical")
    if severity == "critical" and not success:
        broken[rows] = True
    examples = tuple(
        Example(
            row=int(row),
            value=_plain(
                [*([] if called is None else [called[row]]), *(_cell(frame, row, name, hidden) for name in columns)]
            ),
        )
        for row in rows[:EXAMPLES]
    )
    observed = "" if len(rows) or "observed_value" not in result else f"{result['observed_value']}" if tells else HIDDEN
    return _finding(
        expectation,
        rows=int(result.get("element_count", len(frame))),
        success=success,
        observed="" if success else observed,
        unexpected=len(rows),
        examples=examples,
    )


def _exceptions(info: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Great Expectations nests them by metric, or does not."""
    if not info:
        return []
    return [info] if "exception_message" in info else [each for each in info.values() if isinstance(each, Mapping)]


def _finding(
    expectation: Mapping[str, Any],
    *,
    rows: int,
    success: bool,
    observed: str = "",
    unexpected: int = 0,
    examples: tuple[Example, ...] = (),
) -> Finding:
    return Finding(
        column=", ".join(_columns(expectation["kwargs"])) or None,
        expectation=expectation["type"],
        severity=expectation.get("severity", "critical"),
        success=success,
        description=describe(expectation),
        unexpected_count=unexpected,
        rows=rows,
        observed=observed,
        examples=examples,
    )


def _kind_finding(frame: pd.DataFrame, name: str, kind: str, broken: np.ndarray) -> Finding:
    """Whether a column's values can be of ``kind``, whatever its dtype."""
    expectation = {"type": "kind", "kwargs": {"column": name, "kind": kind}}
    if name not in frame.columns:
        return _finding(expectation, rows=len(frame), success=False, observed=f"there is no column {name!r}")
    values = frame[name]
    wrong = np.zeros(len(values), dtype=bool)
    if kind in NUMERIC:
        try:
            numbers = as_numbers(name, values, kind)
        except DataError:
            readable = pd.to_datetime if kind == "datetime" else pd.to_numeric
            read = readable(values.astype(object), errors="coerce")
            wrong = read.isna().to_numpy() & values.notna().to_numpy()
            numbers = np.zeros(len(values)) if kind == "datetime" else read.to_numpy(np.float64, na_value=np.nan)
            wrong |= np.isinf(numbers)
        if kind == "integer":
            wrong |= ~np.isnan(numbers) & (numbers != np.round(numbers))
    elif kind == "boolean":
        wrong = ~values.isin([True, False]).to_numpy(dtype=bool) & values.notna().to_numpy()
    elif kind == "personal":
        cells = values.astype(object)
        wrong = np.array([not _is_text_or_number(each) for each in cells], dtype=bool) & values.notna().to_numpy()
    broken |= wrong
    rows = np.flatnonzero(wrong)
    hidden = (name,) if kind == "personal" else ()
    examples = tuple(Example(row=int(row), value=_plain([_cell(frame, row, name, hidden)])) for row in rows[:EXAMPLES])
    return _finding(expectation, rows=len(values), success=not len(rows), unexpected=len(rows), examples=examples)


def _share_finding(frame: pd.DataFrame, name: str, rule: Mapping[str, Any]) -> Finding:
    """Whether each level has its share of the rows."""
    expectation = {"type": "shares", "kwargs": {"column": name, **rule}, "severity": rule.get("severity", "critical")}
    if name not in frame.columns:
        return _finding(expectation, rows=len(frame), success=False, observed=f"there is no column {name!r}")
    counts = frame[name].value_counts()
    few = {level: int(counts.get(level, 0)) for level in rule["least"]}
    few = {level: count for level, count in few.items() if count < rule["least"][level] * len(frame)}
    shown = ", ".join(f"{level!r} has {count:,} of {len(frame):,} rows" for level, count in [*few.items()][:EXAMPLES])
    more = f" and {len(few) - EXAMPLES} more" if len(few) > EXAMPLES else ""
    return _finding(expectation, rows=len(frame), success=not few, observed=shown + more)


def describe(expectation: Mapping[str, Any]) -> str:
    """What an expectation asks for, as a sentence; its ``notes`` say why."""
    kwargs = expectation["kwargs"]
    words = expectation["type"].removeprefix("expect_").replace("_", " ")
    sentence = {
        "kind": "values are {kind}",
        "shares": "each level has its share of the rows, {least_range}",
        "expect_table_columns_to_match_ordered_list": "the columns are {column_list}, in this order",
        "expect_table_row_count_to_be_between": "the number of rows is {range}",
        "expect_column_values_to_not_be_null": "no value is missing",
        "expect_column_values_to_be_null": "there is no value",
        "expect_column_values_to_be_unique": "every value is another one",
        "expect_column_values_to_be_between": "values are {range}",
        "expect_column_values_to_be_in_set": "values are among {value_set}",
        "expect_column_pair_values_to_be_in_set": "the pair of values is one of {pairs} known pairs",
        "expect_column_pair_values_a_to_be_greater_than_b": "{column_A} is above {or_equal}{column_B}",
    }.get(expectation["type"], words)
    text = sentence.format_map(
        {
            **{key: _short(value) for key, value in kwargs.items()},
            "range": _range(kwargs),
            "pairs": len(kwargs.get("value_pairs_set", ())),
            "least_range": _least(kwargs.get("least", {})),
            "or_equal": "or equal to " if kwargs.get("or_equal") else "",
        }
    )
    if kwargs.get("row_condition"):
        text += f" where {kwargs['row_condition']}"
    if kwargs.get("mostly", 1) < 1:
        text += f", in at least {kwargs['mostly']:.4g} of the rows"
    notes = (expectation.get("meta") or {}).get("notes")
    return f"{text} ({notes})" if notes else text


def _range(kwargs: Mapping[str, Any]) -> str:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"between {low} and {high}"


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _least(shares: Mapping[str, float]) -> str:
    low, high = min(shares.values(), default=0), max(shares.values(), default=0)
    return f"at least {low:.4g}" if low == high else f"at least {low:.4g} to {high:.4g}"


def _short(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    shown = ", ".join(str(each) for each in value[:8])
    return f"{shown}, ... ({len(value)} in all)" if len(value) > 8 else shown


def _columns(kwargs: Mapping[str, Any]) -> list[str]:
    """The columns an expectation is about; none for one about the table, such as its list of columns."""
    return [kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs]


def _called(frame: pd.DataFrame, name: str | None) -> pd.Series | None:
    """The names of the rows, where they have some."""
    return frame[name] if name is not None and name in frame.columns else None


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def _is_text_or_number(value: Any) -> bool:
    return isinstance(value, (str, int, float, np.number)) and not isinstance(value, bool)


def _cell(frame: pd.DataFrame, row: int, name: str, hidden: Collection[str]) -> Any:
    """What stands in a row; of a hidden column only whether anything does."""
    value = frame[name].iloc[row]
    return HIDDEN if name in hidden and not pd.isna(value) else value


def _plain(values: list[Any]) -> Any:
    """Cells as JSON: one value alone, or a list of them."""
    cells = [None if pd.isna(each) else each.item() if isinstance(each, np.generic) else each for each in values]
    plain = [each if isinstance(each, (str, int, float, bool)) or each is None else str(each) for each in cells]
    return plain[0] if len(plain) == 1 else plain
