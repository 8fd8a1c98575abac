"""Geratriz in Python: the functions that ``import geratriz`` offers, and the report that one of them gives.

The command line is a thin layer over them.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from geratriz import __version__, bundle
from geratriz import config as settings_of
from geratriz.data.contract import read_suite
from geratriz.data.images import Images
from geratriz.data.rules import Rules, not_enforced
from geratriz.data.stream import Origin
from geratriz.data.table import Table
from geratriz.errors import ConfigError, DataError, RequestError
from geratriz.generators import catalog, draw, image_draw
from geratriz.generators.base import Generator
from geratriz.generators.image_base import ImageGenerator
from geratriz.promotion import MemoryLimits, Privacy, PrivacyLimits
from geratriz.registry import release
from geratriz.tracking import NullTracker, Tracker

if TYPE_CHECKING:
    from geratriz.report.image_page import Pictures

AnyGenerator = Generator[Any] | ImageGenerator[Any]
# A generator in hand, as it was found, its folder, or its address in the registry.
Model = AnyGenerator | release.Found | Path | str


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A metric's value, the 95 % interval around it, and the landmarks it stands between."""

    value: float
    low: float
    high: float
    floor: float | None
    """What columns drawn independently score; of images, what pixels drawn independently do."""
    ceiling: float | None
    """What fresh real rows or images score."""
    better: Literal["higher", "lower"]
    chance: float | None = None
    """Of a metric of privacy: what it is where nothing leaks."""
    copycat: float | None = None
    """Of images: what copies of the training images score."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What was measured on synthetic rows or images. ``print`` shows it as a table, :meth:`write` as a page."""

    title: str
    scores: Mapping[str, Measured]
    """By the metric's name: ``report.scores["detection"].value``."""
    privacy: Privacy
    """What the attacks found: ``report.privacy.outcome`` is ``passed``, ``leak`` or ``unproven``."""
    content: Mapping[str, Any]
    """All of it, as metrics.json has it."""
    pictures: "Pictures | None" = None
    """Of images: what the page shows of them."""

    def to_json(self) -> Mapping[str, Any]:
        """The content of metrics.json: metrics, verdict, numbers of rows, and details by column and pair."""
        return self.content

    def write(self, folder: Path | str) -> None:
        """Write ``metrics.json`` and the page ``index.html`` into ``folder``, which is made."""
        from geratriz.report import image_page, page
        from geratriz.report._page import Page
        from geratriz.stages import evaluate as stage

        made = Page(title=self.title, report=self.content)
        html = page.render(made) if self.pictures is None else image_page.render(made, self.pictures)
        stage.write(self.content, html=html, out=Path(folder))

    def __str__(self) -> str:
        from geratriz.stages import evaluate as stage

        return stage.table_of(self.content).rstrip("\n")


def read_images(path: Path | str, *, size: tuple[int, int] | None = None) -> Images:
    """All images at ``path`` in memory: a folder (class sub-folders are labels), a zip or tar of one, or Parquet.

    >>> images = geratriz.read_images("shoes.zip", size=(64, 64))

    Args:
        path: where they are.
        size: height and width they are resized to; the one they all have when None.

    Raises:
        DataError: there are none, one cannot be read, or their sizes differ and ``size`` is None.
    """
    from geratriz.data.image_prepare import ImageForm, load

    height, width = size or (None, None)
    return load(Path(path), ImageForm(height=height, width=width))


