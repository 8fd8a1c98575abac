"""What ``import geratriz`` offers: names, types, and the functions on a small table."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import geratriz
from geratriz.errors import ConfigError, RequestError
from geratriz.output import read_provenance
from geratriz.parts import SplitConfig
from geratriz.table.data.split import split
from geratriz.table.generators.tvae import TvaeConfig
from tests.domain_examples import QUICK
from tests.images import shapes
from tests.tables import mixed

HEAVY = ("torch", "mlflow", "prefect", "dvc", "great_expectations", "sklearn", "pandas", "numpy", "pyarrow", "scipy")
TVAE = QUICK["tvae"]


@pytest.fixture(scope="module")
def table() -> geratriz.Table:
    return mixed()


@pytest.fixture(scope="module")
def generator(table: geratriz.Table) -> geratriz.Generator[Any]:
    return geratriz.fit(table, "independent", seed=0)


def test_every_name_is_there_and_has_a_docstring() -> None:
    assert dir(geratriz) == sorted(geratriz.__all__)
    for name in geratriz.__all__:
        assert getattr(geratriz, name) is not None
        if name != "__version__":
            assert getattr(geratriz, name).__doc__
    with pytest.raises(AttributeError, match="has no attribute 'evalute'"):
        geratriz.evalute  # type: ignore[attr-defined] # noqa: B018


def test_a_star_import_brings_the_names_and_nothing_else() -> None:
    names: dict[str, Any] = {}
    exec("from geratriz import *", names)
    assert set(names) - {"__builtins__"} == set(geratriz.__all__)


def test_importing_and_looking_around_costs_nothing_heavy() -> None:
    code = f"import sys, geratriz; dir(geratriz); print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_module_of_the_package_hides_a_function_of_its_name() -> None:
    """A module that is imported becomes an attribute of its package, in the place of a function that is there."""
    package = Path(geratriz.__file__).parent
    modules = {path.stem for path in package.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert modules & set(geratriz.__all__) == {"errors"}


@pytest.mark.slow
def test_a_type_checker_knows_the_names_and_refuses_others(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import geratriz\n"
        "generator = geratriz.fit(geratriz.Table.read('a.csv'), epochs=3)\n"
        "rows: geratriz.Table = geratriz.sample(generator, 10, seed=0)\n"
        "path: geratriz.Table = geratriz.sample(generator, 10, seed=0, out='b.csv')\n"
        "geratriz.evalute(rows)\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(script)]
    root = Path(geratriz.__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    problems = [line.partition("script.py:")[2] for line in done.stdout.splitlines()]
    assert [line[0] for line in problems] == ["4", "5"], done.stdout
    assert "Path" in problems[0] and "evalute" in problems[1]


def test_every_error_is_a_geratriz_error() -> None:
    assert issubclass(geratriz.errors.RegistryError, geratriz.GeratrizError)
    with pytest.raises(geratriz.GeratrizError, match="does not exist"):
        geratriz.Table.read("absent.parquet")


@pytest.mark.slow
def test_fit_takes_settings_as_words_or_as_an_object(table: geratriz.Table) -> None:
    few = table.take(slice(100))
    by_words = geratriz.fit(few, kind="tvae", seed=3, device="cpu", **TVAE)
    by_object = geratriz.fit(few, kind="tvae", config=TvaeConfig(**TVAE), seed=3, device="cpu")
    pd.testing.assert_frame_equal(by_words.sample(50, seed=1).frame, by_object.sample(50, seed=1).frame)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "tave"}, "Did you mean 'tvae'"),
        ({"epoch": 3}, r"autoregressive\.epoch is not a setting\. Did you mean 'epochs'"),
        ({"epochs": "many"}, "expected int"),
        ({"config": TvaeConfig(), "epochs": 3}, "fit got both config and epochs"),
        ({"kind": "independent", "config": TvaeConfig()}, "independent takes a CodecConfig"),
    ],
)
def test_fit_refuses_what_it_does_not_know(table: geratriz.Table, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        geratriz.fit(table, **arguments)


def test_a_bare_frame_is_answered_with_how_to_make_a_table(table: geratriz.Table) -> None:
    with pytest.raises(RequestError, match=r"got a DataFrame\. .*Table\.from_frame"):
        geratriz.fit(table.frame)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match=r"evaluate takes a geratriz\.Table"):
        geratriz.evaluate(table, table, table.frame)  # type: ignore[arg-type]


def test_sample_takes_a_generator_or_a_folder_and_gives_equal_rows(
    generator: geratriz.Generator[Any], tmp_path: Path
) -> None:
    generator.save(tmp_path / "model")
    expected = generator.sample(30, seed=1, where={"group": "b"}).frame
    for model in (generator, tmp_path / "model", str(tmp_path / "model")):
        rows = geratriz.sample(model, 30, seed=1, where={"group": "b"})
        pd.testing.assert_frame_equal(rows.frame, expected)
        out = geratriz.sample(model, 30, seed=1, where={"group": "b"}, out=tmp_path / "rows.parquet")
        pd.testing.assert_frame_equal(geratriz.Table.read(out).frame, expected)
    rest = geratriz.sample(generator, 10, seed=1, where={"group": "b"}, start=20).frame
    pd.testing.assert_frame_equal(rest, expected.tail(10).reset_index(drop=True))


def test_a_generator_in_hand_is_known_by_the_bundle_it_is_saved_as(
    generator: geratriz.Generator[Any], tmp_path: Path
) -> None:
    generator.save(tmp_path / "model")
    found = []
    for model in (generator, tmp_path / "model"):
        geratriz.sample(model, 5, seed=0, out=tmp_path / "rows.csv")
        found.append(read_provenance(tmp_path / "rows.csv"))
    assert found[0] == found[1]
    assert found[0]["geratriz"] == geratriz.__version__
    assert (found[0]["model"], found[0]["verdict"]) == (None, None)


def test_load_gives_what_was_saved(generator: geratriz.Generator[Any], tmp_path: Path) -> None:
    generator.save(tmp_path)
    pd.testing.assert_frame_equal(geratriz.load(tmp_path).sample(9, seed=2).frame, generator.sample(9, seed=2).frame)


@pytest.fixture(scope="module")
def report(brief_metrics: None) -> geratriz.Report:
    """Takes a second or two: every metric, on three pairs of tables."""
    parts = split(mixed(300), SplitConfig(train=0.4, fresh=0.2, test=0.4))
    return geratriz.evaluate(parts["train"], parts["test"], parts["fresh"], bootstrap=20)


def test_a_report_has_scores_between_landmarks_by_name(report: geratriz.Report) -> None:
    detection = report.scores["detection"]
    assert detection.low <= detection.value <= detection.high
    assert detection.floor is not None and detection.floor < detection.value
    assert detection.better == "higher"
    assert "detection" in str(report) and "fresh real" in str(report)
    with pytest.raises(AttributeError):
        report.title = "other"  # type: ignore[misc]


def test_a_report_is_written_as_metrics_and_page(report: geratriz.Report, tmp_path: Path) -> None:
    report.write(tmp_path / "new")
    assert json.loads((tmp_path / "new" / "metrics.json").read_text()) == json.loads(json.dumps(report.to_json()))
    assert "Synthetic rows" in (tmp_path / "new" / "index.html").read_text()


def test_tables_read_with_a_schema_of_their_own_are_held_under_that_of_train(brief_metrics: None) -> None:
    parts = split(mixed(120), SplitConfig(train=0.4, fresh=0.2, test=0.4))
    test, rows = (geratriz.Table.from_frame(parts[name].frame) for name in ("test", "fresh"))
    assert "utility" in geratriz.evaluate(parts["train"], test, rows, bootstrap=20).scores


def test_evaluate_refuses_what_it_does_not_know(table: geratriz.Table) -> None:
    with pytest.raises(ConfigError, match=r"evaluate\.bootstraps is not a setting\. Did you mean 'bootstrap'"):
        geratriz.evaluate(table, table, table, bootstraps=20)


@pytest.mark.slow
def test_images_go_the_way_of_tables(brief_metrics: None, tmp_path: Path) -> None:
    shapes(60).write(tmp_path / "shapes")
    images = geratriz.read_images(tmp_path / "shapes")
    assert images.schema.classes == ("bar", "disc")
    generator = geratriz.fit(images, kind="image_gan", seed=0, **QUICK["image_gan"])
    drawn = geratriz.sample(generator, 30, seed=1, where={"label": "disc"})
    assert isinstance(drawn, geratriz.Images) and len(drawn) == 30
    geratriz.sample(generator, 9, seed=1, out=tmp_path / "grid.png")
    synthetic = geratriz.sample(generator, 40, seed=1)
    report = geratriz.evaluate(images, shapes(60, seed=1), synthetic, extractor={"size": 32})
    assert report.scores["kid"].copycat is not None
    report.write(tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text()
    assert "Memorised images" in page and "Synthetic images" in page
    with pytest.raises(ConfigError, match=r"fit got the contract a\.json with images"):
        geratriz.fit(images, contract="a.json")  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match=r"evaluate got the contract a\.json with images"):
        geratriz.evaluate(images, images, images, contract="a.json")
    with pytest.raises(RequestError, match="jobs is 2, but images are drawn by one process"):
        geratriz.sample(generator, 3, seed=1, jobs=2)
    with pytest.raises(RequestError, match=r"or geratriz\.Images.*read_images\(path\)"):
        geratriz.fit(images.pixels)  # type: ignore[call-overload]
    with pytest.raises(geratriz.GeratrizError, match="all of one kind, got a Images, Table"):
        geratriz.evaluate(images, drawn, geratriz.Table.from_frame(pd.DataFrame({"a": [1, 2]})))
