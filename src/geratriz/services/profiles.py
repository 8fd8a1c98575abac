"""Which servers and workers there are: on SQLite and folders, or on PostgreSQL and S3 from the environment."""

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
from geratriz.registry.client import hide
from geratriz.services.service import Service

LOCAL, GPU = "local", "gpu"
FOLDER = Path(".geratriz")  # in the project's root: what servers and runs keep there; nothing of the user's
WORKER_POLLS_EVERY_S = 2  # the default of 15 would be most of a hand-over
HEARTBEAT_S = 30  # of a run; the least Prefect takes
NEEDED = {  # of the production profile; the tools' own names, so that nothing has to be said twice
    "MLFLOW_BACKEND_STORE_URI": "where MLflow keeps runs and versions: postgresql://USER:PASSWORD@HOST/mlflow",
    "MLFLOW_ARTIFACTS_DESTINATION": "where it keeps files: s3://BUCKET/mlflow",
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "any long secret; MLflow signs its forms with it",
    "MLFLOW_TRACKING_USERNAME": "MLflow's administrator, made at the first start",
    "MLFLOW_TRACKING_PASSWORD": "the password, 12 letters or more",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://USER:PASSWORD@HOST/prefect",
    "PREFECT_SERVER_API_AUTH_STRING": "USER:PASSWORD that Prefect's server asks for",
    "AWS_ACCESS_KEY_ID": "of the object store",
    "AWS_SECRET_ACCESS_KEY": "of the object store",
}
QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "DVC_NO_ANALYTICS": "1",
    "PYTHONUNBUFFERED": "1",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """The services of one project on this machine, in the order in which they start."""

    services: tuple[Service, ...]
    exports: Mapping[str, str] = field(repr=False)
    """What a terminal must set to work with them; nothing secret."""
    told: str
    """In one line: where things are kept."""


def laptop(root: Path, *, host: str, mlflow_port: int, prefect_port: int, pools: Sequence[str] = ()) -> Profile:
    """SQLite files and folders in ``root``; the same MLflow store that is used when no server runs.

    ``pools``: those a worker is started for; all that dvc.yaml names when empty.

    Raises:
        ConfigError: ``host`` is not this machine alone: nobody is asked for a password. Or a port is taken.
    """
    if not _is_loopback(host):
        raise ConfigError(
            f"--host {host} can be reached from other machines, and the default profile asks nobody for a password. "
            "Take --profile production (docs/operations.md), or leave --host out."
        )
    home = root.resolve()
    kept = home / FOLDER
    prefect = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{(kept / 'prefect.db').as_posix()}"}
    return Profile(
        services=_services(
            home,
            host=host,
            ports=(mlflow_port, prefect_port),
            mlflow=(
                f"--backend-store-uri=sqlite:///{home.as_posix()}/mlflow.db",
                f"--artifacts-destination={(home / 'mlartifacts').as_uri()}",
            ),
            variables={"mlflow": {}, "prefect": prefect},
            pools=pools,
        ),
        exports=_exports(host, mlflow_port, prefect_port),
        told=f"SQLite and folders in {home}",
    )


def production(root: Path, *, host: str, mlflow_port: int, prefect_port: int, pools: Sequence[str] = ()) -> Profile:
    """PostgreSQL and S3 from the environment, MLflow's basic authentication and Prefect's authentication string.

    ``pools``: as for :func:`laptop`.

    Raises:
        ConfigError: a variable is missing; all that are, with what belongs in them. Or a port is taken.
    """
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        raise ConfigError(
            "--profile production takes its databases, object store and secrets from the environment. Not set:\n"
            + "\n".join(f"  {name:<39} {NEEDED[name]}" for name in missing)
            + "\ndocs/operations.md has a template."
        )
    home, given = root.resolve(), os.environ
    users = home / FOLDER / "mlflow-auth.ini"  # MLflow reads the store of its users from a file only
    users.parent.mkdir(parents=True, exist_ok=True)
    users.touch(mode=0o600)
    users.chmod(0o600)
    users.write_text(
        "[mlflow]\n"
        "default_permission = READ\n"  # who may log in may look; who may change what, the administrator says
        f"database_uri = {given['MLFLOW_BACKEND_STORE_URI'].replace('%', '%%')}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n",
        encoding="utf-8",
    )
    mlflow = {
        "MLFLOW_AUTH_CONFIG_PATH": str(users),
        "MLFLOW_AUTH_ADMIN_USERNAME": given["MLFLOW_TRACKING_USERNAME"],
        "MLFLOW_AUTH_ADMIN_PASSWORD": given["MLFLOW_TRACKING_PASSWORD"],
    }
    store = given["MLFLOW_BACKEND_STORE_URI"]
    return Profile(
        services=_services(
            home,
            host=host,
            ports=(mlflow_port, prefect_port),
            mlflow=("--app-name=basic-auth", f"--artifacts-destination={given['MLFLOW_ARTIFACTS_DESTINATION']}"),
            variables={"mlflow": mlflow, "prefect": {}},
            pools=pools,
            prefect_auth=given["PREFECT_SERVER_API_AUTH_STRING"],
        ),
        exports=_exports(host, mlflow_port, prefect_port),
        told=f"{hide(store, store)} and {given['MLFLOW_ARTIFACTS_DESTINATION']}",
    )


