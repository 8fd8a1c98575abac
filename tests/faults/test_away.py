"""MLflow does not answer: each command tries again, then says what was kept and how to go on."""

import time
from pathlib import Path

import pytest

from geratriz.registry import patience
from tests.faults.conftest import Command, content
from tests.unit.registry.conftest import Project

NOBODY = "http://user:secret@127.0.0.1:9"  # a port that is closed


@pytest.mark.parametrize(
    "words",
    ["register", "models", "promote people --yes", "sample models:/people@champion -n 5 -o rows.csv"],
    ids=lambda words: words.split()[0],
)
def test_a_command_tries_again_then_says_how_to_go_on_and_loses_nothing(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Command
) -> None:
    project = Project(tmp_path)
    project.model("small", 0.5)
    project.compare("small")
    (tmp_path / "rows.csv").write_text("old")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", NOBODY)
    monkeypatch.setattr(patience, "RETRY_DELAYS_S", (0.2, 0.3))
    before = content(tmp_path)
    started = time.monotonic()
    said = refused(*words.split())
    assert time.monotonic() - started > 0.5  # it was asked three times
    assert said.startswith("AwayError: MLflow at http://")
    assert "127.0.0.1:9 does not answer" in said and "secret" not in said
    assert "Trained models are safe in models/, evaluations in reports/." in said
    assert said.endswith("then run the command again: it resumes where it stopped.")
    assert content(tmp_path) == before
