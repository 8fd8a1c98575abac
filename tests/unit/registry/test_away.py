"""A registry that does not answer."""

import subprocess
import sys
import time

import pytest

from geratriz.errors import RegistryError
from geratriz.registry import patience, release
from tests.projects import Project


def test_a_server_that_is_away_is_an_error_that_says_what_was_kept(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "RETRY_DELAYS_S", (0.01, 0.01))
    started = time.monotonic()
    with pytest.raises(RegistryError, match=r"does not answer.*safe in models/.*run the command again") as caught:
        release.register(project.root, uri="http://user:secret@127.0.0.1:9")
    assert "secret" not in str(caught.value)
    assert time.monotonic() - started < 10


def test_a_call_is_tried_again_while_the_server_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.exceptions import MlflowException

    monkeypatch.setattr(patience, "RETRY_DELAYS_S", (0.01, 0.01))
    answers = [MlflowException("away"), MlflowException("still away"), "here"]

    def call() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert patience.retrying(call, "http://x", retry=True)() == "here"
    answers = [MlflowException("away"), "here"]
    with pytest.raises(RegistryError, match="away"):
        patience.retrying(call, "http://x", retry=False)()


def test_an_answer_that_will_not_change_is_not_asked_for_again() -> None:
    from mlflow.exceptions import MlflowException

    asked = []

    def call() -> None:
        asked.append(1)
        raise MlflowException("no such thing", error_code=1001)

    with pytest.raises(RegistryError):
        patience.retrying(call, "http://x", retry=True)()


@pytest.mark.slow
def test_loading_a_folder_does_not_import_mlflow(project: Project) -> None:
    code = (
        "import sys; from geratriz.registry import release; release.load('models/small'); "
        "sys.exit('mlflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=project.root, check=True)
