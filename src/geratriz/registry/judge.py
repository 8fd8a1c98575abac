"""Candidate and champion, drawn from and measured against the same held-out rows or images."""

import tempfile
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
        try:
            catalog.load_images(theirs) if images else catalog.load(theirs)
        except BundleError as problem:
            return Comparison.impossible(f"its bundle cannot be read ({problem})")
        return (_images if images else _tables)(mine, theirs, prepared, params.get("evaluate"))


def _tables(mine: Path, theirs: Path, prepared: Path, evaluate: Any) -> Comparison:
    from geratriz.evaluate import paired

    settings = config.load(EvaluateConfig, evaluate, "evaluate")
    schema = Schema.read(prepared / "schema.json")
    test = Table.read(prepared / "test.parquet", schema=schema)
    rows = min(len(test), settings.max_rows)

    def drawn(generator: Generator[Any]) -> list[Table]:
        seeds = _seeds(settings.seed)
        return [Table.from_frame(generator.sample(rows, seed=seed).frame, schema=schema) for seed in seeds]

    reigning = catalog.load(theirs)
    if _columns(reigning.schema) != _columns(schema):
        changed = sorted(name for name, _ in _columns(reigning.schema) ^ _columns(schema))
        return Comparison.impossible(
            f"its columns are not those of the data now ({', '.join(dict.fromkeys(changed))})."
        )
    return Comparison.of(paired.compare(drawn(catalog.load(mine)), drawn(reigning), test, settings))


def _images(mine: Path, theirs: Path, prepared: Path, evaluate: Any) -> Comparison:
    from geratriz.evaluate import image_paired

    settings = config.load(ImageEvaluateConfig, evaluate, "evaluate")
    test = Images.read(prepared / "test")
    count = min(len(test), settings.max_images)

    def drawn(generator: ImageGenerator[Any]) -> list[Images]:
        return [generator.sample(count, seed=seed) for seed in _seeds(settings.seed)]

    reigning = catalog.load_images(theirs)
    if reigning.schema != test.schema:
        return Comparison.impossible(
            f"its images are {_said(reigning.schema)}, those of the data {_said(test.schema)}."
        )
    return Comparison.of(image_paired.compare(drawn(catalog.load_images(mine)), drawn(reigning), test, settings))


def _said(schema: ImageSchema) -> str:
    return f"{schema.height} x {schema.width} x {schema.channels} of {len(schema.classes)} classes"


def _seeds(seed: int) -> list[int]:
    from geratriz.evaluate.paired import DRAWS

    return [seeding.derive(seed, "judge", number) for number in range(DRAWS)]


def _columns(schema: Schema) -> set[tuple[str, str]]:
    """Names and kinds; whole numbers may have become fractions."""
    return {(each.name, "number" if each.kind in ("integer", "float") else each.kind) for each in schema.columns}
