"""Settings are loaded strictly: what is wrong is named, with what was probably meant."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from geratriz import config
from geratriz.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Inner:
    depth: int = 2


@dataclass(frozen=True, kw_only=True)
class Settings:
    name: str
    rate: float = 0.1
    mode: Literal["fast", "slow"] = "fast"
    limit: int | None = None
    inner: Inner = field(default_factory=Inner)
    parts: tuple[str, ...] = ()
    size: int | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ValueError(f"rate must be positive, got {self.rate}")


def test_values_and_defaults_are_joined() -> None:
    loaded = config.load(Settings, {"name": "x", "rate": 1, "inner": {"depth": 3}, "parts": ["a"]}, "train")
    assert loaded == Settings(name="x", rate=1.0, inner=Inner(depth=3), parts=("a",))


def test_yaml_numbers_with_an_exponent_are_numbers() -> None:
    assert config.load(Settings, {"name": "x", "rate": "1e-3"}, "train").rate == 0.001


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "x", "ratte": 1}, r"train\.ratte is not a setting\. Did you mean 'rate'\?"),
        ({}, r"train\.name is missing"),
        ({"name": "x", "rate": "fast"}, r"train\.rate is 'fast' \(str\), expected a number"),
        ({"name": "x", "rate": True}, r"train\.rate is True"),
        ({"name": "x", "limit": "all"}, r"train\.limit is 'all' \(str\), expected int"),
        ({"name": "x", "size": "atuo"}, r"train\.size is 'atuo' \(str\), expected int or 'auto'\."),
        ({"name": "x", "mode": "fats"}, r"train\.mode is 'fats'\. Did you mean 'fast'"),
        ({"name": "x", "inner": {"deep": 1}}, r"train\.inner\.deep is not a setting\. Did you mean 'depth'"),
        ({"name": "x", "inner": 3}, r"train\.inner is 3 \(int\), expected a mapping"),
        ({"name": "x", "parts": "abc"}, r"train\.parts is 'abc' \(str\), expected a list"),
        ({"name": "x", "rate": -1}, r"train: rate must be positive, got -1"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config.load(Settings, given, "train")


def test_a_key_that_is_not_there_names_the_nearest() -> None:
    settings = {"train": {"tvae": {"epochs": 1}}}
    assert config.pick(settings, "train.tvae.epochs") == 1
    with pytest.raises(ConfigError, match=r"no 'train\.tvea': 'tvea' is missing at train\. Did you mean 'tvae'"):
        config.pick(settings, "train.tvea")


@pytest.mark.parametrize(("text", "message"), [(None, "does not exist"), ("a: [", "not valid YAML"), ("- a", "list")])
def test_a_file_that_holds_no_settings_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        config.read_yaml(tmp_path / "params.yaml")
