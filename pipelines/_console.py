"""What flows that are run by hand share: Prefect's settings, a server that answers, and lines for the terminal."""

import logging
import os
import signal
import sys

from geratriz.errors import PipelineError

PROGRESS = "geratriz_progress"  # marks the lines of a log that a person at a terminal wants to see


def configure(*, by_hand: bool) -> None:
    """Settings for Prefect, which reads them when it is imported: call this first.

    By hand, a temporary server will do, and what a person should see is said by :func:`say`; the rest goes to Prefect's
    server only.
    """
    settings = {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "90",  # the default of 20 is too short for a busy machine
        "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",  # what the server answers while its database is away
    }
    if by_hand:
        settings |= {
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
            "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
            "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
        }
    for name, value in settings.items():
        os.environ.setdefault(name, value)


def say(line: str) -> None:
    """Write to the run's log at Prefect's server, and through :func:`show` to the terminal."""
    from prefect import get_run_logger

    get_run_logger().info(line, extra={PROGRESS: True})


def show(logger: str, layout: str) -> None:
    """Bring what :func:`say` writes to one of Prefect's loggers to the terminal."""
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(lambda record: PROGRESS in record.__dict__)
    handler.setFormatter(logging.Formatter(layout))
    logging.getLogger(logger).addHandler(handler)


def reach_server() -> None:
    """Start the temporary server, or see whether the one that is set up answers.

    Ctrl-C in a terminal goes to every process there. The temporary server is started with it blocked: it must outlive
    the flow, which tells it how the run ended, or waits a minute for an answer.

    Raises:
        PipelineError: there is none.
    """
    from prefect import get_client, settings

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with get_client(sync_client=True) as client:
            problem = client.api_healthcheck()
    except RuntimeError as why:  # the temporary one did not start in time
        raise PipelineError(
            f"{why} Try again when the machine is less busy, or start `prefect server start`."
        ) from None
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    if problem is not None:
        address = settings.PREFECT_API_URL.value()
        raise PipelineError(
            f"Prefect's server at {address} does not answer: {problem}. Start it (`prefect server start`), or run "
            "without one: unset PREFECT_API_URL, or `prefect config unset PREFECT_API_URL`."
        )
