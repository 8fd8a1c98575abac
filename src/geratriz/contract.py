"""Contracts: expectations about the data, as a Great Expectations suite in JSON. Only this module runs them.

A suite is Great Expectations' own JSON (name, expectations with type, kwargs, severity, meta), read by any tool that
supports it. Additions are in the suite's ``meta``, which other tools ignore. ``kinds`` is the kind of each column. It
is checked here: expectations on types name dtypes, which change with the version of pandas and the file format.
``decide`` lists columns of a draft whose kind a person must choose. ``shares`` maps levels of a column to their minimum
share of the rows, for which Great Expectations has no expectation. ``names`` is a column of row names, if there is one:
examples show the name with the value. Values of personal columns are never shown.
A critical failure stops the pipeline, a warning is reported. Raw and synthetic data are checked by the same suite.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
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
from geratriz.writing import local

EXAMPLES = 5  # violating rows listed per finding
HIDDEN = "(hidden)"  # shown instead of a personal value
PATTERN_S = 5.0  # seconds that matching one pattern with a column may take ...
PATTERN_S_PER_ROW = 2e-5  # ... or as many per row, if that is more; a harmless one takes a twentieth
SEVERITIES = ("critical", "warning")


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A row that violates an expectation: its position in the data, from 0, and its value."""

    row: int
    value: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Result of one expectation."""

    column: str | None
    """One column, two joined by ", ", or None for the table."""
    expectation: str
    severity: str
    success: bool
    description: str
    """The expectation as a sentence."""
    unexpected_count: int
    """Rows that violate it; 0 for an expectation about the table."""
    rows: int
    """Rows it was checked on."""
    observed: str
    """Observed result of a failed expectation about the table; empty for others."""
    examples: tuple[Example, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractReport:
    """Results of a contract on a table."""

    name: str
    rows: int
    violating_rows: int
    """Rows that violate at least one critical expectation."""
    findings: tuple[Finding, ...]

    @property
    def critical(self) -> tuple[Finding, ...]:
        """Failed expectations that stop the pipeline."""
        return tuple(finding for finding in self.findings if not finding.success and finding.severity == "critical")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Failed expectations that are reported."""
        return tuple(finding for finding in self.findings if not finding.success and finding.severity == "warning")

    def to_json(self) -> dict[str, Any]:
        """JSON mapping; :meth:`from_json` is its inverse."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "ContractReport":
        """Report from a mapping made by :meth:`to_json`."""
        return config.load(cls, content, "report")


def read_suite(path: Path) -> dict[str, Any]:
    """Read the suite in a JSON file.

    Raises:
        ConfigError: the file does not exist, or is not a valid suite.
    """
    try:
        suite = json.loads(local(path).read_text(encoding="utf-8"))
        json.dumps(suite, ensure_ascii=False).encode()  # half a character, which no message can show
    except FileNotFoundError:
        raise ConfigError(
            f"the contract {path} does not exist. `geratriz contract draft DATA -o {path}` drafts one from the data."
        ) from None
    except OSError as problem:
        raise ConfigError(f"the contract {path} cannot be read: {problem.strerror}.") from None
    except (ValueError, RecursionError) as problem:
        raise ConfigError(f"{path} is not JSON that can be read: {problem}") from None
    if not isinstance(suite, dict) or not isinstance(suite.get("expectations"), list) or "name" not in suite:
        raise ConfigError(f"{path} is not a suite: it needs a 'name' and a list of 'expectations'.")
    for number, expectation in enumerate(suite["expectations"]):
        if not isinstance(expectation, dict) or not {"type", "kwargs"} <= expectation.keys():
            raise ConfigError(f"{path}: expectation {number} needs a 'type' and 'kwargs'.")
        if expectation.get("severity", "critical") not in SEVERITIES:
            hint = nearest(str(expectation["severity"]), SEVERITIES)
            raise ConfigError(f"{path}: expectation {number} has severity {expectation['severity']!r}.{hint}")
        _check_shape(expectation, f"{path}: expectation {number}")
    meta = _require(suite.get("meta") or {}, dict, f"{path}: meta")
    for part in ("kinds", "shares"):
        _require(meta.get(part, {}), dict, f"{path}: meta.{part}")
    _require(suite["name"], str, f"{path}: name")
    _require(meta.get("names", ""), str, f"{path}: meta.names")
    suite["meta"] = meta
    for column, kind in meta.get("kinds", {}).items():
        if kind not in KINDS:
            raise ConfigError(f"{path}: column {column!r} has kind {kind!r}.{nearest(str(kind), KINDS)}")
    for column, rule in suite.get("meta", {}).get("shares", {}).items():
        least = rule.get("least") if isinstance(rule, dict) else None
        if not isinstance(least, dict) or not all(_is_share(share) for share in least.values()):
            raise ConfigError(
                f"{path}: meta.shares.{column} must have 'least', which maps each level to a share from 0 to 1."
            )
        if rule.get("severity", "critical") not in SEVERITIES:
            raise ConfigError(f"{path}: meta.shares.{column} has severity {rule['severity']!r}.")
    if undecided := suite.get("meta", {}).get("decide"):
        if not isinstance(undecided, dict) or not all(isinstance(column, dict) for column in undecided.values()):
            raise ConfigError(f"{path}: meta.decide must map each column to a question about it, or be left out.")
        questions = "".join(
            f"\n  {name}: looks like {column.get('looks_like')}; {column.get('because')}. "
            f"Is it {' or '.join(map(str, _listed(column.get('choose'))))}?"
            for name, column in undecided.items()
        )
        raise ConfigError(
            f"{path} is a draft: the kind of {len(undecided)} of its columns is not decided.{questions}\n"
            "Move each from meta.decide to meta.kinds with the kind chosen, and set the same in data.schema of "
            "params.yaml. Or draft again with --schema COLUMN=KIND."
        )
    return suite


_SHAPES: tuple[tuple[tuple[str, ...], Any, str], ...] = (  # of the arguments that are read here or by the row rules
    (("column", "column_A", "column_B"), str, "the name of a column"),
    (("column_list", "column_set"), list, "a list of names"),
    (("value_set", "value_pairs_set", "regex_list"), list | dict | None, "a list"),
    (("regex",), str | dict, "a pattern"),
    (("row_condition",), str | dict | None, "a condition"),
    (("ignore_row_if",), str | None, "text"),
    (("mostly", "min_value", "max_value", "sum_total"), str | int | float | dict | None, "a number or text"),
)


def _check_shape(expectation: Mapping[str, Any], where: str) -> None:
    """Check the parts of an expectation that are read before Great Expectations does.

    Raises:
        ConfigError: one has another type; the message names its place.
    """
    _require(expectation["type"], str, f"{where}: type")
    kwargs = _require(expectation["kwargs"], dict, f"{where}: kwargs")
    _require(expectation.get("meta"), dict | None, f"{where}: meta")
    for names, types, expected in _SHAPES:
        for name in names:
            if name in kwargs and not isinstance(kwargs[name], types):
                raise ConfigError(f"{where}: kwargs.{name} is {_brief(kwargs[name])}; expected {expected}.")
    for name in ("column_list", "column_set"):
        if not all(isinstance(column, str) for column in kwargs.get(name, ())):
            raise ConfigError(f"{where}: kwargs.{name} is {_brief(kwargs[name])}; expected a list of names.")
    for pair in _listed(kwargs.get("value_pairs_set")):
        if not isinstance(pair, list) or len(pair) != 2 or any(isinstance(value, list | dict) for value in pair):
            raise ConfigError(f"{where}: kwargs.value_pairs_set has {_brief(pair)}; expected pairs of values.")
    if nested := [value for value in _listed(kwargs.get("value_set")) if isinstance(value, list | dict)]:
        raise ConfigError(f"{where}: kwargs.value_set has {_brief(nested[0])}; expected single values.")
    for pattern in _patterns(kwargs):
        try:
            re.compile(_require(pattern, str, f"{where}: a pattern"))
        except (re.error, RecursionError, OverflowError) as problem:
            raise ConfigError(f"{where}: {_brief(pattern)} is not a regular expression: {problem}.") from None


def _require(value: Any, types: Any, where: str) -> Any:
    if not isinstance(value, types):
        wanted = {dict: "an object", str: "text"}.get(types, "an object or nothing")
        raise ConfigError(f"{where} is {_brief(value)}; expected {wanted}.")
    return value


def _patterns(kwargs: Mapping[str, Any]) -> list[Any]:
    """Regular expressions among the arguments of an expectation."""
    single = [kwargs["regex"]] if "regex" in kwargs and not isinstance(kwargs["regex"], dict) else []
    return [*single, *_listed(kwargs.get("regex_list"))]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


_MATCH = """
import json, re, sys, time
for number, (pattern, cells, limit) in enumerate(json.load(sys.stdin)):
    print(number, flush=True)
    found, spent = re.compile(pattern), 0.0
    for text, count in cells:
        begun = time.perf_counter()
        found.search(text)
        spent += (time.perf_counter() - begun) * count
        if spent > limit:
            raise SystemExit(3)
