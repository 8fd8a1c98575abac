"""Registering, listing and loading, against a real MLflow with a SQLite file."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geratriz import __version__, bundle
from geratriz.errors import BundleError, ConfigError, DataError, RegistryError
from geratriz.registry import promoting, release
from geratriz.registry.audit import audit
from geratriz.registry.live import mlflow_run
from geratriz.workspace.git import git_revision
from tests.attack_metrics import attacked
from tests.projects import Project

FOUND = {name: each["value"] for name, each in attacked().items()}
Retrain = Callable[..., None]


def runs(client: Any) -> list[Any]:
    return list(client.search_runs([each.experiment_id for each in client.search_experiments()]))


def artifacts(client: Any, run_id: str, folder: str | None = None) -> set[str]:
    return {each.path for each in client.list_artifacts(run_id, folder)}


# Register -------------------------------------------------------------------------------------------------------------


def test_the_winner_becomes_the_challenger_with_all_that_is_known_about_it(project: Project, client: Any) -> None:
    found = release.register(project.root)
    assert (found.name, found.version, found.model, found.created) == ("people", 1, "small", True)
    assert (found.aliases, found.release) == (("challenger",), True)
    assert found.page.read_text() == "<h1>small</h1>"
    assert found.commands[0] == "geratriz promote people"
    version = client.get_model_version("people", "1")
    digest = bundle.digest(project.root / "models" / "small")
    assert (
        version.tags.items()
        >= {
            "geratriz.bundle": digest,
            "geratriz.data_md5": "0123abcd",
            "geratriz.verdict": "release",
            "geratriz.metric.detection": "0.5",
        }.items()
    )
    assert "geratriz.intent" not in version.tags
    assert "| detection | 0.500 (0.480 to 0.520) | 0.05 | 0.99 | higher |" in version.description
    assert "`0123abcd`" in version.description


def test_a_run_that_was_not_tracked_is_filled_in_from_the_bundle(project: Project, client: Any) -> None:
    release.register(project.root)
    (run,) = runs(client)
    assert run.info.status == "FINISHED"
    assert run.data.params["config.max_levels"] == "160"
    assert run.data.metrics == {"loss": 1.0, "detection": 0.5, "copy_rate": 0.0} | FOUND
    assert [point.value for point in client.get_metric_history(run.info.run_id, "loss")] == [2.0, 1.0]
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest, data.dataset.source_type) == ("people", "0123abcd", "dvc")
    assert artifacts(client, run.info.run_id, "evaluation") == {"evaluation/index.html", "evaluation/metrics.json"}
    assert artifacts(client, run.info.run_id) >= {"validation", "training", "recipe", "card.md"}


def test_a_run_that_was_tracked_while_it_trained_is_found_and_completed(project: Project, client: Any) -> None:
    with mlflow_run(root=project.root, experiment="other", model="small", kind="independent", params={}) as run:
        run.metrics({"loss": 3.0}, step=1, steps=1)
        run.finish(bundle.digest(project.root / "models" / "small"))
    release.register(project.root)
    (run,) = runs(client)
    assert run.data.metrics == {"loss": 3.0, "detection": 0.5, "copy_rate": 0.0} | FOUND


def test_the_same_bundle_twice_is_one_run_and_one_version(project: Project, client: Any) -> None:
    first = release.register(project.root)
    second = release.register(project.root)
    assert (first.version, first.created, second.version, second.created) == (1, True, 1, False)
    assert len(runs(client)) == 1
    assert len(client.search_model_versions("name = 'people'")) == 1
    assert len(client.get_metric_history(first.run_id, "detection")) == 1


def test_a_new_evaluation_of_the_same_bundle_brings_its_version_up_to_date(registered: Project, client: Any) -> None:
    registered.model("small", 0.6, release=False)
    registered.compare("small")
    assert release.register(registered.root).version == 1
    version = client.get_model_version("people", "1")
    assert (version.tags["geratriz.verdict"], version.tags["geratriz.metric.detection"]) == ("refuse", "0.6")
    assert "must not be released" in version.description
    assert runs(client)[0].data.metrics["detection"] == 0.6


@pytest.mark.slow
def test_a_version_keeps_the_revision_it_was_made_at(project: Project, client: Any) -> None:
    identity = {
        f"GIT_{who}_{what}": "test@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    revisions = []
    for command in ("init -q", "add params.yaml", "commit -qm first", "commit -qm second --allow-empty"):
        subprocess.run(["git", *command.split()], cwd=project.root, check=True, env={**os.environ, **identity})
        if command.startswith("commit"):
            revisions.append(git_revision(project.root))
            release.register(project.root)
    version = client.get_model_version("people", "1")
    assert version.tags["geratriz.git"] == revisions[0] != revisions[1]
    assert f"Git revision `{revisions[0]}`" in version.description


def test_every_compared_model_has_its_run_and_the_winner_its_version(project: Project, client: Any) -> None:
    project.model("large", 0.7, seed=5)
    project.compare("small", "large")
    assert release.register(project.root).model == "large"
    assert {run.info.run_name for run in runs(client)} == {"small", "large"}
    assert len(client.search_model_versions("name = 'people'")) == 1


def test_nothing_is_written_where_the_process_stands(
    project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's process-wide default store is a file in the current folder; nothing may fall back to it."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    release.register(project.root)
    promoting.promote(project.root, "people")
    release.load("models:/people@champion", root=project.root)
    assert list(elsewhere.iterdir()) == []


def test_what_the_graph_did_not_make_is_asked_for(project: Project) -> None:
    (project.root / "reports" / "comparison" / "comparison.json").unlink()
    with pytest.raises(DataError, match=r"comparison\.json does not exist.*dvc repro"):
        release.register(project.root)


@pytest.mark.parametrize("name", ["a b", "a/b", "a@b", "a'b", ""])
def test_a_name_that_mlflow_could_not_address_is_refused(project: Project, name: str) -> None:
    params = project.root / "params.yaml"
    params.write_text(params.read_text().replace("name: people", f"name: {json.dumps(name)}"))
    with pytest.raises(ConfigError, match=r"release\.name"):
        release.register(project.root)


def test_raw_data_without_a_dvc_file_is_digested_as_dvc_does(project: Project) -> None:
    raw = project.root / "data" / "raw" / "people.parquet"
    raw.with_name("people.parquet.dvc").unlink()
    with pytest.raises(DataError, match=r"set data\.raw"):
        release.register(project.root)
    raw.write_bytes(b"rows")
    release.register(project.root)


# List and load --------------------------------------------------------------------------------------------------------


def test_models_of_others_on_the_same_server_are_left_out(registered: Project, client: Any) -> None:
    client.create_registered_model("theirs")
    client.create_model_version("theirs", (registered.root / "models").as_uri())
    assert [each.name for each in release.models(registered.root)] == ["people"]
    with pytest.raises(RegistryError):
        promoting.promote(registered.root, "theirs", version=1)


def test_where_nothing_was_registered_no_model_is_listed(project: Project) -> None:
    assert release.models(project.root) == []


def test_models_lists_every_version_with_its_verdict(promoted: Project, retrain: Retrain) -> None:
    retrain(0.3, release=False)
    release.register(promoted.root)
    newest, first = release.models(promoted.root)
    assert (newest.version, newest.aliases, newest.verdict) == (2, ("challenger",), "refuse")
    assert (first.version, first.aliases, first.verdict, first.model) == (1, ("champion",), "release", "small")
    assert first.metrics == pytest.approx({"detection": 0.5, "copy_rate": 0.0} | FOUND)
    assert first.promoted_at is not None
    assert newest.promoted_at is None


@pytest.mark.parametrize("address", ["models:/people@challenger", "models:/people/1"])
def test_a_registered_generator_samples_what_the_folder_samples(registered: Project, address: str) -> None:
    mine = release.load(registered.root / "models" / "small").sample(20, seed=3)
    theirs = release.load(address, root=registered.root).sample(20, seed=3)
    assert mine.frame.equals(theirs.frame)


def test_a_generator_is_found_with_its_version_and_verdict(registered: Project) -> None:
    folder = release.find(registered.root / "models" / "small").origin
    found = release.find("models:/people@challenger", root=registered.root).origin
    assert (found.model, found.verdict) == ("models:/people/1", "release")
    assert (folder.model, folder.verdict) == (None, None)
    assert found.bundle == folder.bundle
    assert found.geratriz == __version__


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("models:/people", "not a valid address"),
        ("models:/people/newest", "not a valid address"),
        ("models:/", "not a valid address"),
        ("models:/people@champion", "no alias 'champion'. Known: challenger"),
        ("models:/people/3", "no version '3'. Known: 1"),
        ("models:/poeple/1", "Did you mean 'people'"),
    ],
)
def test_a_wrong_address_is_answered_with_what_there_is(registered: Project, address: str, message: str) -> None:
    with pytest.raises(RegistryError, match=message.replace(".", r"\.")):
        release.load(address, root=registered.root)


def test_a_folder_without_a_generator_is_no_generator(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="holds no generator"):
        release.load(tmp_path)


def test_a_registered_bundle_that_was_changed_is_refused(registered: Project) -> None:
    (stored,) = (registered.root / "mlartifacts").rglob("tensors.safetensors")
    stored.write_bytes(stored.read_bytes()[:-1] + b"\0")
    with pytest.raises(BundleError, match="not what was saved"):
        release.load("models:/people@challenger", root=registered.root)


def test_files_that_were_exchanged_behind_the_registrys_back_are_refused_and_audited(promoted: Project) -> None:
    (head,) = (promoted.root / "mlartifacts").rglob("bundle/generator.json")
    assert audit(promoted.root) == []
    head.write_text(head.read_text().replace("<=50K", "<=60K"))  # the hashes of the other files still fit
    with pytest.raises(BundleError, match="not those that were registered"):
        release.load("models:/people@champion", root=promoted.root)
    (found,) = audit(promoted.root)
    assert "version 1 (champion): the files of models:/people/1 are not those that were registered" in found.text
