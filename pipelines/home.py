"""The checkout of a worker's runs: the one in which `geratriz up` or `geratriz worker` was started.

Deployments name no folder, so they are the same for workers on all machines.
"""

import os
from pathlib import Path

from prefect.runtime import flow_run

from geratriz.errors import ConfigError

HOME = "GERATRIZ_HOME"  # environment variable of a worker and its runs


def home() -> Path:
    """Folder of the checkout.

    Raises:
        ConfigError: the worker was not started by `geratriz`.
    """
    folder = os.environ.get(HOME)
    if folder is None:
        raise ConfigError(
            f"{HOME} is not set, so the checkout of this run is unknown. Start its worker in the checkout, with "
            "`geratriz up` or `geratriz worker POOL`."
        )
    return Path(folder)


def token() -> str:
    """Eight characters that tell the current flow run from all others.

    They are the end of its id: ids begin with the time, and runs that were scheduled together begin alike.
    """
    return str(flow_run.get_id())[-8:]


def enter() -> dict[str, str]:
    """Pull step of every Prefect deployment: the run uses the code and the folder of the checkout."""
    os.chdir(home())
    return {"directory": str(home())}
