"""Python API of Geratriz: the functions of ``import geratriz``, and the report that ``evaluate`` returns.

The command line is a thin layer on top of it.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from geratriz import bundle, config, domains
from geratriz._version import __version__
from geratriz.errors import ConfigError
from geratriz.fitting.generator import D, Fitted
from geratriz.fitting.order import Order
from geratriz.output import Origin
from geratriz.registry import release
from geratriz.scoring import words
from geratriz.scoring.verdict import Verdict
from geratriz.tracking import NullTracker, Tracker

if TYPE_CHECKING:
    from geratriz.images.data.images import Images

# A generator in memory, with or without its origin, its folder, or its address in the registry.
Model = Fitted[Any, Any] | release.Found | Path | str


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """Value of a metric, its 95 % interval, and its landmarks."""

    value: float
    low: float
    high: float
    floor: float | None
    """Score of a baseline without structure: columns, or the pixels of images, drawn independently."""
    ceiling: float | None
    """Score of fresh real rows or images."""
    better: Literal["higher", "lower"]
    chance: float | None = None
    """Value if nothing leaks; None for metrics that are not attacks."""
    copycat: float | None = None
    """Score of copies of the training images; None for tables."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Privacy:
    """Privacy verdict: ``passed``, ``leak`` or ``unproven`` if there are too few rows to rule one out."""

    outcome: Literal["passed", "leak", "unproven"]
    reasons: tuple[str, ...]
    """One sentence per attack: leaks first, then unproven ones, then passed ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Evaluation of synthetic rows or images. ``print`` shows it as a table, :meth:`write` writes a page."""

    title: str
    scores: Mapping[str, Measured]
    """Scores by name of the metric: ``report.scores["detection"].value``."""
    privacy: Privacy
    """Result of the attacks: ``report.privacy.outcome`` is ``passed``, ``leak`` or ``unproven``."""
    content: Mapping[str, Any]
    """The full report, in the form of metrics.json."""
    kind: str
    """Kind of data: ``table`` or ``images``."""
    exhibits: Any = None
    """Further parts of the page: for images, pictures."""

    def to_json(self) -> Mapping[str, Any]:
        """Return the content of metrics.json: metrics, verdict, numbers of rows, and details per column and pair."""
        return self.content

    def write(self, folder: Path | str) -> None:
        """Write ``metrics.json`` and the page ``index.html`` into ``folder``, which is created."""
        from geratriz.report.page import Page, write

        html = domains.page(self.kind).render(Page(title=self.title, report=self.content), self.exhibits)
        write(self.content, html=html, out=Path(folder))

    def __str__(self) -> str:
        from geratriz.report.terminal import table

        return table(self.content).rstrip("\n")


def read_images(path: Path | str, *, size: tuple[int, int] | None = None) -> "Images":
    """Read all images at ``path``: a folder (sub-folders are labels), a zip or tar archive of one, or Parquet.

    >>> images = geratriz.read_images("shoes.zip", size=(64, 64))

    Args:
        path: folder or file with the images.
        size: height and width to resize to; None keeps the size, which must be the same for all.

    Raises:
        DataError: there are no images, one cannot be read, or their sizes differ and ``size`` is None.
    """
    options = {} if size is None else {"size": f"{size[0]}x{size[1]}"}
    images: Images = domains.prepare("images").read(Path(path), options)
    return images


def fit(
    data: D,
    kind: str | None = None,
    *,
    seed: int = 0,
    config: Any = None,
    device: str = "auto",
    tracker: Tracker | None = None,
    checkpoint: Path | str | None = None,
    contract: Path | str | None = None,
    **settings: Any,
) -> Fitted[D, Any]:
    """Fit a generator to a table or to images.

    Values of a table that few rows share are not learnt (``rare`` in its overrides).

    >>> generator = geratriz.fit(table, kind="tvae", seed=0, epochs=10)
    >>> generator.save("models/mine")
    >>> generator = geratriz.fit(geratriz.read_images("shoes.zip"), kind="image_gan")

    Args:
        data: training data.
        kind: name of the generator; None for ``autoregressive`` or, for images, ``image_vae``.
        seed: random seed; equal data, settings, seeds and threads give equal generators.
        config: settings as an object, such as ``TvaeConfig(epochs=10)``, instead of ``settings``.
        device: ``cpu``, ``cuda``, or ``auto`` for the best available one.
        tracker: observer of the losses during the fit.
        checkpoint: folder for checkpoints; an interrupted fit that is run again resumes and ends in the same bytes.
        contract: for a table, a JSON suite of expectations, whose critical rules about single rows all samples keep.
        settings: settings of the generator, named as in params.yaml; the others keep their defaults.

    Raises:
        ConfigError: the generator, a setting or the contract does not exist, or a value is invalid.
        DataError: the data cannot be used for a fit, or break the rules of the contract.
        RequestError: ``data`` are neither a table nor images.
        TrainingError: the fit failed, or the fitted generator does not keep the rules.
    """
    domain = domains.of_data("fit", data)
    generator_cls: type[Fitted[D, Any]] = domains.find(domain, kind)
    if config is None:
        config = settings_of(generator_cls, settings)
    elif settings:
        raise ConfigError(f"fit got both config and {', '.join(settings)}; put all settings into one of the two.")
    terms = domains.prepare(domain).terms(None if contract is None else Path(contract), tracker or NullTracker())
    return generator_cls.fit(
        data,
        config,
        seed=seed,
        device=device,
        tracker=tracker,
        checkpoint=None if checkpoint is None else Path(checkpoint),
        **terms,
    )


