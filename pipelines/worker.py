"""A worker that runs the deployments of its checkout's prefect.yaml and no others.

    python -m pipelines.worker ARGUMENTS...            # those of `prefect worker start`

Prefect's own worker runs whatever a deployment says: its pull steps, its entrypoint, the command and the environment
of its job variables and of the pool's template. Whoever may write to the server could so run anything as the worker's
user. Here entrypoint, pull steps and job variables must be those of an entry of prefect.yaml, and the pool's template
has no effect. Names, schedules and parameters are free.
"""

import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio.abc
from prefect.client.schemas.objects import FlowRun
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

from geratriz import config
from geratriz.errors import ConfigError, PipelineError
from pipelines.heartbeat import watch
from pipelines.home import home

FILE = "prefect.yaml"

with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # Prefect warns that it replaces the worker of the type `process`

    class Worker(ProcessWorker):
        """Prefect's process worker, which refuses what prefect.yaml does not have."""

        async def run(
            self,
            flow_run: FlowRun,
            configuration: ProcessJobConfiguration,
            task_status: anyio.abc.TaskStatus[int] | None = None,
        ) -> ProcessWorkerResult:
            """Run ``flow_run``, or raise PipelineError, with which Prefect ends it as Crashed."""
            del configuration  # by the pool's template and the run's variables, which are not ours
            deployment = flow_run.deployment_id and await self.client.read_deployment(flow_run.deployment_id)
            if not deployment:
                raise PipelineError(f"the run {flow_run.name} has no deployment, and this worker runs nothing else.")
            require_known(deployment, flow_run.job_variables or {}, home() / FILE)
            own: ProcessJobConfiguration = await ProcessJobConfiguration.from_template_and_values(
                base_job_template=self.get_default_base_job_template(),
                values=dict(deployment.job_variables or {}),
                client=self.client,
            )
            flow = await self.client.read_flow(flow_run.flow_id)
            own.prepare_for_flow_run(flow_run, deployment, flow, self.work_pool, self.name, worker_id=self.backend_id)
            return await super().run(flow_run, own, task_status)


def require_known(deployment: Any, variables: Mapping[str, Any], file: Path) -> None:
    """Check that prefect.yaml has a deployment that runs the same code in the same way.

    Args:
        deployment: as the server has it.
        variables: job variables of the single run.
        file: prefect.yaml of the checkout.

    Raises:
        PipelineError: it has none; the message says what differs.
    """
    if variables:
        raise PipelineError(
            f"the run has job variables of its own ({', '.join(sorted(variables))}), which this worker does not take. "
            f"Put them into `work_pool.job_variables` of its deployment in {file}, and deploy it again."
        )
    found = {
        "entrypoint": deployment.entrypoint,
        "pull": deployment.pull_steps or [],
        "job_variables": deployment.job_variables or {},
    }
    known = _known(file)
    if found in known:
        return
    same = [each for each in known if each["entrypoint"] == found["entrypoint"]]
    differs = [key for key in ("pull", "job_variables") if same and all(each[key] != found[key] for each in same)]
    raise PipelineError(
        f"the deployment {deployment.name!r} is not one of {file}: no entry there has its "
        f"{' and its '.join(differs or found)}. This worker runs the code of its checkout only. If the deployment is "
        f"yours, bring {file.name} of this checkout up to date and deploy it again; if not, delete it, and change the "
        "server's password."
    )


def _known(file: Path) -> list[dict[str, Any]]:
    """What the deployments of prefect.yaml run."""
    try:
        content = config.read_yaml(file)
    except ConfigError as problem:
        raise PipelineError(f"{problem} This worker runs the deployments of that file only.") from None
    return [
        {
            "entrypoint": each.get("entrypoint"),
            "pull": each.get("pull") or content.get("pull") or [],
            "job_variables": (each.get("work_pool") or {}).get("job_variables") or {},
        }
        for each in content.get("deployments") or []
    ]


if __name__ == "__main__":
    from prefect.cli import app

    if (problem := watch()) is not None:  # now, not in a run: the server may take seconds to heed it
        sys.stderr.write(f"warning: {problem}\n")
    sys.argv = ["prefect", "--no-prompt", "worker", "start", *sys.argv[1:]]
    app()
