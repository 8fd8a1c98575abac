"""The story the whole stack is there for, told once from the first row to the rollback."""

from collections.abc import Iterator

import pytest

from tests.stack.conftest import Project, Stack


@pytest.fixture(scope="module")
def project(stack: Stack) -> Iterator[Project]:
    made = Project(stack, stack.folder / "story", "story", ["independent"])
    made.worker("local")
    made.worker("gpu", "worker-a")
    made.worker("gpu", "worker-b")
    made.deploy()
    yield made
    made.close()


def test_new_data_is_trained_on_by_a_worker_and_registered(project: Project) -> None:
    run = project.wait(project.start("retrain-scheduled/retrain"))
    assert run.state.name == "Completed", run.state.message
    assert project.geratriz("models")
