"""Candidate and champion, drawn from and measured against the same held-out rows."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geratriz import config, seeding
from geratriz.data.schema import Schema
from geratriz.data.table import Table
from geratriz.errors import BundleError
from geratriz.evaluate.base import EvaluateConfig
from geratriz.generators import catalog
from geratriz.generators.base import Generator
from geratriz.promotion import Comparison
from geratriz.stages._entry import read_params

if TYPE_CHECKING:
    from geratriz.registry.mlflow import Registry, Version


def compare(registry: "Registry", candidate: "Version", champion: "Version", prepared: Path, root: Path) -> Comparison:
    """How the candidate stands beside the champion, on the test rows in ``prepared``.

    As thoroughly as ``evaluate`` in the params.yaml of ``root`` says. A champion whose columns are not those of the
    data any more, or whose bundle cannot be read any more, is not judged.

    Raises:
        BundleError: the candidate's bundle is damaged.
        DataError: the rows cannot be read, or the candidate's do not fit them.
        RegistryError: MLflow does not answer.
    """
    from geratriz.evaluate import paired

    settings = config.load(EvaluateConfig, read_params(root / "params.yaml").get("evaluate"), "evaluate")
    schema = Schema.read(prepared / "schema.json")
    test = Table.read(prepared / "test.parquet", schema=schema)
    rows = min(len(test), settings.max_rows)

    def drawn(generator: Generator[Any]) -> list[Table]:
        seeds = [seeding.derive(settings.seed, "judge", number) for number in range(paired.DRAWS)]
        return [Table.from_frame(generator.sample(rows, seed=seed).frame, schema=schema) for seed in seeds]

    with tempfile.TemporaryDirectory() as scratch:
        ours = drawn(catalog.load(registry.download(candidate.uri, Path(scratch) / "candidate")))
        folder = registry.download(champion.uri, Path(scratch) / "champion")
        try:
            reigning = catalog.load(folder)
        except BundleError as problem:
            return Comparison.impossible(f"its bundle cannot be read ({problem})")
        if _columns(reigning.schema) != _columns(schema):
            changed = sorted(name for name, _ in _columns(reigning.schema) ^ _columns(schema))
            return Comparison.impossible(
                f"its columns are not those of the data now ({', '.join(dict.fromkeys(changed))})."
            )
        theirs = drawn(reigning)
    return Comparison.of(paired.compare(ours, theirs, test, settings))


def _columns(schema: Schema) -> set[tuple[str, str]]:
    """Names and kinds; whole numbers may have become fractions."""
    return {(each.name, "number" if each.kind in ("integer", "float") else each.kind) for each in schema.columns}
