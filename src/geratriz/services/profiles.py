"""Profiles of services: SQLite and folders on a laptop, or PostgreSQL and S3 from the environment."""

import base64
import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from geratriz import config
from geratriz.errors import ConfigError
from geratriz.project import STATE
from geratriz.registry.client import hide
from geratriz.services import password
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
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # jobs that judge language models: seven processes, 1.7 GB
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "DVC_NO_ANALYTICS": "1",
    "PYTHONUNBUFFERED": "1",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """Services of one project on this machine, in the order in which they start."""

    services: tuple[Service, ...]
    exports: Mapping[str, str]
    """Variables to set in a terminal that uses the services, as a shell reads them; they name secrets by their file."""
    storage: str
    """Location of databases and files, for the terminal."""


def laptop(root: Path, *, host: str, mlflow_port: int, prefect_port: int, pools: Sequence[str] = ()) -> Profile:
    """SQLite files and folders in ``root``; MLflow's store is the one that is used when no server runs.

    One generated password (:func:`password.password`) opens both servers. A worker is started for each of ``pools``, or
    for each pool in dvc.yaml if empty.

    Raises:
        ConfigError: ``host`` can be reached from other machines; a port is in use; or others can read the password.
    """
    if host not in ("localhost", "::1") and not host.startswith("127."):
        raise ConfigError(
            f"--host {host} can be reached from other machines, and the default profile is for this one alone. "
            "Use --profile production (docs/operations.md), or omit --host."
        )
    home = root.resolve()
    pools = pools or named_pools(home)
    _require_ports(host, mlflow_port, prefect_port)
    database = f"sqlite+aiosqlite:///{(home / STATE / 'prefect.db').as_posix()}"
    secret = password.password(home)
    shown = f"$(cat {shlex.quote(str(home / password.FILE))})"
    return _profile(
        home,
        host=host,
        ports=(mlflow_port, prefect_port),
        pools=pools,
        storage=f"SQLite and folders in {home}",
        mlflow=(
            f"--backend-store-uri=sqlite:///{home.as_posix()}/mlflow.db",
            f"--artifacts-destination={(home / 'mlartifacts').as_uri()}",
            f"--allowed-hosts={','.join(f'{name}:{mlflow_port}' for name in (_in_address(host), 'localhost'))}",
        ),
        mlflow_variables={
            "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(32),  # for its forms; another one at each start
            **_mlflow_users(home, f"sqlite:///{(home / password.USERS).as_posix()}", password.USER, secret),
        },
        mlflow_login={"MLFLOW_TRACKING_USERNAME": password.USER, "MLFLOW_TRACKING_PASSWORD": secret},
        prefect_variables={
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
            "PREFECT_SERVER_API_AUTH_STRING": f"{password.USER}:{secret}",
        },
        prefect_auth=f"{password.USER}:{secret}",
        exports={
            "MLFLOW_TRACKING_USERNAME": password.USER,
            "MLFLOW_TRACKING_PASSWORD": f'"{shown}"',
            "PREFECT_API_AUTH_STRING": f'"{password.USER}:{shown}"',
        },
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
    _require_ports(host, mlflow_port, prefect_port)
    return _profile(
        home,
        host=host,
        ports=(mlflow_port, prefect_port),
        pools=pools,
        storage=f"{hide(store, store)} and {artifacts}",
        mlflow=(f"--artifacts-destination={artifacts}",),
        mlflow_variables=_mlflow_users(
            home, store, environment["MLFLOW_TRACKING_USERNAME"], environment["MLFLOW_TRACKING_PASSWORD"]
        ),
        prefect_auth=environment["PREFECT_SERVER_API_AUTH_STRING"],
    )


def worker(
    root: Path, pool: str, *, gpu: str | None = None, limit: int | None = None, name: str | None = None
) -> Service:
    """A worker of ``pool``, which runs the deployments that the checkout in ``root`` has in its prefect.yaml.

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
    command = (sys.executable, "-m", "pipelines.worker", "--pool", pool, "--type", "process")
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
    mlflow_variables: Mapping[str, str],
    prefect_auth: str,
    mlflow_login: Mapping[str, str] | None = None,
    prefect_variables: Mapping[str, str] | None = None,
    exports: Mapping[str, str] | None = None,
) -> Profile:
    tracking, prefect = (f"http://{_in_address(host)}:{port}" for port in ports)
    addresses = {"MLFLOW_TRACKING_URI": tracking, "PREFECT_API_URL": f"{prefect}/api"}
    common = {**COMMON_VARIABLES, **addresses, "PREFECT_API_AUTH_STRING": prefect_auth}
    server = (f"--host={host}", f"--port={ports[0]}", "--workers=1", "--app-name=basic-auth")
    origins = "PREFECT_SERVER_CORS_ALLOWED_ORIGINS"
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
            variables={**COMMON_VARIABLES, **mlflow_variables},
            health=f"{tracking}/health",
        ),
        Service(
            name="prefect",
            command=(
                *(sys.executable, "-m", "prefect", "--no-prompt", "server", "start"),
                *("--host", host, "--port", str(ports[1]), "--analytics-off"),
            ),
            summary=prefect,
            variables={
                **common,
                "PREFECT_UI_API_URL": f"{prefect}/api",
                origins: os.environ.get(origins) or prefect,  # Prefect's default is every origin
                **(prefect_variables or {}),
            },
            health=f"{prefect}/api/health",
            authorization=f"Basic {base64.b64encode(prefect_auth.encode()).decode()}",
        ),
        *(replace(each, variables={**common, **(mlflow_login or {}), **each.variables}) for each in workers),
    )
    return Profile(services=services, exports={**addresses, **(exports or {})}, storage=storage)


def _mlflow_users(home: Path, database: str, name: str, secret: str) -> dict[str, str]:
    """Variables of an MLflow server whose users are in ``database``; it creates the administrator at its first start.

    They name a file: MLflow reads the address of the database, which may have a password, from nowhere else.
    """
    path = home / STATE / "mlflow-auth.ini"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(
        "[mlflow]\n"
        "default_permission = READ\n"  # all users may read; the administrator grants other permissions
        f"database_uri = {database.replace('%', '%%')}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n",
        encoding="utf-8",
    )
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(path),
        "MLFLOW_AUTH_ADMIN_USERNAME": name,
        "MLFLOW_AUTH_ADMIN_PASSWORD": secret,
    }


def _in_address(host: str) -> str:
    """The host as it stands in an address."""
    return f"[{host}]" if ":" in host else host


def _require_ports(host: str, mlflow_port: int, prefect_port: int) -> None:
    """Check that both ports are free, before anything is written or started."""
    for option, port in (("--mlflow-port", mlflow_port), ("--prefect-port", prefect_port)):
        _require_free(host, port, option)


def _require_free(host: str, port: int, option: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as problem:
            raise ConfigError(
                f"{option} {port} on {host}: {problem.strerror}. Is it running already? Otherwise choose another port."
            ) from None
