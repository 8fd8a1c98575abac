"""Geratriz in Python: the functions that ``import geratriz`` offers, and the report that one of them gives.

The command line is a thin layer over them.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

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

# A generator in memory, as it was found, its folder, or its address in the registry.
Model = Fitted[Any, Any] | release.Found | Path | str


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A metric's value, the 95 % interval around it, and the landmarks it stands between."""

    value: float
    low: float
    high: float
    floor: float | None
    """Score of data without structure: columns, or the pixels of images, drawn independently."""
    ceiling: float | None
    """Score of fresh real rows or images."""
    better: Literal["higher", "lower"]
    chance: float | None = None
    """For an attack: its value where nothing leaks."""
    copycat: float | None = None
    """For images: the score of copies of the training images."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Privacy:
    """The privacy verdict: ``passed``, a ``leak`` that was found, or ``unproven``, too few rows to rule one out."""

    outcome: Literal["passed", "leak", "unproven"]
    reasons: tuple[str, ...]
    """A sentence per attack: leaks first, then what is not proved, then what passed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The evaluation of synthetic rows or images. ``print`` shows it as a table, :meth:`write` as a page."""

    title: str
    scores: Mapping[str, Measured]
    """By the metric's name: ``report.scores["detection"].value``."""
    privacy: Privacy
    """What the attacks found: ``report.privacy.outcome`` is ``passed``, ``leak`` or ``unproven``."""
    content: Mapping[str, Any]
    """All of it, as metrics.json has it."""
    kind: str
    """The kind of data, a domain."""
    exhibits: Any = None
    """What the page shows beside the content: for images, pictures."""

    def to_json(self) -> Mapping[str, Any]:
        """The content of metrics.json: metrics, verdict, numbers of rows, and details by column and pair."""
        return self.content

    def write(self, folder: Path | str) -> None:
        """Write ``metrics.json`` and the page ``index.html`` into ``folder``, which is made."""
        from geratriz.report.page import Page, write

        html = domains.page(self.kind).render(Page(title=self.title, report=self.content), self.exhibits)
        write(self.content, html=html, out=Path(folder))

    def __str__(self) -> str:
        from geratriz.report.terminal import table

        return table(self.content).rstrip("\n")


