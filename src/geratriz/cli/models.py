"""Commands for who works with generators: fit, sample, walk, impute, score, evaluate, and where rows came from."""

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
    print_json,
    working,
)
from geratriz.errors import ConfigError, DataError, RequestError

if TYPE_CHECKING:
    from geratriz.table.generators.autoregressive import Autoregressive

SCORE = "log_likelihood"  # the column that `score` adds


def fit(
    data: Data,
    output: Annotated[Path, typer.Option("-o", help="Folder for the generator's bundle.", metavar="MODEL")],
    kind: Annotated[
        str | None,
        typer.Option(help="Generator; if not given, autoregressive for a table and image_vae for images."),
    ] = None,
    target: Target = None,
    seed: Seed = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Setting of the generator, as in params.yaml.", metavar="KEY=VALUE"),
    ] = None,
    schema: Kinds = None,
    contract: Annotated[
        Path | None, typer.Option(help="Suite whose critical row rules hold in every row that is drawn.")
    ] = None,
    size: Size = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Fit a generator to a table or to images. Run again after an interrupt, it resumes where it was.

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
    known = domains.prepare(domain).read(data, _options(target, schema, contract, size))
    if output.exists() and not output.is_dir():
        raise ConfigError(f"-o {output} is a file; a generator is saved into a folder. Name another one.")
    try:
        with Bar(f"fitting {generator_cls.kind}") as bar:
            generator = geratriz.fit(
                known,
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
        typer.echo(f"\n{str(stop) or 'interrupted while the bundle was written: run it again.'}", err=True)
        raise typer.Exit(INTERRUPTED) from None
    words = domains.words(domain)
    typer.echo(
        f"{output}: {generator.kind} fitted on {len(known):,} {words.UNIT}. Next: geratriz sample {output} "
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
            help="File; .parquet, .csv, .csv.gz, .jsonl or .jsonl.gz. Images: .png (a grid), .parquet or a folder.",
        ),
    ],
    where: Annotated[
        list[str] | None, typer.Option(help="Value that a column must have; may be repeated.", metavar="COLUMN=VALUE")
    ] = None,
    seed: Seed = 0,
    start: Annotated[
        int, typer.Option(help="First row of the endless table that the seed names.", parser=count, metavar="ROW")
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
    from geratriz import domains
    from geratriz.output import read_provenance
    from geratriz.registry import release

    found = release.find(model)
    with Bar(f"sampling {output.name}") as bar:
        geratriz.sample(
            found,
            rows,
            seed=seed,
            where=pairs(where or [], "--where", RequestError, read=domains.draw(found.kind).parse),
            out=output,
            start=start,
            jobs=jobs,
            on_progress=lambda done: bar.move(done, rows),
        )
    unit = domains.words(found.kind).UNIT
    typer.echo(f"{output}: {rows:,} {unit}. `geratriz provenance {output}` says where they come from.")
    acceptance = read_provenance(output)["acceptance"]
    if acceptance < 1:
        typer.echo(f"{acceptance:.2%} of the rows drawn kept the contract's rules; the others were drawn again.")


def interpolate(
    model: Model,
    output: Annotated[Path, typer.Option("-o", help="Picture, .png.")],
    steps: Annotated[int, typer.Option(help="Images per walk.")] = 8,
    walks: Annotated[int, typer.Option("-n", help="Number of walks, one per row.")] = 8,
    where: Annotated[list[str] | None, typer.Option(help="label=NAME", metavar="label=NAME")] = None,
    seed: Seed = 0,
) -> None:
    """Draw images along lines from one latent to another: smooth changes show that a space was learnt.

    Example: geratriz interpolate models:/fashion@champion -o walks.png --where label=bag
    """
    from geratriz.images import draw
    from geratriz.images.generators.base import ImageGenerator
    from geratriz.images.output import check_path
    from geratriz.registry import release

    if output.suffix != ".png":
        raise RequestError(f"-o {output}: a picture of walks ends in .png.")
    check_path(output)
    found = release.find(model)
    if not isinstance(found.generator, ImageGenerator):
        raise RequestError(f"{model} is a generator of tables; walks are drawn by generators of images.")
    conditions = pairs(where or [], "--where", RequestError, read=draw.parse)
    draw.walk(found.generator, output, steps, walks=walks, seed=seed, where=conditions, origin=found.origin)
    typer.echo(f"{output}: {walks} walks of {steps} images.")


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
    from geratriz.table.data.table import Table, check_ending

    check_ending(output)
    generator = _any_order(model)
    table = Table.read(data, schema=generator.schema)
    filled = generator.impute(table, seed=seed)
    filled.write(output)
    before, after = (int(each.frame.isna().sum().sum()) for each in (table, filled))
    left = f"; {after:,} stay missing in columns that are not learnt or were never filled" if after else ""
    typer.echo(f"{output}: {len(filled):,} rows, {before - after:,} cells filled in{left}.")


def score(
    model: Model,
    data: Annotated[Path, typer.Argument(help="Rows, Parquet or CSV.", metavar="DATA")],
    output: Annotated[Path, typer.Option("-o", help="File, .parquet or .csv: the rows and `log_likelihood`.")],
) -> None:
    """Say how likely each row of a table is: its exact log likelihood in nats. Errors and outliers come out lowest.

    Example: geratriz score models:/adult@champion new.parquet -o scored.parquet

    A density where numbers are on no grid, else a probability; rows are to be compared with others of the same model.
    """
    from geratriz.table.data.table import Table, check_ending, write_frame

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


def provenance(
    file: Annotated[Path, typer.Argument(help="A file or folder that `geratriz sample` wrote.", metavar="FILE")],
    as_json: AsJson = False,
) -> None:
    """Say where the rows in a file come from: generator, seed, conditions, which rows, verdict.

    Example: geratriz provenance out.parquet
    """
    from geratriz.output import read_provenance

    content = read_provenance(file)
    if as_json:
        print_json(content)
        return
    for name, value in content.items():
        typer.echo(f"{name:<9} {json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value}")


def evaluate(
    train: Annotated[Path, typer.Option(help="Rows or images the generator learnt from.")],
    test: Annotated[Path, typer.Option(help="Real rows or images it never saw.")],
    synthetic: Annotated[Path, typer.Option(help="Synthetic rows or images to evaluate.")],
    output: Annotated[Path, typer.Option("-o", help="Folder for metrics.json and index.html.", metavar="REPORT")],
    target: Target = None,
    contract: Annotated[Path | None, typer.Option(help="Suite to check the synthetic rows against.")] = None,
    schema: Kinds = None,
    size: Size = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate synthetic rows or images, whoever made them.

    Half of TEST stands in for fresh real data: they show what each metric says of a perfect generator.

    Example: geratriz evaluate --train a.parquet --test b.parquet --synthetic c.parquet -o report --target income
    """
    import geratriz
    from geratriz import domains

    port = domains.prepare(domains.of_path(train))
    options = _options(target, schema, contract, size)
    real = port.read(train, options, to_fit=False)
    others = (port.read_like(path, real, options) for path in (test, synthetic))
    with working(f"judging {synthetic.name}"):
        report = geratriz.evaluate(real, *others, contract=contract, title=synthetic.name)
    report.write(output)
    if as_json:
        print_json(report.to_json()["metrics"])
    else:
        typer.echo(f"{report}\n{output / 'index.html'}")


def _options(
    target: str | None, schema: list[str] | None, contract: Path | None, size: str | None
) -> dict[str, object]:
    """What the command line says about the data; the domain refuses what is not about it."""
    declared = pairs(schema or [], "--schema", ConfigError)
    return {"target": target, "schema": declared, "contract": contract, "size": size}


def _any_order(model: str) -> "Autoregressive":
    """The generator, of the kind that has the distribution of any part of a row given the rest."""
    from geratriz.registry import release
    from geratriz.table.generators.autoregressive import Autoregressive

    generator = release.load(model)
    if isinstance(generator, Autoregressive):
        return generator
    raise RequestError(
        f"{model} is a generator of kind {generator.kind}, which does not know how likely a row is, nor a cell given "
        "the others. Of all kinds autoregressive does: geratriz fit DATA --kind autoregressive -o MODEL."
    )
