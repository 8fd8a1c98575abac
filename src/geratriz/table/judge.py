"""The port `judge` of tables: landmarks, scores and verdict of synthetic rows, and comparison with a champion."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geratriz import config, seeding
from geratriz.contract import read_suite
from geratriz.parts import PARTS
from geratriz.scoring import content
from geratriz.scoring.difference import DRAWS, Comparison
from geratriz.scoring.landmarks import Landmarks
from geratriz.scoring.verdict import Gate
from geratriz.table.data.schema import Schema
from geratriz.table.data.table import Table
from geratriz.table.evaluate import paired, suite
from geratriz.table.evaluate.details import details
from geratriz.table.evaluate.suite import METRICS as METRICS
from geratriz.table.evaluate.trio import EvaluateConfig, Trio

if TYPE_CHECKING:
    from geratriz.table.generators.base import Generator


def landmarks(prepared: Path, contract: Path, settings: Mapping[str, Any]) -> Landmarks:
    """The floor, columns drawn independently, and the ceiling, the part ``fresh`` scored as synthetic rows."""
    train, fresh, test = _parts(prepared)
    return suite.landmarks(train, fresh, test, _config(settings), read_suite(contract))


def judge(
    prepared: Path,
    synthetic: Path,
    contract: Path,
    marks: Landmarks,
    settings: Mapping[str, Any],
    *,
    gates: Mapping[str, Gate] | None,
    limits: Mapping[str, Any],
) -> tuple[dict[str, Any], Trio]:
    """The content of metrics.json for the rows in ``synthetic``, and the trio that was compared."""
    train, fresh, test = _parts(prepared)
    trio = Trio(
        train=train,
        test=test,
        fresh=fresh,
        synthetic=Table.read(synthetic, schema=train.schema),
        config=_config(settings),
        rows=marks.rows,
        suite=read_suite(contract),
    )
    return assess(trio, marks, gates=gates, limits=limits), trio


def evaluate(
    train: Table, test: Table, synthetic: Table, contract: Path | None, settings: Mapping[str, Any]
) -> tuple[dict[str, Any], Trio]:
    """The same for tables in memory; half of ``test`` serves as fresh real rows."""
    options = _config(settings)
    rules = None if contract is None else read_suite(contract)
    unseen, rows = (Table.from_frame(table.frame, schema=train.schema) for table in (test, synthetic))
    fresh, unseen = suite.halve(unseen)
    marks = suite.landmarks(train, fresh, unseen, options, rules)
    trio = Trio(train=train, test=unseen, fresh=fresh, synthetic=rows, config=options, rows=marks.rows, suite=rules)
    return assess(trio, marks, gates=None, limits=None), trio


def assess(
    trio: Trio, marks: Landmarks, *, gates: Mapping[str, Gate] | None, limits: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The content of metrics.json for a trio whose landmarks are known."""
    return content.assess(trio, marks, METRICS, details, gates=gates, limits=limits)


def compare(
    candidate: "Generator[Any]", champion: "Generator[Any]", prepared: Path, settings: Mapping[str, Any]
) -> Comparison:
    """Compare the candidate with the champion on the test rows, unless the champion has other columns."""
    options = _config(settings)
    schema = Schema.read(prepared / "schema.json")
    test = Table.read(prepared / "test.parquet", schema=schema)
    rows = min(len(test), options.max_rows)
    if _columns(champion.schema) != _columns(schema):
        changed = sorted(name for name, _ in _columns(champion.schema) ^ _columns(schema))
        return Comparison.impossible(
            f"its columns are not those of the current data ({', '.join(dict.fromkeys(changed))})."
        )
    seeds = [seeding.derive(options.seed, "judge", number) for number in range(DRAWS)]
    ours, theirs = (
        [Table.from_frame(generator.sample(rows, seed=seed).frame, schema=schema) for seed in seeds]
        for generator in (candidate, champion)
    )
    return Comparison.of(paired.compare(ours, theirs, test, options))


def _parts(prepared: Path) -> tuple[Table, ...]:
    schema = Schema.read(prepared / "schema.json")
    return tuple(Table.read(prepared / f"{name}.parquet", schema=schema) for name in PARTS)


def _config(settings: Mapping[str, Any]) -> EvaluateConfig:
    return config.load(EvaluateConfig, settings, "evaluate")


def _columns(schema: Schema) -> set[tuple[str, str]]:
    """Names and kinds of the columns; integers and floats are equal here."""
    return {(item.name, "number" if item.kind in ("integer", "float") else item.kind) for item in schema.columns}
