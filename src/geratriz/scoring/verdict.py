"""The verdict on a generator as data: what each gate and each attack found. Pure; scoring/words.py puts it into words.

Metrics come as metrics.json has them: ``{NAME: {"value", "low", "high", "floor", "ceiling", "better"}}``, attacks with
``"chance"``, their value where nothing leaks.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from geratriz import config
from geratriz.scoring.metric import Metric

CERTAIN = 1.68  # an interval of 95 % is so much wider at 99.9 %: of ten attacks one is over it by chance once in 200

Rule = Literal["min", "max", "margin", "attack"]
Outcome = Literal["passed", "refused", "leak", "unproven"]
Privacy = Literal["passed", "leak", "unproven"]


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
class Finding:
    """One metric held against one limit."""

    metric: str
    rule: Rule
    """Which limit of a gate, or ``attack`` for the limit of an attack."""
    limit: float | None
    outcome: Outcome
    """``refused`` is a gate that does not hold; ``leak`` an attack over its limit, beyond chance; ``unproven`` one that
    may be over it by chance, or was not measured."""
    value: float | None = None
    """None where the metric was not measured."""
    low: float | None = None
    high: float | None = None
    reference: float | None = None
    """The ceiling that a margin is counted from, or the value of an attack where nothing leaks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What the gates and the attacks found."""

    gates: tuple[Finding, ...] | None
    """None where no gates were given to judge by, empty where the project sets none: then nothing is released."""
    attacks: tuple[Finding, ...]
    """Leaks first, then what is not proved, then what passed."""

    @property
    def release(self) -> bool | None:
        """Whether the generator may be released: every gate holds and no attack finds more than its limit allows.

        None where there were no gates to judge by.
        """
        if self.gates is None:
            return None
        return bool(self.gates) and self.privacy == "passed" and all(gate.outcome == "passed" for gate in self.gates)

    @property
    def privacy(self) -> Privacy:
        """``passed``, a ``leak`` that was found, or ``unproven``: too few rows to rule one out."""
        outcomes = {attack.outcome for attack in self.attacks}
        return "leak" if "leak" in outcomes else "passed" if outcomes == {"passed"} else "unproven"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Gates first, then attacks."""
        return (*(self.gates or ()), *self.attacks)

    def of(self, metric: str, by: Literal["gate", "attack"]) -> tuple[Finding, ...]:
        """What the gates, or the attack, found about one metric."""
        among = self.attacks if by == "attack" else self.gates or ()
        return tuple(finding for finding in among if finding.metric == metric)

    def to_json(self) -> list[dict[str, Any]]:
        """The findings as they stand in metrics.json."""
        return [asdict(finding) for finding in self.findings]

    @classmethod
    def read(cls, report: Mapping[str, Any]) -> "Verdict":
        """The verdict in the content of a metrics.json.

        One written before findings were kept is judged again by its own metrics and limits; its gates are not known.
        """
        kept = report["verdict"].get("findings")
        if kept is None:
            return cls(gates=None, attacks=_ordered(_older(report)))
        findings = [config.load(Finding, each, "findings") for each in kept]
        gates = tuple(finding for finding in findings if finding.rule != "attack")
        attacks = tuple(finding for finding in findings if finding.rule == "attack")
        return cls(gates=None if report["verdict"]["release"] is None else gates, attacks=attacks)


def judge(
    metrics: Mapping[str, Mapping[str, Any]], gates: Mapping[str, Gate] | None, limits: Mapping[str, Metric[Any]]
) -> Verdict:
    """The verdict on one generator.

    An attack is a leak where its limit is exceeded and chance is ruled out. Where the limit is exceeded and chance is
    not ruled out, nothing is proved: more unseen rows would narrow the interval.

    Args:
        metrics: the section ``metrics`` of metrics.json.
        gates: ``release.gates`` of params.yaml; None to ask for no verdict on quality.
        limits: the attacks with their limits, from :func:`geratriz.scoring.metric.limited`.
    """
    checked = None
    if gates is not None:
        checked = tuple(finding for name, gate in gates.items() for finding in _check(name, metrics.get(name), gate))
    attacks = (
        _attack(name, metrics.get(name), metric.limit, required=metric.required) for name, metric in limits.items()
    )
    return Verdict(gates=checked, attacks=_ordered(attacks))


def is_measured(metric: Mapping[str, Any] | None) -> bool:
    """Whether a metric has a value and an interval, all finite."""
    ends = [None] if metric is None else [metric.get(key) for key in ("value", "low", "high")]
    return all(isinstance(end, int | float) and math.isfinite(end) for end in ends)


def _check(name: str, metric: Mapping[str, Any] | None, gate: Gate) -> Iterator[Finding]:
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
    elif value - CERTAIN * (value - metric["low"]) > chance:
        outcome = "leak"
    interval = {end: metric[end] for end in ("value", "low", "high")}
    return Finding(metric=name, rule="attack", limit=limit, outcome=outcome, reference=chance, **interval)


def _older(report: Mapping[str, Any]) -> Iterator[Finding | None]:
    """The attacks of a report without findings. What was not measured speaks only where all else passed."""
    metrics, privacy = report["metrics"], report["privacy"]
    found = [_attack(name, metrics.get(name), limit, required=False) for name, limit in privacy["limits"].items()]
    yield from found
    if privacy["outcome"] == "unproven" and all(each is None or each.outcome == "passed" for each in found):
        for name, limit in privacy["limits"].items():
            yield None if name in metrics else _attack(name, None, limit, required=True)


def _ordered(attacks: Iterable[Finding | None]) -> tuple[Finding, ...]:
    found = [attack for attack in attacks if attack is not None]
    return tuple(attack for outcome in ("leak", "unproven", "passed") for attack in found if attack.outcome == outcome)
