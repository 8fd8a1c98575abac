"""The gate at the end of a run, on dvc.lock files that DVC itself wrote, true and forged."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from geratriz.errors import PipelineError
from pipelines import coherence, graph
from tests.pipelines.conftest import Project, dvc

pytestmark = pytest.mark.slow

STAGES = {
    "prepare": {
        "cmd": "mkdir -p parts && cp rows.txt parts/train.txt && cp rows.txt parts/test.txt",
        "deps": ["rows.txt"],
        "outs": ["parts"],
    },
    "train": {
        "matrix": {"model": ["a", "b"]},
        "cmd": "mkdir -p models/${item.model} && cp parts/train.txt models/${item.model}/net",
        "deps": ["parts"],
        "outs": ["models/${item.model}"],
    },
    "judge": {"cmd": "cp parts/test.txt judged.txt", "deps": ["parts/test.txt"], "outs": ["judged.txt"]},
    "compare": {"cmd": "ls models > winner.txt", "deps": ["models", "judged.txt"], "outs": ["winner.txt"]},
}


@pytest.fixture(scope="module")
def done_once(empty_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("done") / "project")
    shutil.copytree(empty_project, made.root)
    made.params()
    made.write("rows.txt", "1\n2\n")
    made.write("dvc.yaml", yaml.safe_dump({"stages": STAGES}))
    dvc(made.root, "repro", "--quiet")
    return made


@pytest.fixture
def done(done_once: Project, tmp_path: Path) -> Project:
    """A graph that was run: outputs that are files and folders, read whole, in part, and several as one folder."""
    return Project(shutil.copytree(done_once.root, tmp_path / "project"))


def check(root: Path) -> None:
    coherence.check(root, [stage.name for stage in graph.read(root).stages], graph.cache(root))


def forge(project: Project, stage: str, part: str, path: str, md5: str) -> None:
    lock: dict[str, Any] = yaml.safe_load(project.read("dvc.lock"))
    entry = next(each for each in lock["stages"][stage][part] if each["path"] == path)
    entry["md5"] = md5
    project.write("dvc.lock", yaml.safe_dump(lock, sort_keys=False))


def test_what_dvc_wrote_agrees_with_itself(done: Project) -> None:
    check(done.root)


@pytest.mark.parametrize(
    ("stage", "path"),
    [("train@a", "parts"), ("judge", "parts/test.txt"), ("compare", "models"), ("compare", "judged.txt")],
)
def test_a_stage_that_read_something_else_is_named_with_both(done: Project, stage: str, path: str) -> None:
    digest = "0" * 32 + (".dir" if path in ("parts", "models") else "")
    forge(done, stage, "deps", path, digest)
    with pytest.raises(PipelineError) as refused:
        check(done.root)
    assert f"{stage} read {path} as {digest}" in str(refused.value)


def test_an_old_model_taken_for_the_new_one_is_found_through_the_folder_it_stands_in(done: Project) -> None:
    done.write("rows.txt", "3\n")
    before = yaml.safe_load(done.read("dvc.lock"))["stages"]["train@b"]
    dvc(done.root, "repro", "--quiet")
    lock = yaml.safe_load(done.read("dvc.lock"))
    lock["stages"]["train@b"] = before
    done.write("dvc.lock", yaml.safe_dump(lock, sort_keys=False))
    with pytest.raises(PipelineError, match=r"(?s)train@b read parts.*compare read models"):
        check(done.root)


def test_entries_of_stages_that_are_gone_count_for_nothing(done: Project) -> None:
    gone = {key: value for key, value in STAGES.items() if key != "judge"}
    gone["compare"] = {"cmd": "ls models > winner.txt", "deps": ["models"], "outs": ["winner.txt"]}
    done.write("dvc.yaml", yaml.safe_dump({"stages": gone}))
    dvc(done.root, "repro", "--quiet")
    forge(done, "judge", "deps", "parts/test.txt", "0" * 32)
    check(done.root)


def test_what_a_model_that_was_taken_out_left_behind_is_no_contradiction(done: Project) -> None:
    fewer = {**STAGES, "train": {**STAGES["train"], "matrix": {"model": ["a"]}}}
    done.write("dvc.yaml", yaml.safe_dump({"stages": fewer}))
    dvc(done.root, "repro", "--quiet")
    assert done.has("models/b/net")
    check(done.root)


def test_where_nothing_was_run_there_is_nothing_to_contradict(bare: Project) -> None:
    bare.write("rows.txt", "1\n")
    bare.write("dvc.yaml", yaml.safe_dump({"stages": STAGES}))
    check(bare.root)
