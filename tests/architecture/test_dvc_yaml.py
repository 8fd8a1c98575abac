"""dvc.yaml says of each stage what its code says: the module, the paths, the settings, and all the code it imports."""

import ast
import dataclasses
import importlib
import inspect
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from geratriz import config, domains
from geratriz.fitting.libraries import FILE, WATCHED, installed
from tests.architecture.imports import ROOT, canonical, files, libraries, modules, running

PARAMS = config.read_yaml(ROOT / "params.yaml")
STAGES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
MODELS = [(kind, model) for kind in domains.DOMAINS for model in domains.train(kind).GENERATORS]
EXAMPLES = sorted((ROOT / "examples").glob("*/params.yaml"))


def filled(text: str, model: str, kind: str) -> str:
    """``text`` with its templates filled in as DVC does."""
    text = text.replace("${item.model}", model).replace("${data.kind}", kind)
    for key in ("data.raw", "data.contract"):
        text = text.replace("${" + key + "}", config.pick(PARAMS, key))
    return text


def expanded(name: str, model: str, kind: str = "table") -> dict[str, Any]:
    stage: dict[str, Any] = yaml.safe_load(filled(yaml.safe_dump(STAGES[name]), model, kind))
    return stage


def outputs(stage: dict[str, Any]) -> set[str]:
    entries = [each for key in ("outs", "metrics", "plots") for each in stage.get(key, [])]
    return {next(iter(each)) if isinstance(each, dict) else each for each in entries}


def declared(name: str, kind: str, model: str) -> list[str]:
    """The code that a stage depends on, files and folders, for one kind of data and one model."""
    return [path for path in expanded(name, model, kind)["deps"] if path.startswith("src/")]


def cases(name: str) -> list[tuple[str, str | None]]:
    """Each kind of data with each of its models, for a stage with a matrix; each kind for another."""
    return [(kind, model if "matrix" in STAGES[name] else None) for kind, model in MODELS]


def needed(name: str, kind: str, model: str) -> set[str]:
    return files(f"geratriz.stages.{name}", kind=kind, model=model if "matrix" in STAGES[name] else None)


@pytest.mark.parametrize(("kind", "model"), MODELS)
@pytest.mark.parametrize("name", STAGES)
def test_nothing_is_imported_that_is_not_declared(name: str, kind: str, model: str) -> None:
    places = declared(name, kind, model)
    beyond = {path for path in needed(name, kind, model) if not path.startswith(tuple(f"{each}/" for each in places))}
    assert beyond <= set(places)


@pytest.mark.parametrize("name", STAGES)
def test_nothing_is_declared_that_no_kind_of_data_imports(name: str) -> None:
    unused = set(STAGES[name]["deps"]) - {path for path in STAGES[name]["deps"] if "src/" not in path}
    for kind, model in MODELS:
        used = needed(name, kind, model)
        unused -= {
            path
            for path in unused
            if any(
                each == filled(path, model, kind) or each.startswith(f"{filled(path, model, kind)}/") for each in used
            )
        }
    assert not unused


def test_an_edit_reaches_the_stages_that_it_is_about_and_no_others() -> None:
    """Images leave a table alone, a generator its siblings, and a page every fit."""

    def reached(path: str, kind: str, model: str) -> list[str]:
        return [
            name
            for name in STAGES
            if any(path == each or path.startswith(f"{each}/") for each in declared(name, kind, model))
        ]

    assert reached("src/geratriz/images/nets/pyramid.py", "table", "tvae") == []
    assert reached("src/geratriz/table/data/codec.py", "images", "image_gan") == []
    assert reached("src/geratriz/table/generators/tvae.py", "table", "tvae") == ["train", "sample"]
    assert reached("src/geratriz/table/generators/tvae.py", "table", "ctgan") == []
    assert reached("src/geratriz/table/report/columns.py", "table", "tvae") == ["evaluate"]
    assert reached("src/geratriz/table/page.py", "table", "tvae") == ["evaluate"]
    assert reached("src/geratriz/registry/client.py", "table", "tvae") == []


def test_the_graph_lists_at_most_a_hundred_places_of_code() -> None:
    assert sum(path.startswith("src/") for stage in STAGES.values() for path in stage["deps"]) <= 100


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
def test_the_libraries_declared_are_those_that_the_code_of_some_kind_of_data_imports(name: str) -> None:
    (watched,) = (each[str(FILE)] for each in STAGES[name]["params"] if isinstance(each, dict))
    behind = [modules(f"geratriz.stages.{name}", *one_of) for one_of in cases(name)]
    imported = {library for found in behind for module in found for library in libraries(module)}
    assert watched == sorted(imported & set(WATCHED))


def test_the_versions_declared_are_those_of_the_lock_and_of_this_environment() -> None:
    declared = config.read_yaml(ROOT / FILE)
    lines = [line.split("==") for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line]
    locked = {canonical(name): number for name, number in lines}
    assert declared == {name: locked[name] for name in WATCHED} == installed()


@pytest.mark.parametrize("name", STAGES)
def test_the_settings_declared_are_those_read(name: str) -> None:
    module = importlib.import_module(f"geratriz.stages.{name}")
    read = {key.replace("{model}", "tvae") for key in module.READS.values() if key != "{model}"}
    assert {each for each in expanded(name, "tvae")["params"] if isinstance(each, str)} == read
    assert set(module.READS) == {field.name for field in dataclasses.fields(module.Params)}


@pytest.mark.parametrize("path", [ROOT / "params.yaml", *EXAMPLES], ids=lambda path: path.parent.name)
def test_every_params_file_loads_strictly_and_names_every_setting(path: Path) -> None:
    settings = config.read_params(path)
    for name in STAGES:
        module = importlib.import_module(f"geratriz.stages.{name}")
        for model in settings["models"]:
            values = {
                field: model if key == "{model}" else config.pick(settings, key.replace("{model}", model))
                for field, key in module.READS.items()
            }
            config.load(module.Params, values, name)
    for model in settings["models"]:
        config_cls = domains.find(settings["data"]["kind"], model).config_cls
        config.load(config_cls, settings["train"][model], model)
        assert set(settings["train"][model]) == {field.name for field in dataclasses.fields(config_cls)}
    assert Path(ROOT / settings["data"]["contract"]).exists()
    assert Path(ROOT / f"{settings['data']['raw']}.dvc").exists()


def test_every_stage_module_stands_in_the_graph() -> None:
    modules = {path.stem for path in (ROOT / "src/geratriz/stages").glob("[a-z]*.py")}
    assert modules - {"entry"} == set(STAGES)


def test_package_markers_import_nothing_of_ours_so_that_no_stage_needs_to_depend_on_them() -> None:
    for path in (ROOT / "src").rglob("__init__.py"):
        nodes = running(ast.parse(path.read_text()))
        named = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        named |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        assert not any(name.startswith("geratriz") for name in named), path
