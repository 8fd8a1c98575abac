"""May this generator be released, and may it take the champion's place? Pure: measured metrics in, a decision out.

Metrics come as `evaluate` writes them: ``{NAME: {"value", "low", "high", "floor", "ceiling", "better"}}``, those of
privacy with ``"chance"``, what they are where nothing leaks.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """What one metric must reach. Each limit that is given must hold."""

    min: float | None = None
    """The low end of the interval must not be under it."""
    max: float | None = None
    """The high end of the interval must not be over it."""
    margin: float | None = None
    """How much worse than the ceiling (real data in the generator's place) the value may be.

    The value and not an end of its interval: the ceiling is a measurement of the same kind and as uncertain.
    """

    def __post_init__(self) -> None:
        limits = (self.min, self.max, self.margin)
        if all(limit is None for limit in limits):
            raise ValueError("a gate needs min, max or margin, else it asks for nothing.")
        if any(limit is not None and not math.isfinite(limit) for limit in limits):
            raise ValueError(f"min, max and margin must be finite numbers, got {limits}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class PrivacyLimits:
    """What attacks may gain at most: the high end of each interval must not be over it.

    They stand in ``release.privacy`` of params.yaml, and none of them can be left out: a release always rests on all.
    """

    mia_auc: float = 0.55
    mia_auc_outliers: float = 0.65
    mia_tpr_at_1pct: float = 0.03
    mia_tpr_at_1pct_outliers: float = 0.10
    attribute_advantage: float = 0.08
    singling_out: float = 0.08
    copy_excess: float = 0.0075
    rare_excess: float = 0.01
    extreme_excess: float = 0.01
    personal_overlap: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryLimits:
    """What may be learnt by heart of images at most, as :class:`PrivacyLimits` of tables."""

    memorised_share: float = 0.05


Limits = PrivacyLimits | MemoryLimits
# Without these there is no verdict; the others need a column of their kind, or outliers enough.
ALWAYS = ("mia_auc", "mia_auc_outliers", "mia_tpr_at_1pct", "copy_excess", "memorised_share")
CERTAIN = 1.68  # an interval of 95 % is so much wider at 99.9 %: of ten attacks one is over it by chance once in 200

Outcome = Literal["passed", "leak", "unproven"]
Word = Literal["better", "equal", "worse"]
_THAN = {"better": "better than", "equal": "equal to", "worse": "worse than"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Privacy:
    """The privacy verdict: ``passed``, a ``leak`` that was found, or ``unproven``, too few rows to rule one out."""

    outcome: Outcome
    reasons: tuple[str, ...]
    """One sentence an attack: leaks first, then what is not proved, then what passed."""

    @classmethod
    def of(cls, report: Mapping[str, Any]) -> "Privacy":
        """The verdict in the section ``privacy`` of metrics.json."""
        return cls(outcome=report["outcome"], reasons=tuple(report["reasons"]))

    @property
    def objections(self) -> tuple[str, ...]:
        """The reasons that speak against a release."""
        return tuple(each for each in self.reasons if not each.endswith(": passed."))

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return {
            "passed": "Privacy: no attack found more than its limit allows.",
            "leak": "Privacy: the synthetic data give away what was trained on.",
            "unproven": "Privacy: not proved. No leak is certain, but too little was looked at to rule one out.",
        }[self.outcome]


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """Whether to promote, and why: one sentence a gate or comparison, for those that hold too."""

    promote: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Candidate and champion on the same rows: ``better``, ``equal``, ``worse``, or ``unjudged``."""

    outcome: Literal["better", "equal", "worse", "unjudged"]
    """Worse if any metric is; better if one is and none is worse. Intervals decide, so it is never noise alone."""
    reasons: tuple[str, ...]
    figures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By metric, what `geratriz.evaluate.paired` measured."""

    @classmethod
    def of(cls, figures: Mapping[str, Mapping[str, Any]]) -> "Comparison":
        """The comparison that ``figures`` make: differences with intervals that hold together."""
        found = [_against(name, each) for name, each in figures.items()]
        words = [word for word, _ in found]
        outcome: Word = "worse" if "worse" in words else "better" if "better" in words else "equal"
        reasons = (*(reason for _, reason in found), f"On the same held-out rows it is {_THAN[outcome]} the champion.")
        return cls(outcome=outcome, reasons=reasons, figures=figures)

    @classmethod
    def impossible(cls, why: str) -> "Comparison":
        """No comparison: the champion cannot be judged on the rows there are now; it must not stand there for ever."""
        return cls(
            outcome="unjudged", reasons=(f"The champion cannot be compared with: {why} The gates alone decide.",)
        )


def judge(metrics: Mapping[str, Mapping[str, Any]], gates: Mapping[str, Gate]) -> Decision:
    """The verdict on one generator: every gate must hold.

    No gate at all refuses: a generator that nothing was asked of has not shown that it may be let out.
    """
    if not gates:
        return Decision(promote=False, reasons=("No gate is set, so nothing was asked of it: set release.gates.",))
    checks = [check for name, gate in gates.items() for check in _check(name, metrics.get(name), gate)]
    return Decision(promote=all(holds for holds, _ in checks), reasons=tuple(reason for _, reason in checks))


def judge_privacy(metrics: Mapping[str, Mapping[str, Any]], limits: Limits) -> Privacy:
    """The verdict of the attacks.

    A leak is called where the limit is exceeded and chance is ruled out. Where the limit is exceeded and chance is not
    ruled out, nothing is proved: more unseen rows would narrow the interval.
    """
    found: dict[Outcome, list[str]] = {"leak": [], "unproven": [], "passed": []}
    for name, limit in dataclasses.asdict(limits).items():
        metric = metrics.get(name)
        if metric is not None and is_measured(metric) and "chance" in metric:
            outcome, words = _attacked(metric, limit)
            found[outcome].append(f"{name} is {describe(metric)}, {words}")
        elif name in ALWAYS:
            found["unproven"].append(f"{name} was not measured: too little was held back from training.")
    outcome = next((each for each in found if found[each]), "unproven")
    return Privacy(outcome=outcome, reasons=tuple(reason for group in found.values() for reason in group))


def release(metrics: Mapping[str, Mapping[str, Any]], gates: Mapping[str, Gate], limits: Limits) -> Decision:
    """May the generator be let out at all? Every gate must hold, and no attack may find more than its limit allows."""
    quality, privacy = judge(metrics, gates), judge_privacy(metrics, limits)
    passed = privacy.outcome == "passed"
    reasons = (*quality.reasons, privacy.sentence, *privacy.objections)
    return Decision(promote=quality.promote and passed, reasons=reasons)


def decide(
    candidate: Mapping[str, Mapping[str, Any]],
    comparison: Comparison | None,
    gates: Mapping[str, Gate],
    limits: Limits,
) -> Decision:
    """May ``candidate`` become the champion? It must be fit for release, and must not be worse than the champion.

    An equal candidate passes: it was trained on newer data, or is the same. ``comparison`` is None where there is no
    champion.
    """
    verdict = release(candidate, gates, limits)
    if comparison is None:
        return Decision(promote=verdict.promote, reasons=(*verdict.reasons, "There is no champion to compare with."))
    holds = comparison.outcome != "worse"
    return Decision(promote=verdict.promote and holds, reasons=(*verdict.reasons, *comparison.reasons))


def is_measured(metric: Mapping[str, Any] | None) -> bool:
    """Whether a metric has a value and an interval, all finite."""
    ends = [None] if metric is None else [metric.get(key) for key in ("value", "low", "high")]
    return all(isinstance(end, int | float) and math.isfinite(end) for end in ends)


def describe(metric: Mapping[str, Any]) -> str:
    """A measured metric in words: ``0.412 (0.390 to 0.430)``."""
    return f"{_number(metric['value'])} ({_number(metric['low'])} to {_number(metric['high'])})"


def _check(name: str, metric: Mapping[str, Any] | None, gate: Gate) -> Iterator[tuple[bool, str]]:
    if metric is None or not is_measured(metric):
        yield False, f"{name} was not measured, but a gate asks for it."
        return
    found = f"{name} is {describe(metric)}"
    if gate.min is not None:
        yield _said(metric["low"] >= gate.min, f"{found}, the gate asks at least {_number(gate.min)}")
    if gate.max is not None:
        yield _said(metric["high"] <= gate.max, f"{found}, the gate allows at most {_number(gate.max)}")
    if gate.margin is not None:
        ceiling = metric.get("ceiling")
        if ceiling is None or not math.isfinite(ceiling):
            yield _said(False, f"{found}, the gate compares it with real data, whose value was not measured")
            return
        worse = ceiling - metric["value"] if metric["better"] == "higher" else metric["value"] - ceiling
        limit = f"the gate allows {_number(gate.margin)} worse than real data's {_number(ceiling)}"
        yield _said(worse <= gate.margin, f"{found}, {limit}")


def _attacked(metric: Mapping[str, Any], limit: float) -> tuple[Outcome, str]:
    value, chance = metric["value"], metric["chance"]
    words = f"chance gives {_number(chance)}, at most {_number(limit)} is allowed"
    if metric["high"] <= limit:
        return "passed", f"{words}: passed."
    if value - CERTAIN * (value - metric["low"]) > chance:
        return "leak", f"{words}: a leak."
    return "unproven", f"{words}: not proved."


def _said(holds: bool, reason: str) -> tuple[bool, str]:
    return holds, f"{reason}: {'passed' if holds else 'refused'}."


def _against(name: str, found: Mapping[str, Any]) -> tuple[Word, str]:
    word: Word = "equal"
    if found["low"] > 0 or found["high"] < 0:
        word = "better" if (found["low"] > 0) == (found["better"] == "higher") else "worse"
    both = f"{name} is {_number(found['candidate'])}, the champion's {_number(found['champion'])}"
    ends = f"{_signed(found['difference'])} ({_signed(found['low'])} to {_signed(found['high'])})"
    return word, f"{both}, a difference of {ends}: {word}{', refused' if word == 'worse' else ''}."


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else '-' if value < 0 else ''}{_number(abs(value))}"


def _number(value: float) -> str:
    if 0 < abs(value) < 0.01:
        return f"{value:.2g}"  # 0.0075 is not 0.007
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"
