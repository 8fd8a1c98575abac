"""The command line. Each command parses, calls one function and prints; what is heavy is imported when it is used."""

import errno
import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from geratriz import __version__
from geratriz.errors import ConfigError, DataError, GeratrizError, RequestError, nearest
from geratriz.tracking import NullTracker

if TYPE_CHECKING:
    from geratriz.generators.autoregressive import Autoregressive
    from geratriz.registry.promoting import Offer

app = typer.Typer(
    help="Turn a data set into a released generator of that data.",
    epilog="The pipeline around these commands: `dvc repro`, or `python -m pipelines.retrain` to register as well.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
contract_app = typer.Typer(help="Contracts: what data must look like.", no_args_is_help=True)
app.add_typer(contract_app, name="contract")

Data = Annotated[
    Path,
    typer.Argument(help="Parquet or CSV; of images a folder, a zip or tar of one, or Parquet.", metavar="DATA"),
]
Model = Annotated[str, typer.Argument(help="A bundle's folder, or models:/NAME@ALIAS, models:/NAME/VERSION.")]
Name = Annotated[str, typer.Argument(help="Name of the registered model.")]
Target = Annotated[str | None, typer.Option(help="Column whose prediction utility is measured on.")]
Seed = Annotated[int, typer.Option(help="Of everything random.")]
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # of a disk, a quota, a limit on files
# Of a path where no file can be read or written.
PATHS = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EROFS, errno.ENAMETOOLONG)
INTERRUPTED = 130  # exit code after Ctrl-C, as shells have it
SCORE = "log_likelihood"  # the column that `score` adds
DIGITS = 30  # of a number that is meant
Kinds = Annotated[
    list[str] | None, typer.Option("--schema", help="What a column is, as in data.schema.", metavar="COLUMN=KIND")
]
Size = Annotated[
    str | None, typer.Option(help="Of images, if they differ: what they are resized to.", metavar="HEIGHTxWIDTH")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def _count(text: object) -> int:
    """A whole number as people write large ones: 1000000, 1_000_000, 1e6."""
    from decimal import Decimal, InvalidOperation

    try:
        number = Decimal(str(text))
        if number.adjusted() < DIGITS and number == int(number):
            return int(number)
    except (InvalidOperation, ValueError, OverflowError):
        pass
    raise typer.BadParameter(f"{text!r} is no whole number; write 500, 100_000 or 1e6.")


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


@app.command()
def validate(
    data: Data, contract: Annotated[Path, typer.Option(help="Suite of expectations, JSON.")], as_json: AsJson = False
) -> None:
    """Hold data against a contract.

    Example: geratriz validate data/raw/adult.parquet --contract contracts/adult.json
    """
    from geratriz.data import contract as contracts
    from geratriz.data.image_files import manifest
    from geratriz.data.image_source import holds_images
    from geratriz.data.table import read_frame

    images = holds_images(data)
    report = contracts.check(manifest(data) if images else read_frame(data), contracts.read_suite(contract))
    if as_json:
        _print_json(report.to_json())
    for finding in report.warnings if not as_json else ():
        typer.echo(f"warning: {contracts.in_short(finding)}")
    contracts.require(report)
    if not as_json:
        kept = f"{data}: {report.rows:,} {'images' if images else 'rows'} keep the contract {report.name!r}"
        typer.echo(f"{kept} ({len(report.findings)} expectations).")


@contract_app.command("draft")
def contract_draft(
    data: Data,
    output: Annotated[Path | None, typer.Option("-o", help="Where to write it; standard output if not given.")] = None,
    schema: Kinds = None,
) -> None:
    """Draft a contract from data, for a person to read and correct. Asks what may be personal in a table, or a key.

    Example: geratriz contract draft orders.csv -o contracts/orders.json --schema customer=personal
    """
    from geratriz.data.draft import draft
    from geratriz.data.image_draft import draft_images
    from geratriz.data.image_files import manifest
    from geratriz.data.image_source import holds_images
    from geratriz.data.table import Table

    name = data.name.split(".")[0]
    if holds_images(data):
        if schema:
            raise ConfigError("--schema is about tables, and the data are images.")
        drafted = draft_images(manifest(data), name)
    else:
        drafted = draft(Table.read(data, overrides=_pairs(schema or [], "--schema", ConfigError)), name)
    text = json.dumps(drafted, indent=1, ensure_ascii=False) + "\n"
    if output is None:
        sys.stdout.write(text)
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
        typer.echo(f"{output} drafted. Read it: a draft says what the data are, a contract what they must be.")
    if asked := drafted["meta"].get("decide"):
        typer.echo(f"It is for you to decide what {len(asked)} of its columns are:", err=True)
        for name, each in asked.items():
            form = f" ({each['form']})" if "form" in each else ""
            typer.echo(f"  {name}: looks like {each['looks_like']}{form}; {each['because']}.", err=True)
            typer.echo(f"    Is it {' or '.join(each['choose'])}?", err=True)
        typer.echo(
            "Say it with --schema COLUMN=KIND, or move each from meta.decide to meta.kinds by hand; set the same in "
            "data.schema of params.yaml.",
            err=True,
        )


@app.command()
def fit(
    data: Data,
    output: Annotated[Path, typer.Option("-o", help="Folder for the generator's bundle.", metavar="MODEL")],
    kind: Annotated[
        str | None,
        typer.Option(help="Which generator; if not given, autoregressive for a table and image_vae for images."),
    ] = None,
    target: Target = None,
    seed: Seed = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of the generator, as in params.yaml.", metavar="KEY=VALUE"),
    ] = None,
    schema: Annotated[
        list[str] | None,
        typer.Option(help="What a column is, where the kind that was inferred is wrong.", metavar="COLUMN=KIND"),
    ] = None,
    contract: Annotated[
        Path | None, typer.Option(help="Suite whose critical row rules hold in every row that is drawn.")
    ] = None,
    size: Size = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Fit a generator to a table or to images. Interrupted, it goes on where it was when it is run again.

    Example: geratriz fit adult.csv --kind tvae --target income -o models/mine --set epochs=10

    Example: geratriz fit shoes.zip --kind image_gan -o models/shoes --size 64x64
    """
    import geratriz
    from geratriz import config
    from geratriz.data import compact
    from geratriz.data.image_prepare import load
    from geratriz.data.image_source import holds_images
    from geratriz.generators import catalog

    if not data.exists():
        raise DataError(f"{data} does not exist.")
    images = holds_images(data)
    generator_cls = catalog.choose(kind, images=images)
    kind = generator_cls.kind
    chosen = config.load(generator_cls.config_cls, _pairs(settings or [], "--set", ConfigError), kind)
    known: Any
    if images:
        if target or schema or contract:
            raise ConfigError("--target, --schema and --contract are about tables, and the data are images.")
        known = load(data, _form(size))
    else:
        if size:
            raise ConfigError("--size is about images, and the data are a table.")
        known = compact.read(data, target=target, overrides=_pairs(schema or [], "--schema", ConfigError))
    if output.exists() and not output.is_dir():
        raise ConfigError(f"-o {output} is a file; a generator is saved into a folder. Name another one.")
    checkpoint = output.with_name(f"{output.name}.checkpoint")
    try:
        with _Progress(f"fitting {kind}") as progress:
            generator = geratriz.fit(
                known,
                kind,
                config=chosen,
                seed=seed,
                device=device,
                tracker=progress,
                checkpoint=checkpoint,
                contract=contract,
            )
            generator.save(output)
    except KeyboardInterrupt as stop:
        typer.echo(f"\n{str(stop) or 'interrupted while the bundle was written: run it again.'}", err=True)
        raise typer.Exit(INTERRUPTED) from None
    typer.echo(
        f"{output}: {kind} fitted on {len(known):,} {'images' if images else 'rows'}. Next: geratriz sample {output} "
        f"-n {'64 -o grid.png' if images else '1000 -o sample.parquet'}"
    )


@app.command()
def sample(
    model: Model,
    rows: Annotated[
        int, typer.Option("-n", help="How many rows or images: 500, 100_000, 1e6.", parser=_count, metavar="ROWS")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            help="File; .parquet, .csv, .csv.gz, .jsonl or .jsonl.gz. Images: .png (a grid), .parquet or a folder.",
        ),
    ],
    where: Annotated[
        list[str] | None, typer.Option(help="A value a column must have; may be given again.", metavar="COLUMN=VALUE")
    ] = None,
    seed: Seed = 0,
    start: Annotated[
        int, typer.Option(help="First row of the endless table that the seed names.", parser=_count, metavar="ROW")
    ] = 0,
    jobs: Annotated[
        int | None, typer.Option(help="Processes that draw; as many as pay if not given. The rows are the same.")
    ] = None,
) -> None:
    """Sample new rows or images, any number of them, with their provenance.

    Example: geratriz sample models:/adult@champion -n 1e6 -o out.parquet --where "income='>50K'" --seed 7

    Example: geratriz sample models:/fashion@champion -n 64 -o grid.png --where label=dress
    """
    import geratriz
    from geratriz.data.stream import read_provenance
    from geratriz.generators.image_base import ImageGenerator
    from geratriz.registry import release

    found = release.find(model)
    images = isinstance(found.generator, ImageGenerator)
    with _Progress(f"sampling {output.name}") as progress:
        geratriz.sample(
            found,
            rows,
            seed=seed,
            where=_labels(where) if images else _pairs(where or [], "--where", RequestError),
            out=output,
            start=start,
            jobs=jobs,
            told=lambda done: progress.move(done, rows),
        )
    origin = read_provenance(output)
    unit = "images" if images else "rows"
    typer.echo(f"{output}: {rows:,} {unit}. `geratriz provenance {output}` says where they come from.")
    if origin["acceptance"] < 1:
        share = f"{origin['acceptance']:.2%}"
        typer.echo(f"{share} of the rows drawn kept the contract's rules; the others were drawn again.")


@app.command()
def interpolate(
    model: Model,
    output: Annotated[Path, typer.Option("-o", help="A picture, .png.")],
    steps: Annotated[int, typer.Option(help="Images of a walk.")] = 8,
    walks: Annotated[int, typer.Option("-n", help="Walks, a row each.")] = 8,
    where: Annotated[list[str] | None, typer.Option(help="label=NAME", metavar="label=NAME")] = None,
    seed: Seed = 0,
) -> None:
    """Draw images on the way from one latent to another: smooth changes say that a space was learnt.

    Example: geratriz interpolate models:/fashion@champion -o walks.png --where label=bag
    """
    import dataclasses

    from geratriz.data import image_output
    from geratriz.data.stream import WalkProvenance
    from geratriz.generators.image_base import ImageGenerator
    from geratriz.registry import release

    if output.suffix != ".png":
        raise RequestError(f"-o {output}: a picture of walks ends in .png.")
    image_output.check_path(output)
    found = release.find(model)
    generator = found.generator
    if not isinstance(generator, ImageGenerator):
        raise RequestError(f"{model} is a generator of tables; walks are drawn by generators of images.")
    conditions = _labels(where)
    drawn = generator.interpolate(steps, rows=walks, seed=seed, where=conditions)
    provenance = WalkProvenance(
        **dataclasses.asdict(found.origin),
        kind=generator.kind,
        record=dataclasses.asdict(generator.record),
        seed=seed,
        where=conditions,
        start=0,
        rows=len(drawn),
        block=len(drawn),
        acceptance=1.0,
        steps=steps,
    )
    image_output.write(output, iter([drawn]), len(drawn), provenance, columns=steps)
    typer.echo(f"{output}: {walks} walks of {steps} images.")


@app.command()
def impute(
    model: Model,
    data: Annotated[Path, typer.Argument(help="Rows with missing cells, Parquet or CSV.", metavar="DATA")],
    output: Annotated[Path, typer.Option("-o", help="File, .parquet or .csv.")],
    seed: Seed = 0,
) -> None:
    """Fill in the missing cells of a table, each drawn given all that is known of its row. No other cell changes.

    Example: geratriz impute models/mine holes.csv -o whole.csv

    Several seeds give several completions: what they agree on is certain.
    """
    from geratriz.data.table import Table, check_ending

    check_ending(output)
    generator = _any_order(model)
    table = Table.read(data, schema=generator.schema)
    filled = generator.impute(table, seed=seed)
    filled.write(output)
    before, after = (int(each.frame.isna().sum().sum()) for each in (table, filled))
    left = f"; {after:,} stay missing in columns that are not learnt or were never filled" if after else ""
    typer.echo(f"{output}: {len(filled):,} rows, {before - after:,} cells filled in{left}.")


@app.command()
def score(
    model: Model,
    data: Annotated[Path, typer.Argument(help="Rows, Parquet or CSV.", metavar="DATA")],
    output: Annotated[Path, typer.Option("-o", help="File, .parquet or .csv: the rows and `log_likelihood`.")],
) -> None:
    """Say how likely each row of a table is: its exact log likelihood in nats. Errors and outliers come out lowest.

    Example: geratriz score models:/adult@champion new.parquet -o scored.parquet

    A density where numbers are on no grid, else a probability; rows are to be compared with others of the same model.
    """
    from geratriz.data.table import Table, check_ending, write_frame

    check_ending(output)
    generator = _any_order(model)
    table = Table.read(data, schema=generator.schema)
    if SCORE in table.frame:
        raise RequestError(f"{data} has a column {SCORE!r} already, which is what is to be written. Rename it.")
    scores = generator.log_likelihood(table)
    write_frame(table.frame.assign(**{SCORE: scores}), output)
    lowest = ", ".join(f"{row} ({scores[row]:.2f})" for row in scores.argsort()[:3])
    possible = scores[scores > -float("inf")]
    rest = f" over the {len(possible):,} rows that can be" if len(possible) < len(scores) else ""
    mean = f"{possible.mean():.2f} nats a row on average{rest}" if len(possible) else "none of them can be"
    typer.echo(f"{output}: {len(scores):,} rows, {mean}. The least likely, counted from 0: {lowest}.")


@app.command()
def provenance(
    file: Annotated[Path, typer.Argument(help="A file or folder that `geratriz sample` wrote.", metavar="FILE")],
    as_json: AsJson = False,
) -> None:
    """Say where the rows in a file come from: generator, seed, conditions, which rows, verdict.

    Example: geratriz provenance out.parquet
    """
    from geratriz.data.stream import read_provenance

    content = read_provenance(file)
    if as_json:
        _print_json(content)
        return
    for name, value in content.items():
        typer.echo(f"{name:<9} {json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value}")


@app.command()
def evaluate(
    train: Annotated[Path, typer.Option(help="Rows or images the generator learnt from.")],
    test: Annotated[Path, typer.Option(help="Real ones it never saw.")],
    synthetic: Annotated[Path, typer.Option(help="Those to judge.")],
    output: Annotated[Path, typer.Option("-o", help="Folder for metrics.json and index.html.", metavar="REPORT")],
    target: Target = None,
    contract: Annotated[Path | None, typer.Option(help="Suite to hold the synthetic rows against.")] = None,
    schema: Kinds = None,
    size: Size = None,
    as_json: AsJson = False,
) -> None:
    """Judge synthetic rows or images, whoever made them.

    Half of TEST stands in for fresh real data: they show what each metric says of a perfect generator.

    Example: geratriz evaluate --train a.parquet --test b.parquet --synthetic c.parquet -o report --target income
    """
    import geratriz
    from geratriz.data import image_prepare
    from geratriz.data.image_source import holds_images

    if holds_images(train):
        if target or schema or contract:
            raise ConfigError("--target, --schema and --contract are about tables, and TRAIN holds images.")
        real: Any = image_prepare.load(train, _form(size))
        others: Any = (image_prepare.read(path, real.schema, resize=size is not None) for path in (test, synthetic))
    else:
        if size:
            raise ConfigError("--size is about images, and TRAIN is a table.")
        real = geratriz.Table.read(train, target=target, overrides=_pairs(schema or [], "--schema", ConfigError))
        others = (geratriz.Table.read(path, schema=real.schema) for path in (test, synthetic))
    with _working(f"judging {synthetic.name}"):
        report = geratriz.evaluate(real, *others, contract=contract, title=synthetic.name)
    report.write(output)
    if as_json:
        _print_json(report.to_json()["metrics"])
    else:
        typer.echo(f"{report}\n{output / 'index.html'}")


@app.command()
def register(as_json: AsJson = False) -> None:
    """Register the winner of the comparison as challenger; the same bundle twice is one version.

    Run it in the project's root after `dvc repro`.
    """
    from geratriz.registry import release

    done = release.register(Path())
    if as_json:
        _print_json({"name": done.name, "version": done.version, "created": done.created, "release": done.release})
        return
    verb = "registered as" if done.created else "is registered already as"
    typer.echo(f"{done.model} {verb} {done.name} version {done.version}")
    typer.echo("\n".join(["Next:", *(f"  {command}" for command in done.commands)]))


@app.command()
def models(as_json: AsJson = False) -> None:
    """List registered models: versions, aliases, verdicts."""
    import dataclasses

    from geratriz.registry import release

    listed = release.models(Path())
    if as_json:
        _print_json([{**dataclasses.asdict(each), "created": each.created.isoformat()} for each in listed])
        return
    if not listed:
        typer.echo("No model is registered yet. `python -m pipelines.retrain` makes, judges and registers one.")
    for each in listed:
        aliases = f" ({', '.join(each.aliases)})" if each.aliases else ""
        figures = "  ".join(f"{name} {value:.4g}" for name, value in each.metrics.items())
        verdicts = f"{each.verdict}, privacy {each.privacy}"
        typer.echo(f"{each.name} version {each.version}{aliases}: {each.model}, {verdicts}  {figures}")


@app.command()
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
        _print_json({"name": done.name, "version": done.version, "previous": done.previous, "moved": done.moved})
        return
    typer.echo(f"{name} version {done.version} {'is the champion now' if done.moved else 'was the champion already'}.")
    typer.echo(f"Next: geratriz sample models:/{name}@champion -n 1000 -o sample.parquet")


@app.command()
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
        _print_json({"name": done.name, "version": done.version, "previous": done.previous, "moved": done.moved})
        return
    typer.echo(f"{name} version {done.version} is the champion again, version {done.previous} the previous one.")


@app.command()
def history(name: Name, as_json: AsJson = False) -> None:
    """Show who promoted what, when and why, the latest first.

    Example: geratriz history adult
    """
    import dataclasses

    from geratriz.registry.history import history as read

    records = read(Path(), name)
    if as_json:
        _print_json([dataclasses.asdict(each) for each in records])
        return
    if not records:
        typer.echo(f"No version of {name} was ever promoted. `geratriz promote {name}` does.")
    for each in reversed(records):
        came = "none" if each.from_version is None else str(each.from_version)
        typer.echo(f"{each.at}  {each.what} {came} -> {each.version} by {each.by} ({each.how})")
        for line in filter(None, (each.reason, *each.reasons)):
            typer.echo(f"  {line}")


@app.command()
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
        _print_json([dataclasses.asdict(each) for each in findings])
    else:
        for each in findings:
            typer.echo(f"{each.name}: {each.text}")
        typer.echo("Everything agrees." if not findings else f"{len(findings)} findings.")
    if findings:
        raise typer.Exit(1)


@app.command()
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


@app.command()
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


@app.command()
def gc(
    older_than: Annotated[float, typer.Option(help="Days; what was touched since stays.", min=0)] = 14,
    cache: Annotated[bool, typer.Option("--cache", help="Look at DVC's cache as well.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without this nothing goes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Clean up after retraining: worktrees, branches, refs, checkpoints, pages. Lists only, unless --yes is given.

    Example: geratriz gc --older-than 30 --cache
    """
    from geratriz import retention

    items = retention.find(Path(), days=older_than, cache=cache)
    going = [each for each in items if each.goes]
    if yes:
        for each in going:
            each.remove()
    if as_json:
        _print_json(
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


class _Progress(NullTracker):
    """A bar with the time left on standard error, one line at the end where that is no terminal; also a tracker."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task(title, total=1, losses="")

    def __enter__(self) -> "_Progress":
        self._bar.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._bar.stop()

    def move(self, done: int, of: int, losses: str = "") -> None:
        self._bar.update(self._task, completed=done, total=of, losses=losses)

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        self.move(step, steps, "  ".join(f"{name} {value:.4g}" for name, value in values.items()))

    def note(self, text: str) -> None:
        self._bar.console.print(text, highlight=False)


def _working(title: str) -> AbstractContextManager[Any]:
    """A sign on standard error, where that is a terminal, that a command without steps is at work."""
    from rich.console import Console
    from rich.text import Text

    return Console(stderr=True).status(Text(f"{title}, which takes a while"))  # a name in brackets is no markup


def _ask(offer: "Offer") -> bool:
    """Show what speaks for a promotion, and ask."""
    for reason in offer.reasons:
        typer.echo(f"  - {reason}")
    return typer.confirm(f"Make {offer.name} version {offer.version} the champion?")


def _form(size: str | None) -> Any:
    """The form of images that ``HEIGHTxWIDTH`` asks for."""
    from geratriz.data.image_prepare import ImageForm

    if size is None:
        return ImageForm()
    height, by, width = size.lower().partition("x")
    if not (by and height.isdigit() and width.isdigit() and int(height) and int(width)):
        raise ConfigError(f"--size got {size!r}, expected HEIGHTxWIDTH such as 64x48.")
    return ImageForm(height=int(height), width=int(width))


def _any_order(model: str) -> "Autoregressive":
    """The generator, of the kind that has the distribution of any part of a row given the rest."""
    from geratriz.generators.autoregressive import Autoregressive
    from geratriz.registry import release

    generator = release.load(model)
    if isinstance(generator, Autoregressive):
        return generator
    raise RequestError(
        f"{model} is a generator of kind {generator.kind}, which does not know how likely a row is, nor a cell given "
        "the others. Of all kinds autoregressive does: geratriz fit DATA --kind autoregressive -o MODEL."
    )


def _labels(where: list[str] | None) -> dict[str, Any]:
    """What ``--where`` asks of images: a label is a name, also one that YAML would read as a number, yes or null."""
    return _pairs(where or [], "--where", RequestError, read=_unquoted)


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _pairs(
    texts: list[str], option: str, error: type[GeratrizError], read: Callable[[str], Any] | None = None
) -> dict[str, Any]:
    """``key=value`` texts as a mapping; values are read as YAML, unless told: 'text', 12, 0.5, true, null."""
    import yaml

    read = read or yaml.safe_load
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise error(f"{option} got {text!r}, expected NAME=VALUE.")
        try:
            pairs[key.strip()] = read(value)
        except yaml.YAMLError:
            pairs[key.strip()] = value.strip()
    return pairs


def _print_json(content: Mapping[str, Any] | list[Any]) -> None:
    sys.stdout.write(json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
