"""Commands for who decides about releases: register, list, promote, roll back, look back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geratriz.cli.shared import AsJson, Name, Yes, print_json

if TYPE_CHECKING:
    from geratriz.registry.promoting import Offer


def register(as_json: AsJson = False) -> None:
    """Register the winner of the comparison as challenger; the same bundle twice is one version.

    Run it in the project's root after `dvc repro`.
    """
    from geratriz.registry import release

    done = release.register(Path())
    if as_json:
        print_json({"name": done.name, "version": done.version, "created": done.created, "release": done.release})
        return
    verb = "registered as" if done.created else "is registered already as"
    typer.echo(f"{done.model} {verb} {done.name} version {done.version}")
    typer.echo("\n".join(["Next:", *(f"  {command}" for command in done.commands)]))


def models(as_json: AsJson = False) -> None:
    """List registered models: versions, aliases, verdicts."""
    import dataclasses

    from geratriz.registry import release

    listed = release.models(Path())
    if as_json:
        print_json([{**dataclasses.asdict(each), "created": each.created.isoformat()} for each in listed])
        return
    if not listed:
        typer.echo("No model is registered yet. `python -m pipelines.retrain` makes, judges and registers one.")
    for each in listed:
        aliases = f" ({', '.join(each.aliases)})" if each.aliases else ""
        figures = "  ".join(f"{name} {value:.4g}" for name, value in each.metrics.items())
        verdicts = f"{each.verdict}, privacy {each.privacy}"
        typer.echo(f"{each.name} version {each.version}{aliases}: {each.model}, {verdicts}  {figures}")


def promote(
    name: Name,
    version: Annotated[int | None, typer.Option(help="Which version; the challenger if not given.")] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Make a version the champion if the gates hold and it is not worse, and say why when they do not.

    Example: geratriz promote adult
    """
    from geratriz.registry import promoting

    done = promoting.promote(Path(), name, version=version, confirm=None if yes else _ask)
    if as_json:
        print_json({"name": done.name, "version": done.version, "previous": done.previous, "moved": done.moved})
        return
    typer.echo(f"{name} version {done.version} {'is the champion now' if done.moved else 'was the champion already'}.")
    typer.echo(f"Next: geratriz sample models:/{name}@champion -n 1000 -o sample.parquet")


def rollback(
    name: Name,
    yes: Yes = False,
    reason: Annotated[str, typer.Option(help="Why, for the record.", metavar="TEXT")] = "",
    as_json: AsJson = False,
) -> None:
    """Make the previous champion the champion again; the gates must hold for it still.

    Example: geratriz rollback adult --reason "the new one never draws a widow"
    """
    from geratriz.registry import promoting

    done = promoting.rollback(Path(), name, reason=reason, confirm=None if yes else _ask)
    if as_json:
        print_json({"name": done.name, "version": done.version, "previous": done.previous, "moved": done.moved})
        return
    typer.echo(f"{name} version {done.version} is the champion again, version {done.previous} the previous one.")


def history(name: Name, as_json: AsJson = False) -> None:
    """Show who promoted what, when and why, the latest first.

    Example: geratriz history adult
    """
    import dataclasses

    from geratriz.registry.history import history as read

    records = read(Path(), name)
    if as_json:
        print_json([dataclasses.asdict(each) for each in records])
        return
    if not records:
        typer.echo(f"No version of {name} was ever promoted. `geratriz promote {name}` does.")
    for each in reversed(records):
        came = "none" if each.from_version is None else str(each.from_version)
        typer.echo(f"{each.at}  {each.what} {came} -> {each.version} by {each.by} ({each.how})")
        for line in filter(None, (each.reason, *each.reasons)):
            typer.echo(f"  {line}")


def audit(
    name: Annotated[str | None, typer.Argument(help="Registered model; all of them if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Hold aliases and tags against the history; exit with 1 when something moved behind its back.

    Example: geratriz audit
    """
    import dataclasses

    from geratriz.registry.audit import audit as look

    findings = look(Path(), name)
    if as_json:
        print_json([dataclasses.asdict(each) for each in findings])
    else:
        for each in findings:
            typer.echo(f"{each.name}: {each.text}")
        typer.echo("Everything agrees." if not findings else f"{len(findings)} findings.")
    if findings:
        raise typer.Exit(1)


def _ask(offer: "Offer") -> bool:
    """Show what speaks for a promotion, and ask."""
    for reason in offer.reasons:
        typer.echo(f"  - {reason}")
    return typer.confirm(f"Make {offer.name} version {offer.version} the champion?")
