"""A small example of every domain, and settings with which every generator is fitted to it in a moment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from geratriz import domains
from geratriz.fitting.generator import Fitted
from geratriz.images.data.images import Images
from geratriz.table.data.table import Table
from geratriz.tracking import NullTracker
from tests.images import CLASSES, shapes
from tests.tables import mixed

_CODEC = {"max_levels": 24, "bins": 8}  # few levels: a network's last layer is calibrated level by level
_OF_TABLES = {**_CODEC, "width": 16, "batch": 64, "blocks": 1, "threads": 1, "precision": "float32"}
_OF_IMAGES = {"images": 64, "width": 4, "batch": 16, "threads": 1, "precision": "float32"}
QUICK: dict[str, dict[str, Any]] = {
    "autoregressive": {**_OF_TABLES, "epochs": 15, "components": 2},
    "ctgan": {**_OF_TABLES, "steps": 3, "noise": 4},
    "independent": {},
    "tvae": {**_OF_TABLES, "epochs": 15, "latent": 2, "components": 2},
    "image_gan": {**_OF_IMAGES, "noise": 4},
    "image_vae": {**_OF_IMAGES, "latent": 4, "prior_steps": 5},
}
"""Settings by generator: a few rounds of a small network, so that a fit can be interrupted between them."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """What the contract of a domain and of its generators is tested on."""

    data: Callable[..., Any]
    """``data(count, seed=...)``, rows or images."""
    count: int
    """How many the contract's generators are fitted to."""
    smallest: int
    """The fewest that can be learnt from."""
    assert_equal: Callable[[Any, Any], None]
    """That two sets of data of one schema are the same, in order."""
    where: Mapping[str, Any]
    """A condition that can be met."""
    holds: Callable[[Any], bool]
    """Whether all data meet it."""
    misspelt: Mapping[str, Any]
    """A condition whose value is misspelt ..."""
    nearest: str
    """... and what is probably meant."""
    write: Callable[[Any, Path], Path]
    """Write data below a folder in the form in which people bring them; where they are."""
    settings: Mapping[str, Any]
    """The section ``data`` of params.yaml, but for the places."""
    declared: Mapping[str, Any]
    """What a draft of a contract is told of columns, so that it has nothing to ask."""
    evaluate: Mapping[str, Any]
    """The section ``evaluate`` of params.yaml."""
    generator: str
    """The generator that is fitted soonest."""
    output: str
    """Name of the file or folder that synthetic data are written to."""


def _assert_equal_tables(one: Table, two: Table) -> None:
    pd.testing.assert_frame_equal(one.frame.reset_index(drop=True), two.frame.reset_index(drop=True))


def _assert_equal_images(one: Images, two: Images) -> None:
    np.testing.assert_array_equal(one.pixels, two.pixels)
    assert (one.labels is None) == (two.labels is None)
    if one.labels is not None and two.labels is not None:
        np.testing.assert_array_equal(one.labels, two.labels)


def _write_table(table: Table, folder: Path) -> Path:
    table.write(folder / "rows.parquet")
    return folder / "rows.parquet"


def write_images(images: Images, folder: Path) -> Path:
    """Grey, labelled images as PNG files in a folder for each class."""
    assert images.labels is not None
    for number, (pixels, label) in enumerate(zip(images.pixels, images.labels, strict=True)):
        path = folder / "images" / CLASSES[label] / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[..., 0]).save(path)
    return folder / "images"


EXAMPLES = {
    "table": Example(
        data=mixed,
        count=300,
        smallest=15,
        assert_equal=_assert_equal_tables,
        where={"group": "b", "rating": None},
        holds=lambda table: bool((table.frame["group"] == "b").all() and table.frame["rating"].isna().all()),
        misspelt={"note": "perhap"},
        nearest="perhaps",
        write=_write_table,
        settings={"kind": "table", "target": "sold", "schema": {"number": "id"}},
        declared={"number": "id"},
        evaluate={"bootstrap": 20, "max_rows": 100},
        generator="independent",
        output="synthetic.parquet",
    ),
    "images": Example(
        data=shapes,
        count=60,
        smallest=2,
        assert_equal=_assert_equal_images,
        where={"label": "disc"},
        holds=lambda images: bool((images.labels == CLASSES.index("disc")).all()),
        misspelt={"label": "dics"},
        nearest="disc",
        write=write_images,
        settings={"kind": "images"},
        declared={},
        evaluate={"max_images": 10},
        generator="image_gan",
        output="synthetic",
    ),
}
GENERATORS = [(domain, name) for domain in domains.DOMAINS for name in domains.train(domain).GENERATORS]


def cases(domain: str | None = None) -> list[Any]:
    """Parameters of a test of every generator, of one domain alone where it is named; those of networks are slow."""
    return [
        pytest.param((kind, name), id=f"{kind}-{name}", marks=[pytest.mark.slow] if QUICK.get(name, True) else [])
        for kind, name in GENERATORS
        if domain in (None, kind)
    ]


class Rounds(NullTracker):
    """Counts the rounds of a fit, and interrupts it after one of them, as Ctrl-C would."""

    def __init__(self, interrupt_after: int | None = None) -> None:
        self.steps: list[tuple[int, int]] = []
        self._interrupt_after = interrupt_after

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        self.steps.append((step, steps))
        if step == self._interrupt_after:
            raise KeyboardInterrupt


@dataclass(frozen=True, kw_only=True)
class Case:
    """A generator of a domain's catalog, fitted to the domain's example with seed 0."""

    domain: str
    name: str
    data: Any
    generator: Fitted[Any, Any]
    rounds: int

    @property
    def example(self) -> Example:
        return EXAMPLES[self.domain]

    def fit(self, **arguments: Any) -> Fitted[Any, Any]:
        """The same fit again, or one that differs in ``arguments``."""
        return quick_fit(self.name, **{"data": self.data, **arguments})


def quick_fit(
    name: str, data: Any, *, seed: int = 0, settings: Mapping[str, Any] | None = None, **arguments: Any
) -> Fitted[Any, Any]:
    """The generator called ``name``, fitted with :data:`QUICK` settings, but for those in ``settings``."""
    generator_cls = domains.find(str(domains.of_generator(name)), name)
    config = generator_cls.config_cls(**{**QUICK.get(name, {}), **(settings or {})})
    return generator_cls.fit(data, config, **{"seed": seed, "device": "cpu", **arguments})


@cache
def fitted(domain: str, name: str) -> Case:
    """Fitted once for all tests of a process; generators cannot be changed."""
    data, tracker = EXAMPLES[domain].data(EXAMPLES[domain].count), Rounds()
    generator = quick_fit(name, data, tracker=tracker)
    return Case(domain=domain, name=name, data=data, generator=generator, rounds=len(tracker.steps))


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file in a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
