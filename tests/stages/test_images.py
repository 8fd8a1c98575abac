"""The stages on images: from a folder of files to a verdict and a page; a copycat is refused."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from geratriz import bundle
from geratriz.errors import ConfigError, ContractError, DataError
from geratriz.images import output as image_output
from geratriz.images.data.images import Images
from geratriz.images.data.manifest import manifest
from geratriz.images.draft import suite_of
from geratriz.images.generators.catalog import GENERATORS
from geratriz.output import Provenance, read_provenance
from geratriz.scoring.verdict import Gate
from geratriz.stages import compare, evaluate, landmarks, prepare, sample, train, validate
from geratriz.tracking import PROGRESS, read_history
from tests.domain_examples import QUICK, write_images
from tests.images import CLASSES, shapes
from tests.page_reader import Reader

pytestmark = pytest.mark.slow
DATA: dict[str, Any] = {
    "kind": "images",
    "raw": "images",
    "contract": "contract.json",
    "image": {"height": 12, "width": 9},
}
MODELS = ("image_gan", "image_vae")
EVALUATE = {"extractor": {"size": 32}}
COUNT = 230  # so that the smallest part, a tenth, has the images that every metric needs
GATES = {"kid": Gate(max=1000.0)}


@pytest.fixture(scope="module")
def done(brief_metrics: None, mlflow_template: Path, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A run of every stage in a project of its own; seconds, of which the libraries of the first stages take half."""
    root = tmp_path_factory.mktemp("project")
    shutil.copyfile(mlflow_template, root / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        (root / "params.yaml").write_text("release: {name: toys}\n")
        write_images(shapes(COUNT, height=12, width=9), root)
        (root / "contract.json").write_text(json.dumps(suite_of(manifest(root / "images"), "toys")))
        contract, prepared = root / "contract.json", root / "prepared"
        validate.main(validate.Params(kind="images"), data=root / "images", contract=contract, out=root / "validation")
        inputs = {"contract": contract, "validated": root / "validation" / "validation.json"}
        prepare.main(prepare.Params(data=DATA), data=root / "images", **inputs, out=prepared)
        marks = root / "landmarks.json"
        landmarks.main(
            landmarks.Params(kind="images", evaluate=EVALUATE), prepared=prepared, contract=contract, out=marks
        )
        for model in MODELS:
            params = train.Params(kind="images", model=model, seed=0, device="cpu", config=QUICK[model])
            train.main(params, prepared=prepared, out=root / "models" / model, out_history=root / f"{model}.csv")
            drawn = root / f"{model}.parquet"
            sample.main(sample.Params(kind="images", seed=1, rows=40), bundle=root / "models" / model, out=drawn)
            judge(root, drawn, model, root / "reports" / model)
        compare.main(
            compare.Params(models=MODELS, by="kid"),
            reports=root / "reports",
            out=root / "comparison",
            out_scores=root / "scores.json",
        )
    return SimpleNamespace(root=root)


def judge(root: Path, synthetic: Path, model: str, out: Path) -> dict[str, Any]:
    evaluate.main(
        evaluate.Params(kind="images", evaluate=EVALUATE, gates=GATES, privacy={"memorised_share": 0.2}),
        prepared=root / "prepared",
        synthetic=synthetic,
        landmarks=root / "landmarks.json",
        contract=root / "contract.json",
        bundle=root / "models" / model,
        out=out,
    )
    report: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    return report


@pytest.mark.parametrize("model", MODELS)
def test_a_folder_of_pictures_becomes_a_judged_generator(done: SimpleNamespace, model: str) -> None:
    folder = done.root / "models" / model
    assert {each.name for each in folder.iterdir()} == {
        *(bundle.HEAD, bundle.TENSORS, bundle.HISTORY, bundle.WALKS, PROGRESS)
    }
    assert len(list((folder / PROGRESS).glob("*.png"))) == len(read_history(folder / bundle.HISTORY)) > 1
    assert GENERATORS.load(folder).schema.shape == (12, 9, 1)
    assert read_provenance(done.root / f"{model}.parquet")["kind"] == model
    report = json.loads((done.root / "reports" / model / "metrics.json").read_text())
    assert {"kid", "fd", "precision", "recall", "density", "coverage", "cas", "memorised_share"} <= set(
        report["metrics"]
    )
    page = Reader((done.root / "reports" / model / "index.html").read_text())
    assert page.ids == ["pictures", "metrics", "classes", "privacy", "latents", "training", "settings"]


def test_parts_hold_every_image_once_in_the_form_that_was_asked_for(done: SimpleNamespace) -> None:
    parts = [Images.read(done.root / "prepared" / name) for name in ("train", "fresh", "test")]
    assert sum(map(len, parts)) == COUNT
    assert all(part.schema.classes == CLASSES and part.schema.shape == (12, 9, 1) for part in parts)


def test_the_comparison_ranks_by_kid_and_writes_its_page(done: SimpleNamespace) -> None:
    found = json.loads((done.root / "comparison" / "comparison.json").read_text())
    assert found["by"] == "kid"
    assert {each["model"] for each in found["ranking"]} == set(MODELS)
    assert "memorised_share" in (done.root / "comparison" / "index.html").read_text()


def test_a_copycat_is_refused_however_good_its_images_are(done: SimpleNamespace, tmp_path: Path) -> None:
    known = Images.read(done.root / "prepared" / "train")
    origin = Provenance(
        bundle="0", kind="copycat", record={}, seed=0, where={}, start=0, rows=len(known), block=1, acceptance=1.0
    )
    image_output.write(tmp_path / "copies.parquet", iter([known]), len(known), origin)
    report = judge(done.root, tmp_path / "copies.parquet", "image_vae", tmp_path / "report")
    assert report["privacy"]["outcome"] == "leak"
    assert report["verdict"]["release"] is False
    assert "reveal training data" in " ".join(report["verdict"]["reasons"])


def test_broken_files_stop_at_the_contract_and_are_named(done: SimpleNamespace, tmp_path: Path) -> None:
    write_images(shapes(20, height=12, width=9), tmp_path)
    for number in range(3):
        (tmp_path / "images" / "bar" / f"broken{number}.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    with pytest.raises(ContractError, match=r"broken0\.png"):
        validate.main(
            validate.Params(kind="images"),
            data=tmp_path / "images",
            contract=done.root / "contract.json",
            out=tmp_path / "validation",
        )
    assert (tmp_path / "validation" / "index.html").exists()


@pytest.mark.parametrize(
    "change, error, words",
    [
        ({"split": {"by": "group:label"}}, ConfigError, "set it to hash"),
        ({"image": {"hieght": 3}}, ConfigError, "Did you mean 'height'"),
        ({"target": "label"}, ConfigError, "target is not a setting"),
        ({"kind": "image"}, ConfigError, "Did you mean 'images'"),
        ({"image": {"height": None, "width": None}}, DataError, "holds images of 2 size"),
    ],
)
def test_settings_that_do_not_fit_images_name_themselves(
    change: dict[str, Any], error: type[Exception], words: str, tmp_path: Path
) -> None:
    write_images(shapes(10, height=12, width=9), tmp_path)
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(tmp_path / "images" / "bar" / "small.png")
    (tmp_path / "ok").write_text("{}")
    with pytest.raises(error, match=words):
        prepare.main(
            prepare.Params(data={**DATA, **change}),
            data=tmp_path / "images",
            contract=tmp_path / "none.json",
            validated=tmp_path / "ok",
            out=tmp_path / "out",
        )
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


def test_a_generator_of_tables_is_no_model_for_images(tmp_path: Path) -> None:
    params = train.Params(kind="images", model="tvae", seed=0, device="cpu", config={})
    with pytest.raises(ConfigError, match="'tvae' makes tables, and the data are images"):
        train.main(params, prepared=tmp_path, out=tmp_path / "model", out_history=tmp_path / "x.csv")
