"""Access to the kinds of data and their ports; only this module names the kinds.

A domain is the package of a kind of data (``data.kind`` in params.yaml). A port is a module of a domain for one verb,
with the same functions in every domain. It is imported when it is needed, so a stage depends on the port of its own
verb only. ports.py defines the ports as protocols, and tests/contract/test_domain_contract.py tests them.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from geratriz.errors import ConfigError, RequestError, nearest

if TYPE_CHECKING:
    from geratriz.fitting.generator import Fitted
    from geratriz.ports import Draft, Draw, Drift, Judge, Page, Prepare, Serve, Train, Words

DOMAINS = ("table", "images")


def prepare(kind: str) -> "Prepare":
    """Reading and dividing raw data."""
    return cast("Prepare", _port(kind, "prepare"))


def train(kind: str) -> "Train":
    """Fitting: catalog of generators, and the training data."""
    return cast("Train", _port(kind, "train"))


def draw(kind: str) -> "Draw":
    """Drawing synthetic data into memory or files."""
    return cast("Draw", _port(kind, "draw"))


def judge(kind: str) -> "Judge":
    """Landmarks, scores, verdicts, and comparison with a champion."""
    return cast("Judge", _port(kind, "judge"))


def page(kind: str) -> "Page":
    """Page of a generator."""
    return cast("Page", _port(kind, "page"))


def serve(kind: str) -> "Serve":
    """Answering requests."""
    return cast("Serve", _port(kind, "serve"))


def draft(kind: str) -> "Draft":
    """Drafting a contract."""
    return cast("Draft", _port(kind, "draft"))


def drift(kind: str) -> "Drift":
    """Monitoring of drift."""
    return cast("Drift", _port(kind, "drift"))


def words(kind: str) -> "Words":
    """Names of the data in messages."""
    return cast("Words", _port(kind, "words"))


def rows() -> Any:
    """Measurement of drift between rows: those of a table, or of a manifest that describes files."""
    return _port("table", "drift")


def find(kind: str, name: str | None) -> "type[Fitted[Any, Any]]":
    """Return the generator ``name`` for data of this kind; the default one if None.

    Raises:
        ConfigError: there is no such generator for this kind; the message names the nearest.
    """
    catalog = train(kind).GENERATORS
    for other in DOMAINS:
        if name is not None and name not in catalog and name in train(other).GENERATORS:
            makes = train(other).GENERATORS.makes
            raise ConfigError(
                f"{name!r} makes {makes}, and the data are {catalog.makes}.{nearest(name, catalog)}{words(other).HINT}"
            )
    return catalog.find(name)


def of_path(path: Path) -> str:
    """Guess the kind of the data at ``path`` without reading them; a table unless another kind recognises them.

    Raises:
        DataError: ``path`` cannot be accessed.
    """
    return next((kind for kind in reversed(DOMAINS) if prepare(kind).recognises(path)), DOMAINS[0])


def of_data(verb: str, *data: Any) -> str:
    """Return the kind of data in memory.

    Raises:
        RequestError: they are of no kind, or of different kinds; the message names the function, ``verb``.
    """
    for kind in DOMAINS:
        if all(prepare(kind).accepts(value) for value in data):
            return kind
    types = ", ".join(dict.fromkeys(type(value).__name__ for value in data))
    raise RequestError(
        f"{verb} takes a geratriz.Table or geratriz.Images, all of one kind, got a {types}. "
        "Table.read(path, target=...) reads a table, Table.from_frame(frame, target=...) makes one of a pandas "
        "frame, read_images(path) reads images."
    )


def of_generator(name: str) -> str | None:
    """Return the kind of data that the generator ``name`` produces; None if this version does not know it."""
    return next((kind for kind in DOMAINS if name in train(kind).GENERATORS), None)


def _port(kind: str, verb: str) -> Any:
    if kind not in DOMAINS:
        raise ConfigError(f"data.kind is {kind!r}.{nearest(str(kind), DOMAINS)}")
    return import_module(f"geratriz.{kind}.{verb}")
