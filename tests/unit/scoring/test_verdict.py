"""The verdict on a generator, on metrics written by hand: gates, attacks, sentences, and the file it stands in."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from geratriz import config
from geratriz.errors import ConfigError
from geratriz.scoring import words
from geratriz.scoring.content import content
from geratriz.scoring.landmarks import Landmarks
from geratriz.scoring.metric import Metric, limited
from geratriz.scoring.score import Score
from geratriz.scoring.verdict import Gate, Verdict, check_metrics
from geratriz.table.evaluate.suite import METRICS
from tests.attack_metrics import ATTACKS, LIMITS, attacked, privacy


def metric(value: float | None, spread: float = 0.01, *, better: str = "higher", **landmarks: Any) -> dict[str, Any]:
    ends = {"low": None, "high": None} if value is None else {"low": value - spread, "high": value + spread}
    return {"value": value, **ends, "floor": None, "ceiling": None, "better": better, **landmarks}


def judged(gates: Mapping[str, Gate] | None, **quality: dict[str, Any]) -> Verdict:
    """A generator of this quality, about which no attack found anything."""
    return check_metrics({**attacked(), **quality}, gates, LIMITS)


# Gates ----------------------------------------------------------------------------------------------------------------


def test_a_minimum_must_hold_at_the_low_end_of_the_interval() -> None:
    gates = {"detection": Gate(min=0.5)}
    assert judged(gates, detection=metric(0.52)).release
    refused = judged(gates, detection=metric(0.505))
    assert refused.release is False
    assert words.gates(refused) == ("detection is 0.505 (0.495 to 0.515), the gate requires at least 0.500: refused.",)


def test_a_maximum_must_hold_at_the_high_end_of_the_interval() -> None:
    gates = {"shape_error": Gate(max=2.0)}
    held = judged(gates, shape_error=metric(1.9, 0.1, better="lower"))
    assert held.release
    assert words.gates(held) == ("shape_error is 1.900 (1.800 to 2.000), the gate allows at most 2.000: passed.",)
    assert judged(gates, shape_error=metric(1.95, 0.1, better="lower")).release is False


def test_a_gate_on_a_metric_without_meaning_for_the_data_refuses_nothing_and_is_named() -> None:
    gates = {"detection": Gate(min=0.5), "utility": Gate(margin=0.03)}
    measured = {**attacked(), "detection": metric(0.9)}
    assert check_metrics(measured, gates, LIMITS).release is False  # it has a meaning, and was not measured
    found = check_metrics(measured, gates, LIMITS, ["utility"])
    assert found.release
    assert "utility has no meaning for these data, so its gate is left out." in words.reasons(found)
    assert words.refusals(found) == ()


def test_where_no_gate_has_a_meaning_nothing_is_released() -> None:
    found = check_metrics(attacked(), {"utility": Gate(margin=0.03)}, LIMITS, ["utility"])
    assert found.release is False
    assert words.refusals(found)[-1] == "No gate is set, so quality was not checked: set release.gates."


@pytest.mark.parametrize(
    ("better", "value", "holds"),
    [("higher", 0.91, True), ("higher", 0.89, False), ("lower", 1.04, True), ("lower", 1.06, False)],
)
def test_a_margin_is_counted_from_real_data_in_the_metrics_own_direction(
    better: str, value: float, holds: bool
) -> None:
    ceiling = 0.95 if better == "higher" else 1.0
    found = judged({"utility": Gate(margin=0.05)}, utility=metric(value, better=better, ceiling=ceiling))
    assert found.release is holds
    assert f"the gate allows 0.050 worse than real data's {ceiling:.3f}: " in words.gates(found)[0]
    assert found.of("utility", "gate")[0].reference == ceiling


def test_better_than_real_data_is_within_any_margin() -> None:
    assert judged({"utility": Gate(margin=0.0)}, utility=metric(0.99, ceiling=0.9)).release


@pytest.mark.parametrize("ceiling", [None, float("nan")])
def test_a_margin_without_a_ceiling_refuses(ceiling: float | None) -> None:
    found = judged({"utility": Gate(margin=0.1)}, utility=metric(0.9, ceiling=ceiling))
    assert found.release is False
    assert words.gates(found) == (
        "utility is 0.900 (0.890 to 0.910), the gate compares it with real data, whose value was not measured: "
        "refused.",
    )


@pytest.mark.parametrize("missing", [{}, {"detection": metric(None)}, {"detection": metric(float("nan"))}])
def test_a_gate_without_a_value_refuses(missing: dict[str, Any]) -> None:
    found = judged({"detection": Gate(min=0.0)}, **missing)
    assert found.release is False
    assert words.gates(found) == ("detection was not measured, but a gate requires it.",)


def test_each_limit_gives_a_finding_and_one_refusal_is_enough() -> None:
    found = judged(
        {"detection": Gate(min=0.5, max=1.0), "copy_rate": Gate(max=0.01)},
        detection=metric(0.9),
        copy_rate=metric(0.2, better="lower"),
    )
    assert found.release is False
    assert [(each.metric, each.rule, each.limit, each.outcome) for each in found.gates or ()] == [
        ("detection", "min", 0.5, "passed"),
        ("detection", "max", 1.0, "passed"),
        ("copy_rate", "max", 0.01, "refused"),
    ]
    assert len(found.of("detection", "gate")) == 2 and found.of("detection", "attack") == ()


def test_no_gate_at_all_refuses_and_says_what_to_set() -> None:
    found = judged({}, detection=metric(1.0))
    assert found.release is False
    assert words.gates(found) == ("No gate is set, so quality was not checked: set release.gates.",)
    assert words.refusals(found) == words.gates(found)


def test_where_no_gates_are_given_there_is_no_verdict_on_quality() -> None:
    found = judged(None, detection=metric(1.0))
    assert found.release is None and found.gates is None
    assert found.privacy == "passed" and words.gates(found) == ()


@pytest.mark.parametrize("limits", [{}, {"min": float("nan")}, {"min": None}, {"least": 1.0}])
def test_a_gate_that_asks_for_nothing_is_refused_when_it_is_read(limits: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"release\.gates\.detection"):
        config.load(Gate, limits, "release.gates.detection")


# Attacks --------------------------------------------------------------------------------------------------------------

GATES = {"detection": Gate(min=0.1)}


def against(metrics: Mapping[str, Any]) -> Verdict:
    """The verdict on a generator that is good, but for what attacks found."""
    return check_metrics({**metrics, "detection": metric(0.9)}, GATES, LIMITS)


@pytest.mark.parametrize("attack", ATTACKS)
def test_one_attack_that_succeeds_is_a_leak_and_refuses(attack: str) -> None:
    gain = 2 * (ATTACKS[attack] - {"mia_auc": 0.5, "mia_auc_outliers": 0.5}.get(attack, 0))
    found = against(attacked(**{attack: (gain, gain / 10)}))
    assert (found.privacy, found.release) == ("leak", False)
    (objection,) = words.objections(found)
    assert objection.startswith(f"{attack} is ") and objection.endswith(": a leak.")
    assert words.reasons(found) == (*words.gates(found), words.privacy(found), objection)
    assert words.refusals(found) == (words.privacy(found), objection)
    assert words.attacks(found)[0] == objection and len(words.attacks(found)) == len(ATTACKS)


def test_the_limit_must_hold_at_the_high_end_and_what_chance_explains_is_no_leak() -> None:
    found = against(attacked(copy_excess=(0.004, 0.005)))
    assert (found.privacy, found.release) == ("unproven", False)
    assert words.objections(found) == (
        "copy_excess is 0.004 (-0.001 to 0.009), chance gives 0.000, at most 0.0075 is allowed: not proved.",
    )


def test_a_leak_is_said_before_what_is_not_proved() -> None:
    found = against(attacked(copy_excess=(0.004, 0.005), singling_out=(0.3, 0.02)))
    assert found.privacy == "leak"
    assert [reason.split()[0] for reason in words.objections(found)] == ["singling_out", "copy_excess"]


@pytest.mark.parametrize("attack", ["mia_auc", "mia_tpr_at_1pct", "mia_auc_outliers", "copy_excess"])
def test_without_the_attacks_there_is_no_release(attack: str) -> None:
    assert LIMITS[attack].required
    found = against({name: each for name, each in attacked().items() if name != attack})
    assert (found.privacy, found.release) == ("unproven", False)
    assert words.objections(found) == (f"{attack} was not measured: the held-out part is too small.",)
    assert against({}).release is False


def test_what_a_table_has_no_columns_for_is_not_asked() -> None:
    assert against(attacked()).release
    for name in {each for each in LIMITS if not LIMITS[each].required} & set(ATTACKS):
        few = {each: entry for each, entry in attacked().items() if each != name}
        assert against(few).release, name


def test_one_personal_value_of_a_real_person_is_a_leak() -> None:
    def overlap(share: float) -> dict[str, Any]:
        return {**attacked(), "personal_overlap": {**metric(share, 0.0, better="lower"), "chance": 0.0}}

    assert against(overlap(0.0)).privacy == "passed"
    assert against(overlap(1e-5)).privacy == "leak"


# Limits ---------------------------------------------------------------------------------------------------------------


def test_a_project_may_set_other_limits_and_the_rest_stay() -> None:
    limits = limited(METRICS, {"mia_auc": 0.6, "copy_excess": 0})
    assert (limits["mia_auc"].limit, limits["copy_excess"].limit) == (0.6, 0.0)
    assert {name: each.limit for name, each in limits.items() if name not in ("mia_auc", "copy_excess")} == {
        name: each.limit for name, each in LIMITS.items() if name not in ("mia_auc", "copy_excess")
    }
    assert limited(METRICS, None) == limited(METRICS, {}) == LIMITS
    found = attacked(mia_auc=(0.07, 0.01))
    assert check_metrics(found, GATES, LIMITS).privacy == "leak"
    assert check_metrics(found, GATES, limits).of("mia_auc", "attack")[0].outcome == "passed"


def test_an_attack_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"release\.privacy\.mia_auk .*Did you mean 'mia_auc'\?"):
        limited(METRICS, {"mia_auk": 0.6})
    with pytest.raises(ConfigError, match=r"release\.privacy\.detection "):  # a metric of quality has no limit
        limited(METRICS, {"detection": 0.6})


@pytest.mark.parametrize("limit", ["0.6", True, None, [0.6]])
def test_a_limit_that_is_no_number_is_refused(limit: object) -> None:
    with pytest.raises(ConfigError, match=r"release\.privacy\.mia_auc is .*expected a number"):
        limited(METRICS, {"mia_auc": limit})


# In a file ------------------------------------------------------------------------------------------------------------


def written(gates: Mapping[str, Gate] | None, limits: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A metrics.json with a leak, something not proved, and gates that hold, that do not, and that have no value."""
    entries = {**attacked(copy_excess=(0.004, 0.005), singling_out=(0.3, 0.02)), "detection": metric(0.3)}
    scores = {name: Score(value=each["value"], low=each["low"], high=each["high"]) for name, each in entries.items()}
    marks = Landmarks(rows=9, floor={}, ceiling={"detection": Score(value=0.9, low=0.8, high=1.0)})
    report = content(scores, marks, METRICS, gates=gates, limits=limits, rows={"train": 9}, details={})
    read: dict[str, Any] = json.loads(json.dumps(report, allow_nan=False))
    return read


