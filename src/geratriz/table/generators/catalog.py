"""Every generator by name. Each is imported when asked for: a stage depends on its own generator's file alone."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from geratriz import bundle
from geratriz.errors import BundleError, ConfigError, nearest
from geratriz.generators.base import Generator
from geratriz.generators.image_base import ImageGenerator


def _autoregressive() -> type[Generator[Any]]:
    from geratriz.generators.autoregressive import Autoregressive

    return Autoregressive


def _ctgan() -> type[Generator[Any]]:
    from geratriz.generators.ctgan import Ctgan

    return Ctgan


def _independent() -> type[Generator[Any]]:
    from geratriz.generators.independent import Independent

    return Independent


def _tvae() -> type[Generator[Any]]:
    from geratriz.generators.tvae import Tvae

    return Tvae


def _image_gan() -> type[ImageGenerator[Any]]:
    from geratriz.generators.image_gan import ImageGan

    return ImageGan


def _image_vae() -> type[ImageGenerator[Any]]:
    from geratriz.generators.image_vae import ImageVae

    return ImageVae


GENERATORS: dict[str, Callable[[], type[Generator[Any]]]] = {
    "autoregressive": _autoregressive,
    "ctgan": _ctgan,
    "independent": _independent,
    "tvae": _tvae,
}
IMAGE_GENERATORS: dict[str, Callable[[], type[ImageGenerator[Any]]]] = {
    "image_gan": _image_gan,
    "image_vae": _image_vae,
}


def find(kind: str) -> type[Generator[Any]]:
    """The generator of tables called ``kind``.

    Raises:
        ConfigError: there is none; names the nearest.
    """
    _require(kind, GENERATORS, "tables", IMAGE_GENERATORS, "images")
    return GENERATORS[kind]()


def find_images(kind: str) -> type[ImageGenerator[Any]]:
    """The generator of images called ``kind``.

    Raises:
        ConfigError: there is none; names the nearest.
    """
    _require(kind, IMAGE_GENERATORS, "images", GENERATORS, "tables")
    return IMAGE_GENERATORS[kind]()


def choose(kind: str | None, *, images: bool) -> type[Generator[Any]] | type[ImageGenerator[Any]]:
    """The generator called ``kind`` for images, or for a table; the one to begin with when None.

    Raises:
        ConfigError: there is none for such data; names the nearest.
    """
    return find_images(kind or "image_vae") if images else find(kind or "autoregressive")


def makes_images(folder: Path | str) -> bool:
    """Whether the generator saved in ``folder`` is one of images.

    Raises:
        BundleError: there is none, or this version does not know its kind.
    """
    return _kind(folder) in IMAGE_GENERATORS


def load(folder: Path | str) -> Generator[Any]:
    """The generator of tables saved in ``folder``, of whatever kind.

    Raises:
        BundleError: as :meth:`Generator.load`, a kind this version does not know, or one of images.
    """
    kind = _kind(folder)
    if kind in IMAGE_GENERATORS:
        raise BundleError(f"{folder} holds a generator of images; one of tables is needed here.")
    return GENERATORS[kind]().load(folder)


def load_images(folder: Path | str) -> ImageGenerator[Any]:
    """The generator of images saved in ``folder``, of whatever kind.

    Raises:
        BundleError: as :meth:`ImageGenerator.load`, a kind this version does not know, or one of tables.
    """
    kind = _kind(folder)
    if kind in GENERATORS:
        raise BundleError(f"{folder} holds a generator of tables; one of images is needed here.")
    return IMAGE_GENERATORS[kind]().load(folder)


def _kind(folder: Path | str) -> str:
    kind = str(bundle.read_head(Path(folder))["kind"])
    if kind not in GENERATORS and kind not in IMAGE_GENERATORS:
        raise BundleError(f"{folder} holds a {kind!r} generator, which this version does not know. Upgrade geratriz.")
    return kind


def _require(kind: str, known: Iterable[str], what: str, others: Iterable[str], other: str) -> None:
    if kind in others:
        hint = " Parquet of images has them, encoded, in a column 'image'." if other == "images" else ""
        raise ConfigError(f"{kind!r} makes {other}, and the data are {what}.{nearest(kind, known)}{hint}")
    if kind not in known:
        raise ConfigError(f"{kind!r} is no generator of {what}.{nearest(kind, known)}")