def settings_of(generator_cls: type[Fitted[Any, Any]], settings: Mapping[str, Any]) -> Any:
    """Build the settings of a generator from a mapping; the others keep their defaults.

    Raises:
        ConfigError: a setting does not exist, or its value is invalid.
    """
    return config.load(generator_cls.config_cls, settings, generator_cls.kind)


def load(model: Path | str) -> Fitted[Any, Any]:
    """Load a generator from a folder or from the registry.

    >>> generator = geratriz.load("models:/adult@champion")  # or models:/adult/3, or models/mine
    >>> rows = generator.sample(1000, seed=1)

    Raises:
        BundleError: the folder holds no generator, or a damaged one.
        RegistryError: the version does not exist, or the registry does not answer.
    """
    return release.load(model)


@overload
def sample(
    model: Fitted[D, Any],
    n: int,
    *,
    seed: int,
    where: Mapping[str, Any] | None = ...,
    out: None = ...,
    start: int = ...,
    jobs: int | None = ...,
    on_progress: None = ...,
) -> D: ...
@overload
def sample(
    model: release.Found | Path | str,
    n: int,
    *,
    seed: int,
    where: Mapping[str, Any] | None = ...,
    out: None = ...,
    start: int = ...,
    jobs: int | None = ...,
    on_progress: None = ...,
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
    on_progress: Callable[[int], None] | None = ...,
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
    on_progress: Callable[[int], None] | None = None,
) -> Any:
    """Sample ``n`` rows or images, in memory or, with ``out``, into a file of any size.

    >>> rich = geratriz.sample(generator, 1000, seed=1, where={"income": ">50K"}).frame
    >>> geratriz.sample("models:/adult@champion", 5_000_000, seed=1, out="rows.parquet", jobs=4)

    A file is written in bounded memory and carries its provenance: ``geratriz provenance FILE`` prints it.

    Args:
        model: a generator, its folder, its address in the registry, or a result of ``registry.release.find``.
        n: number of rows or images.
        seed: random seed; equal seeds give equal rows, whatever the number of processes.
        where: conditions, values by column; the other columns are sampled given them.
        out: file to write: Parquet, CSV (``.csv``, ``.csv.gz``) or JSON lines (``.jsonl``, ``.jsonl.gz``); for images
            one picture of all (``.png``), Parquet, or a folder of PNG files.
        start: index of the first row in the endless sequence of ``seed`` and ``where``: 10 rows, and another 10 with
            ``start=10``, equal the first 20.
        jobs: number of processes for rows; None chooses it. Images are drawn by one process. A script with more than
            one needs ``if __name__ == "__main__":``.
        on_progress: called with the number of rows written so far.

    Returns:
        A table or images, or the path of the written file.

    Raises:
        RequestError: ``n``, ``start`` or ``jobs`` is out of range, ``where`` has an unknown column or value, or
            ``out`` cannot be written; an existing file stays as it was.
        BundleError, RegistryError: as :func:`load`.
    """
    order = Order(rows=n, seed=seed, where=where or {}, start=start)
    source = model if isinstance(model, Fitted | release.Found) else release.find(model)
    generator = source.generator if isinstance(source, release.Found) else source
    port = domains.draw(str(domains.of_generator(generator.kind)))
    if out is None:
        return port.sample(generator, order, jobs=jobs)
    origin = source.origin if isinstance(source, release.Found) else _origin(generator)
    port.write(generator, Path(out), order, origin=origin, jobs=jobs, on_progress=on_progress)
    return Path(out)


def evaluate(
    train: D,
    test: D,
    synthetic: D,
    *,
    contract: Path | str | None = None,
    title: str | None = None,
    **settings: Any,
) -> Report:
    """Evaluate synthetic rows or images from any generator.

    >>> report = geratriz.evaluate(train, test, rows)
    >>> report.scores["detection"].value, report.scores["detection"].ceiling
    >>> report.write("report")

    Half of ``test`` serve as fresh real data, whose scores are those of a perfect generator. The privacy verdict is
    based on attacks, with the default limits of their metrics.

    Args:
        train: training data of the generator; its schema, target included, applies to all three.
        test: real data that the generator has not seen.
        synthetic: the data to evaluate.
        contract: for tables, a JSON suite of expectations to check the synthetic rows against.
        title: title of the page; ``Synthetic rows`` or ``Synthetic images`` if None.
        settings: as in the section ``evaluate`` of params.yaml: ``seed``, ``bootstrap``, ``max_rows``; for images
            ``seed``, ``max_images``, ``extractor``.

    Raises:
        ConfigError: a setting does not exist, or a contract was passed with images.
        DataError: the columns of the tables or the sizes of the images differ, or there are too few rows or images.
        RequestError: tables and images are mixed.
    """
    kind = domains.of_data("evaluate", train, test, synthetic)
    suite = None if contract is None else Path(contract)
    content, trio = domains.judge(kind).evaluate(train, test, synthetic, suite, settings)
    verdict = Verdict.read(content)
    return Report(
        title=title or f"Synthetic {domains.words(kind).UNIT}",
        scores={name: config.load(Measured, entry, name) for name, entry in content["metrics"].items()},
        privacy=Privacy(outcome=verdict.privacy, reasons=words.attacks(verdict)),
        content=content,
        kind=kind,
        exhibits=domains.page(kind).exhibits(trio, content, None),
    )


def _origin(generator: Fitted[Any, Any]) -> Origin:
    """Origin of a generator in memory: the digest of the bundle that saving it would write."""
    with tempfile.TemporaryDirectory() as scratch:
        generator.save(scratch)
        return Origin(bundle=bundle.digest(Path(scratch)), geratriz=__version__)