MANY = {"detection": Gate(min=0.1, margin=0.5), "utility": Gate(min=0.5)}


@pytest.mark.parametrize("gates", [MANY, {}, None])
@pytest.mark.parametrize("limits", [None, {"mia_auc": 0.5}])
def test_a_verdict_comes_back_from_its_file_as_it_was(
    gates: dict[str, Gate] | None, limits: dict[str, float] | None
) -> None:
    report = written(gates, limits)
    verdict = check_metrics(report["metrics"], gates, limited(METRICS, limits))
    assert Verdict.read(report) == verdict
    assert report["verdict"]["release"] is verdict.release
    assert report["verdict"]["reasons"] == ([] if gates is None else list(words.reasons(verdict)))
    assert report["privacy"]["outcome"] == verdict.privacy == "leak"
    assert report["privacy"]["reasons"] == list(words.attacks(verdict))


@pytest.mark.parametrize("gains", [{}, {"copy_excess": (0.004, 0.005)}, {"singling_out": (0.3, 0.02)}])
@pytest.mark.parametrize("absent", [None, "mia_auc", "rare_excess"])
def test_a_report_from_before_findings_is_judged_by_its_own_metrics_and_limits(
    gains: dict[str, Any], absent: str | None
) -> None:
    metrics = {name: entry for name, entry in attacked(**gains).items() if name != absent}
    now = check_metrics(metrics, None, LIMITS)
    older = {
        "metrics": metrics,
        "privacy": privacy(metrics),
        "verdict": {"release": now.privacy == "passed", "reasons": ["detection is 0.900: passed."]},
    }
    found = Verdict.read(json.loads(json.dumps(older)))
    assert (found.privacy, found.gates, found.release) == (now.privacy, None, None)
    told = {each for each in now.attacks if each.value is not None}
    assert {each for each in found.attacks if each.value is not None} == told
    if now.privacy == "unproven" and not gains:
        assert f"{absent} was not measured: the held-out part is too small." in words.objections(found)


def test_the_limits_of_an_older_report_count_and_not_those_of_today() -> None:
    metrics = attacked(mia_auc=(0.07, 0.01))
    strict, lenient = ({name: each.limit for name, each in LIMITS.items()} for _ in range(2))
    lenient["mia_auc"] = 0.6
    for limits, outcome in ((strict, "leak"), (lenient, "passed")):
        report = {
            "metrics": metrics,
            "privacy": {"outcome": outcome, "reasons": [], "limits": limits},
            "verdict": {"release": False, "reasons": []},
        }
        assert Verdict.read(report).privacy == outcome


def test_an_attack_has_a_limit_and_a_value_of_chance() -> None:
    for name, each in METRICS.items():
        assert isinstance(each, Metric)
        assert (each.limit is None) or (each.chance is not None), name
        assert not each.required or each.limit is not None, name
