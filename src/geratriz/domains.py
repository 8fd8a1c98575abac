"""Access to the kinds of data and their ports; only this module names the kinds.

A domain is the package of a kind of data (``data.kind`` in params.yaml). A port is a module of a domain for one verb,
with the same functions in every domain. It is imported when it is needed, so a stage depends on the port of its own
verb only. ports.py defines the ports as protocols, and tests/contract/test_domain_contract.py tests them.
"""

from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geratriz.errors import ConfigError, RequestError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from geratriz.fitting.generator import Fitted
    from geratriz.ports import Draft, Draw, Drift, Judge, Page, Prepare, Serve, Train, Words

DOMAINS = ("table", "images")


def _port(verb: str, kind: str) -> Any:
    if kind not in DOMAINS:
        raise ConfigError(f"data.kind is {kind!r}.{nearest(str(kind), DOMAINS)}")
    return import_module(f"geratriz.{kind}.{verb}")


prepare: "Callable[[str], Prepare]" = partial(_port, "prepare")  # reading and dividing raw data
train: "Callable[[str], Train]" = partial(_port, "train")  # catalog of generators, and the training data
draw: "Callable[[str], Draw]" = partial(_port, "draw")  # drawing synthetic data into memory or files
judge: "Callable[[str], Judge]" = partial(_port, "judge")  # landmarks, scores, verdicts, comparison with a champion
page: "Callable[[str], Page]" = partial(_port, "page")  # page of a generator
serve: "Callable[[str], Serve]" = partial(_port, "serve")  # answers to requests
draft: "Callable[[str], Draft]" = partial(_port, "draft")  # drafting a contract
drift: "Callable[[str], Drift]" = partial(_port, "drift")  # monitoring of drift
words: "Callable[[str], Words]" = partial(_port, "words")  # names of the data in messages


def rows() -> Any:
    """Measurement of drift between rows: those of a table, or of a manifest that describes files."""
    return _port("drift", "table")


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
