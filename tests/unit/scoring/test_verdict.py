"""The decision to release and to promote, on metrics written by hand."""

from typing import Any

import pytest

from geratriz import config
from geratriz.errors import ConfigError
from geratriz.scoring.verdict import Comparison, Gate, decide, judge, judge_privacy, release
from tests.verdicts import ATTACKS, LIMITS, attacked


def metric(value: float | None, spread: float = 0.01, *, better: str = "higher", **landmarks: Any) -> dict[str, Any]:
    ends = {"low": None, "high": None} if value is None else {"low": value - spread, "high": value + spread}
    return {"value": value, **ends, "floor": None, "ceiling": None, "better": better, **landmarks}


def test_a_minimum_must_hold_at_the_low_end_of_the_interval() -> None:
    gates = {"detection": Gate(min=0.5)}
    assert judge({"detection": metric(0.52)}, gates).promote
    refused = judge({"detection": metric(0.505)}, gates)
    assert not refused.promote
    assert refused.reasons == ("detection is 0.505 (0.495 to 0.515), the gate asks at least 0.500: refused.",)


def test_a_maximum_must_hold_at_the_high_end_of_the_interval() -> None:
    gates = {"shape_error": Gate(max=2.0)}
    assert judge({"shape_error": metric(1.9, 0.1, better="lower")}, gates).promote
    assert not judge({"shape_error": metric(1.95, 0.1, better="lower")}, gates).promote


@pytest.mark.parametrize(
    ("better", "value", "holds"),
    [("higher", 0.91, True), ("higher", 0.89, False), ("lower", 1.04, True), ("lower", 1.06, False)],
)
def test_a_margin_is_counted_from_real_data_in_the_metrics_own_direction(
    better: str, value: float, holds: bool
) -> None:
    ceiling = 0.95 if better == "higher" else 1.0
    found = judge({"utility": metric(value, better=better, ceiling=ceiling)}, {"utility": Gate(margin=0.05)})
    assert found.promote is holds


def test_better_than_real_data_is_within_any_margin() -> None:
    assert judge({"utility": metric(0.99, ceiling=0.9)}, {"utility": Gate(margin=0.0)}).promote


def test_a_margin_without_a_ceiling_refuses() -> None:
    found = judge({"utility": metric(0.9)}, {"utility": Gate(margin=0.1)})
    assert not found.promote
    assert "was not measured" in found.reasons[0]


@pytest.mark.parametrize("missing", [{}, {"detection": metric(None)}, {"detection": metric(float("nan"))}])
def test_a_gate_without_a_value_refuses(missing: dict[str, Any]) -> None:
    found = judge(missing, {"detection": Gate(min=0.0)})
    assert not found.promote
    assert found.reasons == ("detection was not measured, but a gate asks for it.",)


def test_each_gate_gives_a_reason_and_one_refusal_is_enough() -> None:
    found = judge(
        {"detection": metric(0.9), "copy_rate": metric(0.2, better="lower")},
        {"detection": Gate(min=0.5, max=1.0), "copy_rate": Gate(max=0.01)},
    )
    assert not found.promote
    assert [reason.rsplit(": ")[-1] for reason in found.reasons] == ["passed.", "passed.", "refused."]


def test_no_gate_at_all_refuses() -> None:
    assert not judge({"detection": metric(1.0)}, {}).promote


@pytest.mark.parametrize("limits", [{}, {"min": float("nan")}, {"min": None}, {"least": 1.0}])
def test_a_gate_that_asks_for_nothing_is_refused_when_it_is_read(limits: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"release\.gates\.detection"):
        config.load(Gate, limits, "release.gates.detection")


GATES = {"detection": Gate(min=0.1)}


def candidate(detection: float | None, **changed: Any) -> dict[str, Any]:
    """A generator that no attack found anything about."""
    return {**attacked(), "detection": metric(detection, **changed)}


def difference(low: float, high: float, better: str = "higher") -> dict[str, Any]:
    middle = (low + high) / 2
    ends = {"low": low, "high": high, "better": better}
    return {"candidate": 0.5 + middle, "champion": 0.5, "difference": middle, **ends}


