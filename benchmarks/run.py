"""Measure what docs/benchmarks.md says, cell by cell; a cell that stands in results/ is not measured again.

    make bench                              all that is missing
    python -m benchmarks.run --only tables --sets magic,adult --models ctgan,peer_tvae
    python -m benchmarks.run --only tables --sets loans:defaulted     GERATRIZ_DATA/loans.parquet and its target
    python -m benchmarks.run --only tables --quick FOLDER             does all of it run? minutes; into FOLDER
    python -m benchmarks.run --again elsewhere   measure anew what another machine measured; all: everything

Run it on a machine that does nothing else. Timings are printed, never asserted.
"""

import argparse
import itertools
import os
from functools import partial
from pathlib import Path

from benchmarks import images, page, pipeline, sampling, scale, tables, tables_page
from benchmarks.cells import RESULTS, Again, Cell, keep

ROOT = Path(__file__).parent.parent
SEEDS = (0, 1, 2)
DIVISIONS = range(20)  # of Adult, for the privacy verdict
PARTS = ("tables", "cores", "scale", "sampling", "privacy", "images", "pipeline", "stack", "page")


def main() -> None:
    """Measure what is missing and write docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, help="this part alone; page: measure nothing, write")
    parser.add_argument("--sets", type=_sets, default=tables.SETS, metavar="NAME[:TARGET],...", help="of tables")
    parser.add_argument("--models", type=_models, default=tables.MODELS, metavar="NAME,...", help="of tables")
    parser.add_argument("--again", choices=("elsewhere", "all"), help="which cells that stand are measured anew")
    parser.add_argument("--quick", type=Path, metavar="FOLDER", help="of tables: few rows, shortest fits, one seed")
    given = parser.parse_args()
    os.environ.update({name: os.environ.get(name, value) for name, value in tables.OF_A_USER.items()})
    results, docs = (given.quick / "results", given.quick) if given.quick else (RESULTS, ROOT / "docs")
    if (given.only or "tables") == "tables":
        for name, model, seed in tables.plan(given.sets, given.models, SEEDS[:1] if given.quick else SEEDS):
            about = {"table": name, "target": given.sets[name], "model": model, "seed": seed}
            measure = partial(tables.measured, **about, quick=given.quick is not None)
            keep(results / f"{name}-{model}-{seed}.json", measure, again=given.again, about=about)
    if not given.quick:
        _others(given.only, again=given.again)
    print(page.write(results, docs).read_text())


def _others(only: str | None, *, again: Again | None) -> None:
    """All but the tables."""
    pinned = len(os.sched_getaffinity(0)) < (os.cpu_count() or 1)
    if pinned and only in (None, "cores"):
        print("cores: left out, as this process may not use all of them. Run `--only cores` without taskset.")
    elif only in (None, "cores"):
        for (name, model), seed in itertools.product(tables_page.ASKED, SEEDS):
            if name == "adult":
                keep(RESULTS / f"cores-{model}-{seed}.json", partial(tables.timed, model, seed), again=again)
    if only in (None, "scale"):
        for shape in (*map(str, scale.ROWS), *scale.SHAPES):
            for kind in scale.KINDS:
                keep(RESULTS / f"scale-{kind}-{shape}.json", partial(scale.measured, kind, shape), again=again)
    if only in (None, "sampling"):
        for kind in tables.KINDS:
            keep(RESULTS / f"sampling-{kind}.json", partial(sampling.measured, kind), again=again)
    if only in (None, "privacy"):
        keep(RESULTS / f"{page.ATTACKS}.json", attacks, again=again)
        for seed in DIVISIONS:
            keep(RESULTS / f"privacy-{seed}.json", partial(verdicts, seed), again=again)
    if only in (None, "images"):
        for model in images.MODELS:
            for seed in SEEDS:
                keep(
                    RESULTS / f"images-{model}-{seed}.json", partial(images.measured, model, seed, RESULTS), again=again
                )
        keep(RESULTS / "images-evaluation.json", images.evaluation, again=again)
    if only in (None, "pipeline"):
        keep(RESULTS / "pipeline.json", pipeline.measured, again=again)
    if only in (None, "stack"):
        for part in ("handover", "twenty"):
            keep(RESULTS / f"stack-{part}.json", partial(servers, part), again=again)


def attacks() -> Cell:
    """How long all attacks on one model's rows take, on one thread."""
    return {"seconds": verdicts(0, ())["judged"]["independent"]["seconds"]}


def verdicts(seed: int, shares: tuple[float, ...] | None = None) -> Cell:
    """The privacy verdict on rows that leak and on rows that do not; large leaks in the first divisions alone."""
    from benchmarks.privacy import judged
    from geratriz.table.data.table import Table

    if shares is None:
        shares = (0.01, 0.1, 0.5) if seed in SEEDS else (0.01,)
    table = Table.from_frame(tables.raw("adult"), target=tables.SETS["adult"])
    return {"judged": judged(table, seed, shares)}


def servers(part: str) -> Cell:
    """PostgreSQL, S3, MLflow, Prefect and workers on this machine."""
    from benchmarks.stack import measured

    return measured((part,))


def _sets(text: str) -> dict[str, str]:
    """The sets that were asked for, with their targets."""
    found = {}
    for each in text.split(","):
        name, _, target = each.partition(":")
        if not target and name not in tables.SETS:
            raise argparse.ArgumentTypeError(f"{name} is not bundled; say its target: {name}:TARGET")
        found[name] = target or tables.SETS[name]
    return found


def _models(text: str) -> tuple[str, ...]:
    """The models that were asked for."""
    names = tuple(text.split(","))
    for name in names:
        if name not in tables.MODELS:
            raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(tables.MODELS)}")
    return names


if __name__ == "__main__":
    main()