@overload
def fit(
    data: Table,
    kind: str = ...,
    *,
    seed: int = ...,
    config: Any = ...,
    device: str = ...,
    tracker: Tracker | None = ...,
    checkpoint: Path | str | None = ...,
    contract: Path | str | None = ...,
    **settings: Any,
) -> Generator[Any]: ...
@overload
def fit(
    data: Images,
    kind: str = ...,
    *,
    seed: int = ...,
    config: Any = ...,
    device: str = ...,
    tracker: Tracker | None = ...,
    checkpoint: Path | str | None = ...,
    contract: None = ...,
    **settings: Any,
) -> ImageGenerator[Any]: ...
def fit(
    data: Table | Images,
    kind: str | None = None,
    *,
    seed: int = 0,
    config: Any = None,
    device: str = "auto",
    tracker: Tracker | None = None,
    checkpoint: Path | str | None = None,
    contract: Path | str | None = None,
    **settings: Any,
) -> AnyGenerator:
    """Learn the distribution of a table, but for values that few rows share (``rare`` in its overrides), or of images.

    >>> generator = geratriz.fit(table, kind="tvae", seed=0, epochs=10)
    >>> generator.save("models/mine")
    >>> generator = geratriz.fit(geratriz.read_images("shoes.zip"), kind="image_gan")

    Args:
        data: the rows or images to learn from.
        kind: which generator, an entry of ``geratriz.generators.catalog``; when None ``autoregressive``, for images
            ``image_vae``.
        seed: of everything random; equal data, settings, seeds and threads give equal generators.
        config: the settings as an object, such as ``TvaeConfig(epochs=10)``, in place of ``settings``.
        device: ``cpu``, ``cuda``, or ``auto`` for the best there is.
        tracker: told of the losses while they fall.
        checkpoint: a folder; the same fit, cut off and run again with it, goes on where it was and ends in the same
            bytes.
        contract: of a table, a suite of expectations, JSON. Its critical rules about single rows hold in every row
            that is drawn.
        settings: of the generator, by the names they have in params.yaml; the rest keep their defaults.

    Raises:
        ConfigError: no such generator or setting (the nearest is named), or a value it cannot have; no such contract.
        DataError: the table cannot be learnt from, or breaks the contract's rules.
        TrainingError: the fit went wrong, or what was learnt does not keep the rules.
    """
    images = isinstance(data, Images)
    generator_cls: Any = catalog.choose(kind, images=images)
    if config is None:
        config = settings_of.load(generator_cls.config_cls, settings, generator_cls.kind)
    elif settings:
        raise ConfigError(f"fit got config and {', '.join(settings)} beside it; say all of it in one of the two.")
    if images and contract is not None:
        raise ConfigError(f"fit got the contract {contract} with images; its rules are about the rows of a table.")
    more = {} if images else {"rules": _rules(contract, tracker or NullTracker())}
    return generator_cls.fit(  # type: ignore[no-any-return]
        data if images else _a_table("fit", data),
        config,
        seed=seed,
        device=device,
        tracker=tracker,
        checkpoint=None if checkpoint is None else Path(checkpoint),
        **more,
    )


def _rules(contract: Path | str | None, tracker: Tracker) -> Rules | None:
    if contract is None:
        return None
    suite = read_suite(Path(contract))
    for each in not_enforced(suite):
        tracker.note(f"rows are not made to keep this rule of the contract: {each}")
    return Rules.of(suite)


def load(model: Path | str) -> AnyGenerator:
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
    model: Generator[Any],
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
    model: ImageGenerator[Any],
    n: int,
    *,
    seed: int,
    where: Mapping[str, Any] | None = ...,
    out: None = ...,
    start: int = ...,
    jobs: int | None = ...,
    told: None = ...,
) -> Images: ...
@overload
def sample(
    model: Path | str,
    n: int,
    *,
    seed: int,
    where: Mapping[str, Any] | None = ...,
    out: None = ...,
    start: int = ...,
    jobs: int | None = ...,
    told: None = ...,
) -> Any: ...
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
) -> Table | Images | Path:
    """``n`` new rows or images: in memory, or, with ``out``, in a file of any size.

    >>> rich = geratriz.sample(generator, 1000, seed=1, where={"income": ">50K"}).frame
    >>> geratriz.sample("models:/adult@champion", 5_000_000, seed=1, out="rows.parquet", jobs=4)

    A file is written in bounded memory and carries its provenance: ``geratriz provenance FILE`` prints it.

    Args:
        model: a generator, the folder of one, its address in the registry, or what ``registry.release.find`` found.
        n: how many rows or images.
        seed: of the rows; equal seeds give equal rows, however many processes draw them.
        where: values that columns must have; the rest follows given them.
        out: Parquet, CSV (``.csv``, ``.csv.gz``) or JSON lines (``.jsonl``, ``.jsonl.gz``), by its ending; of images
            one picture of all (``.png``), Parquet, or a folder of PNG files.
        start: the first row of the endless table that ``seed`` and ``where`` name: rows 0 to 10 and, with ``start=10``,
            another 10 are the rows 0 to 20.
        jobs: processes that draw rows; as many as pay when None. Images are drawn by one. More than one need
            ``if __name__ == "__main__":`` around what a script does.
        told: called with the number of rows written so far.

    Returns:
        The rows, or the path of the file that holds them.

    Raises:
        RequestError: ``n``, ``start`` or ``jobs`` is out of range, ``where`` asks for what was never seen, or ``out``
            cannot be written; a file that was there is left as it was.
        BundleError, RegistryError: as :func:`load`.
    """
    order = draw.Order(rows=n, seed=seed, where=where or {}, start=start)
    found = model if isinstance(model, Generator | ImageGenerator | release.Found) else release.find(model)
    generator = found.generator if isinstance(found, release.Found) else found
    if isinstance(generator, ImageGenerator) and jobs not in (None, 1):
        raise RequestError(f"jobs is {jobs!r}, and images are drawn by one process; leave it out.")
    if out is None:
        if isinstance(generator, ImageGenerator):
            return image_draw.images(generator, order)
        return draw.table(generator, order, jobs=jobs)
    if not isinstance(found, release.Found):
        found = _in_hand(found)
    if isinstance(found.generator, ImageGenerator):
        image_draw.write(found.generator, Path(out), order, origin=found.origin, told=told)
    else:
        draw.write(found.generator, Path(out), order, origin=found.origin, jobs=jobs, told=told)
    return Path(out)


