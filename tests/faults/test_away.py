"""MLflow does not answer: each command tries again, then says what was kept and how to go on."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from geratriz.registry import patience
from tests.faults.conftest import Command, content
from tests.projects import Project


class HangingUp:
    """A server that ends each connection without an answer, and counts them."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.asked = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # closed
                return
            self.asked += 1
            connection.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[HangingUp]:
    server = HangingUp()
    yield server
    server.close()


@pytest.mark.parametrize(
    "words",
    ["register", "models", "promote people --yes", "sample models:/people@champion -n 5 -o rows.csv"],
    ids=lambda words: words.split()[0],
)
def test_a_command_tries_again_then_says_how_to_go_on_and_loses_nothing(
    words: str, server: HangingUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Command
) -> None:
    project = Project(tmp_path)
    project.model("small", 0.5)
    project.compare("small")
    (tmp_path / "rows.csv").write_text("old")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:secret@127.0.0.1:{server.port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # as it is where nobody sets it
    monkeypatch.setattr(patience, "RETRY_DELAYS_S", (0.01, 0.02))
    before = content(tmp_path)
    said = refused(*words.split())
    assert server.asked == 3
    assert said.startswith("AwayError: MLflow at http://")
    assert f"127.0.0.1:{server.port} does not answer" in said and "secret" not in said
    assert "Trained models are safe in models/, evaluations in reports/." in said
    assert said.endswith("then run the command again: it resumes where it stopped.")
    assert content(tmp_path) == before
