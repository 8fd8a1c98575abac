"""Candidate and champion, drawn from and measured against the same held-out rows or images."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geratriz import config, seeding
from geratriz.data.images import Images, ImageSchema
from geratriz.data.schema import Schema
from geratriz.data.table import Table
from geratriz.errors import BundleError
from geratriz.evaluate.base import EvaluateConfig
from geratriz.evaluate.image_base import ImageEvaluateConfig
from geratriz.generators import catalog
from geratriz.generators.base import Generator
from geratriz.generators.image_base import ImageGenerator
from geratriz.promotion import Comparison
from geratriz.registry.evidence import of_images
from geratriz.stages._entry import read_params

if TYPE_CHECKING:
    from geratriz.registry.mlflow import Registry, Version


def compare(registry: "Registry", candidate: "Version", champion: "Version", prepared: Path, root: Path) -> Comparison:
    """How the candidate stands beside the champion, on the test rows or images in ``prepared``.

    As thoroughly as ``evaluate`` in the params.yaml of ``root`` says. A champion whose columns, or whose size and
    classes, are not those of the data any more, or whose bundle cannot be read any more, is not judged.

    Raises:
        BundleError: the candidate's bundle is damaged.
        DataError: the data cannot be read, or the candidate's do not fit them.
        RegistryError: MLflow does not answer.
    """
    params = read_params(root / "params.yaml")
    images = of_images(params)
    with tempfile.TemporaryDirectory() as scratch:
        mine, theirs = (
            registry.download(each.uri, Path(scratch) / name)
            for each, name in ((candidate, "candidate"), (champion, "champion"))
        )
        load: Callable[[Path], Any] = catalog.load_images if images else catalog.load
        challenger = load(mine)
        try:
            reigning = load(theirs)
        except BundleError as problem:
            return Comparison.impossible(f"its bundle cannot be read ({problem})")
        return (_images if images else _tables)(challenger, reigning, prepared, params.get("evaluate"))


def _tables(candidate: Generator[Any], champion: Generator[Any], prepared: Path, evaluate: Any) -> Comparison:
    from geratriz.evaluate import paired

    settings = config.load(EvaluateConfig, evaluate, "evaluate")
    schema = Schema.read(prepared / "schema.json")
    test = Table.read(prepared / "test.parquet", schema=schema)
    rows = min(len(test), settings.max_rows)
    if _columns(champion.schema) != _columns(schema):
        changed = sorted(name for name, _ in _columns(champion.schema) ^ _columns(schema))
        return Comparison.impossible(
            f"its columns are not those of the data now ({', '.join(dict.fromkeys(changed))})."
        )
    ours, theirs = (
        [Table.from_frame(each.sample(rows, seed=seed).frame, schema=schema) for seed in _seeds(settings.seed)]
        for each in (candidate, champion)
    )
    return Comparison.of(paired.compare(ours, theirs, test, settings))


def _images(candidate: ImageGenerator[Any], champion: ImageGenerator[Any], prepared: Path, evaluate: Any) -> Comparison:
    from geratriz.evaluate import image_paired

    settings = config.load(ImageEvaluateConfig, evaluate, "evaluate")
    test = Images.read(prepared / "test")
    count = min(len(test), settings.max_images)
    if champion.schema != test.schema:
        return Comparison.impossible(
            f"its images are {_said(champion.schema)}, those of the data {_said(test.schema)}."
        )
    ours, theirs = ([each.sample(count, seed=seed) for seed in _seeds(settings.seed)] for each in (candidate, champion))
    return Comparison.of(image_paired.compare(ours, theirs, test, settings))


def _said(schema: ImageSchema) -> str:
    return f"{schema.height} x {schema.width} x {schema.channels} of {len(schema.classes)} classes"


def _seeds(seed: int) -> list[int]:
    from geratriz.evaluate.paired import DRAWS

    return [seeding.derive(seed, "judge", number) for number in range(DRAWS)]


def _columns(schema: Schema) -> set[tuple[str, str]]:
    """Names and kinds; whole numbers may have become fractions."""
    return {(each.name, "number" if each.kind in ("integer", "float") else each.kind) for each in schema.columns}
