"""Geratriz in Python: the functions that ``import geratriz`` offers, and the report that one of them gives.

The command line is a thin layer over them.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

from geratriz import __version__, bundle
from geratriz import config as settings_of
from geratriz.data.contract import read_suite
from geratriz.data.rules import Rules, not_enforced
from geratriz.data.stream import Origin
from geratriz.data.table import Table
from geratriz.errors import ConfigError, RequestError
from geratriz.generators import catalog, draw
from geratriz.generators.base import Generator
from geratriz.promotion import Privacy, PrivacyLimits
from geratriz.registry import release
from geratriz.tracking import NullTracker, Tracker

Model = Generator[Any] | Path | str  # a generator in hand, its folder, or its address in the registry


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A metric's value, the 95 % interval around it, and the landmarks it stands between."""

    value: float
    low: float
    high: float
    floor: float | None
    """What columns drawn independently score."""
    ceiling: float | None
    """What fresh real rows score."""
    better: Literal["higher", "lower"]
    chance: float | None = None
    """Of a metric of privacy: what it is where nothing leaks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What was measured on synthetic rows. ``print`` shows it as a table, :meth:`write` as a page."""

    title: str
    scores: Mapping[str, Measured]
    """By the metric's name: ``report.scores["detection"].value``."""
    privacy: Privacy
    """What the attacks found: ``report.privacy.outcome`` is ``passed``, ``leak`` or ``unproven``."""
    content: Mapping[str, Any]
    """All of it, as metrics.json has it."""

    def to_json(self) -> Mapping[str, Any]:
        """The content of metrics.json: metrics, verdict, numbers of rows, and details by column and pair."""
        return self.content

    def write(self, folder: Path | str) -> None:
        """Write ``metrics.json`` and the page ``index.html`` into ``folder``, which is made."""
        from geratriz.report.page import Page
        from geratriz.stages import evaluate as stage

        stage.write(self.content, Page(title=self.title, report=self.content), Path(folder))

    def __str__(self) -> str:
        from geratriz.stages import evaluate as stage

        return stage.table_of(self.content).rstrip("\n")


def fit(
    table: Table,
    kind: str = "tvae",
    *,
    seed: int = 0,
    config: Any = None,
    device: str = "auto",
    tracker: Tracker | None = None,
    checkpoint: Path | str | None = None,
    contract: Path | str | None = None,
    **settings: Any,
) -> Generator[Any]:
    """Learn the distribution of ``table``, but for values that few rows share (``rare`` in the table's overrides).

    >>> generator = geratriz.fit(table, kind="tvae", seed=0, epochs=10)
    >>> generator.save("models/mine")

    Args:
        table: the rows to learn from.
        kind: which generator, an entry of ``geratriz.generators.catalog``.
        seed: of everything random; equal tables, settings, seeds and threads give equal generators.
        config: the settings as an object, such as ``TvaeConfig(epochs=10)``, in place of ``settings``.
        device: ``cpu``, ``cuda``, or ``auto`` for the best there is.
        tracker: told of the losses while they fall.
        checkpoint: a folder; the same fit, cut off and run again with it, goes on where it was and ends in the same
            bytes.
        contract: a suite of expectations, JSON. Its critical rules about single rows hold in every row that is drawn.
        settings: of the generator, by the names they have in params.yaml; the rest keep their defaults.

    Raises:
        ConfigError: no such generator or setting (the nearest is named), or a value it cannot have; no such contract.
        DataError: the table cannot be learnt from, or breaks the contract's rules.
        TrainingError: the fit went wrong, or what was learnt does not keep the rules.
    """
    generator_cls = catalog.find(kind)
    if config is None:
        config = settings_of.load(generator_cls.config_cls, settings, kind)
    elif settings:
        raise ConfigError(f"fit got config and {', '.join(settings)} beside it; say all of it in one of the two.")
    rules = None
    if contract is not None:
        suite = read_suite(Path(contract))
        rules = Rules.of(suite)
        for each in not_enforced(suite):
            (tracker or NullTracker()).note(f"rows are not made to keep this rule of the contract: {each}")
    return generator_cls.fit(
        _a_table("fit", table),
        config,
        seed=seed,
        device=device,
        tracker=tracker,
        checkpoint=None if checkpoint is None else Path(checkpoint),
        rules=rules,
    )


def load(model: Path | str) -> Generator[Any]:
    """The generator in a folder, or in the registry.

    >>> generator = geratriz.load("models:/adult@champion")  # or models:/adult/3, or models/mine
    >>> rows = generator.sample(1000, seed=1)

    Raises:
        BundleError: the folder holds none, or a damaged one.
        RegistryError: the address names nothing, or the registry does not answer.
    """
    return release.load(model)


