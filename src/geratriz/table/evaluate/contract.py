"""Do synthetic rows keep the contract that the real ones are held to."""

from geratriz.evaluate.base import Score, Trio
from geratriz.evaluate.resampling import share


def contract_violations(trio: Trio) -> Score | None:
    """The share of synthetic rows, all of them, that break a critical expectation of the contract; None without one."""
    from geratriz.data.contract import check

    if trio.suite is None:
        return None
    report = check(trio.synthetic.frame, trio.suite)
    return share(report.violating_rows, report.rows, report=report.to_json())