def evaluate(
    train: Table | Images,
    test: Table | Images,
    synthetic: Table | Images,
    *,
    contract: Path | str | None = None,
    title: str | None = None,
    **settings: Any,
) -> Report:
    """Judge synthetic rows or images, whoever made them.

    >>> report = geratriz.evaluate(train, test, rows)
    >>> report.scores["detection"].value, report.scores["detection"].ceiling
    >>> report.write("report")

    Half of ``test`` stands in for fresh real data: they show what each metric says of a perfect generator. The privacy
    verdict rests on attacks, under the limits that params.yaml has by default.

    Args:
        train: what the generator learnt from; its schema, target included, is that of all three.
        test: real rows or images it never saw.
        synthetic: what is to be judged.
        contract: of tables, a suite of expectations, JSON, to hold the synthetic rows against.
        title: of the page; ``Synthetic rows`` or ``Synthetic images`` when None.
        settings: as in the section ``evaluate`` of params.yaml: ``seed``, ``bootstrap``, ``max_rows``; of images
            ``seed``, ``max_images``, ``extractor``.

    Raises:
        ConfigError: no such setting, or a contract for images.
        DataError: the tables have not the same columns, the images not the same size, or there are too few.
        RequestError: tables and images are mixed.
    """
    from geratriz.evaluate import suite
    from geratriz.evaluate.base import EvaluateConfig, Trio
    from geratriz.stages import evaluate as stage

    if isinstance(train, Images):
        if contract is not None:
            raise ConfigError(f"evaluate got the contract {contract} with images; it is about the rows of a table.")
        return _evaluate_images(train, test, synthetic, title or "Synthetic images", settings)
    chosen = settings_of.load(EvaluateConfig, settings, "evaluate")
    rules = None if contract is None else read_suite(Path(contract))
    schema = _a_table("evaluate", train).schema
    held, rows = (Table.from_frame(_a_table("evaluate", each).frame, schema=schema) for each in (test, synthetic))
    fresh, held = suite.halve(held)
    marks = suite.landmarks(train, fresh, held, chosen, rules)
    trio = Trio(train=train, test=held, fresh=fresh, synthetic=rows, config=chosen, rows=marks.rows, suite=rules)
    return _report(title or "Synthetic rows", stage.assess(trio, marks, gates=None, limits=PrivacyLimits()))


def _evaluate_images(train: Images, test: Any, synthetic: Any, title: str, settings: Mapping[str, Any]) -> Report:
    from geratriz.evaluate import image_suite
    from geratriz.evaluate.image_base import ImageEvaluateConfig, ImageTrio
    from geratriz.stages import evaluate as stage

    chosen = settings_of.load(ImageEvaluateConfig, settings, "evaluate")
    for each in (test, synthetic):
        if not isinstance(each, Images):
            raise RequestError(
                f"evaluate got images to compare with a {type(each).__name__}; give three sets of images."
            )
        if each.schema != train.schema:
            raise DataError(f"evaluate compares images of one schema; got {each.schema} beside {train.schema}.")
    fresh, held = image_suite.halve(test)
    marks = image_suite.landmarks(train, fresh, held, chosen)
    trio = ImageTrio(train=train, test=held, fresh=fresh, synthetic=synthetic, config=chosen, images=marks.rows)
    content = stage.assess_images(trio, marks, gates=None, limits=MemoryLimits())
    return _report(title, content, pictures=stage.pictures_of(trio, content, None))


def _report(title: str, content: Mapping[str, Any], **more: Any) -> Report:
    scores = {name: settings_of.load(Measured, entry, name) for name, entry in content["metrics"].items()}
    return Report(title=title, scores=scores, privacy=Privacy.of(content["privacy"]), content=content, **more)


def _a_table(verb: str, given: Any) -> Table:
    if not isinstance(given, Table):
        raise RequestError(
            f"{verb} takes a geratriz.Table or geratriz.Images, all of one kind, got a {type(given).__name__}. "
            "Table.read(path, target=...) reads a table, Table.from_frame(frame, target=...) makes one of a pandas "
            "frame, read_images(path) reads images."
        )
    return given


def _in_hand(generator: AnyGenerator) -> release.Found:
    """A generator that was never saved is known by the bundle it would be saved as."""
    with tempfile.TemporaryDirectory() as scratch:
        generator.save(scratch)
        origin = Origin(bundle=bundle.digest(Path(scratch)), geratriz=__version__)
    return release.Found(generator=generator, origin=origin)
