"""A report as text for a terminal."""

from collections.abc import Mapping
from typing import Any

from geratriz.scoring import words
from geratriz.scoring.verdict import Verdict


def table(report: Mapping[str, Any]) -> str:
    """Every metric with its landmarks, and the verdict; ``report`` is the content of metrics.json."""

    def cell(value: float | None) -> str:
        return f"{'-':>10}" if value is None else f"{value:>10.4f}"

    lines = [f"{'':<26}{'value':>10}{'low':>10}{'high':>10}{'floor':>10}{'fresh real':>12}"]
    for name, entry in report["metrics"].items():
        figures = "".join(cell(entry[key]) for key in ("value", "low", "high", "floor"))
        lines.append(f"{name:<26}{figures}{cell(entry['ceiling']):>12}")
    verdict = Verdict.read(report)
    if verdict.release is None:
        lines.append(words.privacy(verdict))
        lines += [f"  - {reason}" for reason in words.objections(verdict)]
    else:
        lines.append(f"{words.RELEASE[verdict.release]}:")
        lines += [f"  - {reason}" for reason in words.reasons(verdict)]
    return "\n".join(lines) + "\n"
