"""Retries for calls to MLflow, and its errors as errors of this package."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from geratriz.errors import AwayError, RegistryError
from geratriz.registry.client import hide, summary

T = TypeVar("T")

RETRY_DELAYS_S = (0.5, 2.0)
ALREADY_EXISTS = "RESOURCE_ALREADY_EXISTS"
DOES_NOT_EXIST = "RESOURCE_DOES_NOT_EXIST"
PERMANENT_ERRORS = frozenset(  # errors that a retry cannot change
    {
        DOES_NOT_EXIST,
        "INVALID_PARAMETER_VALUE",
        "INVALID_STATE",
        "BAD_REQUEST",
        "NOT_FOUND",
        "ENDPOINT_NOT_FOUND",
        "NOT_IMPLEMENTED",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
    }
)


class NotFoundError(RegistryError):
    """The object of a call is not in the registry, or no longer."""


class ForbiddenError(RegistryError):
    """The MLflow user of this process may not do what a call asked for."""


ERRORS: dict[str, type[RegistryError]] = {
    DOES_NOT_EXIST: NotFoundError,
    "PERMISSION_DENIED": ForbiddenError,
    "UNAUTHENTICATED": ForbiddenError,
}


class RetryingClient:
    """A client that retries its calls while the server does not answer, and raises RegistryError.

    Calls that create something are made once: if only the answer was lost, a retry would create it twice.
    """

    def __init__(self, client: Any, uri: str) -> None:
        self._client = client
        self._uri = uri

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        return retrying(getattr(self._client, verb), self._uri, retry=not verb.startswith("create_"))


def retrying(call: Callable[..., T], uri: str, *, retry: bool) -> Callable[..., T]:
    """Wrap ``call`` so that its errors become RegistryError and, with ``retry``, it is repeated while MLflow is down.

    The MLflow error "already exists" is passed on unchanged: some callers expect it.
    """
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    def wrapper(*args: Any, **kwargs: Any) -> T:
        for delay in (*(RETRY_DELAYS_S if retry else ()), None):
            try:
                return call(*args, **kwargs)
            except MlflowException as problem:
                if problem.error_code == ALREADY_EXISTS:
                    raise
                if problem.error_code in PERMANENT_ERRORS:
                    error = ERRORS.get(problem.error_code, RegistryError)
                    raise error(f"MLflow at {hide(uri, uri)} refuses: {hide(str(problem), uri)}") from None
                reason: Exception = problem
            except RequestException as problem:  # from an artifact store
                reason = problem
            if delay is None:
                raise away_error(uri, reason) from None
            time.sleep(delay)
        raise AssertionError("the last attempt returns or raises")

    return wrapper


def away_error(uri: str, problem: Exception) -> AwayError:
    """Return the error for a server that does not answer; its message says what is safe and how to continue."""
    return AwayError(
        f"MLflow at {hide(uri, uri)} does not answer ({summary(problem, uri)}). Trained models are safe in models/, "
        "evaluations in reports/. Check MLFLOW_TRACKING_URI and the server, then run the command again: it resumes "
        "where it stopped."
    )
