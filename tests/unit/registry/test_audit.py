"""The audit judges the champion anew: by the limits it was promoted under, for each kind of data.

Each evaluation is registered by a real MLflow, which takes a second.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest

from geratriz.images.generators.image_gan import ImageGan, ImageGanConfig
from geratriz.registry import promoting, release
from geratriz.registry.audit import audit
from geratriz.registry.names import KIND
from tests.attack_metrics import attacked
from tests.images import shapes
from tests.projects import Project

TINY = ImageGanConfig(images=160, batch=16, width=4, noise=4, threads=1, precision="float32")


def measured(value: float, **rest: Any) -> dict[str, Any]:
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "floor": None, "ceiling": None, **rest}


class Champion:
    """A project whose first version is the champion; what is measured on it later can be worse."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.evaluate(quality=0.6, leak=0.0)
        promoting.promote(project.root, "people", by="ana")

    def evaluate(self, *, quality: float, leak: float) -> None:
        self.judge(quality, leak)
        release.register(self.project.root)

    def judge(self, quality: float, leak: float) -> None:
        raise NotImplementedError


class OfTables(Champion):
    attack, gate = "copy_excess", "detection"

    def judge(self, quality: float, leak: float) -> None:
        self.project.limits = {"copy_excess": 0.2}  # its own would be 0.0075
        self.project.gains = {"copy_excess": (leak, 0.01)}
        self.project.model("small", quality)
        self.project.compare("small")


class OfImages(Champion):
    attack, gate = "memorised_share", "precision"

    def judge(self, quality: float, leak: float) -> None:
        self.project.limits = {"memorised_share": 0.2}  # its own would be 0.05
        self.project.gates = {"precision": {"min": 0.2}, "recall": {"min": 0.1}}
        metrics = {name: measured(quality, better="higher") for name in ("precision", "recall")}
        metrics["memorised_share"] = measured(leak, better="lower", chance=0.0)
        verdict = {"release": True, "reasons": ["it was judged."]}
        content = {"metrics": metrics, "privacy": {"outcome": "passed"}, "verdict": verdict}
        shutil.rmtree(self.project.root / "models" / "small")
        ImageGan.fit(shapes(40), TINY, seed=0, device="cpu").save(self.project.root / "models" / "small")
        self.project.report("small", content)
        self.project.compare("small", kind="images", by="precision")


@pytest.fixture(params=[OfTables, pytest.param(OfImages, marks=pytest.mark.slow)])
def champion(request: pytest.FixtureRequest, project: Project) -> Champion:
    made: Champion = request.param(project)
    return made


def away(champion: Champion, folder: Path) -> list[str]:
    """What the audit finds where no params.yaml has gates or limits."""
    folder.mkdir()
    return [each.text for each in audit(folder, uri=f"sqlite:///{champion.project.root}/mlflow.db")]


def test_only_what_speaks_against_the_champion_is_named(champion: Champion, tmp_path: Path) -> None:
    champion.evaluate(quality=0.6, leak=0.15)  # the limit it was promoted under allows that much of a leak
    assert away(champion, tmp_path / "first") == audit(champion.project.root) == []
    champion.evaluate(quality=0.15, leak=0.15)
    (found,) = away(champion, tmp_path / "second")
    assert found.startswith("version 1 is the champion, but the gates refuse it: ")
    assert f"{champion.gate} is 0.150" in found and "requires at least 0.200: refused." in found
    assert found.count(":") == 2, "nothing but the gate that refuses"
    champion.evaluate(quality=0.6, leak=0.4)
    (found,) = away(champion, tmp_path / "third")
    assert f"{champion.attack} is 0.400" in found and "at most 0.200 is allowed: a leak." in found
    named = (*attacked(), "memorised_share", "detection", "copy_rate", "precision", "recall")
    assert [name for name in named if name in found] == [champion.attack]


def test_a_champion_of_a_kind_that_nobody_knows_is_not_passed_over(
    promoted: Project, client: Any, tmp_path: Path
) -> None:
    (promoted.root / "params.yaml").unlink()
    client.set_model_version_tag("people", "1", KIND, "of-the-future")
    (found,) = audit(promoted.root)
    assert "its generator (of-the-future) is unknown" in found.text
    client.delete_model_version_tag("people", "1", KIND)
    (found,) = audit(promoted.root)
    assert "its generator (none) is unknown" in found.text
