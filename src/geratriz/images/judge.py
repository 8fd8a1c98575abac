"""The port `judge` of images: landmarks, scores and verdict of synthetic images, and comparison with a champion."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geratriz import config, seeding
from geratriz.errors import ConfigError, DataError
from geratriz.images.data.form import read
from geratriz.images.data.images import Images, ImageSchema
from geratriz.images.evaluate import paired, suite
from geratriz.images.evaluate.details import details
from geratriz.images.evaluate.suite import METRICS as METRICS
from geratriz.images.evaluate.trio import ImageEvaluateConfig, ImageTrio
from geratriz.parts import PARTS
from geratriz.scoring import content
from geratriz.scoring.difference import DRAWS, Comparison
from geratriz.scoring.landmarks import Landmarks
from geratriz.scoring.verdict import Gate

if TYPE_CHECKING:
    from geratriz.images.generators.base import ImageGenerator


def landmarks(prepared: Path, contract: Path, settings: Mapping[str, Any]) -> Landmarks:
    """The floor, pixels drawn independently; the ceiling, the part ``fresh``; the same blurred; and copies."""
    del contract  # it is about files, which synthetic images lack
    train, fresh, test = _parts(prepared)
    return suite.landmarks(train, fresh, test, _config(settings))


def judge(
    prepared: Path,
    synthetic: Path,
    contract: Path,
    marks: Landmarks,
    settings: Mapping[str, Any],
    *,
    gates: Mapping[str, Gate] | None,
    limits: Mapping[str, Any],
) -> tuple[dict[str, Any], ImageTrio]:
    """The content of metrics.json for the images in ``synthetic``, and the trio that was compared."""
    del contract
    train, fresh, test = _parts(prepared)
    trio = ImageTrio(
        train=train,
        test=test,
        fresh=fresh,
        synthetic=read(synthetic, train.schema),
        config=_config(settings),
        images=marks.rows,
    )
    return assess(trio, marks, gates=gates, limits=limits), trio


def evaluate(
    train: Images, test: Images, synthetic: Images, contract: Path | None, settings: Mapping[str, Any]
) -> tuple[dict[str, Any], ImageTrio]:
    """The same for images in memory; half of ``test`` serves as fresh real images.

    Raises:
        ConfigError: a contract is given.
        DataError: the sets have different schemas.
    """
    if contract is not None:
        raise ConfigError(f"evaluate got the contract {contract} with images; a contract is about the rows of a table.")
    options = _config(settings)
    for images in (test, synthetic):
        if images.schema != train.schema:
            raise DataError(f"evaluate compares images of one schema; got {images.schema} and {train.schema}.")
    fresh, unseen = suite.halve(test)
    marks = suite.landmarks(train, fresh, unseen, options)
    trio = ImageTrio(train=train, test=unseen, fresh=fresh, synthetic=synthetic, config=options, images=marks.rows)
    return assess(trio, marks, gates=None, limits=None), trio


def assess(
    trio: ImageTrio, marks: Landmarks, *, gates: Mapping[str, Gate] | None, limits: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The content of metrics.json for a trio whose landmarks are known."""
    return content.assess(trio, marks, METRICS, details, gates=gates, limits=limits)


def compare(
    candidate: "ImageGenerator[Any]", champion: "ImageGenerator[Any]", prepared: Path, settings: Mapping[str, Any]
) -> Comparison:
    """Compare the candidate with the champion on the test images, unless the champion has another schema."""
    options = _config(settings)
    test = Images.read(prepared / "test")
    count = min(len(test), options.max_images)
    if champion.schema != test.schema:
        return Comparison.impossible(
            f"its images are {_described(champion.schema)}, those of the current data {_described(test.schema)}."
        )
    seeds = [seeding.derive(options.seed, "judge", number) for number in range(DRAWS)]
    ours, theirs = ([generator.sample(count, seed=seed) for seed in seeds] for generator in (candidate, champion))
    return Comparison.of(paired.compare(ours, theirs, test, options))


def _parts(prepared: Path) -> tuple[Images, ...]:
    return tuple(Images.read(prepared / name) for name in PARTS)


def _config(settings: Mapping[str, Any]) -> ImageEvaluateConfig:
    return config.load(ImageEvaluateConfig, settings, "evaluate")


def _described(schema: ImageSchema) -> str:
    return f"{schema.height} x {schema.width} x {schema.channels} of {len(schema.classes)} classes"