"""


def _check_patterns(frame: pd.DataFrame, name: str, expectations: list[dict[str, Any]]) -> None:
    """Check that the patterns of a contract can be matched with the data in a bounded time.

    Backtracking can take longer than any life, and cannot be stopped within this process: each pattern is tried in a
    process of its own, before Great Expectations matches it. Safe forms cannot be told from the pattern alone without
    refusing harmless ones such as ``([0-9]+,)*``, and another engine would match otherwise than Great Expectations.

    Raises:
        ConfigError: a pattern takes too long; the message names it.
    """
    cases = []
    for item in expectations:
        column = item["kwargs"].get("column")
        for pattern in _patterns(item["kwargs"]):
            counts = (
                frame[column].dropna().astype(str).value_counts() if column in frame.columns else pd.Series(dtype=int)
            )
            cells = [[str(text), int(count)] for text, count in counts.items()]
            cases.append((pattern, cells, max(PATTERN_S, PATTERN_S_PER_ROW * len(frame)), column))
    if not cases:
        return
    done = ""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        try:
            status = subprocess.run(
                [sys.executable, "-I", "-S", "-c", _MATCH],
                input=json.dumps([case[:3] for case in cases]),
                stdout=said,
                stderr=subprocess.DEVNULL,
                text=True,
                check=False,
                timeout=PATTERN_S + sum(case[2] for case in cases),
            ).returncode
        except subprocess.TimeoutExpired:
            status = 3
        said.seek(0)
        done = said.read()
    if status == 3:
        pattern, _, limit, column = cases[int(done.split()[-1]) if done.split() else 0]
        raise ConfigError(
            f"the contract {name!r} has a pattern that takes more than {limit:.0f} s on column {column}: "
            f"{_brief(pattern)}. A repetition within a repetition, such as (a+)+, takes twice as long "
            "with each character. Write the pattern without it."
        )


def check(frame: pd.DataFrame, suite: Mapping[str, Any]) -> ContractReport:
    """Check ``frame`` against ``suite``. Equal frames give equal reports.

    Raises:
        ConfigError: Great Expectations does not know an expectation's type or arguments, or a pattern takes too long.
    """
    frame = frame.reset_index(drop=True)
    broken = np.zeros(len(frame), dtype=bool)
    meta = suite.get("meta") or {}
    kinds, row_names = meta.get("kinds", {}), _row_names(frame, meta.get("names"))
    hidden = {name for name, kind in kinds.items() if kind == "personal"}
    findings = [_kind_finding(frame, name, kind, broken) for name, kind in kinds.items()]
    findings += [_share_finding(frame, name, rule) for name, rule in meta.get("shares", {}).items()]
    reported = {name for name in kinds if name not in frame.columns}  # a missing column is one finding, not ten
    applicable = []
    for expectation in suite["expectations"]:
        absent = [name for name in _columns(expectation["kwargs"]) if name not in frame.columns]
        if not absent:
            applicable.append(expectation)
        elif not reported.issuperset(absent):
            reported.update(absent)
            findings.append(
                _finding(expectation, rows=len(frame), success=False, observed=f"there is no column {absent[0]!r}")
            )
    _check_patterns(frame, suite["name"], applicable)
    for expectation, result in zip(applicable, _validate(frame, suite["name"], applicable), strict=True):
        findings.append(_read(expectation, result, frame, broken, hidden, row_names))
    return ContractReport(
        name=suite["name"], rows=len(frame), violating_rows=int(broken.sum()), findings=tuple(findings)
    )


def require(report: ContractReport) -> None:
    """Raise an error if a report has critical failures.

    Raises:
        ContractError: it has; the message shows each with its column, expectation, rows and examples.
    """
    if not report.critical:
        return
    lines = [f"the data violate {len(report.critical)} critical expectation(s) of the contract {report.name!r}:"]
    for finding in report.critical:
        where = f"column {finding.column}" if finding.column else "the table"
        lines.append(f"  {where}: {finding.description} ({finding.expectation})")
        if finding.observed:
            lines.append(f"    found: {finding.observed}")
        if finding.unexpected_count:
            lines.append(f"    violated in {finding.unexpected_count:,} of {finding.rows:,} rows, for example")
            lines.extend(f"      row {example.row}: {example.value!r}" for example in finding.examples)
    lines.append("Correct the data, or the contract if the contract is wrong, and run again.")
    raise ContractError("\n".join(lines))


def in_short(finding: Finding) -> str:
    """One-line summary of a failed expectation: column, expectation, number of violating rows and the first of them."""
    found = finding.observed
    if finding.unexpected_count:
        shown = "; ".join(_joined(example.value) for example in finding.examples)
        found = f"{finding.unexpected_count:,} of {finding.rows:,} rows, for example {shown}"
    return f"{finding.column or 'table'}: {finding.description}" + (f"; found {found}" if found else "")


def _validate(frame: pd.DataFrame, name: str, expectations: list[dict[str, Any]]) -> list[Any]:
    """Results of Great Expectations, in the order of ``expectations``."""
    if not expectations:
        return []
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are about libraries, none about the data
        import great_expectations as gx

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        try:
            suite = gx.ExpectationSuite(
                name=name,
                expectations=[
                    {
                        **item,
                        "severity": item.get("severity", "critical"),
                        "meta": {**(item.get("meta") or {}), "place": i},
                    }
                    for i, item in enumerate(expectations)
                ],
            )
        except Exception as problem:  # pydantic's errors, and what it meets in a suite that is none
            raise ConfigError(f"the contract {name!r} is not a valid suite: {problem}") from None
        asset = context.data_sources.add_pandas("data").add_dataframe_asset("table")
        batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
        try:
            outcome = batch.validate(suite, result_format={"result_format": "COMPLETE"})
        except Exception as problem:
            raise ConfigError(
                f"the contract {name!r} cannot be checked: {type(problem).__name__}: {problem}. Correct its "
                "expectations."
            ) from problem
    results = {int(result.expectation_config.meta["place"]): result for result in outcome.results}
    for i, expectation in enumerate(expectations):
        if i not in results:  # Great Expectations only logs the expectations that it does not know, and omits them
            raise ConfigError(
                f"the contract {name!r} has an expectation that Great Expectations does not take: "
                f"{expectation['type']} with {expectation['kwargs']}."
            )
    return [results[i] for i in range(len(expectations))]


def _read(
    expectation: Mapping[str, Any],
    outcome: Any,
    frame: pd.DataFrame,
    broken: np.ndarray,
    hidden: Collection[str],
    names: pd.Series | None,
) -> Finding:
    """Convert a result of Great Expectations to a finding; rows that violate a critical one are marked in ``broken``.

    Values of ``hidden`` columns are not shown, nor are error messages, which may quote them. ``names`` are row names.
    """
    result = outcome.result or {}
    columns = _columns(expectation["kwargs"])
    shown = not set(columns) & set(hidden)
    raised = [info for info in _exceptions(outcome.exception_info) if info.get("raised_exception")]
    if raised and not result:  # the expectation does not fit the column, which is not an error in the data
        messages = [str(info.get("exception_message")) for info in raised]
        reason = next((message.splitlines()[0] for message in messages if message), "no reason given")
        reason = reason if shown else "the reason may hold a personal value"
        return _finding(expectation, rows=len(frame), success=False, observed=f"could not be checked: {reason}")
    rows = np.asarray(result.get("unexpected_index_list") or [], dtype=np.int64)
    success = bool(outcome.success)  # may be a NumPy bool, which JSON does not take
    severity = expectation.get("severity", "critical")
    if severity == "critical" and not success:
        broken[rows] = True
    examples = tuple(
        Example(
            row=int(row),
            value=_plain(
                [*([] if names is None else [names[row]]), *(_cell(frame, row, name, hidden) for name in columns)]
            ),
        )
        for row in rows[:EXAMPLES]
    )
    observed = "" if len(rows) or "observed_value" not in result else f"{result['observed_value']}" if shown else HIDDEN
    return _finding(
        expectation,
        rows=int(result.get("element_count", len(frame))),
        success=success,
        observed="" if success else observed,
        unexpected=len(rows),
        examples=examples,
    )


def _exceptions(info: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Flatten exception details, which Great Expectations may nest by metric."""
    if not info:
        return []
    return [info] if "exception_message" in info else [item for item in info.values() if isinstance(item, Mapping)]


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
    """Check that a column's values can be of ``kind``, whatever its dtype."""
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
        wrong = np.array([not _is_text_or_number(cell) for cell in cells], dtype=bool) & values.notna().to_numpy()
    broken |= wrong
    rows = np.flatnonzero(wrong)
    hidden = (name,) if kind == "personal" else ()
    examples = tuple(Example(row=int(row), value=_plain([_cell(frame, row, name, hidden)])) for row in rows[:EXAMPLES])
    return _finding(expectation, rows=len(values), success=not len(rows), unexpected=len(rows), examples=examples)


