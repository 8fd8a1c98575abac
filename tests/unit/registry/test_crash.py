"""Processes killed at any write to MLflow, and several at once: what comes out is as if each had been alone.

Slow: another process opens MLflow, and each state it leaves is finished and looked at.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geratriz.registry import lock, promoting, release
from geratriz.registry.audit import audit
from geratriz.registry.client import default_uri, mlflow_client
from geratriz.registry.history import history
from geratriz.registry.mlflow import Registry
from geratriz.registry.names import BUNDLE
from tests.attack_metrics import attacked
from tests.projects import Project, aliases, move_registry
from tests.unit.registry import processes

pytestmark = pytest.mark.slow

FOUND = {name: each["value"] for name, each in attacked().items()}


def stopped(project: Project, into: Path, every: int, command: Callable[..., Any], *arguments: Any) -> Any:
    """The project as a kill leaves it, by the number of the write that was not made; always of the first ones."""
    found = processes.stops(project.root, into, command, *arguments)
    assert len(found) > 12
    for number, root in found.items():
        if number in (2, 3) or number % every == 0:  # before the first nothing has happened yet
            move_registry(root / "mlflow.db", project.root, root)
            yield number, root


@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.thorough)])
def test_register_is_finished_by_the_next_call(project: Project, tmp_path_factory: Any, every: int) -> None:
    for write, root in stopped(project, tmp_path_factory.mktemp("stopped"), every, release.register, project.root):
        found = release.register(root)
        client = mlflow_client(default_uri(root), timeout=5)
        (version,) = client.search_model_versions("name = 'people'")
        assert aliases(client) == {"challenger": 1}, write
        assert "geratriz.intent" not in version.tags
        assert version.description
        everywhere = [each.experiment_id for each in client.search_experiments()]
        (run,) = [run for run in client.search_runs(everywhere) if BUNDLE in run.data.tags]
        assert run.data.metrics == {"loss": 1.0, "detection": 0.5, "copy_rate": 0.0} | FOUND, write
        assert run.info.run_id == found.run_id
        assert release.load(found.uri, root=root).kind == "independent"


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.thorough)])
def test_a_promotion_killed_between_any_two_steps_is_finished_or_never_was(
    challenged: Project, offer: promoting.Offer, tmp_path_factory: Any, every: int
) -> None:
    commands: tuple[Callable[[Path], Any], ...] = (
        lambda root: promoting.promote(root, "people", by="eva"),
        lambda root: release.register(root),
    )
    into = tmp_path_factory.mktemp("stopped")
    for write, root in stopped(challenged, into, every, approve, challenged.root, offer):
        begun = write > 2  # the lock is taken and the intent noted: what was begun is what is finished
        commands[write % 2 if begun else 0](root)
        client = mlflow_client(default_uri(root), timeout=5)
        assert aliases(client) == {"champion": 2, "previous": 1}, write
        assert [(each.version, each.by) for each in history(root, "people")] == [
            (1, "ana"),
            (2, "ana" if begun else "eva"),
        ]
        assert promoting.promote(root, "people", version=2).moved is False
        assert audit(root) == [], write


def approve(root: Path, offer: promoting.Offer) -> None:
    promoting.carry_out(root, offer, by="ana")


def test_a_rollback_that_was_cut_off_is_finished_and_not_turned_round(succeeded: Project, client: Any) -> None:
    assert processes.killed_at(4, promoting.rollback, succeeded.root, "people")  # one alias has moved
    assert any("a move was begun on version 1 and not finished" in each.text for each in audit(succeeded.root))
    found = promoting.rollback(succeeded.root, "people")
    assert (found.version, found.previous) == (1, 2)
    assert "interrupted" in found.reasons[0]
    assert aliases(client) == {"champion": 1, "previous": 2}


def test_of_two_promotions_at_once_one_wins_and_the_other_says_so(
    challenged: Project, offer: promoting.Offer, client: Any, retrain: Callable[..., None]
) -> None:
    retrain(0.7, seed=2)
    release.register(challenged.root)
    together, answers = processes.started.Barrier(2), processes.started.Queue()
    offers = {"ana": offer, "eva": dataclasses.replace(offer, version=3)}
    both = [
        processes.started.Process(target=processes.promote, args=(challenged.root, each, by, together, answers))
        for by, each in offers.items()
    ]
    for each in both:
        each.start()
    said = dict(answers.get(timeout=90) for _ in both)
    for each in both:
        each.join(30)
    (winner,) = [version for version, words in said.items() if words == "won"]
    assert f"its champion is now version {winner}, but this promotion was examined when it was 1" in said[5 - winner]
    assert {"champion": winner, "previous": 1}.items() <= aliases(client).items()
    assert [each.version for each in history(challenged.root, "people")] == [1, winner]
    assert audit(challenged.root) == []


def test_nobody_holds_the_lock_beside_another_after_a_stale_one_either(registered: Project, client: Any) -> None:
    stale = {lock.HOLDER: "eva", lock.SINCE: "2020-01-01T00:00:00+00:00", lock.TOKEN: "abc"}
    client.create_registered_model("people.promoting", tags=stale)
    log = registered.root / "log"
    all_of_them = [processes.started.Process(target=processes.take, args=(registered.root, 3, log)) for _ in range(3)]
    for each in all_of_them:
        each.start()
    for each in all_of_them:
        each.join(90)
    lines = log.read_text().split("\n")[:-1]
    assert len(lines) == 18
    for came, went in zip(lines[::2], lines[1::2], strict=True):
        assert (came.split()[0], went.split()[0]) == ("in", "out")
        assert came.split()[1] == went.split()[1]
    assert Registry(registered.root).read_mark("people.promoting") is None


def test_a_lock_let_go_while_mlflow_looks_who_has_it_is_tried_again(
    registered: Project, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    client.create_registered_model("people.promoting", tags={lock.HOLDER: "eva"})
    look = SqlAlchemyStore.get_registered_model

    def let_go_and_look(store: SqlAlchemyStore, name: str) -> Any:
        monkeypatch.undo()
        client.delete_registered_model(name)
        return look(store, name)

    monkeypatch.setattr(SqlAlchemyStore, "get_registered_model", let_go_and_look)
    with lock.held(Registry(registered.root), "people", by="ana"):
        assert Registry(registered.root).read_mark("people.promoting")[lock.HOLDER] == "ana"
    assert Registry(registered.root).read_mark("people.promoting") is None


def test_a_lock_that_cannot_be_seen_is_waited_for_no_longer_than_another(
    registered: Project, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "MAX_WAIT_S", 0.1)
    client.create_registered_model("people.promoting", tags={lock.HOLDER: "eva"})
    monkeypatch.setattr(Registry, "read_mark", lambda *_: None)  # as for a user who may not read it
    with (
        pytest.raises(lock.BusyError, match="is being promoted by somebody"),
        lock.held(Registry(registered.root), "people", by="ana"),
    ):
        pass
