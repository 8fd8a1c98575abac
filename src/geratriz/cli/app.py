"""The command ``geratriz``: its commands, and how errors are reported."""

import errno
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from geratriz._version import __version__
from geratriz.cli import contracts, models, registry, services
from geratriz.errors import GeratrizError
from geratriz.writing import DISK_FULL, local

BAD_PATH = (  # the file cannot be read or written
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EACCES,
    errno.EROFS,
    errno.ENAMETOOLONG,
)


def _on_this_machine(command: Callable[..., None]) -> Callable[..., None]:
    """Refuse addresses such as s3://bucket/rows.csv in the paths of a command, before it runs."""

    @functools.wraps(command)
    def checked(**arguments: Any) -> None:
        for value in arguments.values():
            if isinstance(value, Path):
                local(value)
        command(**arguments)

    return checked


app = typer.Typer(
    help="Turn a data set into a released generator of synthetic data.",
    epilog="To run the whole pipeline: `dvc repro`, or `python -m pipelines.retrain` to register the result as well.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(_on_this_machine(contracts.validate))
contract = typer.Typer(help="Manage data contracts.", no_args_is_help=True)
contract.command("draft")(_on_this_machine(contracts.draft))
app.add_typer(contract, name="contract")
for command in (
    models.fit,
    models.sample,
    models.interpolate,
    models.impute,
    models.score,
    models.provenance,
    models.evaluate,
    registry.register,
    registry.models,
    registry.promote,
    registry.rollback,
    registry.history,
    registry.audit,
    services.up,
    services.worker,
    services.gc,
):
    app.command()(_on_this_machine(command))


def main() -> None:
    """Run the command line; an error that the user can correct is one message on standard error, and its exit code."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads slow down other processes
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")  # short spinning is faster than waking up
    try:
        app()
    except GeratrizError as problem:
        _fail(f"{type(problem).__name__}: {problem}", problem.exit_code)
    except OSError as problem:
        if problem.errno in BAD_PATH and problem.filename:
            _fail(f"{problem.filename}: {problem.strerror}. Use another path.")
        if problem.errno not in DISK_FULL:
            raise
        where = f" {problem.filename}" if problem.filename else ""
        _fail(f"{problem.strerror} while writing{where}. Free some space and run it again.")


def _fail(message: str, code: int = 1) -> NoReturn:
    typer.secho(message, fg="red", err=True)
    raise SystemExit(code) from None


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
