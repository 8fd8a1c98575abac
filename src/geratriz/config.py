"""Strict loading of a mapping (params.yaml, JSON) into a frozen dataclass, with errors that name the wrong setting."""

import contextlib
import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

import yaml

from geratriz.errors import ConfigError, nearest

T = TypeVar("T")

PARAMS = Path("params.yaml")
SECTIONS = ("data", "models", "train", "sample", "evaluate", "compare", "release", "flow", "monitor")


NOT_YAML = (yaml.YAMLError, ValueError, OverflowError, RecursionError)
"""Errors on text that is not YAML, or holds what YAML cannot: dates that do not exist, numbers of thousands of digits,
brackets without end."""


def parse(text: str) -> Any:
    """Parse a value as YAML: 'text', 12, 0.5, true, null; what YAML cannot hold is text."""
    try:
        return yaml.safe_load(text)
    except NOT_YAML:
        return text.strip()


def read_yaml(path: Path) -> dict[str, Any]:
    """Read the mapping in a YAML file.

    Raises:
        ConfigError: the file is missing, is not YAML, or does not hold a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"{path} does not exist. Run the command in the project's root, which contains params.yaml."
        ) from None
    except UnicodeDecodeError as problem:
        raise ConfigError(f"{path} is not UTF-8 text: {problem}. Save it as UTF-8.") from None
    except NOT_YAML as problem:
        raise ConfigError(f"{path} is not valid YAML: {problem}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds {type(content).__name__}, expected a mapping of settings.")
    return content


def read_params(path: Path) -> dict[str, Any]:
    """Read params.yaml and check the names of its sections.

    Raises:
        ConfigError: the file cannot be read, or has an unknown section.
    """
    settings = read_yaml(path)
    for section in settings:
        if section not in SECTIONS:
            raise ConfigError(f"{path} has a section {section!r} that nothing reads.{nearest(section, SECTIONS)}")
    return settings


def kind_of(settings: Mapping[str, Any]) -> str:
    """Kind of data in the settings of params.yaml; ``table`` by default."""
    return str((settings.get("data") or {}).get("kind", "table"))


def pick(settings: Mapping[str, Any], key: str) -> Any:
    """Value under a dotted key such as ``train.tvae``.

    Raises:
        ConfigError: a part of the key is missing; the message names the nearest known one.
    """
    value: Any = settings
    found: list[str] = []
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            known = value.keys() if isinstance(value, Mapping) else ()
            where = ".".join(found) or "the top level"
            raise ConfigError(f"params.yaml has no {key!r}: {part!r} is missing at {where}.{nearest(part, known)}")
        value = value[part]
        found.append(part)
    return value


def load(cls: type[T], mapping: Mapping[str, Any] | None, where: str) -> T:
    """Build the dataclass ``cls`` from ``mapping``; ``where`` names the mapping in messages.

    A missing key takes the dataclass's default.

    Raises:
        ConfigError: a key is unknown, a required one is missing or a value has another type; with its full name.
    """
    settings = dict(mapping or {})
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    for key in settings:
        if key not in fields:
            raise ConfigError(f"{where}.{key} is not a setting.{nearest(str(key), fields)}")
    for name, field in fields.items():
        no_default = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if name not in settings and no_default:
            raise ConfigError(f"{where}.{name} is missing: it has no default, give it a value in params.yaml.")
    try:
        return cls(**{name: _convert(value, hints[name], f"{where}.{name}") for name, value in settings.items()})
    except ValueError as problem:
        raise ConfigError(f"{where}: {problem}") from None


def _convert(value: Any, hint: Any, where: str) -> Any:
    """Convert ``value`` to the type ``hint``, or raise a ConfigError."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        options = [argument for argument in arguments if argument is not type(None)]
        if len(options) == 1:
            return _convert(value, options[0], where)
        for option in options:
            with contextlib.suppress(ConfigError):
                return _convert(value, option, where)
        raise _type_error(value, " or ".join(map(_type_name, options)), where)
    if origin is Literal:
        if value in arguments:
            return value
        raise ConfigError(f"{where} is {value!r}.{nearest(str(value), [str(a) for a in arguments])}")
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if isinstance(value, hint):
            return value
        if isinstance(value, Mapping) or value is None:
            return load(hint, value, where)
        raise _type_error(value, "a mapping of settings", where)
    if origin is tuple:
        if isinstance(value, Sequence) and not isinstance(value, str):
            return tuple(_convert(item, arguments[0], f"{where}[{i}]") for i, item in enumerate(value))
        raise _type_error(value, "a list", where)
    if origin is not None and issubclass(origin, Mapping):
        if isinstance(value, Mapping):
            return {str(k): _convert(v, arguments[1], f"{where}.{k}") for k, v in value.items()}
        raise _type_error(value, "a mapping", where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is float and isinstance(value, str):  # YAML reads 1e-3 as text
        try:
            return float(value)
        except ValueError:
            raise _type_error(value, "a number", where) from None
    if hint is Path and isinstance(value, str):
        return Path(value)
    if isinstance(value, hint) and not (hint in (int, float) and isinstance(value, bool)):
        return value
    raise _type_error(value, hint.__name__, where)


def _type_name(hint: Any) -> str:
    if typing.get_origin(hint) is Literal:
        return " or ".join(map(repr, typing.get_args(hint)))
    return str(getattr(hint, "__name__", hint))


def _type_error(value: Any, expected: str, where: str) -> ConfigError:
    return ConfigError(f"{where} is {value!r} ({type(value).__name__}), expected {expected}.")
