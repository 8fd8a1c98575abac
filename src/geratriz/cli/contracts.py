"""Commands for who looks after data: validate them, draft their contract."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from geratriz.cli.shared import AsJson, Data, Kinds, pairs, print_json
from geratriz.errors import ConfigError


def validate(
    data: Data, contract: Annotated[Path, typer.Option(help="Suite of expectations, JSON.")], as_json: AsJson = False
) -> None:
    """Check data against a contract.

    Example: geratriz validate data/raw/adult.parquet --contract contracts/adult.json
    """
    from geratriz import contract as contracts
    from geratriz import domains

    kind = domains.of_path(data)
    report = contracts.check(domains.prepare(kind).observe(data), contracts.read_suite(contract))
    if as_json:
        print_json(report.to_json())
    for finding in report.warnings if not as_json else ():
        typer.echo(f"warning: {contracts.in_short(finding)}")
    contracts.require(report)
    if not as_json:
        kept = f"{data}: {report.rows:,} {domains.words(kind).UNIT} keep the contract {report.name!r}"
        typer.echo(f"{kept} ({len(report.findings)} expectations).")


def draft(
    data: Data,
    output: Annotated[Path | None, typer.Option("-o", help="File to write; standard output if not given.")] = None,
    schema: Kinds = None,
) -> None:
    """Draft a contract from data, to be read and corrected. Asks about columns that may be personal or keys.

    Example: geratriz contract draft orders.csv -o contracts/orders.json --schema customer=personal
    """
    from geratriz import domains

    declared = pairs(schema or [], "--schema", ConfigError)
    drafted = domains.draft(domains.of_path(data)).draft(data, data.name.split(".")[0], declared)
    text = json.dumps(drafted, indent=1, ensure_ascii=False) + "\n"
    if output is None:
        sys.stdout.write(text)
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
        typer.echo(f"{output} drafted. Read it: a draft says what the data are, a contract what they must be.")
    if asked := drafted["meta"].get("decide"):
        typer.echo(f"It is for you to decide what {len(asked)} of its columns are:", err=True)
        for name, question in asked.items():
            form = f" ({question['form']})" if "form" in question else ""
            typer.echo(f"  {name}: looks like {question['looks_like']}{form}; {question['because']}.", err=True)
            typer.echo(f"    Is it {' or '.join(question['choose'])}?", err=True)
        typer.echo(
            "Say it with --schema COLUMN=KIND, or move each from meta.decide to meta.kinds by hand; set the same in "
            "data.schema of params.yaml.",
            err=True,
        )
