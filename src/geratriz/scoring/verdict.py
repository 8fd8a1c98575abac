"""The verdict on a generator as data: a finding per gate and attack. Pure; scoring/words.py writes the sentences.

Metrics have the form of metrics.json: ``{NAME: {"value", "low", "high", "floor", "ceiling", "better"}}``; attacks have
``"chance"`` too, their value when nothing leaks.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from geratriz import config
from geratriz.scoring.metric import Metric

WIDTH_99_9 = 1.68  # width of a 99.9 % interval in 95 % intervals; one of ten attacks exceeds it by chance once in 200

Rule = Literal["min", "max", "margin", "attack"]
Outcome = Literal["passed", "refused", "leak", "unproven", "inapplicable"]
Privacy = Literal["passed", "leak", "unproven"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """Limits of one metric in a release. Every limit that is set must hold."""

    min: float | None = None
    """Lowest allowed value of the low end of the interval."""
    max: float | None = None
    """Highest allowed value of the high end of the interval."""
    margin: float | None = None
    """Allowed distance of the value from the ceiling, the score of fresh real data, in the worse direction.

    It applies to the value, not to an end of its interval: the ceiling is measured with the same uncertainty.
    """

    def __post_init__(self) -> None:
        limits = (self.min, self.max, self.margin)
        if all(limit is None for limit in limits):
            raise ValueError("a gate needs min, max or margin; without them it checks nothing.")
        if any(limit is not None and not math.isfinite(limit) for limit in limits):
            raise ValueError(f"min, max and margin must be finite numbers, got {limits}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Result of checking one metric against one limit."""

    metric: str
    rule: Rule
    """The limit of a gate, or ``attack`` for the limit of an attack."""
    limit: float | None
    outcome: Outcome
    """``refused``: the gate does not hold. ``leak``: the attack exceeds its limit, beyond chance. ``unproven``: it may
    exceed it by chance, or was not measured. ``inapplicable``: the gate's metric has no meaning for the data."""
    value: float | None = None
    """None where the metric was not measured."""
    low: float | None = None
    high: float | None = None
    reference: float | None = None
    """The ceiling that a margin refers to, or the value of an attack when nothing leaks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Findings of the gates and the attacks."""

    gates: tuple[Finding, ...] | None
    """None where quality was not to be checked; empty where the project sets no gates: then nothing is released."""
    attacks: tuple[Finding, ...]
    """Leaks first, then unproven attacks, then passed ones."""

    @property
    def release(self) -> bool | None:
        """Whether the generator may be released: every gate that applies holds and no attack exceeds its limit.

        None where quality was not to be checked.
        """
        if self.gates is None:
            return None
        outcomes = {gate.outcome for gate in self.gates} - {"inapplicable"}
        return self.privacy == "passed" and outcomes == {"passed"}

    @property
    def privacy(self) -> Privacy:
        """``passed``, ``leak``, or ``unproven``: too few rows to rule out a leak."""
        outcomes = {attack.outcome for attack in self.attacks}
        return "leak" if "leak" in outcomes else "passed" if outcomes == {"passed"} else "unproven"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Gates first, then attacks."""
        return (*(self.gates or ()), *self.attacks)

    def of(self, metric: str, by: Literal["gate", "attack"]) -> tuple[Finding, ...]:
        """Findings of the gates, or of the attack, about one metric."""
        findings = self.attacks if by == "attack" else self.gates or ()
        return tuple(finding for finding in findings if finding.metric == metric)

    def to_json(self) -> list[dict[str, Any]]:
        """The findings in the form of metrics.json."""
        return [asdict(finding) for finding in self.findings]

    @classmethod
    def read(cls, report: Mapping[str, Any]) -> "Verdict":
        """The verdict in the content of a metrics.json.

        A report without findings, from an older version, is checked again by its own metrics and limits, without gates.
        """
        recorded = report["verdict"].get("findings")
        if recorded is None:
            return cls(gates=None, attacks=_ordered(_older_attacks(report)))
        findings = [config.load(Finding, finding, "findings") for finding in recorded]
        gates = tuple(finding for finding in findings if finding.rule != "attack")
        attacks = tuple(finding for finding in findings if finding.rule == "attack")
        return cls(gates=None if report["verdict"]["release"] is None else gates, attacks=attacks)


def check_report(
    report: Mapping[str, Any], gates: Mapping[str, Gate] | None, limits: Mapping[str, Metric[Any]]
) -> Verdict:
    """Check the content of a metrics.json, as :func:`check_metrics` does, against other gates and limits."""
    return check_metrics(report["metrics"], gates, limits, report.get("inapplicable", ()))


def check_metrics(
    metrics: Mapping[str, Mapping[str, Any]],
    gates: Mapping[str, Gate] | None,
    limits: Mapping[str, Metric[Any]],
    inapplicable: Collection[str] = (),
) -> Verdict:
    """Check metrics against gates and limits, and return the verdict.

    An attack is a leak where it exceeds its limit and chance is ruled out. Where chance is not ruled out, the attack is
    unproven: more unseen rows would narrow the interval.

    Args:
        metrics: the section ``metrics`` of metrics.json.
        gates: ``release.gates`` of params.yaml; None for no verdict on quality.
        limits: the attacks with their limits, from :func:`geratriz.scoring.metric.limited`.
        inapplicable: the metrics that have no meaning for the data; a gate on one of them refuses nothing.
    """
    checked = None
    if gates is not None:
        checked = tuple(
            finding
            for name, gate in gates.items()
            for finding in (
                [Finding(metric=name, rule="min", limit=None, outcome="inapplicable")]
                if name in inapplicable
                else _gate(name, metrics.get(name), gate)
            )
        )
    attacks = (
        _attack(name, metrics.get(name), metric.limit, required=metric.required) for name, metric in limits.items()
    )
    return Verdict(gates=checked, attacks=_ordered(attacks))


def is_measured(metric: Mapping[str, Any] | None) -> bool:
    """Whether a metric has a value and an interval, all finite."""
    ends = [None] if metric is None else [metric.get(key) for key in ("value", "low", "high")]
    return all(isinstance(end, int | float) and math.isfinite(end) for end in ends)


def _gate(name: str, metric: Mapping[str, Any] | None, gate: Gate) -> Iterator[Finding]:
    measured = metric if is_measured(metric) else None
    if measured is None:
        yield Finding(metric=name, rule="min", limit=None, outcome="refused")
        return
    interval = {end: measured[end] for end in ("value", "low", "high")}

    def finding(rule: Rule, limit: float, holds: bool, reference: float | None = None) -> Finding:
        outcome: Outcome = "passed" if holds else "refused"
        return Finding(metric=name, rule=rule, limit=limit, outcome=outcome, reference=reference, **interval)

    if gate.min is not None:
        yield finding("min", gate.min, measured["low"] >= gate.min)
    if gate.max is not None:
        yield finding("max", gate.max, measured["high"] <= gate.max)
    if gate.margin is not None:
        ceiling = measured.get("ceiling")
        if ceiling is None or not math.isfinite(ceiling):
            yield finding("margin", gate.margin, False)
            return
        worse = ceiling - measured["value"] if measured["better"] == "higher" else measured["value"] - ceiling
        yield finding("margin", gate.margin, worse <= gate.margin, ceiling)


def _attack(name: str, metric: Mapping[str, Any] | None, limit: float | None, *, required: bool) -> Finding | None:
    if metric is None or limit is None or not is_measured(metric) or "chance" not in metric:
        return Finding(metric=name, rule="attack", limit=limit, outcome="unproven") if required else None
    value, chance = metric["value"], metric["chance"]
    outcome: Outcome = "unproven"
    if metric["high"] <= limit:
        outcome = "passed"
    elif value - WIDTH_99_9 * (value - metric["low"]) > chance:
        outcome = "leak"
    interval = {end: metric[end] for end in ("value", "low", "high")}
    return Finding(metric=name, rule="attack", limit=limit, outcome=outcome, reference=chance, **interval)


def _older_attacks(report: Mapping[str, Any]) -> Iterator[Finding | None]:
    """Attacks of a report without findings; those that were not measured count only where all others passed."""
    metrics, privacy = report["metrics"], report["privacy"]
    found = [_attack(name, metrics.get(name), limit, required=False) for name, limit in privacy["limits"].items()]
    yield from found
    if privacy["outcome"] == "unproven" and all(finding is None or finding.outcome == "passed" for finding in found):
        for name, limit in privacy["limits"].items():
            yield None if name in metrics else _attack(name, None, limit, required=True)


def _ordered(attacks: Iterable[Finding | None]) -> tuple[Finding, ...]:
    found = [attack for attack in attacks if attack is not None]
    return tuple(attack for outcome in ("leak", "unproven", "passed") for attack in found if attack.outcome == outcome)
