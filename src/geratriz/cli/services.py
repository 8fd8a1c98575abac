"""Commands for operations: servers, workers, cleaning up."""

import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from geratriz.cli.shared import AsJson, show
from geratriz.errors import ConfigError, nearest


def up(
    profile: Annotated[str, typer.Option(help="default (SQLite, folders) or production (PostgreSQL, S3).")] = "default",
    host: Annotated[str, typer.Option(help="Network interface the servers listen on.")] = "127.0.0.1",
    mlflow_port: Annotated[int, typer.Option(help="Port of the MLflow server.")] = 5000,
    prefect_port: Annotated[int, typer.Option(help="Port of the Prefect server.")] = 4200,
    pool: Annotated[
        list[str] | None, typer.Option(help="Pool to start a worker for; repeatable. Default: all pools in dvc.yaml.")
    ] = None,
) -> None:
    """Start MLflow, Prefect and one worker per pool; Ctrl-C stops all of them.

    Run it in the project's root. docs/operations.md lists the environment variables of the profile `production`.
    """
    from geratriz.services import profiles
    from geratriz.services.up import up as run

    known = {"default": profiles.laptop, "production": profiles.production}
    if profile not in known:
        raise ConfigError(f"--profile {profile!r} is unknown.{nearest(profile, known)}")
    chosen = known[profile](Path(), host=host, mlflow_port=mlflow_port, prefect_port=prefect_port, pools=pool or ())
    typer.echo(f"Starting on {chosen.storage}")

    def ready() -> None:
        typer.echo("\nReady. In another terminal:")
        for name, value in chosen.exports.items():
            typer.echo(f"  export {name}={value}")
        typer.echo("  prefect --no-prompt deploy --all\nCtrl-C here stops everything.")

    run(Path(), chosen, typer.echo, ready)


def worker(
    pool: Annotated[str, typer.Argument(help="Pool to take runs from, as in `meta.pool` of dvc.yaml.")],
    gpu: Annotated[str | None, typer.Option(help="CUDA_VISIBLE_DEVICES for the runs.", metavar="DEVICE")] = None,
    limit: Annotated[
        int | None, typer.Option(help="Maximum number of runs at a time. Default: 1; unlimited in pool `local`.", min=1)
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the worker on the Prefect server.")] = None,
) -> None:
    """Start a worker that executes the runs of a pool in this clone, until Ctrl-C.

    Start one worker per GPU; workers may run on other machines.

    Example: PREFECT_API_URL=http://head:4200/api geratriz worker gpu --gpu 0
    """
    from geratriz.services import profiles

    if not os.environ.get("PREFECT_API_URL"):
        raise ConfigError("PREFECT_API_URL is not set; set it to the Prefect server, as http://HOST:4200/api.")
    service = profiles.worker(Path(), pool, gpu=gpu, limit=limit, name=name)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell starts `... &` with it ignored: then SIGTERM ends no worker
    os.execve(service.command[0], service.command, {**os.environ, **service.variables})


def gc(
    older_than: Annotated[float, typer.Option(help="Minimum age in days.", min=0)] = 14,
    cache: Annotated[bool, typer.Option("--cache", help="Include the DVC cache.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it, objects are only listed.")] = False,
    as_json: AsJson = False,
) -> None:
    """List or delete old worktrees, branches, refs, checkpoints and pages of runs.

    Deletes only with --yes. Your own worktrees, branches and files always stay.

    Example: geratriz gc --older-than 30 --cache
    """
    from geratriz.registry import origin
    from geratriz.workspace import retention

    items = retention.find(Path(), days=older_than, in_use=origin.in_use(Path()), cache=cache)
    removable = [item for item in items if item.goes]
    for item in removable if yes else ():
        item.remove()
    content = [
        {"kind": i.kind, "name": i.name, "goes": i.goes, "why": i.why, "bytes": i.size, "gone": yes and i.goes}
        for i in items
    ]
    lines = []
    for item in items:
        mark = ("deleted" if yes else "delete") if item.goes else "keep"
        size = f"  {item.size / 1e6:,.1f} MB" if item.size else ""
        lines.append(f"{mark:<8} {item.kind:<11} {item.name}{size}  ({item.why})")
    outcome = "deleted" if yes else "to delete; run again with --yes"
    show(as_json, content, *lines, f"{len(removable)} of {len(items)} {outcome}.")
