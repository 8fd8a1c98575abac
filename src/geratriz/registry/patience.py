"""A client that waits a little for a server that is away, and says it in our words."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from geratriz.errors import AwayError, RegistryError
from geratriz.registry.client import hide

T = TypeVar("T")

SECONDS_BEFORE_TRYING_AGAIN = (0.5, 2.0)
ALREADY_THERE = "RESOURCE_ALREADY_EXISTS"
NOT_THERE = "RESOURCE_DOES_NOT_EXIST"
LASTING = frozenset(  # answers that asking again will not change
    {
        NOT_THERE,
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


class GoneError(RegistryError):
    """What a call is about is not in the registry, or not any more."""


class Patient:
    """A client whose calls are tried again while the server is away, and whose errors are ours.

    Calls that create something are made once: an answer that was lost is no reason to create it twice.
    """

    def __init__(self, client: Any, uri: str) -> None:
        self._client = client
        self._uri = uri

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        return patient(getattr(self._client, verb), self._uri, again=not verb.startswith("create_"))


def patient(call: Callable[..., T], uri: str, *, again: bool) -> Callable[..., T]:
    """``call``, tried ``again`` while the server is away, its errors as RegistryError.

    One MLflow error passes as it is: that what is created exists, which a caller may welcome.
    """
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    def patiently(*arguments: Any, **named: Any) -> T:
        for pause in (*(SECONDS_BEFORE_TRYING_AGAIN if again else ()), None):
            try:
                return call(*arguments, **named)
            except MlflowException as problem:
                if problem.error_code == ALREADY_THERE:
                    raise
                if problem.error_code in LASTING:
                    error = GoneError if problem.error_code == NOT_THERE else RegistryError
                    raise error(f"MLflow at {hide(uri, uri)} refuses: {hide(str(problem), uri)}") from None
                reason: Exception = problem
            except RequestException as problem:  # an artifact store's own answer
                reason = problem
            if pause is None:
                raise away(uri, reason) from None
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    return patiently


def away(uri: str, problem: Exception) -> AwayError:
    """The error for a server that does not answer: what was kept, and how to go on."""
    reason = (str(problem) or type(problem).__name__).splitlines()[0][:300]
    return AwayError(
        f"MLflow at {hide(uri, uri)} does not answer ({hide(reason, uri)}). What was trained and judged stands in "
        "models/ and reports/. Check MLFLOW_TRACKING_URI and the server, then give the command again: it goes on where "
        "it stopped."
    )
