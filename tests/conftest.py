"""Fixtures for every test: MLflow as it is used, a SQLite file with nothing else started."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.shared import folder_of_all_workers, once

settings.register_profile("quick", max_examples=60, deadline=None, derandomize=True)  # equal cases in every run
settings.register_profile("thorough", max_examples=4000, deadline=None)  # new ones: make test-thorough
settings.load_profile("quick")

os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # as the command line and the stages set it
os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"  # nothing we save may need it


@pytest.fixture(scope="session")
def mlflow_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database. Making one takes seconds, copying it does not."""
    from geratriz.registry.client import mlflow_client

    def make(folder: Path) -> None:
        mlflow_client(f"sqlite:///{folder}/mlflow.db", timeout=5).search_experiments()

    return once(folder_of_all_workers(tmp_path_factory) / "mlflow", make) / "mlflow.db"


@pytest.fixture
def mlflow_root(mlflow_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project root whose default tracking store is a fresh database."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copyfile(mlflow_template, tmp_path / "mlflow.db")
    return tmp_path


@pytest.fixture(scope="module")
def brief_metrics() -> Iterator[None]:
    """Metrics that guess less and learn for fewer steps: for tests of what is done with figures, not of figures."""
    from geratriz.images.evaluate import utility
    from geratriz.table.evaluate import singling

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(singling, "MAX_GUESSES", 2_000)
        patch.setattr(utility, "MIN_STEPS", 10)
        yield
