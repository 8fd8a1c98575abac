"""Our reading of dvc.yaml's graph, held against DVC's own."""

import re
from pathlib import Path

import pytest

from geratriz.errors import ConfigError
from pipelines import graph
from tests.pipelines.conftest import Project, dvc

pytestmark = pytest.mark.slow


def test_the_graph_is_the_one_that_dvc_draws(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    project.write("more/dvc.yaml", "stages:\n  count:\n    cmd: wc -l ../winner.txt\n    deps: [../winner.txt]\n")
    drawn = re.findall(r'"([^"]+)" -> "([^"]+)"', dvc(project.root, "dag", "--dot", "--full"))
    monkeypatch.chdir(tmp_path)  # DVC's own names depend on the current folder
    found = graph.read(project.root)
    ours = {(need, stage.name) for stage in found.stages for need in stage.needs}
    assert ours == {(need, stage) for need, stage in drawn if not need.endswith(".dvc")}
    assert {stage.name for stage in found.stages} == {name for edge in drawn for name in edge if ".dvc" not in name}
    assert ("compare", "more/dvc.yaml:count") in ours


def test_stages_stand_behind_what_they_need_and_long_branches_come_first(project: Project) -> None:
    names = [stage.name for stage in graph.read(project.root).stages]
    assert names == ["prepare", "landmarks", "train@a", "train@b", "evaluate@a", "evaluate@b", "compare"]


def test_a_long_branch_comes_before_a_short_one(bare: Project) -> None:
    bare.write(
        "dvc.yaml",
        "stages:\n"
        "  a: {cmd: touch a, outs: [a]}\n"
        "  b: {cmd: touch b, outs: [b]}\n"
        "  c: {cmd: touch c, deps: [b], outs: [c]}\n"
        "  d: {cmd: touch d, deps: [a, c], outs: [d]}\n",
    )
    assert [stage.name for stage in graph.read(bare.root).stages] == ["b", "a", "c", "d"]


def test_raw_data_that_a_stage_reads_and_that_is_not_here_is_named(project: Project) -> None:
    assert graph.read(project.root).absent == ()
    (project.root / "data/raw/rows.txt").unlink()
    (project.root / "data/raw/other.txt").unlink()
    assert graph.read(project.root).absent == ("data/raw/rows.txt.dvc",)


def test_meta_is_read_and_a_misspelt_key_is_answered_with_the_right_one(bare: Project) -> None:
    bare.stage("train", "true", meta={"retries": 2, "timeout_s": 60})
    assert graph.read(bare.root).stages[0].meta == graph.Meta(retries=2, timeout_s=60)
    bare.stage("train", "true", meta={"retry": 2})
    with pytest.raises(ConfigError, match=r"stage train: meta\.retry is not a setting. Did you mean 'retries'"):
        graph.read(bare.root)
    bare.stage("train", "true", meta={"timeout_s": 0})
    with pytest.raises(ConfigError, match="timeout_s is 0, expected seconds"):
        graph.read(bare.root)


def test_what_is_no_project_is_said_plainly(project: Project, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="runs at its root"):
        graph.read(project.root / "data")
    with pytest.raises(ConfigError, match="cannot be read"):
        graph.read(tmp_path)
    project.write("dvc.yaml", "stages: [")
    with pytest.raises(ConfigError, match=r"dvc\.yaml"):
        graph.read(project.root)
