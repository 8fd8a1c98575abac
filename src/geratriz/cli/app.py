"""The command ``geratriz``: its groups of commands, and what an error looks like."""

import errno
import os
from typing import Annotated, NoReturn

import typer

from geratriz._version import __version__
from geratriz.cli import contracts, models, registry, services
from geratriz.errors import GeratrizError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # a full disk, a quota, a limit on files
PATHS = (  # no file can be read or written there
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EACCES,
    errno.EROFS,
    errno.ENAMETOOLONG,
)

app = typer.Typer(
    help="Turn a data set into a released generator of that data.",
    epilog="The pipeline around these commands: `dvc repro`, or `python -m pipelines.retrain` to register as well.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(contracts.validate)
contract = typer.Typer(help="Contracts: what data must look like.", no_args_is_help=True)
contract.command("draft")(contracts.draft)
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
    app.command()(command)


def main() -> None:
    """Run the command line; what a user can mend is one message on standard error and exit code 1."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin starve whatever runs beside them
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")  # but for an instant: waking them costs time too
    try:
        app()
    except GeratrizError as problem:
        _fail(f"{type(problem).__name__}: {problem}")
    except OSError as problem:
        if problem.errno in PATHS and problem.filename:
            _fail(f"{problem.filename}: {problem.strerror}. Name another path.")
        if problem.errno not in FULL:
            raise
        where = f" {problem.filename}" if problem.filename else ""
        _fail(f"{problem.strerror} while writing{where}. Free some space, and run it again.")


def _fail(message: str) -> NoReturn:
    typer.secho(message, fg="red", err=True)
    raise SystemExit(1) from None


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
