"""A project at each station of its way to a champion, for a test to work on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geratriz.registry import promoting
from tests.projects import Project as Project
from tests.projects import Stations
from tests.projects import aliases as aliases
from tests.projects import table as table
from tests.shared import folder_of_all_workers

STATIONS = ("registered", "promoted", "challenged", "succeeded")


@pytest.fixture(scope="session")
def stations(mlflow_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Stations:
    return Stations(folder_of_all_workers(tmp_path_factory) / "stations", mlflow_template)


@pytest.fixture
def project(stations: Stations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with one model that may be released."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return stations.trained.copy(tmp_path)


@pytest.fixture
def registered(project: Project, stations: Stations) -> Project:
    """The model is version 1 and the challenger."""
    stations.registered.copy(project.root)
    return project


@pytest.fixture
def promoted(project: Project, stations: Stations) -> Project:
    """Version 1 is the champion."""
    stations.promoted.copy(project.root)
    return project


@pytest.fixture
def challenged(project: Project, stations: Stations) -> Project:
    """Version 1 is the champion, and version 2, which draws the same, the challenger."""
    stations.challenged.copy(project.root)
    return project


@pytest.fixture
def succeeded(project: Project, stations: Stations) -> Project:
    """Version 2 is the champion, version 1 the one before; ana promoted both."""
    stations.succeeded.copy(project.root)
    return project


@pytest.fixture
def offer(stations: Stations) -> promoting.Offer:
    """What there is to approve in a project that is challenged."""
    return stations.offer


@pytest.fixture
def client(project: Project, request: pytest.FixtureRequest) -> Any:
    """MLflow as someone else sees it."""
    from geratriz.registry.client import default_uri, mlflow_client

    for name in STATIONS:  # an open database is not copied over
        if name in request.fixturenames:
            request.getfixturevalue(name)
    return mlflow_client(default_uri(project.root), timeout=5)


@pytest.fixture
def retrain(project: Project) -> Callable[..., None]:
    """Make the winner anew, another bundle with another detection."""
    return project.again