@overload
def sample(
    model: Model,
    n: int,
    *,
    seed: int,
    where: Mapping[str, Any] | None = ...,
    out: None = ...,
    start: int = ...,
    jobs: int | None = ...,
    told: None = ...,
) -> Table: ...
@overload
def sample(
    model: Model,
    n: int,
    *,
    seed: int,
    where: Mapping[str, Any] | None = ...,
    out: Path | str,
    start: int = ...,
    jobs: int | None = ...,
    told: Callable[[int], None] | None = ...,
) -> Path: ...
def sample(
    model: Model,
    n: int,
    *,
    seed: int,
    where: Mapping[str, Any] | None = None,
    out: Path | str | None = None,
    start: int = 0,
    jobs: int | None = 1,
    told: Callable[[int], None] | None = None,
) -> Table | Path:
    """``n`` new rows: in memory, or, with ``out``, in a file of any size.

    >>> rich = geratriz.sample(generator, 1000, seed=1, where={"income": ">50K"}).frame
    >>> geratriz.sample("models:/adult@champion", 5_000_000, seed=1, out="rows.parquet", jobs=4)

    A file is written in bounded memory and carries its provenance: ``geratriz provenance FILE`` prints it.

    Args:
        model: a generator, the folder of one, or its address in the registry.
        n: how many rows.
        seed: of the rows; equal seeds give equal rows, however many processes draw them.
        where: values that columns must have; the rest follows given them.
        out: Parquet, CSV (``.csv``, ``.csv.gz``) or JSON lines (``.jsonl``, ``.jsonl.gz``), by its ending.
        start: the first row of the endless table that ``seed`` and ``where`` name: rows 0 to 10 and, with ``start=10``,
            another 10 are the rows 0 to 20.
        jobs: processes that draw; as many as pay when None. More than one need ``if __name__ == "__main__":`` around
            what a script does.
        told: called with the number of rows written so far.

    Returns:
        The rows, or the path of the file that holds them.

    Raises:
        RequestError: ``n``, ``start`` or ``jobs`` is out of range, ``where`` asks for what was never seen, or ``out``
            cannot be written; a file that was there is left as it was.
        BundleError, RegistryError: as :func:`load`.
    """
    if out is None:
        generator = model if isinstance(model, Generator) else release.load(model)
        return draw.table(generator, draw.Order(rows=n, seed=seed, where=where or {}, start=start), jobs=jobs)
    found = _in_hand(model) if isinstance(model, Generator) else release.find(model)
    order = draw.Order(rows=n, seed=seed, where=where or {}, start=start)
    draw.write(found.generator, Path(out), order, origin=found.origin, jobs=jobs, told=told)
    return Path(out)


def evaluate(
    train: Table,
    test: Table,
    synthetic: Table,
    *,
    contract: Path | str | None = None,
    title: str = "Synthetic rows",
    **settings: Any,
) -> Report:
    """Judge synthetic rows, whoever made them.

    >>> report = geratriz.evaluate(train, test, rows)
    >>> report.scores["detection"].value, report.scores["detection"].ceiling
    >>> report.write("report")

    Half of ``test`` stands in for fresh real rows: they show what each metric says of a perfect generator. The privacy
    verdict rests on attacks, under the limits that params.yaml has by default.

    Args:
        train: the rows the generator learnt from; its schema, target included, is that of all three.
        test: real rows it never saw.
        synthetic: the rows to judge.
        contract: a suite of expectations, JSON, to hold the synthetic rows against.
        title: of the page.
        settings: as in the section ``evaluate`` of params.yaml: ``seed``, ``bootstrap``, ``max_rows``.

    Raises:
        ConfigError: no such setting.
        DataError: the tables have not the same columns, or too few rows.
    """
    from geratriz.evaluate import suite
    from geratriz.evaluate.base import EvaluateConfig, Trio
    from geratriz.stages import evaluate as stage

    chosen = settings_of.load(EvaluateConfig, settings, "evaluate")
    rules = None if contract is None else read_suite(Path(contract))
    schema = _a_table("evaluate", train).schema
    held, rows = (Table.from_frame(_a_table("evaluate", each).frame, schema=schema) for each in (test, synthetic))
    fresh, held = suite.halve(held)
    marks = suite.landmarks(train, fresh, held, chosen, rules)
    trio = Trio(train=train, test=held, fresh=fresh, synthetic=rows, config=chosen, rows=marks.rows, suite=rules)
    content = stage.assess(trio, marks, gates=None, limits=PrivacyLimits())
    scores = {name: settings_of.load(Measured, entry, name) for name, entry in content["metrics"].items()}
    return Report(title=title, scores=scores, privacy=Privacy.of(content["privacy"]), content=content)


def _a_table(verb: str, given: Any) -> Table:
    if not isinstance(given, Table):
        raise RequestError(
            f"{verb} takes a geratriz.Table, got a {type(given).__name__}. Table.read(path, target=...) reads one, "
            "Table.from_frame(frame, target=...) makes one of a pandas frame."
        )
    return given


def _in_hand(generator: Generator[Any]) -> release.Found:
    """A generator that was never saved is known by the bundle it would be saved as."""
    with tempfile.TemporaryDirectory() as scratch:
        generator.save(scratch)
        origin = Origin(bundle=bundle.digest(Path(scratch)), geratriz=__version__)
    return release.Found(generator=generator, origin=origin)
