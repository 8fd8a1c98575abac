"""Shared parts of flows that run from the command line: Prefect's settings and server, output, exit codes."""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from geratriz.errors import GeratrizError, PipelineError

PROGRESS = "geratriz_progress"  # attribute of the log records that are shown in the terminal


def configure(*, by_hand: bool) -> None:
    """Set Prefect's environment variables; must be called before Prefect is imported.

    With ``by_hand`` a temporary server is allowed, and the terminal shows only the lines of :func:`say`.
    """
    settings = {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "90",  # the default of 20 is too short on a busy machine
        "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",  # answer of the server while its database is down
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
    """Write a line to the log of the run and, after :func:`show`, to the terminal."""
    from prefect import get_run_logger

    get_run_logger().info(line, extra={PROGRESS: True})


def show(logger: str, layout: str) -> None:
    """Show in the terminal the lines that :func:`say` writes to one of Prefect's loggers."""
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(lambda record: PROGRESS in record.__dict__)
    handler.setFormatter(logging.Formatter(layout))
    logging.getLogger(logger).addHandler(handler)


@contextmanager
def terminal(stopped: str) -> Iterator[None]:
    """Run a flow by hand: reach Prefect's server, and turn errors into messages and exit codes.

    Ctrl-C and SIGTERM write ``stopped`` and exit with 130; an error that the user can correct exits with 1.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C, so that no process is left running
    try:
        _reach_server()
        yield
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{stopped}\n")
        raise SystemExit(130) from None
    except GeratrizError as problem:
        sys.stderr.write(f"\n{type(problem).__name__}: {problem}\n")
        raise SystemExit(1) from None


def _reach_server() -> None:
    """Start the temporary server, or check that the configured one answers.

    The temporary server is started with SIGINT blocked, as Ctrl-C in a terminal is sent to every process there: the
    server must outlive the flow, which reports its end to it or would wait a minute for an answer.

    Raises:
        PipelineError: no server answers.
    """
    from prefect import get_client, settings

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with get_client(sync_client=True) as client:
            problem = client.api_healthcheck()
    except RuntimeError as why:  # the temporary server did not start in time
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
