"""Where a version was made: noted on it, and read back for those that are in use."""

from pathlib import Path

import pytest

from geratriz.registry import origin
from geratriz.registry.client import default_uri, mlflow_client
from geratriz.registry.names import BUNDLE, GIT


def test_the_commit_of_a_version_is_noted_and_is_in_use_while_it_has_an_alias(mlflow_root: Path) -> None:
    client = mlflow_client(default_uri(mlflow_root), timeout=30)
    client.create_registered_model("adult")
    for digest in ("one", "two"):
        client.create_model_version("adult", str(mlflow_root), tags={BUNDLE: digest, GIT: f"{digest}-dirty"})
    origin.note_commit(mlflow_root, "adult", 1, branch="retrain/1", commit="c" * 40)
    assert client.get_model_version("adult", "1").tags[origin.BRANCH] == "retrain/1"
    assert origin.in_use(mlflow_root) == set()
    client.set_registered_model_alias("adult", "champion", "1")
    client.set_registered_model_alias("adult", "challenger", "2")
    assert origin.in_use(mlflow_root) == {"c" * 40, "two"}, "the commit it was made at, where no other is noted"


def test_where_nothing_was_registered_nothing_is_made_by_asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert origin.in_use(tmp_path) == set()
    assert not list(tmp_path.iterdir())
