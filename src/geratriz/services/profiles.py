"""Profiles of services: SQLite and folders on a laptop, or PostgreSQL and S3 from the environment."""

import base64
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from geratriz import config
from geratriz.errors import ConfigError
from geratriz.project import STATE
from geratriz.registry.client import hide
from geratriz.services.service import Service

LOCAL, GPU = "local", "gpu"
WORKER_POLL_INTERVAL_S = 2  # Prefect's default of 15 would be most of the time of a hand-over
HEARTBEAT_S = 30  # interval of a run's heartbeat; the minimum of Prefect
REQUIRED_VARIABLES = {  # for the production profile, under the names that the tools themselves read
    "MLFLOW_BACKEND_STORE_URI": "database of runs and versions: postgresql://USER:PASSWORD@HOST/mlflow",
    "MLFLOW_ARTIFACTS_DESTINATION": "store of artifacts: s3://BUCKET/mlflow",
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "any long secret, with which MLflow signs its forms",
    "MLFLOW_TRACKING_USERNAME": "MLflow's administrator, created at the first start",
    "MLFLOW_TRACKING_PASSWORD": "the administrator's password, at least 12 characters",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://USER:PASSWORD@HOST/prefect",
    "PREFECT_SERVER_API_AUTH_STRING": "USER:PASSWORD required by Prefect's server",
    "AWS_ACCESS_KEY_ID": "key id for the object store",
    "AWS_SECRET_ACCESS_KEY": "secret key for the object store",
}
COMMON_VARIABLES = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "DVC_NO_ANALYTICS": "1",
    "PYTHONUNBUFFERED": "1",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """Services of one project on this machine, in the order in which they start."""

    services: tuple[Service, ...]
    exports: Mapping[str, str] = field(repr=False)
    """Variables to set in a terminal that uses the services; no secrets."""
    storage: str
    """Location of databases and files, for the terminal."""


def laptop(root: Path, *, host: str, mlflow_port: int, prefect_port: int, pools: Sequence[str] = ()) -> Profile:
    """SQLite files and folders in ``root``; MLflow's store is the one that is used when no server runs.

    A worker is started for each of ``pools``, or for each pool in dvc.yaml if empty.

    Raises:
        ConfigError: ``host`` can be reached from other machines, as there are no passwords; or a port is in use.
    """
    if host not in ("localhost", "::1") and not host.startswith("127."):
        raise ConfigError(
            f"--host {host} can be reached from other machines, and the default profile has no passwords. "
            "Use --profile production (docs/operations.md), or omit --host."
        )
    home = root.resolve()
    database = f"sqlite+aiosqlite:///{(home / STATE / 'prefect.db').as_posix()}"
    return _profile(
        home,
        host=host,
        ports=(mlflow_port, prefect_port),
        pools=pools,
        storage=f"SQLite and folders in {home}",
        mlflow=(
            f"--backend-store-uri=sqlite:///{home.as_posix()}/mlflow.db",
            f"--artifacts-destination={(home / 'mlartifacts').as_uri()}",
        ),
        prefect_variables={"PREFECT_SERVER_DATABASE_CONNECTION_URL": database},
    )


def production(root: Path, *, host: str, mlflow_port: int, prefect_port: int, pools: Sequence[str] = ()) -> Profile:
    """PostgreSQL and S3 from the environment, with MLflow's basic authentication and Prefect's authentication string.

    A worker is started for each of ``pools``, as in :func:`laptop`.

    Raises:
        ConfigError: variables are missing, all of which the message explains; or a port is in use.
    """
    missing = [name for name in REQUIRED_VARIABLES if not os.environ.get(name)]
    if missing:
        raise ConfigError(
            "--profile production takes its databases, object store and secrets from the environment. Not set:\n"
            + "\n".join(f"  {name:<39} {REQUIRED_VARIABLES[name]}" for name in missing)
            + "\nSee the template in docs/operations.md."
        )
    home, environment = root.resolve(), os.environ
    store, artifacts = environment["MLFLOW_BACKEND_STORE_URI"], environment["MLFLOW_ARTIFACTS_DESTINATION"]
    users = home / STATE / "mlflow-auth.ini"  # MLflow reads the address of its user database from a file only
    users.parent.mkdir(parents=True, exist_ok=True)
    users.touch(mode=0o600)
    users.chmod(0o600)
    users.write_text(
        "[mlflow]\n"
        "default_permission = READ\n"  # all users may read; the administrator grants other permissions
        f"database_uri = {store.replace('%', '%%')}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n",
        encoding="utf-8",
    )
    return _profile(
        home,
        host=host,
        ports=(mlflow_port, prefect_port),
        pools=pools,
        storage=f"{hide(store, store)} and {artifacts}",
        mlflow=("--app-name=basic-auth", f"--artifacts-destination={artifacts}"),
        mlflow_variables={
            "MLFLOW_AUTH_CONFIG_PATH": str(users),
            "MLFLOW_AUTH_ADMIN_USERNAME": environment["MLFLOW_TRACKING_USERNAME"],
            "MLFLOW_AUTH_ADMIN_PASSWORD": environment["MLFLOW_TRACKING_PASSWORD"],
        },
        prefect_auth=environment["PREFECT_SERVER_API_AUTH_STRING"],
    )