@pytest.mark.parametrize(
    ("figures", "outcome"),
    [
        ([difference(0.01, 0.05)], "better"),
        ([difference(-0.01, 0.05)], "equal"),
        ([difference(0.0, 0.0)], "equal"),
        ([difference(-0.05, -0.01)], "worse"),
        ([difference(-0.05, -0.01, "lower")], "better"),
        ([difference(0.01, 0.05, "lower")], "worse"),
        ([difference(0.01, 0.05), difference(-0.01, 0.05)], "better"),
        ([difference(0.01, 0.05), difference(-0.05, -0.01)], "worse"),
        ([], "equal"),
    ],
)
def test_intervals_say_better_equal_or_worse_and_one_worse_metric_is_enough(figures: Any, outcome: str) -> None:
    found = Comparison.of({f"metric {i}": each for i, each in enumerate(figures)})
    assert found.outcome == outcome
    assert decide(candidate(0.6), found, GATES, LIMITS).promote is (outcome != "worse")


def test_a_comparison_gives_the_figures_of_each_metric_and_says_what_comes_of_it() -> None:
    found = Comparison.of({"detection": difference(-0.05, -0.01)})
    assert found.reasons == (
        "detection is 0.470, the champion's 0.500, a difference of -0.030 (-0.050 to -0.010): worse, refused.",
        "On the same held-out rows it is worse than the champion.",
    )


def test_the_gates_hold_for_a_better_challenger_too() -> None:
    gates = {"detection": Gate(min=0.7)}
    assert not decide(candidate(0.6), Comparison.of({"detection": difference(0.1, 0.2)}), gates, LIMITS).promote


def test_without_a_champion_gates_and_attacks_alone_decide() -> None:
    assert decide(candidate(0.6), None, GATES, LIMITS).promote
    assert not decide(candidate(0.6), None, {"detection": Gate(min=0.7)}, LIMITS).promote


def test_a_champion_that_cannot_be_judged_does_not_stand_in_the_way() -> None:
    found = decide(candidate(0.6), Comparison.impossible("its columns are others."), GATES, LIMITS)
    assert found.promote
    assert "its columns are others. The gates alone decide." in found.reasons[-1]


# Privacy --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attack", ATTACKS)
def test_one_attack_that_succeeds_is_a_leak_and_refuses(attack: str) -> None:
    gain = 2 * (ATTACKS[attack] - {"mia_auc": 0.5, "mia_auc_outliers": 0.5}.get(attack, 0))
    found = judge_privacy(attacked(**{attack: (gain, gain / 10)}), LIMITS)
    assert found.outcome == "leak"
    assert len(found.objections) == 1
    assert found.objections[0].startswith(f"{attack} is ") and found.objections[0].endswith(": a leak.")
    decision = release({**attacked(**{attack: (gain, gain / 10)}), "detection": metric(0.9)}, GATES, LIMITS)
    assert not decision.promote
    assert found.sentence in decision.reasons and found.objections[0] in decision.reasons


def test_the_limit_must_hold_at_the_high_end_and_what_chance_explains_is_no_leak() -> None:
    found = judge_privacy(attacked(copy_excess=(0.004, 0.005)), LIMITS)
    assert found.outcome == "unproven"
    assert found.objections == (
        "copy_excess is 0.004 (-0.001 to 0.009), chance gives 0.000, at most 0.0075 is allowed: not proved.",
    )
    assert not release({**attacked(copy_excess=(0.004, 0.005)), "detection": metric(0.9)}, GATES, LIMITS).promote


def test_a_leak_is_said_before_what_is_not_proved() -> None:
    found = judge_privacy(attacked(copy_excess=(0.004, 0.005), singling_out=(0.3, 0.02)), LIMITS)
    assert found.outcome == "leak"
    assert [reason.split()[0] for reason in found.objections] == ["singling_out", "copy_excess"]


@pytest.mark.parametrize("attack", ["mia_auc", "mia_tpr_at_1pct", "mia_auc_outliers", "copy_excess"])
def test_without_the_attacks_there_is_no_release(attack: str) -> None:
    metrics = {name: each for name, each in attacked().items() if name != attack}
    found = judge_privacy(metrics, LIMITS)
    assert found.outcome == "unproven"
    assert f"{attack} was not measured" in found.objections[0]
    assert not release({"detection": metric(0.9)}, GATES, LIMITS).promote


def test_what_a_table_has_no_columns_for_is_not_asked() -> None:
    assert judge_privacy(attacked(), LIMITS).outcome == "passed"
    few = {name: each for name, each in attacked().items() if name not in ("rare_excess", "attribute_advantage")}
    assert judge_privacy(few, LIMITS).outcome == "passed"


def test_one_personal_value_of_a_real_person_is_a_leak() -> None:
    def overlap(share: float) -> dict[str, Any]:
        return {**attacked(), "personal_overlap": {**metric(share, 0.0, better="lower"), "chance": 0.0}}

    assert judge_privacy(overlap(0.0), LIMITS).outcome == "passed"
    assert judge_privacy(overlap(1e-5), LIMITS).outcome == "leak"
