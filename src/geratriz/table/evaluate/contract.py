"""Whether synthetic rows keep the contract of the real data."""

from geratriz.scoring.metric import Metric
from geratriz.scoring.resampling import share
from geratriz.scoring.score import Score
from geratriz.table.evaluate.trio import Trio


def contract_violations(trio: Trio) -> Score | None:
    """Share of all synthetic rows that break a critical expectation of the contract; None without a contract."""
    from geratriz.contract import check

    if trio.suite is None:
        return None
    report = check(trio.synthetic.frame, trio.suite)
    return share(report.violating_rows, report.rows, report=report.to_json())


CONTRACT_VIOLATIONS = Metric(
    name="contract_violations",
    title="Contract violations",
    explains="The share of synthetic rows that break a critical expectation of the data's contract.",
    better="lower",
    compute=contract_violations,
    span=(0.0, 0.1),
)