def worker(
    root: Path, pool: str, *, gpu: str | None = None, limit: int | None = None, name: str | None = None
) -> Service:
    """A worker of ``pool`` whose runs happen in the checkout in ``root``.

    Args:
        root: its project; for a pool of GPU workers a clone of its own, with a DVC cache of its own.
        pool: the pool; it is made when the server does not have it.
        gpu: the device its runs see, as CUDA_VISIBLE_DEVICES has it.
        limit: runs at once; None for one, and for any number in the pool ``local``, whose flows mostly wait.
        name: of the worker at Prefect's server; None for one from the machine, the folder and the pool.
    """
    home = root.resolve()
    called = name or f"{socket.gethostname()}-{home.name}-{pool}" + (f"-{gpu}" if gpu else "")
    most = limit or (None if pool == LOCAL else 1)
    at_once = () if most is None else ("--limit", str(most))
    command = (sys.executable, "-m", "prefect", "--no-prompt", "worker", "start", "--pool", pool, "--type", "process")
    inherited = os.environ.get("PYTHONPATH")
    return Service(
        name=f"worker {pool}" + (f" {gpu}" if gpu else ""),
        command=(*command, "--name", called, "--install-policy", "never", *at_once),
        shown=f"works on pool {pool}" + (f", GPU {gpu}" if gpu else ""),
        variables={
            **QUIET,
            "GERATRIZ_HOME": str(home),
            "PYTHONPATH": os.pathsep.join([str(home / "src"), str(home), *([inherited] if inherited else [])]),
            "PREFECT_WORKER_QUERY_SECONDS": str(WORKER_POLLS_EVERY_S),
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
            "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",  # what the server answers while its database is away
            **({"CUDA_VISIBLE_DEVICES": gpu} if gpu else {}),
        },
        ready="started!",
        needs="prefect",
    )


def named_pools(root: Path) -> list[str]:
    """The pools that dvc.yaml's stages name in their ``meta``, ``local`` first.

    Raises:
        ConfigError: dvc.yaml is not there.
    """
    stages = config.read_yaml(root / "dvc.yaml").get("stages") or {}
    named = {str(pool) for each in stages.values() if (pool := ((each or {}).get("meta") or {}).get("pool"))}
    return [LOCAL, *sorted(named - {LOCAL})]


def gpus() -> list[str]:
    """The devices that CUDA may use here, as CUDA_VISIBLE_DEVICES names them; none without a driver."""
    if (said := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [each.strip() for each in said.split(",") if each.strip()]
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    listed = subprocess.run([tool, "--query-gpu=index", "--format=csv,noheader"], capture_output=True, text=True)
    return listed.stdout.split() if listed.returncode == 0 else []


def _services(
    home: Path,
    *,
    host: str,
    ports: tuple[int, int],
    mlflow: tuple[str, ...],
    variables: Mapping[str, Mapping[str, str]],
    pools: Sequence[str],
    prefect_auth: str | None = None,
) -> tuple[Service, ...]:
    for name, port in zip(("--mlflow-port", "--prefect-port"), ports, strict=True):
        _need_free(host, port, name)
    mlflow_port, prefect_port = ports
    address = _exports(host, *ports)
    server = ("server", f"--host={host}", f"--port={mlflow_port}", "--workers=1")
    auth = {} if prefect_auth is None else {"PREFECT_API_AUTH_STRING": prefect_auth}
    common = {**QUIET, **address, **auth}
    token = None if prefect_auth is None else f"Basic {base64.b64encode(prefect_auth.encode()).decode()}"
    devices: tuple[str | None, ...] = (*gpus(),) or (None,)
    workers = [
        worker(home, pool, gpu=device)
        for pool in pools or named_pools(home)
        for device in (devices if pool == GPU else (None,))
    ]
    return (
        Service(
            name="mlflow",
            command=(sys.executable, "-m", "mlflow", *server, *mlflow),
            shown=address["MLFLOW_TRACKING_URI"],
            variables={**QUIET, **variables["mlflow"]},
            health=f"{address['MLFLOW_TRACKING_URI']}/health",
        ),
        Service(
            name="prefect",
            command=(
                *(sys.executable, "-m", "prefect", "--no-prompt", "server", "start"),
                *("--host", host, "--port", str(prefect_port), "--analytics-off"),
            ),
            shown=f"http://{host}:{prefect_port}",
            variables={**common, **variables["prefect"], "PREFECT_UI_API_URL": address["PREFECT_API_URL"]},
            health=f"{address['PREFECT_API_URL']}/health",
            authorization=token,
        ),
        *(_with(each, common) for each in workers),
    )


def _with(service: Service, variables: Mapping[str, str]) -> Service:
    return replace(service, variables={**variables, **service.variables})


def _exports(host: str, mlflow_port: int, prefect_port: int) -> dict[str, str]:
    return {
        "MLFLOW_TRACKING_URI": f"http://{host}:{mlflow_port}",
        "PREFECT_API_URL": f"http://{host}:{prefect_port}/api",
    }


def _need_free(host: str, port: int, option: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as problem:
            raise ConfigError(
                f"{option} {port} on {host}: {problem.strerror}. Is it running already? Else name another port."
            ) from None


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
