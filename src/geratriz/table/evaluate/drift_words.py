"""Sentences about drift: the reasons for a verdict."""

from collections.abc import Sequence

from geratriz.column import NUMERIC
from geratriz.table.evaluate.drift_result import Broken, ColumnDrift, DriftConfig, Together

MAX_NAMED = 5  # new values named in a sentence


def broken_sentence(broken: Broken) -> str:
    """One sentence about a critical expectation that new data break."""
    where = f"column {broken.column!r}" if broken.column else "the table"
    found = f"{broken.rows:,} row{'' if broken.rows == 1 else 's'}" if broken.rows else broken.observed
    shown = f" ({found})" if found and (broken.rows or broken.column) else ""  # for a table it may be a long list
    return f"The contract is broken: {where}: {broken.description}{shown}."


def reasons(columns: Sequence[ColumnDrift], together: Together | None, config: DriftConfig) -> list[str]:
    """One sentence per drifted column, and one about all columns together."""
    found = [sentence for column in columns if column.drifted for sentence in _about(column, config)]
    if together is not None and together.drifted:
        alone = "" if found else " No single column differs enough: the relations between columns have changed."
        by = ", ".join(list(together.columns)[:3])
        found.append(
            f"A classifier tells new rows from known rows with an AUC of {together.auc:.3f} ({together.low:.3f} to "
            f"{together.high:.3f}; {config.auc:g} is allowed), mostly by {by}.{alone}"
        )
    return found


def _about(column: ColumnDrift, config: DriftConfig) -> list[str]:
    sentences = []
    if column.values is not None and column.values.drifted:
        words = "KS distance" if column.kind in NUMERIC else "total variation"
        named = ", ".join(repr(value) for value in column.new[:MAX_NAMED])
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