def _share_finding(frame: pd.DataFrame, name: str, rule: Mapping[str, Any]) -> Finding:
    """Check that each level has its minimum share of the rows."""
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
    """Describe an expectation in a sentence, with its ``notes``."""
    kwargs = expectation["kwargs"]
    type_in_words = expectation["type"].removeprefix("expect_").replace("_", " ")
    sentence = {
        "kind": "values are {kind}",
        "shares": "each level has its share of the rows, {least_range}",
        "expect_table_columns_to_match_ordered_list": "the columns are {column_list}, in this order",
        "expect_table_row_count_to_be_between": "the number of rows is {range}",
        "expect_column_values_to_not_be_null": "no value is missing",
        "expect_column_values_to_be_null": "there is no value",
        "expect_column_values_to_be_unique": "every value is unique",
        "expect_column_values_to_be_between": "values are {range}",
        "expect_column_values_to_be_in_set": "values are among {value_set}",
        "expect_column_pair_values_to_be_in_set": "the pair of values is one of {pairs} known pairs",
        "expect_column_pair_values_a_to_be_greater_than_b": "{column_A} is above {or_equal}{column_B}",
    }.get(expectation["type"], type_in_words)
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


def _joined(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _least(shares: Mapping[str, float]) -> str:
    low, high = min(shares.values(), default=0), max(shares.values(), default=0)
    return f"at least {low:.4g}" if low == high else f"at least {low:.4g} to {high:.4g}"


def _short(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    shown = ", ".join(str(item) for item in value[:8])
    return f"{shown}, ... ({len(value)} in all)" if len(value) > 8 else shown


def _columns(kwargs: Mapping[str, Any]) -> list[str]:
    """Columns that an expectation is about; none for one about the table, such as its list of columns."""
    return [kwargs[key] for key in ("column", "column_A", "column_B") if kwargs.get(key) is not None]


def _row_names(frame: pd.DataFrame, name: str | None) -> pd.Series | None:
    """Names of the rows, if they have names."""
    return frame[name] if name is not None and name in frame.columns else None


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def _is_text_or_number(value: Any) -> bool:
    return isinstance(value, (str, int, float, np.number)) and not isinstance(value, bool)


def _cell(frame: pd.DataFrame, row: int, name: str, hidden: Collection[str]) -> Any:
    """Value of a cell; for a hidden column only whether it is missing."""
    value = frame[name].iloc[row]
    return HIDDEN if name in hidden and not pd.isna(value) else value


def _plain(values: list[Any]) -> Any:
    """Cells as JSON: a single value, or a list of several."""
    cells = [None if pd.isna(cell) else cell.item() if isinstance(cell, np.generic) else cell for cell in values]
    plain = [cell if isinstance(cell, (str, int, float, bool)) or cell is None else str(cell) for cell in cells]
    return plain[0] if len(plain) == 1 else plain
