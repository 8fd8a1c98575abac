"""What `geratriz up` starts, and what it refuses before it starts anything."""

import socket
from pathlib import Path

import pytest

from geratriz.errors import ConfigError
from geratriz.services import password, profiles


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n  a: {cmd: 'true', meta: {pool: gpu}}\n  b: {cmd: 'true', meta: {retries: 1}}\n  c: {cmd: 'true'}\n"
    )
    return tmp_path


def free() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def ports() -> dict[str, int]:
    return {"mlflow_port": free(), "prefect_port": free()}


def test_there_is_a_worker_for_flows_and_one_for_each_pool_a_stage_names(root: Path) -> None:
    names = [each.name for each in profiles.laptop(root, host="127.0.0.1", **ports()).services]
    assert names == ["mlflow", "prefect", "worker local", "worker gpu"]
    few = profiles.laptop(root, host="127.0.0.1", **ports(), pools=["local"])
    assert [each.name for each in few.services][2:] == ["worker local"]


def test_each_device_has_a_worker_that_sees_it_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")
    services = profiles.laptop(root, host="127.0.0.1", **ports()).services
    seen = {each.name: each.variables.get("CUDA_VISIBLE_DEVICES") for each in services if "worker" in each.name}
    assert seen == {"worker local": None, "worker gpu 0": "0", "worker gpu 3": "3"}
    limits = {each.name: "--limit" in each.command for each in services if "worker" in each.name}
    assert limits == {"worker local": False, "worker gpu 0": True, "worker gpu 3": True}


def test_the_default_profile_listens_to_no_other_machine(root: Path) -> None:
    with pytest.raises(ConfigError, match="--profile production"):
        profiles.laptop(root, host="0.0.0.0", **ports())


def test_the_password_is_made_once_for_its_owner_alone_and_is_in_no_command(root: Path) -> None:
    profile = profiles.laptop(root, host="127.0.0.1", **ports())
    file = root / password.FILE
    secret = file.read_text().strip()
    assert file.stat().st_mode & 0o777 == 0o600 and [*file.parent.glob("password.*")] == []
    assert not any(secret in part for each in profile.services for part in each.command)
    assert secret not in str(profile.exports)
    servers = {each.name: each.variables for each in profile.services}
    assert servers["prefect"]["PREFECT_SERVER_API_AUTH_STRING"] == f"geratriz:{secret}"
    assert servers["worker local"]["PREFECT_API_AUTH_STRING"] == f"geratriz:{secret}"
    profiles.laptop(root, host="127.0.0.1", **ports())
    assert file.read_text().strip() == secret


def test_a_password_that_others_can_read_is_refused_and_a_new_one_has_new_users(root: Path) -> None:
    first = password.password(root)
    (root / password.FILE).chmod(0o644)
    with pytest.raises(ConfigError, match=r"is -rw-r--r-- of user .*delete the file"):
        profiles.laptop(root, host="127.0.0.1", **ports())
    (root / password.USERS).touch()
    (root / password.FILE).unlink()
    assert password.password(root) != first
    assert not (root / password.USERS).exists()
    (root / password.FILE).write_text("")
    with pytest.raises(ConfigError, match="has 0 characters"):
        password.password(root)


def test_a_taken_port_is_named_before_anything_starts(root: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"--prefect-port {port}"):
            profiles.laptop(root, host="127.0.0.1", mlflow_port=free(), prefect_port=port)


def test_production_names_every_variable_that_is_missing_at_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in profiles.REQUIRED_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "postgresql://u:hunter2@h/mlflow")
    with pytest.raises(ConfigError) as refused:
        profiles.production(root, host="127.0.0.1", **ports())
    assert "PREFECT_SERVER_API_AUTH_STRING" in str(refused.value) and "s3://" in str(refused.value)
    assert "MLFLOW_BACKEND_STORE_URI" not in str(refused.value) and "hunter2" not in str(refused.value)


def test_production_shows_no_password_and_keeps_its_file_to_itself(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in profiles.REQUIRED_VARIABLES:
        monkeypatch.setenv(name, "user:very-secret")
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "postgresql://user:very-secret@h/mlflow")
    monkeypatch.setenv("MLFLOW_ARTIFACTS_DESTINATION", "s3://bucket")
    profile = profiles.production(root, host="127.0.0.1", **ports())
    assert "very-secret" not in profile.storage
    assert not any("very-secret" in part for each in profile.services for part in each.command)
    assert (root / ".geratriz" / "mlflow-auth.ini").stat().st_mode & 0o077 == 0


def test_where_there_is_no_graph_it_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"dvc\.yaml"):
        profiles.laptop(tmp_path, host="127.0.0.1", **ports())
