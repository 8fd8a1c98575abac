"""Row conditions of Great Expectations, which select the rows of an expectation. Text is parsed and never executed.

A suite's ``row_condition`` is text for pandas' ``query`` (``pdays > -1 and poutcome == "unknown"``), text for Great
Expectations' own parser (``col("pdays") > -1``) or one of its condition objects as JSON. ``query`` evaluates any code
in the text, and bundles, which must not run code, hold conditions: therefore only a grammar of comparisons, ``in``,
``isnull()``, ``and``, ``or`` and ``not`` over columns and literals is evaluated here, with pandas' own operators.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda values, known: values.isin(known),
    ast.NotIn: lambda values, known: ~values.isin(known),
}
NULLITY = {"isnull": True, "isna": True, "isNull": True, "notnull": False, "notna": False, "notNull": False}
_QUOTED = re.compile(r"""("[^"]*"|'[^']*')|`([^`]+)`""")


def columns(condition: str | Mapping[str, Any]) -> set[str]:
    """Columns that a condition names.

    Raises:
        ValueError: it is not a condition, or only Great Expectations supports it.
    """
    found: set[str] = set()
    _compile(_parse(condition), found)
    if not found:
        raise ValueError(f"{condition!r} names no column")
    return found


def mask(condition: str | Mapping[str, Any], frame: pd.DataFrame) -> np.ndarray:
    """Rows of ``frame`` that meet ``condition``, bool (N,); a comparison with a missing value is not met."""
    met = _compile(_parse(condition), set())(frame)
    return np.asarray(met.to_numpy(dtype=bool, na_value=False))


def _parse(condition: str | Mapping[str, Any]) -> ast.expr:
    text = condition if isinstance(condition, str) else _text(condition)
    named = _QUOTED.sub(lambda found: found[1] or f"col({found[2]!r})", text.strip())
    try:
        return ast.parse(named, mode="eval").body
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError(f"{text!r} is not a valid condition") from None


def _text(condition: Mapping[str, Any]) -> str:
    """Convert a condition object of Great Expectations to text."""
    match condition:
        case {"type": "pass_through", "pass_through_filter": str(text)}:
            return text
        case {"type": "comparison", "column": {"name": name}, "operator": sign, "parameter": value}:
            return f"col({name!r}) {str(sign).lower().replace('_', ' ')} {value!r}"
        case {"type": "nullity", "column": {"name": name}, "is_null": is_null}:
            return f"col({name!r}).{'isnull' if is_null else 'notnull'}()"
        case {"type": "and" | "or" as word, "conditions": [_, *_] as parts}:
            return "(" + f" {word} ".join(map(_text, parts)) + ")"
    raise ValueError(f"{condition!r} is not a valid condition")


def _compile(node: ast.expr, names: set[str]) -> Callable[[pd.DataFrame], pd.Series]:
    """Compile to a function from a frame to a boolean series; columns that it reads are added to ``names``."""

    def compiled(nodes: list[ast.expr]) -> list[Callable[[pd.DataFrame], pd.Series]]:
        return [_compile(part, names) for part in nodes]

    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return _joined(operator.and_, compiled(values))
        case ast.BoolOp(values=values):
            return _joined(operator.or_, compiled(values))
        case ast.BinOp(left=left, op=ast.BitAnd(), right=right):
            return _joined(operator.and_, compiled([left, right]))
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _joined(operator.or_, compiled([left, right]))
        case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
            inner = _compile(operand, names)
            return lambda frame: ~inner(frame)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            sides = [_operand(part, names) for part in (left, *comparators)]
            links = [
                _compared(COMPARISONS[type(op)], a, b)
                for op, a, b in zip(ops, sides, sides[1:], strict=False)
                if type(op) in COMPARISONS
            ]
            if len(links) == len(ops):
                return _joined(operator.and_, links)
        case ast.Call(func=ast.Attribute(value=value, attr=attr), args=[], keywords=[]) if attr in NULLITY:
            name = _column(value)
            if name is not None:
                names.add(name)
                wanted = NULLITY[attr]
                return lambda frame: frame[name].isna() == wanted
        case _:
            name = _column(node)
            if name is not None:
                names.add(name)
                return lambda frame: frame[name]
    raise ValueError(f"{ast.unparse(node)!r} is not a valid condition")


def _operand(node: ast.expr, names: set[str]) -> Callable[[pd.DataFrame], Any]:
    name = _column(node)
    if name is not None:
        names.add(name)
        return lambda frame: frame[name]
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError):
        raise ValueError(f"{ast.unparse(node)!r} is not a column, number or text") from None
    return lambda frame: value


def _column(node: ast.expr) -> str | None:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Call(func=ast.Name(id="col"), args=[ast.Constant(value=str(name))], keywords=[]):
            return name
    return None


def _compared(
    compare: Callable[[Any, Any], Any], a: Callable[[pd.DataFrame], Any], b: Callable[[pd.DataFrame], Any]
) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda frame: compare(a(frame), b(frame))


def _joined(
    join: Callable[[Any, Any], Any], parts: list[Callable[[pd.DataFrame], pd.Series]]
) -> Callable[[pd.DataFrame], pd.Series]:
    def joined(frame: pd.DataFrame) -> pd.Series:
        met = parts[0](frame)
        for part in parts[1:]:
            met = join(met, part(frame))
        return met

    return joined
