"""Commands for data: validate them against a contract, draft a contract."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from geratriz.cli.shared import AsJson, Data, Kinds, pairs, show
from geratriz.errors import ConfigError


def validate(
    data: Data, contract: Annotated[Path, typer.Option(help="Contract, a JSON file.")], as_json: AsJson = False
) -> None:
    """Check data against a contract.

    Example: geratriz validate data/raw/adult.parquet --contract contracts/adult.json
    """
    from geratriz import contract as contracts
    from geratriz import domains

    kind = domains.of_path(data)
    report = contracts.check(domains.prepare(kind).observe(data), contracts.read_suite(contract))
    show(as_json, report.to_json(), *(f"warning: {contracts.in_short(finding)}" for finding in report.warnings))
    contracts.require(report)
    if not as_json:
        rows = f"{report.rows:,} {domains.words(kind).UNIT}"
        typer.echo(f"{data}: {rows} keep the contract {report.name!r} ({len(report.findings)} expectations).")


def draft(
    data: Data,
    output: Annotated[Path | None, typer.Option("-o", help="File to write; standard output by default.")] = None,
    schema: Kinds = None,
) -> None:
    """Draft a contract from data.

    Read and correct the draft. It lists columns that may be personal or keys, for you to decide.

    Example: geratriz contract draft orders.csv -o contracts/orders.json --schema customer=personal
    """
    from geratriz import domains, writing

    declared = pairs(schema or [], "--schema", ConfigError)
    drafted = domains.draft(domains.of_path(data)).draft(data, data.name.split(".")[0], declared)
    text = json.dumps(drafted, indent=1, ensure_ascii=False) + "\n"
    if output is None:
        sys.stdout.write(text)
    else:
        writing.text(output, text)
        typer.echo(f"{output} drafted. Read and correct it: it describes the data as they are, not as they must be.")
    if questions := drafted["meta"].get("decide"):
        typer.echo(f"Decide the kind of {len(questions)} columns:", err=True)
        for name, question in questions.items():
            form = f" ({question['form']})" if "form" in question else ""
            typer.echo(f"  {name}: looks like {question['looks_like']}{form}; {question['because']}.", err=True)
            typer.echo(f"    Is it {' or '.join(question['choose'])}?", err=True)
        typer.echo(
            "Use --schema COLUMN=KIND, or move the columns from meta.decide to meta.kinds by hand; set the same in "
            "data.schema of params.yaml.",
            err=True,
        )