def read_images(path: Path | str, *, size: tuple[int, int] | None = None) -> "Images":
    """All images at ``path`` in memory: a folder (class sub-folders are labels), a zip or tar of one, or Parquet.

    >>> images = geratriz.read_images("shoes.zip", size=(64, 64))

    Args:
        path: where they are.
        size: height and width they are resized to; the one they all have when None.

    Raises:
        DataError: there are none, one cannot be read, or their sizes differ and ``size`` is None.
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
    """Learn the distribution of a table, but for values that few rows share (``rare`` in its overrides), or of images.

    >>> generator = geratriz.fit(table, kind="tvae", seed=0, epochs=10)
    >>> generator.save("models/mine")
    >>> generator = geratriz.fit(geratriz.read_images("shoes.zip"), kind="image_gan")

    Args:
        data: the rows or images to learn from.
        kind: which generator, an entry of the catalog; when None ``autoregressive``, for images ``image_vae``.
        seed: of everything random; equal data, settings, seeds and threads give equal generators.
        config: the settings as an object, such as ``TvaeConfig(epochs=10)``, in place of ``settings``.
        device: ``cpu``, ``cuda``, or ``auto`` for the best there is.
        tracker: observer of the losses while they fall.
        checkpoint: a folder; the same fit, interrupted and run again with it, resumes and ends in the same bytes.
        contract: for a table, a suite of expectations, JSON. Its critical rules about single rows hold in every row
            that is drawn.
        settings: of the generator, by the names they have in params.yaml; the rest keep their defaults.

    Raises:
        ConfigError: no such generator or setting (the nearest is named), or a value it cannot have; no such contract.
        DataError: the data cannot be learnt from, or break the contract's rules.
        RequestError: ``data`` are neither a table nor images.
        TrainingError: the fit went wrong, or what was learnt does not keep the rules.
    """
    domain = domains.of_data("fit", data)
    generator_cls: type[Fitted[D, Any]] = domains.find(domain, kind)
    if config is None:
        config = settings_of(generator_cls, settings)
    elif settings:
        raise ConfigError(f"fit got config and {', '.join(settings)} beside it; say all of it in one of the two.")
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
    """The settings of a generator from a mapping; the rest keep their defaults.

    Raises:
        ConfigError: no such setting, or a value it cannot have.
    """
    return config.load(generator_cls.config_cls, settings, generator_cls.kind)


def load(model: Path | str) -> Fitted[Any, Any]:
    """The generator in a folder, or in the registry.

    >>> generator = geratriz.load("models:/adult@champion")  # or models:/adult/3, or models/mine
    >>> rows = generator.sample(1000, seed=1)

    Raises:
        BundleError: the folder holds none, or a damaged one.
        RegistryError: the address names nothing, or the registry does not answer.
    """
    return release.load(model)


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
    """``n`` new rows or images: in memory, or, with ``out``, in a file of any size.

    >>> rich = geratriz.sample(generator, 1000, seed=1, where={"income": ">50K"}).frame
    >>> geratriz.sample("models:/adult@champion", 5_000_000, seed=1, out="rows.parquet", jobs=4)

    A file is written in bounded memory and carries its provenance: ``geratriz provenance FILE`` prints it.

    Args:
        model: a generator, the folder of one, its address in the registry, or what ``registry.release.find`` found.
        n: how many rows or images.
        seed: of the rows; equal seeds give equal rows, however many processes draw them.
        where: values that columns must have; the rest follows given them.
        out: Parquet, CSV (``.csv``, ``.csv.gz``) or JSON lines (``.jsonl``, ``.jsonl.gz``), by its ending; for images
            one picture of all (``.png``), Parquet, or a folder of PNG files.
        start: the first row of the endless table that ``seed`` and ``where`` name: rows 0 to 10 and, with ``start=10``,
            another 10 are the rows 0 to 20.
        jobs: processes that draw rows; as many as pay when None. Images are drawn by one. More than one need
            ``if __name__ == "__main__":`` around what a script does.
        on_progress: called with the number of rows written so far.

    Returns:
        A table or images, or the path of the file that holds them.

    Raises:
        RequestError: ``n``, ``start`` or ``jobs`` is out of range, ``where`` asks for what was never seen, or ``out``
            cannot be written; a file that was there is left as it was.
        BundleError, RegistryError: as :func:`load`.
    """
    order = Order(rows=n, seed=seed, where=where or {}, start=start)
    found = model if isinstance(model, Fitted | release.Found) else release.find(model)
    generator = found.generator if isinstance(found, release.Found) else found
    port = domains.draw(str(domains.of_generator(generator.kind)))
    if out is None:
        return port.sample(generator, order, jobs=jobs)
    origin = found.origin if isinstance(found, release.Found) else _origin(generator)
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
    """Evaluate synthetic rows or images, whoever made them.

    >>> report = geratriz.evaluate(train, test, rows)
    >>> report.scores["detection"].value, report.scores["detection"].ceiling
    >>> report.write("report")

    Half of ``test`` stands in for fresh real data: they show what each metric says of a perfect generator. The privacy
    verdict rests on attacks, under the limits that metrics have by default.

    Args:
        train: what the generator learnt from; its schema, target included, is that of all three.
        test: real rows or images it never saw.
        synthetic: the data to evaluate.
        contract: for tables, a suite of expectations, JSON, to hold the synthetic rows against.
        title: of the page; ``Synthetic rows`` or ``Synthetic images`` when None.
        settings: as in the section ``evaluate`` of params.yaml: ``seed``, ``bootstrap``, ``max_rows``; for images
            ``seed``, ``max_images``, ``extractor``.

    Raises:
        ConfigError: no such setting, or a contract for images.
        DataError: the tables have not the same columns, the images not the same size, or there are too few.
        RequestError: tables and images are mixed.
    """
    kind = domains.of_data("evaluate", train, test, synthetic)
    given = None if contract is None else Path(contract)
    content, trio = domains.judge(kind).evaluate(train, test, synthetic, given, settings)
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
    """The origin of a generator that was never saved: the bundle it would be saved as."""
    with tempfile.TemporaryDirectory() as scratch:
        generator.save(scratch)
        return Origin(bundle=bundle.digest(Path(scratch)), geratriz=__version__)
