"""Promoting, going back, the history and the audit, against a real MLflow with a SQLite file.

A test that takes more than a second compares with the champion: that fits 40 classifiers.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from geratriz import config
from geratriz.cli.app import app
from geratriz.errors import GateError, RegistryError
from geratriz.registry import lock, mlflow, promoting, release
from geratriz.registry.audit import audit
from geratriz.registry.history import history
from geratriz.registry.holdout import HoldoutError
from geratriz.registry.mlflow import Registry
from tests.attack_metrics import ATTACKS, LIMITS
from tests.projects import Project, aliases, table

Retrain = Callable[..., None]


def test_the_first_promotion_makes_the_challenger_champion_and_records_why(registered: Project, client: Any) -> None:
    found = promoting.promote(registered.root, "people", by="ana")
    assert (found.version, found.previous, found.moved) == (1, None, True)
    assert aliases(client) == {"champion": 1}
    tags = client.get_model_version("people", "1").tags
    assert (tags["geratriz.promoted_by"], tags["geratriz.from_version"]) == ("ana", "none")
    assert "the gate requires at least 0.200: passed." in tags["geratriz.reason"]
    assert json.loads(tags["geratriz.gates"]) == {"detection": {"min": 0.2}, "copy_rate": {"max": 0.01}}
    (record,) = [json.loads(tag) for name, tag in tags.items() if name.startswith("geratriz.promotion.")]
    assert (record["by"], record["from_version"], record["how"]) == ("ana", None, "command line")
    assert (tags["geratriz.privacy"], record["privacy"]["outcome"]) == ("passed", "passed")
    assert record["privacy"]["limits"] == {name: metric.limit for name, metric in LIMITS.items()}
    assert len(record["privacy"]["reasons"]) == len(ATTACKS)
    assert "geratriz.intent" not in tags


def test_a_leaking_generator_is_not_promoted_and_the_reason_is_the_attack(project: Project, client: Any) -> None:
    project.gains = {"copy_excess": (0.02, 0.001)}
    project.model("small", 0.5)
    project.compare("small")
    release.register(project.root)
    assert client.get_model_version("people", "1").tags["geratriz.privacy"] == "leak"
    with pytest.raises(GateError, match=r"reveal training data(?s:.*)copy_excess is 0.020 .*: a leak"):
        promoting.promote(project.root, "people")
    assert aliases(client) == {"challenger": 1}


def test_a_version_whose_privacy_was_never_judged_is_not_promoted(project: Project, client: Any) -> None:
    report = project.root / "reports" / "models" / "small" / "metrics.json"
    content = json.loads(report.read_text())
    content["metrics"] = {name: each for name, each in content["metrics"].items() if name not in ATTACKS}
    report.write_text(json.dumps(content))
    release.register(project.root)
    with pytest.raises(GateError, match="mia_auc was not measured"):
        promoting.promote(project.root, "people")
    assert aliases(client) == {"challenger": 1}


def test_a_challenger_that_is_no_worse_takes_the_place_and_the_old_champion_is_kept(
    challenged: Project, client: Any
) -> None:
    assert aliases(client) == {"champion": 1, "challenger": 2}
    found = promoting.promote(challenged.root, "people")
    assert (found.version, found.previous) == (2, 1)
    assert found.reasons[-1] == "On the same held-out rows it is equal to the champion."
    assert aliases(client) == {"champion": 2, "previous": 1}
    assert client.get_model_version("people", "2").tags["geratriz.from_version"] == "1"


def test_a_worse_challenger_is_refused_with_the_figures_and_nothing_moves(
    promoted: Project, client: Any, retrain: Retrain
) -> None:
    retrain(0.9, learns=table(seed=3, bad=True))  # what was measured on it before does not count
    release.register(promoted.root)
    with pytest.raises(GateError, match=r"shape_error is .*, the champion's .*, a difference of \+.*: worse, refused"):
        promoting.promote(promoted.root, "people")
    assert aliases(client) == {"champion": 1, "challenger": 2}


def test_a_clearly_better_challenger_is_called_better(project: Project, retrain: Retrain) -> None:
    project.model("small", 0.5, learns=table(bad=True))
    project.compare("small")
    release.register(project.root)
    promoting.promote(project.root, "people")
    retrain(0.5)
    release.register(project.root)
    assert promoting.promote(project.root, "people").reasons[-1] == (
        "On the same held-out rows it is better than the champion."
    )


def test_the_record_of_a_promotion_has_the_figures_of_the_comparison(succeeded: Project) -> None:
    record = history(succeeded.root, "people")[-1]
    assert record.reasons[-1] == "On the same held-out rows it is equal to the champion."
    comparison = record.comparison
    assert comparison is not None and comparison["outcome"] == "equal"
    assert set(comparison["figures"]) == {"detection", "shape_error", "trend_error", "utility"}
    for figures in comparison["figures"].values():
        assert figures["low"] <= 0 <= figures["high"]


def test_a_champion_of_other_columns_is_not_compared_and_the_gates_alone_decide(
    project: Project, retrain: Retrain
) -> None:
    wider = table(seed=4)
    project.model("small", 0.5, learns=type(wider).from_frame(wider.frame.assign(more=1.5), target="income"))
    project.compare("small")
    release.register(project.root)
    promoting.promote(project.root, "people")
    retrain(0.5)
    release.register(project.root)
    found = promoting.promote(project.root, "people")
    assert "its columns are not those of the current data (more). The gates alone decide." in found.reasons[-1]
    assert (history(project.root, "people")[-1].comparison or {})["outcome"] == "unjudged"


def test_the_rows_to_judge_on_are_those_held_out_when_the_candidate_was_made(challenged: Project, client: Any) -> None:
    client.set_model_version_tag("people", "2", "geratriz.branch", "retrain/20260101-abcd")
    client.set_model_version_tag("people", "2", "geratriz.commit", "0" * 40)
    elsewhere = challenged.root / "elsewhere"
    (elsewhere / "data").mkdir(parents=True)
    (challenged.root / "data" / "prepared").rename(elsewhere / "data" / "prepared")
    with pytest.raises(HoldoutError, match=r"does not exist.*git switch retrain/20260101-abcd.*dvc pull") as caught:
        promoting.promote(challenged.root, "people")
    assert caught.value.commit == "0" * 40
    challenged.prepare(table(60, seed=5))
    with pytest.raises(HoldoutError, match="holds others"):
        promoting.promote(challenged.root, "people")
    offer = promoting.examine(challenged.root, "people", rows_in=elsewhere)
    assert isinstance(offer, promoting.Offer)
    assert aliases(client) == {"champion": 1, "challenger": 2}


def test_a_version_without_its_recipe_is_not_compared(promoted: Project, retrain: Retrain) -> None:
    (promoted.root / "dvc.lock").write_text("schema: '2.0'\n")
    retrain(0.7)
    release.register(promoted.root)
    with pytest.raises(RegistryError, match="does not say which data/prepared"):
        promoting.promote(promoted.root, "people")


def test_a_gate_that_does_not_hold_refuses(registered: Project, client: Any) -> None:
    registered.gates = {"detection": {"min": 0.9}}
    registered.compare("small")
    with pytest.raises(GateError, match=r"the gate requires at least 0\.900: refused"):
        promoting.promote(registered.root, "people")
    assert aliases(client) == {"challenger": 1}


def test_a_version_is_judged_by_its_own_metrics_and_not_by_the_work_tree(registered: Project, retrain: Retrain) -> None:
    retrain(0.01)  # evaluated, but not registered
    assert promoting.promote(registered.root, "people").moved


def test_an_older_version_can_be_named(registered: Project, client: Any, retrain: Retrain) -> None:
    retrain(0.5)
    release.register(registered.root)
    assert promoting.promote(registered.root, "people", version=1).version == 1
    assert aliases(client) == {"champion": 1, "challenger": 2}


def test_promoting_the_champion_again_changes_nothing(promoted: Project) -> None:
    assert not promoting.promote(promoted.root, "people").moved
    assert not promoting.promote(promoted.root, "people", version=1).moved
    assert release.register(promoted.root).aliases == ("champion",)  # and it is no challenger to itself


def test_who_confirms_sees_what_would_be_done_and_may_decline(registered: Project, client: Any) -> None:
    seen = []

    def no(offer: promoting.Offer) -> bool:
        seen.append(offer)
        return False

    with pytest.raises(GateError, match="declined"):
        promoting.promote(registered.root, "people", confirm=no)
    assert (seen[0].version, seen[0].previous) == (1, None)
    assert aliases(client) == {"challenger": 1}
    assert promoting.promote(registered.root, "people", confirm=lambda offer: True).moved


def test_a_model_that_nobody_registered_is_named(project: Project) -> None:
    with pytest.raises(RegistryError, match=r"no model 'people'.*geratriz register"):
        promoting.promote(project.root, "people")


def test_what_is_not_there_is_named(registered: Project, client: Any) -> None:
    with pytest.raises(RegistryError, match="Did you mean 'people'"):
        promoting.promote(registered.root, "peoples")
    with pytest.raises(RegistryError, match=r"no version '7'.*1"):
        promoting.promote(registered.root, "people", version=7)
    client.delete_registered_model_alias("people", "challenger")
    with pytest.raises(RegistryError, match="no challenger"):
        promoting.promote(registered.root, "people")


def test_a_version_whose_metrics_are_gone_is_not_promoted(registered: Project, client: Any) -> None:
    (registered.root / "mlartifacts").rename(registered.root / "lost")
    with pytest.raises(RegistryError, match=r"evaluation/metrics\.json"):
        promoting.promote(registered.root, "people")
    assert aliases(client) == {"challenger": 1}


# What happens meanwhile -----------------------------------------------------------------------------------------------


def test_a_promotion_that_was_judged_against_another_champion_is_refused(
    succeeded: Project, client: Any, retrain: Retrain
) -> None:
    retrain(0.7, seed=2)
    release.register(succeeded.root)
    offer = promoting.examine(succeeded.root, "people", version=3)
    assert isinstance(offer, promoting.Offer)
    promoting.rollback(succeeded.root, "people")
    with pytest.raises(
        GateError, match=r"champion is now version 1, but this promotion was examined when it was 2.*Run it again"
    ):
        promoting.carry_out(succeeded.root, offer)
    assert aliases(client) == {"champion": 1, "previous": 2, "challenger": 3}
    assert len(history(succeeded.root, "people")) == 3


def test_gates_that_were_raised_while_a_person_thought_refuse(
    challenged: Project, offer: promoting.Offer, client: Any
) -> None:
    challenged.gates = {"detection": {"min": 0.9}}
    challenged.compare("small")
    with pytest.raises(GateError, match=r"at least 0\.900: refused"):
        promoting.carry_out(challenged.root, offer)
    assert aliases(client) == {"champion": 1, "challenger": 2}


def test_a_promotion_reads_the_settings_once_and_opens_the_registry_once(
    challenged: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, opened = counted(monkeypatch, config, "read_yaml"), counted(monkeypatch, mlflow, "mlflow_client")
    promoting.promote(challenged.root, "people", confirm=lambda offer: True)
    assert [path.name for path, *_ in read] == ["params.yaml"]
    assert len(opened) == 1


def counted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[tuple[Any, ...]]:
    """Let a function note what it is called with; it does what it did."""
    calls, original = [], getattr(module, name)

    def noting(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        return original(*arguments, **named)

    monkeypatch.setattr(module, name, noting)
    return calls


# Rollback, history, audit ---------------------------------------------------------------------------------------------


def test_rollback_swaps_champion_and_previous_and_can_be_rolled_back(succeeded: Project, client: Any) -> None:
    found = promoting.rollback(succeeded.root, "people", by="eva", reason="no widows")
    assert (found.version, found.previous, found.moved) == (1, 2, True)
    assert aliases(client) == {"champion": 1, "previous": 2}
    promoting.rollback(succeeded.root, "people", by="eva")
    assert aliases(client) == {"champion": 2, "previous": 1}
    seen = [
        (each.what, each.from_version, each.version, each.by, each.reason) for each in history(succeeded.root, "people")
    ]
    assert seen == [
        ("promote", None, 1, "ana", ""),
        ("promote", 1, 2, "ana", ""),
        ("rollback", 2, 1, "eva", "no widows"),
        ("rollback", 1, 2, "eva", ""),
    ]
    assert audit(succeeded.root) == []


def test_rollback_needs_something_to_go_back_to(challenged: Project, client: Any) -> None:
    with pytest.raises(RegistryError, match="no previous champion"):
        promoting.rollback(challenged.root, "people")
    assert aliases(client) == {"champion": 1, "challenger": 2}


def test_rollback_needs_the_gates(succeeded: Project, client: Any) -> None:
    succeeded.gates = {"detection": {"min": 0.6}}  # 0.5 was measured on version 1, 0.7 on version 2
    succeeded.compare("small")
    with pytest.raises(GateError, match="refused"):
        promoting.rollback(succeeded.root, "people")
    assert aliases(client) == {"champion": 2, "previous": 1}


def found(project: Project) -> str:
    findings = audit(project.root, "people")
    return " | ".join(each.text for each in findings)


@pytest.mark.parametrize("station", ["registered", "promoted", "challenged", "succeeded"])
def test_nothing_is_found_where_all_moves_were_ours(station: str, request: pytest.FixtureRequest) -> None:
    assert audit(request.getfixturevalue(station).root) == []


def test_an_alias_that_was_moved_by_hand_is_found(challenged: Project, client: Any) -> None:
    client.set_registered_model_alias("people", "champion", "2")
    assert "champion is version 2, but the history says version 1" in found(challenged)
    assert "version 2 is the champion and has no record" in found(challenged)
    client.delete_registered_model_alias("people", "champion")
    assert "champion is none, but the history says version 1" in found(challenged)
    client.set_registered_model_alias("people", "champion", "1")
    client.set_registered_model_alias("people", "previous", "2")
    assert "previous is version 2, but the history says none" in found(challenged)


def test_a_record_that_was_altered_deleted_or_added_is_found(succeeded: Project, client: Any) -> None:
    first = client.get_model_version("people", "1").tags["geratriz.promotion.1"]
    second = client.get_model_version("people", "2").tags["geratriz.promotion.2"]
    client.set_model_version_tag("people", "1", "geratriz.promotion.1", first.replace("ana", "eva"))
    assert "record 1, on version 1, was altered: its digest" in found(succeeded)
    client.set_model_version_tag("people", "1", "geratriz.promotion.1", "{}")
    assert "record 1, on version 1, was altered: it is not a valid record" in found(succeeded)
    client.set_model_version_tag("people", "1", "geratriz.promotion.1", first)
    client.set_model_version_tag("people", "2", "geratriz.promotion.2", second.replace("ana", "eva"))
    assert "record 2, on version 2, was altered: its digest" in found(succeeded)
    client.delete_model_version_tag("people", "2", "geratriz.promotion.2")
    assert "record 2 is gone" in found(succeeded)
    client.set_model_version_tag("people", "2", "geratriz.promotion.2", second)
    assert found(succeeded) == ""
    third = json.loads(second) | {"number": 3}
    client.set_model_version_tag("people", "2", "geratriz.promotion.3", json.dumps(third))
    assert "record 3, on version 2, was added by other means" in found(succeeded)


def test_a_readable_tag_that_was_altered_is_found(challenged: Project, client: Any) -> None:
    client.set_model_version_tag("people", "1", "geratriz.promoted_by", "eva")
    assert found(challenged) == "the tag geratriz.promoted_by of version 1 differs from its record."


def test_a_version_that_was_deleted_is_found(succeeded: Project, client: Any) -> None:
    client.delete_model_version("people", "1")
    assert "record 1 is gone" in found(succeeded)
    assert "version 1, which the history names, was deleted" in found(succeeded)


def test_a_champion_that_the_gates_refuse_now_is_found(challenged: Project, client: Any) -> None:
    challenged.gates = {"detection": {"min": 0.9}}
    challenged.compare("small")
    assert "the gates refuse it: detection is 0.500" in found(challenged)
    client.set_model_version_tag("people", "1", "geratriz.verdict", "refuse")
    assert "its verdict is that it must not be released" in found(challenged)


def test_away_from_the_project_the_gates_of_the_record_count(challenged: Project, tmp_path: Path) -> None:
    uri = f"sqlite:///{challenged.root}/mlflow.db"
    away = tmp_path / "away"
    away.mkdir()
    assert audit(away, uri=uri) == []


# The command line -----------------------------------------------------------------------------------------------------


def said(*words: str, code: int = 0, answer: str = "") -> str:
    result = CliRunner().invoke(app, words, input=answer)
    assert result.exit_code == code, result.output
    return result.output


def test_a_person_may_say_no(registered: Project, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(registered.root)
    assert isinstance(CliRunner().invoke(app, ["promote", "people"], input="n\n").exception, GateError)
    assert aliases(client) == {"challenger": 1}


def test_a_person_reads_the_history_and_the_audit_and_goes_back(
    challenged: Project, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(challenged.root)
    assert "difference of" in said("promote", "people", answer="y\n")
    assert said("audit") == "Everything agrees.\n"
    assert "version 1 is the champion again" in said("rollback", "people", "--yes", "--reason", "no widows")
    lines = said("history", "people").splitlines()
    assert " rollback 2 -> 1 by " in lines[0] and lines[1].strip() == "no widows"
    assert [each["number"] for each in json.loads(said("history", "people", "--json"))] == [1, 2, 3]
    client.set_registered_model_alias("people", "champion", "2")
    assert "people: champion is version 2, but the history says version 1" in said("audit", "people", code=1)
    (finding,) = json.loads(said("audit", "--json", code=1))
    assert finding["name"] == "people"


# The lock -------------------------------------------------------------------------------------------------------------


def test_who_holds_the_lock_is_named_and_nothing_moves(
    challenged: Project, offer: promoting.Offer, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "MAX_WAIT_S", 0.1)
    with (
        lock.held(Registry(challenged.root), "people", by="eva"),
        pytest.raises(lock.BusyError, match=r"being promoted by eva, since .*Nothing moved"),
    ):
        promoting.carry_out(challenged.root, offer)
    assert aliases(client) == {"champion": 1, "challenger": 2}
    assert promoting.carry_out(challenged.root, offer).moved
    assert [each.name for each in client.search_registered_models()] == ["people"]
    assert Registry(challenged.root).names() == ["people"]


def test_a_lock_older_than_its_lease_is_passed_over_once(challenged: Project, client: Any) -> None:
    tags = {
        lock.HOLDER: "eva",
        lock.SINCE: "2020-01-01T00:00:00+00:00",
        lock.TOKEN: "abc",
        lock.MACHINE: "another machine",
    }
    client.create_registered_model("people.promoting", tags=tags)
    assert "a lock was left by eva" in found(challenged)
    registry = Registry(challenged.root)
    with lock.held(registry, "people", by="ana"):
        registry.rename_mark("people.promoting", "people.promoting.abc")  # one who saw the old lock and comes too late
        assert (registry.read_mark("people.promoting") or {})[lock.HOLDER] == "ana"
    assert registry.read_mark("people.promoting") is None


def test_who_held_the_lock_too_long_stops_before_the_next_write(
    challenged: Project, offer: promoting.Offer, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "MAX_HOLD_S", 0.0)
    with pytest.raises(RegistryError, match="took longer than 0 s"):
        promoting.carry_out(challenged.root, offer)
    assert aliases(client) == {"champion": 1, "challenger": 2}


def test_a_model_of_somebody_elses_that_has_the_locks_name_is_not_touched(
    challenged: Project, offer: promoting.Offer, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "MAX_WAIT_S", 0.1)
    client.create_registered_model("people.promoting")
    with pytest.raises(lock.BusyError, match=r"registered model people\.promoting"):
        promoting.carry_out(challenged.root, offer)
    assert client.get_registered_model("people.promoting")