def worker(
    root: Path, pool: str, *, gpu: str | None = None, limit: int | None = None, name: str | None = None
) -> Service:
    """A worker of ``pool``, whose runs use the checkout in ``root``.

    Args:
        root: root of the project; on a machine with GPUs a clone of its own, with its own DVC cache.
        pool: name of the pool, which is created if the server does not have it.
        gpu: the device that its runs see, as in CUDA_VISIBLE_DEVICES.
        limit: maximum number of runs at the same time; None for one, or for any number in the pool ``local``, whose
            flows mostly wait.
        name: name of the worker at Prefect's server; None derives it from the machine, the folder and the pool.
    """
    home = root.resolve()
    name = name or f"{socket.gethostname()}-{home.name}-{pool}" + (f"-{gpu}" if gpu else "")
    limit = limit or (None if pool == LOCAL else 1)
    limited = () if limit is None else ("--limit", str(limit))
    command = (sys.executable, "-m", "prefect", "--no-prompt", "worker", "start", "--pool", pool, "--type", "process")
    inherited = os.environ.get("PYTHONPATH")
    return Service(
        name=f"worker {pool}" + (f" {gpu}" if gpu else ""),
        command=(*command, "--name", name, "--install-policy", "never", *limited),
        summary=f"works on pool {pool}" + (f", GPU {gpu}" if gpu else ""),
        variables={
            **COMMON_VARIABLES,
            "GERATRIZ_HOME": str(home),
            "PYTHONPATH": os.pathsep.join([str(home / "src"), str(home), *([inherited] if inherited else [])]),
            "PREFECT_WORKER_QUERY_SECONDS": str(WORKER_POLL_INTERVAL_S),
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
            "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",  # answer of the server while its database is down
            **({"CUDA_VISIBLE_DEVICES": gpu} if gpu else {}),
        },
        ready="started!",
        needs="prefect",
    )


def named_pools(root: Path) -> list[str]:
    """Pools named in the ``meta`` of the stages in dvc.yaml, ``local`` first.

    Raises:
        ConfigError: dvc.yaml does not exist.
    """
    stages = config.read_yaml(root / "dvc.yaml").get("stages") or {}
    named = {str(pool) for stage in stages.values() if (pool := ((stage or {}).get("meta") or {}).get("pool"))}
    return [LOCAL, *sorted(named - {LOCAL})]


def gpus() -> list[str]:
    """Devices available to CUDA, as named in CUDA_VISIBLE_DEVICES; none without a driver."""
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [device.strip() for device in visible.split(",") if device.strip()]
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    listed = subprocess.run([tool, "--query-gpu=index", "--format=csv,noheader"], capture_output=True, text=True)
    return listed.stdout.split() if listed.returncode == 0 else []


def _profile(
    home: Path,
    *,
    host: str,
    ports: tuple[int, int],
    pools: Sequence[str],
    storage: str,
    mlflow: tuple[str, ...],
    mlflow_variables: Mapping[str, str] | None = None,
    prefect_variables: Mapping[str, str] | None = None,
    prefect_auth: str | None = None,
) -> Profile:
    for option, port in zip(("--mlflow-port", "--prefect-port"), ports, strict=True):
        _require_free(host, port, option)
    tracking, prefect = (f"http://{host}:{port}" for port in ports)
    exports = {"MLFLOW_TRACKING_URI": tracking, "PREFECT_API_URL": f"{prefect}/api"}
    auth = {} if prefect_auth is None else {"PREFECT_API_AUTH_STRING": prefect_auth}
    common = {**COMMON_VARIABLES, **exports, **auth}
    token = None if prefect_auth is None else f"Basic {base64.b64encode(prefect_auth.encode()).decode()}"
    server = (f"--host={host}", f"--port={ports[0]}", "--workers=1")
    devices: tuple[str | None, ...] = (*gpus(),) or (None,)
    workers = [
        worker(home, pool, gpu=device)
        for pool in pools or named_pools(home)
        for device in (devices if pool == GPU else (None,))
    ]
    services = (
        Service(
            name="mlflow",
            command=(sys.executable, "-m", "mlflow", "server", *server, *mlflow),
            summary=tracking,
            variables={**COMMON_VARIABLES, **(mlflow_variables or {})},
            health=f"{tracking}/health",
        ),
        Service(
            name="prefect",
            command=(
                *(sys.executable, "-m", "prefect", "--no-prompt", "server", "start"),
                *("--host", host, "--port", str(ports[1]), "--analytics-off"),
            ),
            summary=prefect,
            variables={**common, **(prefect_variables or {}), "PREFECT_UI_API_URL": f"{prefect}/api"},
            health=f"{prefect}/api/health",
            authorization=token,
        ),
        *(replace(service, variables={**common, **service.variables}) for service in workers),
    )
    return Profile(services=services, exports=exports, storage=storage)


def _require_free(host: str, port: int, option: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as problem:
            raise ConfigError(
                f"{option} {port} on {host}: {problem.strerror}. Is it running already? Otherwise choose another port."
            ) from None
