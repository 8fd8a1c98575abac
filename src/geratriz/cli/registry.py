"""Commands for releases: register, list, promote, roll back, history, audit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geratriz.cli.shared import AsJson, Name, Yes, show

if TYPE_CHECKING:
    from geratriz.registry.promoting import Offer, Promoted


def register(as_json: AsJson = False) -> None:
    """Register the winner of the last comparison as challenger.

    Run it in the project's root after `dvc repro`. Registering a generator again updates its version.
    """
    from geratriz.registry import release

    done = release.register(Path())
    verb = "registered as" if done.created else "is registered already as"
    show(
        as_json,
        {"name": done.name, "version": done.version, "created": done.created, "release": done.release},
        f"{done.model} {verb} {done.name} version {done.version}",
        "Next:",
        *(f"  {command}" for command in done.commands),
    )


def models(as_json: AsJson = False) -> None:
    """List all registered versions with their aliases, verdicts and metrics."""
    from geratriz.registry import release

    listed = release.models(Path())
    lines = [] if listed else ["No model is registered. Run `python -m pipelines.retrain` to train and register one."]
    for version in listed:
        aliases = f" ({', '.join(version.aliases)})" if version.aliases else ""
        figures = "  ".join(f"{name} {value:.4g}" for name, value in version.metrics.items())
        verdicts = f"{version.verdict}, privacy {version.privacy}"
        lines.append(f"{version.name} version {version.version}{aliases}: {version.model}, {verdicts}  {figures}")
    show(as_json, listed, *lines)


def promote(
    name: Name,
    version: Annotated[int | None, typer.Option(help="Number of the version; the challenger by default.")] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Make a version the champion if it passes the gates and is not worse than the champion.

    Shows the results of the gates and of the comparison before it asks for confirmation.

    Example: geratriz promote adult
    """
    from geratriz.registry import promoting

    done = promoting.promote(Path(), name, version=version, confirm=None if yes else _confirm)
    show(
        as_json,
        _result(done),
        f"{name} version {done.version} {'is the champion now' if done.moved else 'was the champion already'}.",
        f"Next: geratriz sample models:/{name}@champion -n 1000 -o sample.parquet",
    )


def rollback(
    name: Name,
    yes: Yes = False,
    reason: Annotated[str, typer.Option(help="Reason, stored in the history.", metavar="TEXT")] = "",
    as_json: AsJson = False,
) -> None:
    """Make the previous champion the champion again if it still passes the gates.

    Example: geratriz rollback adult --reason "the new one never draws a widow"
    """
    from geratriz.registry import promoting

    done = promoting.rollback(Path(), name, reason=reason, confirm=None if yes else _confirm)
    line = f"{name} version {done.version} is the champion again, version {done.previous} the previous one."
    show(as_json, _result(done), line)


def history(name: Name, as_json: AsJson = False) -> None:
    """Show all promotions and rollbacks with their reasons, newest first.

    Example: geratriz history adult
    """
    from geratriz.registry.history import history as read

    records = read(Path(), name)
    lines = [] if records else [f"No version of {name} was promoted yet. Run `geratriz promote {name}`."]
    for record in reversed(records):
        before = "none" if record.from_version is None else str(record.from_version)
        lines.append(f"{record.at}  {record.what} {before} -> {record.version} by {record.by} ({record.how})")
        lines += [f"  {reason}" for reason in (record.reason, *record.reasons) if reason]
    show(as_json, records, *lines)


def audit(
    name: Annotated[str | None, typer.Argument(help="Name of the registered model; all by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check that aliases, tags and verdicts agree with the history.

    Exits with 1 if something was changed by other means, and with 2 if nothing could be checked: there is no registry,
    or it does not answer.

    Example: geratriz audit
    """
    from geratriz.registry.audit import audit as check

    findings = check(Path(), name)
    total = f"{len(findings)} findings." if findings else "Everything agrees."
    show(as_json, findings, *(f"{finding.name}: {finding.text}" for finding in findings), total)
    if findings:
        raise typer.Exit(1)


def _result(done: "Promoted") -> dict[str, object]:
    return {"name": done.name, "version": done.version, "previous": done.previous, "moved": done.moved}


def _confirm(offer: "Offer") -> bool:
    """Show the reasons for a promotion and ask for confirmation."""
    for reason in offer.reasons:
        typer.echo(f"  - {reason}")
    return typer.confirm(f"Make {offer.name} version {offer.version} the champion?")
