"""dvc.yaml says of each stage what its code says: the module, the paths, the settings, and every file it imports."""

import ast
import dataclasses
import importlib
import inspect
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from geratriz import config
from geratriz.generators import catalog
from geratriz.stages import _entry
from tests.architecture.imports import ROOT, files, running

PARAMS = config.read_yaml(ROOT / "params.yaml")
STAGES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
EXAMPLES = sorted((ROOT / "examples").glob("*/params.yaml"))


def expanded(name: str, model: str) -> dict[str, Any]:
    """A stage with its templates filled in as DVC does."""
    text = yaml.safe_dump(STAGES[name]).replace("${item.model}", model)
    for key in ("data.raw", "data.contract"):
        text = text.replace("${" + key + "}", config.pick(PARAMS, key))
    stage: dict[str, Any] = yaml.safe_load(text)
    return stage


def outputs(stage: dict[str, Any]) -> set[str]:
    entries = [each for key in ("outs", "metrics", "plots") for each in stage.get(key, [])]
    return {next(iter(each)) if isinstance(each, dict) else each for each in entries}


@pytest.mark.parametrize("model", [*catalog.GENERATORS, *catalog.IMAGE_GENERATORS])
@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_exactly_the_files_it_imports(name: str, model: str) -> None:
    declared = {path for path in expanded(name, model)["deps"] if path.startswith("src/")}
    needed = files(f"geratriz.stages.{name}", model=model if "matrix" in STAGES[name] else None)
    if (
        "src/geratriz/generators/base.py" in needed
    ):  # a matrix has one list for all: what only the networks share is in it
        needed |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "src/geratriz/generators").glob("_[a-z]*.py")}
    assert declared == needed


@pytest.mark.parametrize("name", STAGES)
def test_the_command_names_the_module_and_the_paths_its_main_takes(name: str) -> None:
    stage = expanded(name, "tvae")
    words = shlex.split(stage["cmd"])
    assert words[:3] == ["python", "-m", f"geratriz.stages.{name}"]
    given = {flag.removeprefix("--"): value for flag, value in zip(words[3::2], words[4::2], strict=True)}
    model = given.pop("model", None)
    module = importlib.import_module(f"geratriz.stages.{name}")
    taken = {each for each, what in inspect.signature(module.main).parameters.items() if what.kind is what.KEYWORD_ONLY}
    assert set(given) == taken
    assert (model is not None) == any("{model}" in key for key in module.READS.values())
    for flag, path in given.items():
        assert path in (outputs(stage) if flag.startswith("out") else stage["deps"]), f"--{flag} {path} is not declared"
    data = [path for path in stage["deps"] if not path.startswith("src/")]
    assert set(data) <= set(given.values()), "a data dependency that the command does not read"
    assert outputs(stage) <= set(given.values()), "an output that the command does not write"


@pytest.mark.parametrize("name", STAGES)
def test_the_settings_declared_are_those_read(name: str) -> None:
    module = importlib.import_module(f"geratriz.stages.{name}")
    read = {key.replace("{model}", "tvae") for key in module.READS.values() if key != "{model}"}
    assert set(expanded(name, "tvae").get("params", [])) == read
    assert set(module.READS) == {field.name for field in dataclasses.fields(module.Params)}


@pytest.mark.parametrize("path", [ROOT / "params.yaml", *EXAMPLES], ids=lambda path: path.parent.name)
def test_every_params_file_loads_strictly_and_names_every_setting(path: Path) -> None:
    settings = _entry.read_params(path)
    for name in STAGES:
        module = importlib.import_module(f"geratriz.stages.{name}")
        for model in settings["models"]:
            values = {
                field: model if key == "{model}" else config.pick(settings, key.replace("{model}", model))
                for field, key in module.READS.items()
            }
            config.load(module.Params, values, name)
    for model in settings["models"]:
        images = settings["data"]["kind"] == "images"
        config_cls = (catalog.find_images(model) if images else catalog.find(model)).config_cls
        config.load(config_cls, settings["train"][model], model)
        assert set(settings["train"][model]) == {field.name for field in dataclasses.fields(config_cls)}
    assert Path(ROOT / settings["data"]["contract"]).exists()
    assert Path(ROOT / f"{settings['data']['raw']}.dvc").exists()


def test_every_stage_module_stands_in_the_graph() -> None:
    modules = {path.stem for path in (ROOT / "src/geratriz/stages").glob("[a-z]*.py")}
    assert modules == set(STAGES)


def test_package_markers_import_nothing_of_ours_so_that_no_stage_needs_to_depend_on_them() -> None:
    for path in (ROOT / "src").rglob("__init__.py"):
        nodes = running(ast.parse(path.read_text()))
        named = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        named |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        assert not any(name.startswith("geratriz") for name in named), path
