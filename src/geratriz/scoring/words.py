"""Sentences about verdicts for pages, model cards, flows, terminals and the registry; no other file writes them."""

from collections.abc import Mapping
from typing import Any

from geratriz.scoring import difference
from geratriz.scoring.difference import Comparison
from geratriz.scoring.verdict import Finding, Privacy, Verdict

RELEASE = {True: "may be released", False: "must not be released"}
_PRIVACY: dict[Privacy, str] = {
    "passed": "Privacy: no attack found more than its limit allows.",
    "leak": "Privacy: the synthetic data reveal training data.",
    "unproven": "Privacy: not proved. No leak is certain, but too little was examined to rule one out.",
}
_OUTCOME = {"passed": "passed", "refused": "refused", "leak": "a leak", "unproven": "not proved"}
_THAN = {"better": "better than", "equal": "equal to", "worse": "worse than"}


def reasons(verdict: Verdict) -> tuple[str, ...]:
    """Reasons for the verdict: every gate, the outcome of the attacks, and the attacks that did not pass."""
    return (*gates(verdict), privacy(verdict), *objections(verdict))


def gates(verdict: Verdict) -> tuple[str, ...]:
    """One sentence per gate, whether it holds or not."""
    sentences = tuple(finding(gate) for gate in verdict.gates or ())
    if verdict.gates is not None and not _applicable(verdict):
        return (*sentences, "No gate is set, so quality was not checked: set release.gates.")
    return sentences


def privacy(verdict: Verdict) -> str:
    """One sentence about all attacks."""
    return _PRIVACY[verdict.privacy]


def attacks(verdict: Verdict) -> tuple[str, ...]:
    """One sentence per attack: leaks first, then unproven attacks, then passed ones."""
    return tuple(finding(attack) for attack in verdict.attacks)


def objections(verdict: Verdict) -> tuple[str, ...]:
    """One sentence per attack that did not pass."""
    return tuple(finding(attack) for attack in verdict.attacks if attack.outcome != "passed")


def refusals(verdict: Verdict) -> tuple[str, ...]:
    """All reasons against a release."""
    failed = tuple(finding(gate) for gate in verdict.gates or () if gate.outcome == "refused")
    quality = failed if _applicable(verdict) else gates(verdict)
    return quality if verdict.privacy == "passed" else (*quality, privacy(verdict), *objections(verdict))


def promotion(verdict: Verdict, comparison: Comparison | None) -> tuple[str, ...]:
    """Reasons for or against a promotion; ``comparison`` is None where there is no champion."""
    result = ("There is no champion to compare with.",) if comparison is None else compared(comparison)
    return (*reasons(verdict), *result)


def compared(comparison: Comparison) -> tuple[str, ...]:
    """One sentence per metric of a comparison with the champion, and one about all of them."""
    if comparison.outcome == "unjudged":
        return (f"The champion cannot be compared: {comparison.why} The gates alone decide.",)
    by_metric = (_metric(name, figure) for name, figure in comparison.figures.items())
    return (*by_metric, f"On the same held-out rows it is {_THAN[comparison.outcome]} the champion.")


def finding(found: Finding) -> str:
    """One sentence about one finding."""
    if found.outcome == "inapplicable":
        return f"{found.metric} has no meaning for these data, so its gate is left out."
    if found.value is None:
        attack = found.rule == "attack"
        why = "the held-out part is too small" if attack else "but a gate requires it"
        return f"{found.metric} was not measured{': ' if attack else ', '}{why}."
    limit = _limit(found)
    return f"{found.metric} is {interval(found.value, found.low, found.high)}, {limit}: {_OUTCOME[found.outcome]}."


def describe(metric: Mapping[str, Any]) -> str:
    """Value and interval of a metric in metrics.json: ``0.412 (0.390 to 0.430)``."""
    return interval(metric["value"], metric["low"], metric["high"])


def interval(value: float, low: float | None, high: float | None) -> str:
    """Value and interval: ``0.412 (0.390 to 0.430)``."""
    return f"{number(value)} ({number(low or 0.0)} to {number(high or 0.0)})"


def number(value: float) -> str:
    """A number with three decimals, or two significant digits where it is small."""
    if 0 < abs(value) < 0.01:
        return f"{value:.2g}"  # 0.0075 is not 0.007
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


def _applicable(verdict: Verdict) -> bool:
    return any(gate.outcome != "inapplicable" for gate in verdict.gates or ())


def _limit(found: Finding) -> str:
    limit = number(found.limit or 0.0)
    match found.rule:
        case "min":
            return f"the gate requires at least {limit}"
        case "max":
            return f"the gate allows at most {limit}"
        case "attack":
            return f"chance gives {number(found.reference or 0.0)}, at most {limit} is allowed"
        case "margin" if found.reference is None:
            return "the gate compares it with real data, whose value was not measured"
    return f"the gate allows {limit} worse than real data's {number(found.reference or 0.0)}"


def _metric(name: str, figure: Mapping[str, Any]) -> str:
    word = difference.word(figure)
    both = f"{name} is {number(figure['candidate'])}, the champion's {number(figure['champion'])}"
    ends = f"{_signed(figure['difference'])} ({_signed(figure['low'])} to {_signed(figure['high'])})"
    return f"{both}, a difference of {ends}: {word}{', refused' if word == 'worse' else ''}."


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else '-' if value < 0 else ''}{number(abs(value))}"
