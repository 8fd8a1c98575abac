"""Commands for generators: fit, sample, interpolate, impute, score, provenance, evaluate."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geratriz.cli.shared import (
    INTERRUPTED,
    AsJson,
    Bar,
    Data,
    Kinds,
    Model,
    Seed,
    Size,
    Target,
    count,
    pairs,
    show,
    working,
)
from geratriz.errors import ConfigError, DataError, RequestError

if TYPE_CHECKING:
    from geratriz.table.data.table import Table
    from geratriz.table.generators.autoregressive import Autoregressive

SCORE = "log_likelihood"  # column that `score` adds


def fit(
    data: Data,
    output: Annotated[Path, typer.Option("-o", help="Folder for the generator.", metavar="MODEL")],
    kind: Annotated[str | None, typer.Option(help="Generator. Default: autoregressive; for images, image_vae.")] = None,
    target: Target = None,
    seed: Seed = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Setting of the generator, as in params.yaml; repeatable.", metavar="KEY=VALUE"),
    ] = None,
    schema: Kinds = None,
    contract: Annotated[Path | None, typer.Option(help="Contract whose critical row rules all samples keep.")] = None,
    size: Size = None,
    device: Annotated[str, typer.Option(help="Device: auto, cpu or cuda.")] = "auto",
) -> None:
    """Fit a generator to a table or to images.

    If it is interrupted, run the same command again to resume.

    Example: geratriz fit adult.csv --kind tvae --target income -o models/mine --set epochs=10

    Example: geratriz fit shoes.zip --kind image_gan -o models/shoes --size 64x64
    """
    import geratriz
    from geratriz import api, domains

    if not data.exists():
        raise DataError(f"{data} does not exist.")
    domain = domains.of_path(data)
    generator_cls = domains.find(domain, kind)
    chosen = api.settings_of(generator_cls, pairs(settings or [], "--set", ConfigError))
    training = domains.prepare(domain).read(data, _options(target, schema, contract, size))
    if output.exists() and not output.is_dir():
        raise ConfigError(f"-o {output} is a file; a generator is saved into a folder. Use another path.")
    try:
        with Bar(f"fitting {generator_cls.kind}") as bar:
            generator = geratriz.fit(
                training,
                generator_cls.kind,
                config=chosen,
                seed=seed,
                device=device,
                tracker=bar,
                checkpoint=output.with_name(f"{output.name}.checkpoint"),
                contract=contract,
            )
            generator.save(output)
    except KeyboardInterrupt as stop:
        typer.echo(f"\n{str(stop) or 'interrupted while the generator was saved: run it again.'}", err=True)
        raise typer.Exit(INTERRUPTED) from None
    words = domains.words(domain)
    typer.echo(
        f"{output}: {generator.kind} fitted on {len(training):,} {words.UNIT}. Next: geratriz sample {output} "
        f"-n {words.SAMPLE}"
    )


def sample(
    model: Model,
    rows: Annotated[
        int, typer.Option("-n", help="Number of rows or images: 500, 100_000, 1e6.", parser=count, metavar="ROWS")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            help="Table: .parquet, .csv, .csv.gz, .jsonl or .jsonl.gz. Images: .png (a grid), .parquet or a folder.",
        ),
    ],
    where: Annotated[
        list[str] | None, typer.Option(help="Condition: a value for a column; repeatable.", metavar="COLUMN=VALUE")
    ] = None,
    seed: Seed = 0,
    start: Annotated[
        int, typer.Option(help="Index of the first row in the sequence of this seed.", parser=count, metavar="ROW")
    ] = 0,
    jobs: Annotated[
        int | None, typer.Option(help="Number of processes; chosen automatically by default. The rows are the same.")
    ] = None,
) -> None:
    """Sample rows or images from a generator, with their provenance.

    Example: geratriz sample models:/adult@champion -n 1e6 -o out.parquet --where "income='>50K'" --seed 7

    Example: geratriz sample models:/fashion@champion -n 64 -o grid.png --where label=dress
    """
    import geratriz
    from geratriz import domains
    from geratriz.output import read_provenance
    from geratriz.registry import release

    source = release.find(model)
    with Bar(f"sampling {output.name}") as bar:
        geratriz.sample(
            source,
            rows,
            seed=seed,
            where=pairs(where or [], "--where", RequestError, read=domains.draw(source.kind).parse),
            out=output,
            start=start,
            jobs=jobs,
            on_progress=lambda done: bar.move(done, rows),
        )
    unit = domains.words(source.kind).UNIT
    typer.echo(f"{output}: {rows:,} {unit}. `geratriz provenance {output}` shows their origin.")
    acceptance = read_provenance(output)["acceptance"]
    if acceptance < 1:
        typer.echo(f"{acceptance:.2%} of the rows drawn kept the contract's rules; the others were drawn again.")


def interpolate(
    model: Model,
    output: Annotated[Path, typer.Option("-o", help="Picture to write, .png.")],
    steps: Annotated[int, typer.Option(help="Number of images per row.")] = 8,
    walks: Annotated[int, typer.Option("-n", help="Number of rows, each with its own walk.")] = 8,
    where: Annotated[list[str] | None, typer.Option(help="Label of the images.", metavar="label=NAME")] = None,
    seed: Seed = 0,
) -> None:
    """Draw images along lines between random points of the latent space.

    Smooth changes show that the generator has learnt a continuous space rather than single images.

    Example: geratriz interpolate models:/fashion@champion -o walks.png --where label=bag
    """
    from geratriz.images import draw
    from geratriz.images.generators.base import ImageGenerator
    from geratriz.images.output import check_path
    from geratriz.registry import release

    if output.suffix != ".png":
        raise RequestError(f"-o {output}: the picture must be a file that ends in .png.")
    check_path(output)
    source = release.find(model)
    if not isinstance(source.generator, ImageGenerator):
        raise RequestError(f"{model} is a generator of tables; interpolate needs a generator of images.")
    conditions = pairs(where or [], "--where", RequestError, read=draw.parse)
    draw.walk(source.generator, output, steps, walks=walks, seed=seed, where=conditions, origin=source.origin)
    typer.echo(f"{output}: {walks} rows of {steps} images.")


def impute(
    model: Model,
    data: Annotated[Path, typer.Argument(help="Table with missing cells, Parquet or CSV.", metavar="DATA")],
    output: Annotated[Path, typer.Option("-o", help="File to write, .parquet or .csv.")],
    seed: Seed = 0,
) -> None:
    """Fill in the missing cells of a table, sampled given the known cells of their row.

    Other cells do not change. Run it with several seeds for several completions; cells on which they agree are certain.

    Example: geratriz impute models/mine holes.csv -o whole.csv
    """
    generator, table = _read(model, data, output)
    filled = generator.impute(table, seed=seed)
    filled.write(output)
    before, after = (int(rows.frame.isna().sum().sum()) for rows in (table, filled))
    left = f"; {after:,} stay missing, in columns that are not learnt or had no values" if after else ""
    typer.echo(f"{output}: {len(filled):,} rows, {before - after:,} cells filled in{left}.")


def score(
    model: Model,
    data: Annotated[Path, typer.Argument(help="Table, Parquet or CSV.", metavar="DATA")],
    output: Annotated[Path, typer.Option("-o", help="File to write, .parquet or .csv.")],
) -> None:
    """Compute the exact log likelihood of each row of a table, in nats.

    Writes the rows with a column `log_likelihood`. Errors and outliers have the lowest values. The likelihood is
    a density for continuous numbers, otherwise a probability; compare only values of the same model.

    Example: geratriz score models:/adult@champion new.parquet -o scored.parquet
    """
    from geratriz.table.data.table import write_frame

    generator, table = _read(model, data, output)
    if SCORE in table.frame:
        raise RequestError(f"{data} has a column {SCORE!r} already, the name of the column to write. Rename it.")
    scores = generator.log_likelihood(table)
    write_frame(table.frame.assign(**{SCORE: scores}), output)
    lowest = ", ".join(f"{row} ({scores[row]:.2f})" for row in scores.argsort()[:3])
    possible = scores[scores > -float("inf")]
    rest = f" over the {len(possible):,} possible ones" if len(possible) < len(scores) else ""
    mean = f"{possible.mean():.2f} nats per row on average{rest}" if len(possible) else "all impossible"
    typer.echo(f"{output}: {len(scores):,} rows, {mean}. The least likely, counted from 0: {lowest}.")


def provenance(
    file: Annotated[Path, typer.Argument(help="File or folder written by `geratriz sample`.", metavar="FILE")],
    as_json: AsJson = False,
) -> None:
    """Show the origin of sampled data: generator, seed, conditions, rows, verdict.

    Example: geratriz provenance out.parquet
    """
    from geratriz.output import read_provenance

    content = read_provenance(file)
    texts = {k: json.dumps(v, ensure_ascii=False) if isinstance(v, dict) else v for k, v in content.items()}
    show(as_json, content, *(f"{name:<9} {text}" for name, text in texts.items()))


def evaluate(
    train: Annotated[Path, typer.Option(help="Training data of the generator.")],
    test: Annotated[Path, typer.Option(help="Real data that the generator has not seen.")],
    synthetic: Annotated[Path, typer.Option(help="Synthetic data to evaluate.")],
    output: Annotated[Path, typer.Option("-o", help="Folder for metrics.json and index.html.", metavar="REPORT")],
    target: Target = None,
    contract: Annotated[Path | None, typer.Option(help="Contract to check the synthetic rows against.")] = None,
    schema: Kinds = None,
    size: Size = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate synthetic rows or images from any generator.

    Half of the test data serve as fresh real data, whose scores are those of a perfect generator.

    Example: geratriz evaluate --train a.parquet --test b.parquet --synthetic c.parquet -o report --target income
    """
    import geratriz
    from geratriz import domains

    port = domains.prepare(domains.of_path(train))
    options = _options(target, schema, contract, size)
    real = port.read(train, options, to_fit=False)
    others = (port.read_like(path, real, options) for path in (test, synthetic))
    with working(f"evaluating {synthetic.name}"):
        report = geratriz.evaluate(real, *others, contract=contract, title=synthetic.name)
    report.write(output)
    show(as_json, report.to_json()["metrics"], str(report), str(output / "index.html"))


def _options(
    target: str | None, schema: list[str] | None, contract: Path | None, size: str | None
) -> dict[str, object]:
    """Options about the data; a kind of data rejects those of the other."""
    declared = pairs(schema or [], "--schema", ConfigError)
    return {"target": target, "schema": declared, "contract": contract, "size": size}


def _read(model: str, data: Path, output: Path) -> "tuple[Autoregressive, Table]":
    """Load a generator that models any part of a row given the rest, and a table with its schema."""
    from geratriz.registry import release
    from geratriz.table.data.table import Table, check_ending
    from geratriz.table.generators.autoregressive import Autoregressive

    check_ending(output)
    generator = release.load(model)
    if isinstance(generator, Autoregressive):
        return generator, Table.read(data, schema=generator.schema)
    raise RequestError(
        f"{model} is a generator of kind {generator.kind}, which does not model a row or cell given the others. "
        "Only autoregressive does: geratriz fit DATA --kind autoregressive -o MODEL."
    )
