"""The flow: bring every stage of dvc.yaml up to date, one task a stage, then register the winner.

    python -m pipelines.retrain

runs it in place with nothing else started. On a schedule it runs from the deployment in prefect.yaml.
"""

import argparse
import signal
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
from pipelines import coherence, handover  # noqa: E402
from pipelines import graph as graphs  # noqa: E402
from pipelines._console import reach_server, show  # noqa: E402
from pipelines._console import say as _say  # noqa: E402
from pipelines.stage import StageFailed, Stages  # noqa: E402

if TYPE_CHECKING:
    from geratriz.registry.release import Registered

RETRY_DELAY_S = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The section ``flow`` of params.yaml."""

    parallel: int = 2
    """Stages at once."""

    def __post_init__(self) -> None:
        if self.parallel < 1:
            raise ValueError(f"parallel is {self.parallel}, expected 1 or more")


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """A stage that is up to date."""

    outcome: str
    seconds: float


@task(cache_policy=NO_CACHE, persist_result=False)
def bring_up_to_date(stages: Stages, stage: graphs.Stage, root: Path, pool: str | None) -> State[Done]:
    """One stage, here or on a worker of ``pool``; the state's name says what DVC did: Unchanged, Cached or Ran."""
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
    """Whether trying again may help: not when the user's data or settings are wrong, they will be wrong again."""
    problem = state.result(raise_on_failure=False)
    return isinstance(problem, AwayError) or (isinstance(problem, StageFailed) and problem.again)


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
    """Register what ``compare`` named; the same bundle twice is one version."""
    from geratriz.registry import release

    try:
        return release.register(root)
    except AwayError as problem:
        _say(str(problem))
        raise


@flow(name="retrain", persist_result=False)
def retrain(root: str = ".", to_registry: bool = True) -> "Registered | None":
    """Walk the graph of the project in ``root``, branches in parallel up to ``flow.parallel``, then register.

    Returns what was registered, None when ``to_registry`` is off.

    Raises:
        PipelineError: a stage failed; the message has the stage's own last lines. What does not need it did run. Or
            dvc.lock contradicts itself.
        ConfigError: params.yaml or dvc.yaml is wrong.
        RegistryError: the winner cannot be registered.
    """
    home = Path(root).resolve()
    wanted = config.load(Settings, config.read_yaml(home / "params.yaml").get("flow"), "params.yaml: flow")
    graph, stages = graphs.read(home), Stages(home)
    for target in graph.absent:
        _say(f"pulling {target.removesuffix('.dvc')}")
        stages.pull(target)
    _walk(graph, stages, home, wanted.parallel)
    coherence.check(home, [stage.name for stage in graph.stages], graphs.cache(home))
    if not to_registry:
        return None
    registered = register_winner(home)
    words = _words(registered)
    link = registered.page.resolve().as_uri()
    create_link_artifact(link=link, link_text="Page", key="registered", description="\n".join(words))
    get_run_logger().info("\n".join(words))
    return registered


def _walk(graph: graphs.Graph, stages: Stages, root: Path, parallel: int) -> None:
    """Run every stage whose needs are met, until there is none; write down what became of each.

    A stage is handed to the pool when it can run and not earlier: one that waits there would hold a slot.

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
                for stage in [each for each in waiting if set(each.needs) <= set(up_to_date)]:
                    waiting.remove(stage)
                    one: Task[..., Any] = bring_up_to_date.with_options(
                        name=stage.name,
                        task_run_name=stage.name,
                        retries=stage.meta.retries,
                        retry_delay_seconds=RETRY_DELAY_S,
                        retry_condition_fn=_may_help,
                    )
                    before = [up_to_date[need] for need in stage.needs]  # they are done: this draws the graph's edges
                    given = {
                        "stages": stages,
                        "stage": stage,
                        "root": root,
                        "pool": stage.meta.pool if stage.meta.pool in pools else None,
                    }
                    future: PrefectFuture[Any] = pool.submit(one, given, wait_for=before)
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
        except BaseException:  # Ctrl-C, a cancelled run: the stages' processes are in groups of their own
            stages.end()
            raise
    _record({name: future.result() for name, future in up_to_date.items()}, failed, waiting)
    if failed:
        said = [str(each) if isinstance(each, GeratrizError) else repr(each) for each in failed.values()]
        not_run = [f"Not run: {', '.join(stage.name for stage in waiting)}"] if waiting else []
        raise PipelineError("\n\n".join(said + not_run))


def _pools(graph: graphs.Graph, root: Path) -> set[str]:
    """The pools that stages can be handed over to now; what stands in the way of the others is said."""
    usable = set()
    for pool in sorted({stage.meta.pool for stage in graph.stages if stage.meta.pool}):
        why = handover.why_here(root, pool)
        if why is None:
            usable.add(pool)
        elif why:
            _say(f"pool {pool}: {why}; its stages run here")
    return usable


def _record(done: Mapping[str, Done], failed: Iterable[str], not_run: Iterable[graphs.Stage]) -> None:
    """Leave a table of what became of each stage at Prefect's server."""
    rows: list[dict[str, Any]] = [
        {"stage": name, "outcome": each.outcome, "seconds": round(each.seconds, 1)} for name, each in done.items()
    ]
    rows += [{"stage": name, "outcome": "Failed"} for name in failed]
    rows += [{"stage": stage.name, "outcome": "Not run"} for stage in not_run]
    create_table_artifact(key="dvc-stages", table=rows)


def _words(registered: "Registered") -> list[str]:
    """What a person needs to know at the end."""
    verb = "registered as" if registered.created else "is registered already as"
    also = f" ({', '.join(registered.aliases)})" if registered.aliases else ""
    return [
        f"{registered.model} {verb} {registered.name} version {registered.version}{also}",
        "It may be released:" if registered.release else "It must not be released:",
        *(f"  - {reason}" for reason in registered.reasons),
        f"Its page: {registered.page}",
        "Next:",
        *(f"  {command}" for command in registered.commands),
    ]


def main() -> None:
    """Run the flow in place and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.retrain", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--no-register", action="store_true", help="stop before anything is registered")
    arguments = parser.parse_args()
    show("prefect.flow_runs", "%(message)s")
    show("prefect.task_runs", "%(task_run_name)-20s %(message)s")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: nothing may be left running
    try:
        reach_server()
        registered = retrain(to_registry=not arguments.no_register)
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. What was finished is kept; the same command goes on from there.\n")
        raise SystemExit(130) from None
    except GeratrizError as problem:
        sys.stderr.write(f"\n{type(problem).__name__}: {problem}\n")
        raise SystemExit(1) from None
    if registered is not None:
        sys.stdout.write("\n" + "\n".join(_words(registered)) + "\n")


if __name__ == "__main__":
    main()
