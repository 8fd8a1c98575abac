"""The kinds of data, and the ports that each answers: the one place that names them.

A domain is the folder of a kind (``data.kind`` in params.yaml). What a stage, the registry or the command line asks of
it is a *port*, one module per verb with the same functions in every domain, imported when it is asked for: a stage
depends on the port of its own verb alone. Written down as protocols in ports.py, tested in
tests/contract/test_domain_contract.py.
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
    """Fitting: the catalog of generators, and the training part."""
    return cast("Train", _port(kind, "train"))


def draw(kind: str) -> "Draw":
    """Drawing synthetic data into memory or files."""
    return cast("Draw", _port(kind, "draw"))


def judge(kind: str) -> "Judge":
    """Landmarks, scores, verdicts, and the comparison with a champion."""
    return cast("Judge", _port(kind, "judge"))


def page(kind: str) -> "Page":
    """The page of a generator."""
    return cast("Page", _port(kind, "page"))


def serve(kind: str) -> "Serve":
    """Answering requests."""
    return cast("Serve", _port(kind, "serve"))


def draft(kind: str) -> "Draft":
    """Drafting a contract."""
    return cast("Draft", _port(kind, "draft"))


def drift(kind: str) -> "Drift":
    """What is watched for drift."""
    return cast("Drift", _port(kind, "drift"))


def words(kind: str) -> "Words":
    """What its data are called."""
    return cast("Words", _port(kind, "words"))


def rows() -> Any:
    """The measure of drift, which compares rows: those of a table, or of a manifest that describes files."""
    return _port("table", "drift")


def find(kind: str, name: str | None) -> "type[Fitted[Any, Any]]":
    """The generator called ``name``, for data of this kind; the default one when None.

    Raises:
        ConfigError: there is none for such data; names the nearest.
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
    """The kind of the data at ``path``, as far as can be told without reading it; a table where nothing else claims it.

    Raises:
        DataError: it cannot be looked at.
    """
    return next((kind for kind in reversed(DOMAINS) if prepare(kind).recognises(path)), DOMAINS[0])


def of_data(verb: str, *data: Any) -> str:
    """The kind of data in memory.

    Raises:
        RequestError: they are of none, or not all of one; ``verb`` says what they were given to.
    """
    for kind in DOMAINS:
        if all(prepare(kind).accepts(each) for each in data):
            return kind
    given = ", ".join(dict.fromkeys(type(each).__name__ for each in data))
    raise RequestError(
        f"{verb} takes a geratriz.Table or geratriz.Images, all of one kind, got a {given}. "
        "Table.read(path, target=...) reads a table, Table.from_frame(frame, target=...) makes one of a pandas "
        "frame, read_images(path) reads images."
    )


def of_generator(name: str) -> str | None:
    """The kind of data that the generator called ``name`` makes; None where this version does not know it."""
    return next((kind for kind in DOMAINS if name in train(kind).GENERATORS), None)


def _port(kind: str, verb: str) -> Any:
    if kind not in DOMAINS:
        raise ConfigError(f"data.kind is {kind!r}.{nearest(str(kind), DOMAINS)}")
    return import_module(f"geratriz.{kind}.{verb}")
