"""The command line on images, as a person types it: from a folder of files to a grid, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from geratriz.cli import app as cli
from geratriz.errors import GeratrizError
from tests.domain_examples import QUICK, write_images
from tests.images import shapes

pytestmark = pytest.mark.slow


def run(*words: object) -> str:
    done = CliRunner().invoke(cli.app, [str(word) for word in words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def settings(kind: str) -> list[str]:
    return [word for key, value in QUICK[kind].items() for word in ("--set", f"{key}={value}")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shapes")
    return write_images(shapes(40), root)


@pytest.fixture(scope="module")
def model(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = tmp_path_factory.mktemp("models") / "gan"
    said = run("fit", folder, "--kind", "image_gan", "-o", model, *settings("image_gan"))
    assert "image_gan fitted on 40 images. Next: geratriz sample" in said
    return model


def test_a_contract_is_drafted_from_images_and_holds_them(folder: Path, tmp_path: Path) -> None:
    contract = tmp_path / "shapes.json"
    assert "drafted" in run("contract", "draft", folder, "-o", contract)
    assert "40 images keep the contract" in run("validate", folder, "--contract", contract)
    (folder / "bar" / "broken.png").write_bytes(b"")
    try:
        assert "broken.png" in run("validate", folder, "--contract", contract)
    except GeratrizError as problem:
        assert "broken.png" in str(problem)
    finally:
        (folder / "bar" / "broken.png").unlink()


def test_images_become_a_grid_a_folder_or_parquet_with_their_provenance(model: Path, tmp_path: Path) -> None:
    assert "9 images" in run("sample", model, "-n", 9, "-o", tmp_path / "grid.png", "--seed", 3)
    assert Image.open(tmp_path / "grid.png").size[0] > 3 * 8
    run("sample", model, "-n", 5, "-o", tmp_path / "discs", "--where", "label=disc")
    assert len(list((tmp_path / "discs" / "disc").glob("*.png"))) == 5
    run("sample", model, "-n", 300, "-o", tmp_path / "images.parquet")
    for name in ("grid.png", "discs", "images.parquet"):
        content = json.loads(run("provenance", tmp_path / name, "--json"))
        assert content["kind"] == "image_gan"
    with pytest.raises(GeratrizError, match="not empty"):
        run("sample", model, "-n", 5, "-o", tmp_path / "discs")


def test_walks_are_drawn(model: Path, tmp_path: Path) -> None:
    run("interpolate", model, "-o", tmp_path / "walks.png", "--steps", 3, "-n", 2, "--where", "label=bar")
    assert Image.open(tmp_path / "walks.png").size == (3 * 10 + 2, 2 * 12 + 2)
    with pytest.raises(GeratrizError, match=r"ends in \.png"):
        run("interpolate", model, "-o", tmp_path / "walks.jpg")


def test_images_whoever_made_them_are_judged(brief_metrics: None, folder: Path, model: Path, tmp_path: Path) -> None:
    """Takes a second: a network looks at all images."""
    run("sample", model, "-n", 40, "-o", tmp_path / "new.parquet")
    said = run(
        "evaluate", "--train", folder, "--test", folder, "--synthetic", tmp_path / "new.parquet", "-o", tmp_path / "r"
    )
    assert "kid" in said and "memorised_share" in said
    assert {each.name for each in (tmp_path / "r").iterdir()} == {"metrics.json", "index.html"}


def test_mixed_sizes_ask_for_one(folder: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for size in (8, 9):
        Image.fromarray(np.full((size, size), 100, np.uint8)).save(mixed / f"{size}.png")
    with pytest.raises(GeratrizError, match="2 size"):
        run("fit", mixed, "-o", tmp_path / "model")
    words = ("--size", "8x6", *settings("image_vae"))
    assert "image_vae fitted on 2 images" in run("fit", mixed, "-o", tmp_path / "model", *words)
    with pytest.raises(GeratrizError, match="expected HEIGHTxWIDTH"):
        run("fit", mixed, "-o", tmp_path / "model", "--size", "big")


@pytest.mark.parametrize(
    "words, message",
    [
        (("--kind", "tvae"), "makes tables, and the data are images"),
        (("--target", "label"), "about tables"),
        (("--set", "epochs=3"), "is not a setting"),
    ],
)
def test_what_is_about_tables_is_refused(folder: Path, tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(GeratrizError, match=message):
        run("fit", folder, "-o", tmp_path / "model", *words)


def test_sets_of_other_sizes_are_judged_at_one(brief_metrics: None, folder: Path, tmp_path: Path) -> None:
    """Takes a second: a network looks at all images."""
    sides = ("--train", folder, "--test", folder, "--synthetic", folder, "-o", tmp_path / "report")
    assert "kid" in run("evaluate", *sides, "--size", "8x8")
    with pytest.raises(GeratrizError, match="--size 10x8"):
        other = tmp_path / "other"
        (other / "bar").mkdir(parents=True)
        Image.new("L", (5, 5)).save(other / "bar" / "a.png")
        run("evaluate", "--train", folder, "--test", other, "--synthetic", folder, "-o", tmp_path / "report")


def test_a_path_that_is_not_there_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(GeratrizError, match="does not exist"):
        run("fit", tmp_path / "nope", "--kind", "image_gan", "-o", tmp_path / "model")


def test_a_contract_of_images_has_no_kinds_of_columns(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(GeratrizError, match="--schema is about tables"):
        run("contract", "draft", folder, "--schema", "label=id")


def test_an_output_where_no_file_can_be_is_one_sentence(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["geratriz", "contract", "draft", str(folder), "-o", str(tmp_path)])
    with pytest.raises(SystemExit, match="1"):
        cli.main()
    said = f"RequestError: {tmp_path} cannot be written: Is a directory. Existing files are unchanged.\n"
    assert capsys.readouterr().err == said


def test_images_are_no_table_and_a_table_no_images(model: Path, tmp_path: Path) -> None:
    with pytest.raises(GeratrizError, match="never seen"):
        run("sample", model, "-n", 2, "-o", tmp_path / "x.png", "--where", "label=boot")
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(GeratrizError, match="makes images, and the data are tables"):
        run("fit", tmp_path / "rows.csv", "--kind", "image_gan", "-o", tmp_path / "model")
    with pytest.raises(GeratrizError, match="--size is about images"):
        run("fit", tmp_path / "rows.csv", "--size", "3x3", "-o", tmp_path / "model")


@pytest.mark.parametrize(
    ("asked", "label"),
    [("yes", "yes"), ("007", "007"), ("null", "null"), (" '7' ", "7"), ('"a"', "a"), ("0.50", "0.50")],
)
def test_a_label_is_the_text_that_was_typed(model: Path, asked: str, label: str, tmp_path: Path) -> None:
    for verb in (("sample", model, "-n", 1), ("interpolate", model)):
        with pytest.raises(GeratrizError, match=f"the label '{label}', which was never seen"):
            run(*verb, "-o", tmp_path / "x.png", "--where", f"label={asked}")


def test_walks_carry_their_provenance_and_make_their_folder(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "walks.png"
    run("interpolate", model, "-o", path, "--steps", 3, "-n", 2, "--seed", 5)
    said = json.loads(run("provenance", path, "--json"))
    assert (said["kind"], said["seed"], said["steps"], said["rows"]) == ("image_gan", 5, 3, 6)
    assert [each.name for each in path.parent.iterdir()] == ["walks.png"]


def test_images_are_drawn_by_one_process(model: Path, tmp_path: Path) -> None:
    with pytest.raises(GeratrizError, match="jobs is 4, but images are drawn by one process"):
        run("sample", model, "-n", 2, "-o", tmp_path / "x.png", "--jobs", 4)


def test_a_warning_names_the_files(folder: Path, tmp_path: Path) -> None:
    contract = tmp_path / "shapes.json"
    run("contract", "draft", folder, "-o", contract)
    (folder / "bar" / "again.png").write_bytes(next((folder / "bar").glob("*.png")).read_bytes())
    try:
        said = run("validate", folder, "--contract", contract)
    finally:
        (folder / "bar" / "again.png").unlink()
    assert "warning: sha256" in said and "again.png" in said
