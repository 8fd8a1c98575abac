"""The checkout that a worker's runs belong to: the one `geratriz up` or `geratriz worker` was started in.

Deployments name no folder: the same one serves heads and workers on any machine.
"""

import os
from pathlib import Path

from geratriz.errors import ConfigError

HOME = "GERATRIZ_HOME"  # set for a worker and what it runs


def home() -> Path:
    """The checkout.

    Raises:
        ConfigError: the worker was not started by us.
    """
    place = os.environ.get(HOME)
    if place is None:
        raise ConfigError(
            f"{HOME} is not set, so it is not known which checkout this run belongs to. Start its worker in the "
            "checkout, with `geratriz up` or `geratriz worker POOL`."
        )
    return Path(place)


def enter() -> dict[str, str]:
    """Prefect's pull step of every deployment: a run's code and its folder are those of the checkout."""
    os.chdir(home())
    return {"directory": str(home())}
