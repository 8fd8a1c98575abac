"""The flow, run by real Prefect over real DVC.

Each stage is a process of DVC, which takes a second; one that is started by hand imports Prefect, which takes two.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from geratriz.errors import AwayError, ConfigError, PipelineError
from tests.pipelines.conftest import ROOT, Project, dvc, new_project, prefect_copy, running, wait_until
from tests.projects import Project as Trained

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_server")]

TIMED = "import sys, time; t = time.time(); time.sleep({}); open('{}', 'w').write(f'{{t}} {{time.time()}}')"
BRANCHES = """
stages:
  train:
    matrix: {model: [a, b]}
    cmd: echo fitting ${item.model}; echo ${train.epochs} > ${item.model}.model
    deps: [data/raw/rows.txt]
    outs: ["${item.model}.model"]
  compare:
    cmd: cat a.model b.model > winner.txt
    deps: [a.model, b.model]
    outs: [winner.txt]
"""


@pytest.fixture
def branches(project: Project) -> Project:
    """Two branches that meet: each stage of a flow is a process of DVC, which takes a second."""
    project.write("dvc.yaml", BRANCHES)
    return project


def timed(name: str, seconds: float) -> dict[str, Any]:
    """A stage that writes down when it started and ended."""
    return {"cmd": f'{sys.executable} -c "{TIMED.format(seconds, name)}"', "outs": [name]}


def run(project: Project) -> None:
    from pipelines.retrain import retrain

    retrain(str(project.root), to_registry=False)


def table() -> dict[str, str]:
    """What became of each stage in the last run, as its artifact says."""
    from prefect.artifacts import Artifact

    artifact = Artifact.get("dvc-stages")
    assert artifact is not None and isinstance(artifact.data, str)
    return {row["stage"]: row["outcome"] for row in json.loads(artifact.data)}


def last_run() -> Any:
    from prefect import get_client
    from prefect.client.schemas.sorting import FlowRunSort

    with get_client(sync_client=True) as client:
        return client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)[0]


def tasks() -> dict[str, Any]:
    """The last run's tasks, as Prefect's server has them."""
    from prefect import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[last_run().id])))
        return {each.name: each for each in runs}


def states() -> dict[str, str]:
    """The names of their states."""
    return {name: each.state_name or "?" for name, each in tasks().items()}


def test_a_run_leaves_what_dvc_left_to_do_as_states(branches: Project) -> None:
    dvc(branches.root, "repro", "--quiet", "train@a")
    (branches.root / "data/raw/rows.txt").unlink()  # as in a fresh clone; it is in DVC's cache here
    run(branches)
    assert table() == {"train@a": "Unchanged", "train@b": "Ran", "compare": "Ran"}
    wait_until(lambda: states() == table())  # the server hears of tasks a moment later
    assert last_run().state_name == "Completed"
    branches.params(epochs=2)
    dvc(branches.root, "repro", "--quiet")
    branches.params(epochs=1)
    run(branches)
    assert table() == dict.fromkeys(("train@a", "train@b", "compare"), "Cached")
    assert branches.read("winner.txt") == "1\n1\n"
    wait_until(lambda: states() == table())


def test_branches_run_at_once_and_a_stage_that_waits_holds_no_slot(bare: Project) -> None:
    until_other = "for i in $(seq 600); do [ -e begun ] && exec touch slow; sleep 0.1; done; exit 1"
    after = {"cmd": "cat quick slow > after", "deps": ["quick", "slow"], "outs": ["after"]}
    stages = {
        "slow": {"cmd": until_other, "outs": ["slow"]},  # ends when another branch has begun
        "quick": {"cmd": "touch quick", "outs": ["quick"]},
        "after": after,
        "other": {"cmd": "touch begun other", "deps": ["quick"], "outs": ["other"]},
    }
    bare.write("dvc.yaml", yaml.safe_dump({"stages": stages}))
    run(bare)
    assert bare.has("after") and bare.has("other")


def test_one_slot_runs_one_stage_at_a_time(bare: Project) -> None:
    bare.params(parallel=1)
    bare.write("dvc.yaml", yaml.safe_dump({"stages": {name: timed(name, 0.1) for name in ("a", "b")}}))
    run(bare)
    first, second = sorted([float(time) for time in bare.read(name).split()] for name in ("a", "b"))
    assert first[1] <= second[0]


def test_a_failed_stage_fails_the_flow_and_nothing_behind_it_runs(branches: Project) -> None:
    broken = "echo fitting; if [ ${item.model} = a ]; then echo no convergence >&2; exit 1; fi"
    evaluate = {"cmd": "cp ${item.model}.model ${item.model}.report", "deps": ["${item.model}.model"]}
    graph = yaml.safe_load(BRANCHES.replace("echo fitting ${item.model}", broken))
    graph["stages"]["evaluate"] = {"matrix": {"model": ["a", "b"]}, **evaluate, "outs": ["${item.model}.report"]}
    branches.write("dvc.yaml", yaml.safe_dump(graph))
    with pytest.raises(PipelineError) as caught:
        run(branches)
    assert str(caught.value) == "stage train@a failed:\nfitting\nno convergence\n\nNot run: compare, evaluate@a"
    assert branches.has("b.report") and not branches.has("a.report") and not branches.has("winner.txt")
    assert table()["train@a"] == "Failed" and table()["evaluate@a"] == table()["compare"] == "Not run"
    assert last_run().state_name == "Failed"


def test_a_stage_is_tried_again_as_its_meta_says(bare: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines import retrain

    monkeypatch.setattr(retrain, "RETRY_DELAY_S", 0)
    counted = "echo x >> tries; test $(wc -l < tries) -ge 2"
    bare.stage("fit", counted, meta={"retries": 1})
    run(bare)
    assert bare.read("tries") == "x\nx\n"
    bare.stage("fit", "echo x >> tries2; echo 'ContractError: age is -1' >&2; exit 1", meta={"retries": 3})
    with pytest.raises(PipelineError, match="ContractError: age is -1"):
        run(bare)
    assert bare.read("tries2") == "x\n"


def test_settings_that_are_wrong_are_said_before_anything_runs(project: Project) -> None:
    project.params(parallel=0)
    with pytest.raises(ConfigError, match="flow: parallel is 0, expected 1 or more"):
        run(project)
    assert not project.has("prepared.txt")


def test_the_winner_is_registered_once_and_linked(mlflow_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.artifacts import Artifact

    from pipelines.retrain import retrain

    trained = Trained(mlflow_root)
    trained.model("small", 0.5)
    trained.compare("small")
    new_project(mlflow_root)
    Project(mlflow_root).stage("note", "true")
    first, again = retrain(str(mlflow_root)), retrain(str(mlflow_root))
    assert first is not None and first.created and first.version == 1 and first.aliases == ("challenger",)
    assert again is not None and not again.created and again.version == 1
    artifact = Artifact.get("registered")
    assert artifact is not None and isinstance(artifact.data, str) and artifact.description is not None
    assert (mlflow_root / "reports/models/small/index.html").as_uri() in artifact.data
    assert "small is registered already as people version 1 (challenger)" in artifact.description


def test_when_mlflow_does_not_answer_the_flow_asks_again_and_says_what_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from geratriz.registry import patience
    from pipelines import retrain as module

    trained = Trained(tmp_path)
    trained.model("small", 0.5)
    trained.compare("small")
    new_project(tmp_path)
    Project(tmp_path).stage("note", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setattr(patience, "RETRY_DELAYS_S", (0.01,))
    monkeypatch.setattr(module, "register_winner", module.register_winner.with_options(retry_delay_seconds=0))
    with pytest.raises(
        AwayError, match=r"does not answer.*safe in models/, evaluations in reports/.*run the command again"
    ):
        module.retrain(str(tmp_path))
    assert states()["register"] == "Failed"
    assert tasks()["register"].run_count == 3
    assert (tmp_path / "models/small/generator.json").exists()


def start(project: Project, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.retrain", *arguments],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
        # a shell that starts the tests in the background ignores Ctrl-C for them, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def test_on_the_command_line_a_failure_is_the_last_word_and_the_status_is_1(bare: Project, prefect_server: str) -> None:
    bare.stage("validate", "echo 3 rows read; echo 'ContractError: age is -1 in row 2' >&2; exit 1")
    process = start(bare, "--no-register", PREFECT_API_URL=prefect_server)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert [line.split(maxsplit=1) for line in out.splitlines()] == [
        ["validate", "3 rows read"],
        ["validate", "ContractError: age is -1 in row 2"],
        ["validate", "stage validate failed"],
    ]
    assert err == "\nPipelineError: stage validate failed:\nContractError: age is -1 in row 2\n"


def test_a_prefect_server_that_does_not_answer_is_said_in_two_lines(bare: Project) -> None:
    process = start(bare, PREFECT_API_URL="http://127.0.0.1:9/api")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "http://127.0.0.1:9/api does not answer" in err and "Traceback" not in err


def test_ctrl_c_with_nothing_else_started_leaves_nothing_behind(
    bare: Project, prefect_home: Path, tmp_path: Path
) -> None:
    """Slow: a temporary server is started, as it is for everybody who has none."""
    home = str(prefect_copy(prefect_home, tmp_path / "prefect-home"))
    process = begin_to_sleep(bare, PREFECT_HOME=home, PREFECT_API_URL="")

    def servers() -> list[int]:
        return [pid for pid in running("uvicorn") if home in Path(f"/proc/{pid}/environ").read_text()]

    assert len(servers()) == 1
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the temporary server too
    assert_stopped(process)
    assert servers() == [] and running(str(bare.root)) == []


def test_a_run_that_is_terminated_leaves_nothing_behind(bare: Project, prefect_server: str) -> None:
    process = begin_to_sleep(bare, PREFECT_API_URL=prefect_server)
    process.terminate()
    assert_stopped(process)
    assert running(str(bare.root)) == []


def begin_to_sleep(project: Project, **variables: str) -> subprocess.Popen[str]:
    """Start the flow over a stage that does not end, and wait until it runs."""
    project.stage("slow", f"echo {project.root}; sleep 600", outs=["never"])
    process = start(project, **variables)
    assert process.stdout is not None and str(project.root) in process.stdout.readline()
    assert len(running(str(project.root))) >= 1
    return process


def assert_stopped(process: subprocess.Popen[str]) -> None:
    out, err = process.communicate(timeout=90)  # for a busy machine; it takes two seconds
    assert process.returncode == 130 and out == ""
    assert err == "\nStopped. Finished stages are kept; run the same command again to resume.\n"
