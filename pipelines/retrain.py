"""The flow: bring every stage of dvc.yaml up to date, one task a stage, then register the winner.

    python -m pipelines.retrain

runs it in place with nothing else started. On a schedule it runs from the deployment in prefect.yaml.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "90",  # the default of 20 is too short for a busy machine
}
for _name, _value in QUIET.items():  # Prefect reads them when it is imported
    os.environ.setdefault(_name, _value)
if __name__ == "__main__":
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")  # what a person should see is printed below
    os.environ.setdefault("PREFECT_CLI_COLORS", "false")

from prefect import State, flow, get_run_logger, runtime, task  # noqa: E402
from prefect.artifacts import create_markdown_artifact, create_table_artifact  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.futures import PrefectFuture  # noqa: E402
from prefect.states import Completed  # noqa: E402
from prefect.task_runners import ThreadPoolTaskRunner  # noqa: E402

from geratriz import config  # noqa: E402
from geratriz.errors import GeratrizError, PipelineError  # noqa: E402
from pipelines import graph as graphs  # noqa: E402
from pipelines import stage as stages  # noqa: E402

Say = Callable[[str], None]


@task(cache_policy=NO_CACHE, persist_result=False)
def bring_up_to_date(stage: str, root: str, timeout_s: int | None) -> State[Any]:
    """One stage; the state's name says what DVC did: Unchanged, Cached or Ran."""
    say = _say(stage)
    started = time.monotonic()
    outcome = stages.repro(stage, stages.Environment(root=Path(root)), say, timeout_s=timeout_s)
    seconds = time.monotonic() - started
    say({"Unchanged": "unchanged", "Cached": "from the cache", "Ran": f"done in {seconds:.0f} s"}[outcome])
    return Completed(name=outcome, message=f"{seconds:.1f} s", data={"outcome": outcome, "seconds": round(seconds, 1)})


@task(cache_policy=NO_CACHE, persist_result=False)
def register_winner(root: str) -> dict[str, Any]:
    """Register what ``compare`` named; the same bundle twice is one version."""
    from geratriz.registry import release

    done = release.register(Path(root))
    return {
        "name": done.name,
        "version": done.version,
        "model": done.model,
        "created": done.created,
        "release": done.release,
        "reasons": list(done.reasons),
        "page": str(done.page),
        "tracking": done.uri,
        "commands": list(done.commands),
    }


@flow(name="retrain", persist_result=False)
def retrain(root: str = ".", register: bool = True) -> dict[str, Any]:
    """Walk the graph of the project in ``root``, branches in parallel up to ``flow.parallel``, then register.

    Returns what was registered (empty when ``register`` is off). A stage that fails fails the flow, with the stage's
    own last lines; what does not need it still runs.
    """
    home = Path(root).resolve()
    graph = graphs.read(home)
    for target in graph.absent:
        _say("data")(f"pulling {target}")
        stages.pull(target, stages.Environment(root=home))
    try:
        outcomes = _walk(graph, home)
    except BaseException:  # Ctrl-C, or a cancelled run: the stages' processes are in groups of their own
        stages.end_all()
        raise
    create_table_artifact(key="dvc-stages", table=[{"stage": name, **each} for name, each in outcomes.items()])
    if not register:
        return {}
    registered = register_winner(str(home))
    create_markdown_artifact(key="registered", markdown=_markdown(registered))
    return registered


def _walk(graph: graphs.Graph, home: Path) -> dict[str, dict[str, Any]]:
    """Submit every stage behind those it needs, and wait.

    Raises:
        PipelineError: a stage failed.
    """
    parallel = config.pick(config.read_yaml(home / "params.yaml"), "flow.parallel")
    futures: dict[str, PrefectFuture[Any]] = {}
    runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=parallel)
    with runner:
        for stage in graph.stages:
            one = bring_up_to_date.with_options(
                name=stage.name,
                task_run_name=stage.name,
                retries=stage.meta.retries,
                retry_delay_seconds=5,
                retry_condition_fn=_worth_another_try,
            )
            parameters = {"stage": stage.name, "root": str(home), "timeout_s": stage.meta.timeout_s}
            futures[stage.name] = runner.submit(one, parameters, wait_for=[futures[need] for need in stage.needs])
        for future in futures.values():
            future.wait()
    failed = {name: future.state for name, future in futures.items() if not future.state.is_completed()}
    own = {name: state.result(raise_on_failure=False) for name, state in failed.items() if state.name != "NotReady"}
    if failed:
        raise PipelineError("\n\n".join(str(each) for each in own.values()) or f"not run: {', '.join(failed)}")
    return {name: future.result() for name, future in futures.items()}


def _worth_another_try(task: object, run: object, state: State[Any]) -> bool:
    """Not when it is the user's data or settings that are wrong: they will be wrong again."""
    problem = state.result(raise_on_failure=False)
    return not isinstance(problem, GeratrizError) or (isinstance(problem, stages.StageFailed) and problem.again)


def _say(stage: str) -> Say:
    """Where a stage's lines go: to the run's log in a deployment, to the terminal otherwise."""
    if runtime.deployment.id is not None:
        logger = get_run_logger()
        return lambda line: logger.info("%s: %s", stage, line)
    return lambda line: print(f"{stage:<20} {line}", flush=True)  # noqa: T201 - the terminal is what it is for


def _markdown(registered: Mapping[str, Any]) -> str:
    verdict = "may be released" if registered["release"] else "must not be released"
    reasons = "\n".join(f"- {reason}" for reason in registered["reasons"])
    page = Path(registered["page"])
    return (
        f"# {registered['name']} version {registered['version']} ({registered['model']}): {verdict}\n\n{reasons}\n\n"
        f"[Page]({page.as_uri()}), MLflow at `{registered['tracking']}`\n"
    )


def main() -> None:
    """Run the flow in place and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.retrain", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--no-register", action="store_true", help="stop before anything is registered")
    arguments = parser.parse_args()
    try:
        registered = retrain(register=not arguments.no_register)
    except KeyboardInterrupt:
        stages.end_all()
        sys.stderr.write(
            "\nStopped. What was finished is kept, and a fit goes on from its last epoch when run again.\n"
        )
        raise SystemExit(130) from None
    except GeratrizError as problem:
        sys.stderr.write(f"\n{type(problem).__name__}: {problem}\n")
        raise SystemExit(1) from None
    if registered:
        _print(registered)


def _print(registered: Mapping[str, Any]) -> None:
    verb = "registered as" if registered["created"] else "is registered already as"
    verdict = "It may be released:" if registered["release"] else "It must not be released:"
    lines = [
        "",
        f"{registered['model']} {verb} {registered['name']} version {registered['version']} (challenger)",
        verdict,
        *(f"  - {reason}" for reason in registered["reasons"]),
        f"Its page: {registered['page']}",
        "Next:",
        *(f"  {command}" for command in registered["commands"]),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
