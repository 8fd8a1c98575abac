"""Flow that brings every stage of dvc.yaml up to date, with one task per stage, and registers the winner.

    python -m pipelines.retrain

runs it directly, without servers or workers. In production pipelines/scheduled.py runs it.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from pipelines import _console

_console.configure(by_hand=__name__ == "__main__")

from prefect import State, Task, flow, get_run_logger, task  # noqa: E402
from prefect.artifacts import create_link_artifact, create_table_artifact  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.futures import PrefectFuture  # noqa: E402
from prefect.states import Completed  # noqa: E402
from prefect.task_runners import ThreadPoolTaskRunner  # noqa: E402

from geratriz import config  # noqa: E402
from geratriz.errors import AwayError, GeratrizError, PipelineError  # noqa: E402
from geratriz.scoring.words import RELEASE  # noqa: E402
from pipelines import coherence, handover  # noqa: E402
from pipelines import graph as graphs  # noqa: E402
from pipelines._console import say as _say  # noqa: E402
from pipelines._console import show, terminal  # noqa: E402
from pipelines.stage import StageFailed, Stages  # noqa: E402

if TYPE_CHECKING:
    from geratriz.registry.release import Registered

RETRY_DELAY_S = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Section ``flow`` of params.yaml."""

    parallel: int = 2
    """Maximum number of stages at the same time."""

    def __post_init__(self) -> None:
        if self.parallel < 1:
            raise ValueError(f"parallel is {self.parallel}, expected 1 or more")


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """Result of a stage that is up to date."""

    outcome: str
    seconds: float


@task(cache_policy=NO_CACHE, persist_result=False)
def bring_up_to_date(stages: Stages, stage: graphs.Stage, root: Path, pool: str | None) -> State[Done]:
    """Bring one stage up to date, here or on a worker of ``pool``; the state's name is Unchanged, Cached or Ran."""
    started = time.monotonic()
    try:
        if pool is None:
            outcome = stages.repro(stage.name, _say, timeout_s=stage.meta.timeout_s)
        else:
            outcome = handover.repro(stages, root, stage, pool, _say)
    except StageFailed as problem:
        _say(str(problem).splitlines()[0].rstrip(":"))
        raise
    seconds = time.monotonic() - started
    _say({"Unchanged": "unchanged", "Cached": "from the cache", "Ran": f"done in {seconds:.0f} s"}[outcome])
    return Completed(name=outcome, message=f"{seconds:.1f} s", data=Done(outcome=outcome, seconds=seconds))


def _may_help(task: object, run: object, state: State[Any]) -> bool:
    """Whether a retry may help: not if the user's data or settings are at fault."""
    problem = state.result(raise_on_failure=False)
    return isinstance(problem, AwayError) or (isinstance(problem, StageFailed) and problem.retryable)


@task(
    name="register",
    task_run_name="register",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=2,
    retry_delay_seconds=RETRY_DELAY_S,
    retry_condition_fn=_may_help,
)
def register_winner(root: Path) -> "Registered":
    """Register the winner of stage ``compare``; a bundle is registered as one version only."""
    from geratriz.registry import release

    try:
        return release.register(root)
    except AwayError as problem:
        _say(str(problem))
        raise


@flow(name="retrain", persist_result=False)
def retrain(root: str = ".", to_registry: bool = True) -> "Registered | None":
    """Run the graph of the project in ``root``, up to ``flow.parallel`` stages at a time, then register the winner.

    Returns the registered version, or None without ``to_registry``.

    Raises:
        PipelineError: a stage failed, and stages that do not need it were run; the message has its last lines. Or
            dvc.lock is inconsistent.
        ConfigError: params.yaml or dvc.yaml is invalid.
        RegistryError: the winner cannot be registered.
    """
    home = Path(root).resolve()
    settings = config.load(Settings, config.read_yaml(home / "params.yaml").get("flow"), "params.yaml: flow")
    graph, stages = graphs.read(home), Stages(home)
    for target in graph.absent:
        _say(f"pulling {target.removesuffix('.dvc')}")
        stages.pull(target)
    _run(graph, stages, home, settings.parallel)
    coherence.check(home, [stage.name for stage in graph.stages], graphs.cache(home))
    if not to_registry:
        return None
    registered = register_winner(home)
    summary = _summary(registered)
    link = registered.page.resolve().as_uri()
    create_link_artifact(link=link, link_text="Page", key="registered", description=summary)
    get_run_logger().info(summary)
    return registered


