"""Verdicts in words, for pages, model cards, flows, terminals and the registry: no other file writes them."""

from collections.abc import Mapping
from typing import Any

from geratriz.scoring import difference
from geratriz.scoring.difference import Comparison
from geratriz.scoring.verdict import Finding, Privacy, Verdict

RELEASE = {True: "may be released", False: "must not be released"}
_PRIVACY: dict[Privacy, str] = {
    "passed": "Privacy: no attack found more than its limit allows.",
    "leak": "Privacy: the synthetic data give away what was trained on.",
    "unproven": "Privacy: not proved. No leak is certain, but too little was looked at to rule one out.",
}
_OUTCOME = {"passed": "passed", "refused": "refused", "leak": "a leak", "unproven": "not proved"}
_THAN = {"better": "better than", "equal": "equal to", "worse": "worse than"}


def reasons(verdict: Verdict) -> tuple[str, ...]:
    """Why a generator may or must not be released: each gate, what the attacks came to, and the attacks against it."""
    return (*gates(verdict), privacy(verdict), *objections(verdict))


def gates(verdict: Verdict) -> tuple[str, ...]:
    """A sentence per gate, for those that hold too."""
    if verdict.gates is not None and not verdict.gates:
        return ("No gate is set, so nothing was asked of it: set release.gates.",)
    return tuple(finding(gate) for gate in verdict.gates or ())


def privacy(verdict: Verdict) -> str:
    """What the attacks came to."""
    return _PRIVACY[verdict.privacy]


def attacks(verdict: Verdict) -> tuple[str, ...]:
    """A sentence per attack: leaks first, then what is not proved, then what passed."""
    return tuple(finding(attack) for attack in verdict.attacks)


def objections(verdict: Verdict) -> tuple[str, ...]:
    """The sentences about attacks that speak against a release."""
    return tuple(finding(attack) for attack in verdict.attacks if attack.outcome != "passed")


def refusals(verdict: Verdict) -> tuple[str, ...]:
    """Everything that speaks against a release."""
    against = tuple(finding(gate) for gate in verdict.gates or () if gate.outcome != "passed")
    stated = gates(verdict) if not verdict.gates else against
    return stated if verdict.privacy == "passed" else (*stated, privacy(verdict), *objections(verdict))


def promotion(verdict: Verdict, comparison: Comparison | None) -> tuple[str, ...]:
    """Why a candidate may or may not become the champion; ``comparison`` is None where there is no champion."""
    beside = ("There is no champion to compare with.",) if comparison is None else compared(comparison)
    return (*reasons(verdict), *beside)


def compared(comparison: Comparison) -> tuple[str, ...]:
    """A sentence per metric of a comparison with the champion, and one about all of them."""
    if comparison.outcome == "unjudged":
        return (f"The champion cannot be compared with: {comparison.why} The gates alone decide.",)
    by_metric = (_beside(name, figure) for name, figure in comparison.figures.items())
    return (*by_metric, f"On the same held-out rows it is {_THAN[comparison.outcome]} the champion.")


def finding(found: Finding) -> str:
    """One finding as a sentence."""
    if found.value is None:
        attack = found.rule == "attack"
        why = "too little was held back from training" if attack else "but a gate asks for it"
        return f"{found.metric} was not measured{': ' if attack else ', '}{why}."
    asked = _asked(found)
    return f"{found.metric} is {interval(found.value, found.low, found.high)}, {asked}: {_OUTCOME[found.outcome]}."


def describe(metric: Mapping[str, Any]) -> str:
    """A measured metric of metrics.json: ``0.412 (0.390 to 0.430)``."""
    return interval(metric["value"], metric["low"], metric["high"])


def interval(value: float, low: float | None, high: float | None) -> str:
    """A value and its interval: ``0.412 (0.390 to 0.430)``."""
    return f"{number(value)} ({number(low or 0.0)} to {number(high or 0.0)})"


def number(value: float) -> str:
    """A figure with three decimals, or two significant digits where it is small."""
    if 0 < abs(value) < 0.01:
        return f"{value:.2g}"  # 0.0075 is not 0.007
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


def _asked(found: Finding) -> str:
    limit = number(found.limit or 0.0)
    match found.rule:
        case "min":
            return f"the gate asks at least {limit}"
        case "max":
            return f"the gate allows at most {limit}"
        case "attack":
            return f"chance gives {number(found.reference or 0.0)}, at most {limit} is allowed"
        case "margin" if found.reference is None:
            return "the gate compares it with real data, whose value was not measured"
    return f"the gate allows {limit} worse than real data's {number(found.reference or 0.0)}"


def _beside(name: str, figure: Mapping[str, Any]) -> str:
    word = difference.word(figure)
    both = f"{name} is {number(figure['candidate'])}, the champion's {number(figure['champion'])}"
    ends = f"{_signed(figure['difference'])} ({_signed(figure['low'])} to {_signed(figure['high'])})"
    return f"{both}, a difference of {ends}: {word}{', refused' if word == 'worse' else ''}."


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else '-' if value < 0 else ''}{number(abs(value))}"
