"""Commands for who runs the platform: servers, workers, cleaning up."""

import os
from pathlib import Path
from typing import Annotated

import typer

from geratriz.cli.shared import AsJson, print_json
from geratriz.errors import ConfigError, nearest


def up(
    profile: Annotated[str, typer.Option(help="default: SQLite and folders. production: from the environment.")] = (
        "default"
    ),
    host: Annotated[str, typer.Option(help="Network interface the servers listen on.")] = "127.0.0.1",
    mlflow_port: Annotated[int, typer.Option(help="Of MLflow's server.")] = 5000,
    prefect_port: Annotated[int, typer.Option(help="Of Prefect's server.")] = 4200,
    pool: Annotated[
        list[str] | None, typer.Option(help="A pool to start a worker for; all that dvc.yaml names if not given.")
    ] = None,
) -> None:
    """Start MLflow, Prefect and a worker per pool; Ctrl-C stops all of them.

    Run it in the project's root. docs/operations.md says what production takes from the environment.
    """
    from geratriz.services import profiles
    from geratriz.services.up import up as run

    known = {"default": profiles.laptop, "production": profiles.production}
    if profile not in known:
        raise ConfigError(f"--profile {profile!r} is none.{nearest(profile, known)}")
    chosen = known[profile](Path(), host=host, mlflow_port=mlflow_port, prefect_port=prefect_port, pools=pool or ())
    typer.echo(f"Starting on {chosen.told}")

    def ready() -> None:
        typer.echo("\nReady. In another terminal:")
        for name, value in chosen.exports.items():
            typer.echo(f"  export {name}={value}")
        typer.echo("  prefect --no-prompt deploy --all\nCtrl-C here stops everything.")

    run(Path(), chosen, typer.echo, ready)


def worker(
    pool: Annotated[str, typer.Argument(help="Pool whose runs it takes, as `meta.pool` in dvc.yaml names it.")],
    gpu: Annotated[str | None, typer.Option(help="The one device its runs see.", metavar="DEVICE")] = None,
    limit: Annotated[
        int | None, typer.Option(help="Runs at once; one if not given, any number in the pool `local`.", min=1)
    ] = None,
    name: Annotated[str | None, typer.Option(help="What Prefect's server calls it.")] = None,
) -> None:
    """Work on a pool's runs in this clone until Ctrl-C: one worker per GPU, on any machine.

    Example: PREFECT_API_URL=http://head:4200/api geratriz worker gpu --gpu 0
    """
    from geratriz.services import profiles

    if not os.environ.get("PREFECT_API_URL"):
        raise ConfigError("PREFECT_API_URL is not set; it names the server whose runs are taken: http://HOST:4200/api.")
    service = profiles.worker(Path(), pool, gpu=gpu, limit=limit, name=name)
    os.execve(service.command[0], service.command, {**os.environ, **service.variables})


def gc(
    older_than: Annotated[float, typer.Option(help="Days; what was touched since stays.", min=0)] = 14,
    cache: Annotated[bool, typer.Option("--cache", help="Look at DVC's cache as well.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without this nothing goes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Clean up after retraining: worktrees, branches, refs, checkpoints, pages. Lists only, unless --yes is given.

    Example: geratriz gc --older-than 30 --cache
    """
    from geratriz.registry import origin
    from geratriz.workspace import retention

    items = retention.find(Path(), days=older_than, in_use=origin.in_use(Path()), cache=cache)
    going = [each for each in items if each.goes]
    if yes:
        for each in going:
            each.remove()
    if as_json:
        print_json(
            [
                {"kind": i.kind, "name": i.name, "goes": i.goes, "why": i.why, "bytes": i.size, "gone": yes and i.goes}
                for i in items
            ]
        )
        return
    for each in items:
        mark = ("gone" if yes else "goes") if each.goes else "stays"
        size = f"  {each.size / 1e6:,.1f} MB" if each.size else ""
        typer.echo(f"{mark:<6} {each.kind:<11} {each.name}{size}  ({each.why})")
    what = "taken away" if yes else "would go; --yes takes them away"
    typer.echo(f"{len(going)} of {len(items)} {what}.")