def _run(graph: graphs.Graph, stages: Stages, root: Path, parallel: int) -> None:
    """Run every stage whose needs are met until none is left, and record their results.

    A stage is submitted only when it can run: one that waits would occupy a slot.

    Raises:
        PipelineError: a stage failed.
    """
    pools = _pools(graph, root)
    waiting, running = list(graph.stages), dict[PrefectFuture[Done], str]()
    up_to_date, failed = dict[str, PrefectFuture[Done]](), dict[str, Exception]()
    ended: SimpleQueue[PrefectFuture[Done]] = SimpleQueue()
    pool: ThreadPoolTaskRunner[Done]
    with ThreadPoolTaskRunner(max_workers=parallel) as pool:
        try:
            while True:
                for stage in [stage for stage in waiting if set(stage.needs) <= set(up_to_date)]:
                    waiting.remove(stage)
                    stage_task: Task[..., Any] = bring_up_to_date.with_options(
                        name=stage.name,
                        task_run_name=stage.name,
                        retries=stage.meta.retries,
                        retry_delay_seconds=RETRY_DELAY_S,
                        retry_condition_fn=_may_help,
                    )
                    before = [up_to_date[need] for need in stage.needs]  # all done; this draws the graph's edges
                    arguments = {
                        "stages": stages,
                        "stage": stage,
                        "root": root,
                        "pool": stage.meta.pool if stage.meta.pool in pools else None,
                    }
                    future: PrefectFuture[Any] = pool.submit(stage_task, arguments, wait_for=before)
                    running[future] = stage.name
                    future.add_done_callback(ended.put)
                if not running:
                    break
                last = ended.get()
                last.wait()
                name = running.pop(last)
                if last.state.is_completed():
                    up_to_date[name] = last
                else:
                    failed[name] = last.state.result(raise_on_failure=False)
        except BaseException:  # Ctrl-C or cancellation: the processes of stages are in groups of their own
            stages.end()
            raise
    _record({name: future.result() for name, future in up_to_date.items()}, failed, waiting)
    if failed:
        errors = [str(error) if isinstance(error, GeratrizError) else repr(error) for error in failed.values()]
        not_run = [f"Not run: {', '.join(stage.name for stage in waiting)}"] if waiting else []
        raise PipelineError("\n\n".join(errors + not_run))


def _pools(graph: graphs.Graph, root: Path) -> set[str]:
    """Pools to which stages can be handed over now; logs why the others cannot be used."""
    usable = set()
    for pool in sorted({stage.meta.pool for stage in graph.stages if stage.meta.pool}):
        why = handover.obstacle(root, pool)
        if why is None:
            usable.add(pool)
        elif why:
            _say(f"pool {pool}: {why}; its stages run here")
    return usable


def _record(done: Mapping[str, Done], failed: Iterable[str], not_run: Iterable[graphs.Stage]) -> None:
    """Create an artifact with a table of the results of all stages."""
    rows: list[dict[str, Any]] = [
        {"stage": name, "outcome": stage.outcome, "seconds": round(stage.seconds, 1)} for name, stage in done.items()
    ]
    rows += [{"stage": name, "outcome": "Failed"} for name in failed]
    rows += [{"stage": stage.name, "outcome": "Not run"} for stage in not_run]
    create_table_artifact(key="dvc-stages", table=rows)


def _summary(registered: "Registered") -> str:
    """Summary of a registration, for the terminal and the log."""
    verb = "registered as" if registered.created else "is registered already as"
    also = f" ({', '.join(registered.aliases)})" if registered.aliases else ""
    lines = [
        f"{registered.model} {verb} {registered.name} version {registered.version}{also}",
        f"It {RELEASE[registered.release]}:",
        *(f"  - {reason}" for reason in registered.reasons),
        f"Page: {registered.page}",
        "Next:",
        *(f"  {command}" for command in registered.commands),
    ]
    return "\n".join(lines)


def main() -> None:
    """Run the flow and print its result."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.retrain", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--no-register", action="store_true", help="do not register the winner")
    arguments = parser.parse_args()
    show("prefect.flow_runs", "%(message)s")
    show("prefect.task_runs", "%(task_run_name)-20s %(message)s")
    with terminal("Stopped. Finished stages are kept; run the same command again to resume."):
        registered = retrain(to_registry=not arguments.no_register)
    if registered is not None:
        sys.stdout.write(f"\n{_summary(registered)}\n")


if __name__ == "__main__":
    main()
