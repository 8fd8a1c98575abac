"""An example in a worktree of its own: the checkout it is run in stays as it is."""

from pathlib import Path

import pytest

from geratriz.errors import ConfigError
from geratriz.workspace.git import git
from pipelines import example
from tests.pipelines.conftest import Project

pytestmark = pytest.mark.slow


@pytest.fixture
def committed(project: Project) -> Project:
    project.write(".gitignore", ".geratriz\n")
    (project.root / "examples" / "toys").mkdir(parents=True)
    project.write("examples/toys/params.yaml", "models: [c]\n")
    git(project.root, "add", "--all")
    git(project.root, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "start")
    return project


def test_the_worktree_has_the_examples_settings_and_the_checkout_its_own(committed: Project) -> None:
    before = (committed.root / "params.yaml").read_bytes()
    for _ in range(2):  # it can be run again
        path = example.prepare(committed.root, "toys")
        assert (path / "params.yaml").read_text() == "models: [c]\n"
    assert (committed.root / "params.yaml").read_bytes() == before
    assert git(committed.root, "status", "--porcelain") == ""
    variables = example.environment(committed.root, path)
    assert variables["PYTHONPATH"] == str(path / "src")
    assert str(committed.root) in variables["MLFLOW_TRACKING_URI"]


def test_an_example_that_is_none_names_the_nearest(committed: Project) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'toys'"):
        example.prepare(committed.root, "toy")


def test_the_examples_of_the_project_can_be_prepared_by_name() -> None:
    root = Path(__file__).parents[2]
    assert (root / example.EXAMPLES / "fashion" / "params.yaml").is_file()
