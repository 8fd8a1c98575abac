"""Generators of images in the registry: packaged, served as PNG in base64, compared with the champion."""

import base64
import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from PIL import Image

from geratriz.images.data.images import Images
from geratriz.images.evaluate import paired as image_paired
from geratriz.images.evaluate.trio import ImageEvaluateConfig
from geratriz.images.generators.image_gan import ImageGan, ImageGanConfig
from geratriz.images.serve import MAX_IMAGES
from geratriz.registry import packaging, release
from geratriz.registry.serving import ServedGenerator
from tests.images import CLASSES, shapes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "bundle"
    config = ImageGanConfig(images=160, batch=16, width=4, noise=4, threads=1, precision="float32")
    ImageGan.fit(shapes(40), config, seed=0, device="cpu").save(folder)
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> ServedGenerator:
    class Context:
        artifacts = {"bundle": str(folder)}  # noqa: RUF012 - a stand-in for MLflow's

    generator = ServedGenerator()
    generator.load_context(Context())
    return generator


def ask(served: ServedGenerator, **columns: Any) -> pd.DataFrame:
    return served.predict(None, pd.DataFrame(columns), {"seed": 7})


def test_images_come_as_png_in_base64_with_their_labels(served: ServedGenerator, folder: Path) -> None:
    answer = ask(served, n_rows=[3], label=["disc"])
    assert list(answer.columns) == ["image", "label"]
    assert answer["label"].tolist() == ["disc"] * 3
    pixels = [np.asarray(Image.open(io.BytesIO(base64.b64decode(each)))) for each in answer["image"]]
    expected = release.load(folder).sample(3, seed=7, where={"label": "disc"})
    assert np.array_equal(np.stack(pixels), expected.pixels[..., 0])  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "columns, words",
    [
        ({"n_rows": [2], "label": ["dics"]}, "Did you mean 'disc'"),
        ({"n_rows": [2], "colour": ["red"]}, "which the data do not have"),
        ({"n_rows": [MAX_IMAGES + 1]}, "expected 1 to 10,000"),
    ],
)
def test_what_cannot_be_answered_names_itself(served: ServedGenerator, columns: dict[str, Any], words: str) -> None:
    with pytest.raises(MlflowException, match=words):
        ask(served, **columns)


def test_a_packaged_generator_says_what_it_answers_and_loads_as_mlflow_loads_it(folder: Path, tmp_path: Path) -> None:
    import mlflow.pyfunc

    (folder / "progress").mkdir()
    (folder / "progress" / "0001.png").write_bytes(b"")
    assert packaging.conditions(folder) == ("label",)
    packaging.package(tmp_path / "model", folder)
    packed = {each.name for each in (tmp_path / "model" / packaging.BUNDLE_FOLDER).iterdir()}
    assert packed == {"generator.json", "tensors.safetensors"}
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    assert [each.name for each in loaded.metadata.signature.outputs.inputs] == ["image", "label"]
    answer = loaded.predict(pd.DataFrame({"n_rows": [2]}), params={"seed": 1})
    assert len(answer) == 2 and set(answer["label"]) <= set(CLASSES)


def test_the_better_of_two_generators_is_called_better_and_an_equal_one_is_not() -> None:
    test = shapes(60, seed=9)
    good = [shapes(60, seed=seed) for seed in range(5)]
    as_good = [shapes(60, seed=seed) for seed in range(20, 25)]
    bad = [shapes(60, seed=seed) for seed in range(5)]
    for each in bad:
        each.pixels[:] = np.random.default_rng(0).integers(0, 256, each.pixels.shape)
    config = ImageEvaluateConfig()
    found = image_paired.compare(bad, good, test, config)
    assert found["kid"]["low"] > 0 and found["kid"]["better"] == "lower"
    assert found["coverage"]["high"] < 0
    equal = image_paired.compare(as_good, good, test, config)
    assert all(each["low"] <= 0 <= each["high"] for each in equal.values())


def test_what_is_answered_is_read_from_the_head_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "generator.json").write_bytes((folder / "generator.json").read_bytes())
    assert packaging.conditions(tmp_path) == ("label",)
    assert packaging.answers(tmp_path) == [("image", "png"), ("label", "category")]


@pytest.fixture
def numbered(tmp_path: Path) -> ServedGenerator:
    """A generator whose labels are numbers."""
    few = shapes(40)
    images = Images(few.pixels, dataclasses.replace(few.schema, classes=("3", "7")), few.labels)
    config = ImageGanConfig(images=160, batch=16, width=4, noise=4, threads=1, precision="float32")
    ImageGan.fit(images, config, seed=0, device="cpu").save(tmp_path)

    class Context:
        artifacts = {"bundle": str(tmp_path)}  # noqa: RUF012 - a stand-in for MLflow's

    generator = ServedGenerator()
    generator.load_context(Context())
    return generator


def test_a_label_that_is_a_number_may_be_left_out_in_another_line(numbered: ServedGenerator) -> None:
    assert ask(numbered, n_rows=[3, 2], label=[7, None])["label"].tolist()[:3] == ["7"] * 3


def test_an_answer_is_limited_by_its_bytes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geratriz.images.serve.MAX_BYTES", 5 * 80 + 79)

    class Context:
        artifacts = {"bundle": str(folder)}  # noqa: RUF012 - a stand-in for MLflow's

    served = ServedGenerator()
    served.load_context(Context())
    assert len(ask(served, n_rows=[5])) == 5
    with pytest.raises(MlflowException, match="asks for 6 rows; expected 1 to 5"):
        ask(served, n_rows=[6])
