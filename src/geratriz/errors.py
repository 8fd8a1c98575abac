"""Errors that users can encounter, as one tree.

GeratrizError
 +-- ConfigError      a setting in params.yaml or on the command line is unknown or out of range
 +-- DataError        a data file or table cannot be used as it is
 +-- ContractError    data violate a critical expectation of their contract
 +-- RequestError     arguments of sample, encode, evaluate ... are invalid or impossible
 +-- TrainingError    a fit failed: non-finite loss, collapse
 +-- BundleError      a saved generator is damaged, foreign or of a newer format
 +-- RegistryError    the registry does not answer, or does not hold what was requested
 |    +-- AwayError         the registry does not answer; a later attempt may succeed
 |    +-- NoRegistryError   there is no registry at the address
 |    +-- GateError         a promotion was refused by the gates; the message gives the reasons
 +-- PipelineError    a stage or flow failed; the message ends with the stage's last lines

Each message says what was found, what was expected, where, and what to do. The command line prints it and exits with
``exit_code``: 1, or 2 where the registry could not be read, which a cron job must tell from a finding of the audit.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class GeratrizError(Exception):
    """Base of the errors that a user can correct."""

    exit_code = 1


class ConfigError(GeratrizError):
    """A setting is unknown, of the wrong type or out of range."""


class DataError(GeratrizError):
    """A data file or table cannot be used as it is."""


class ContractError(GeratrizError):
    """Data violate a critical expectation of their contract."""


class RequestError(GeratrizError):
    """An argument is invalid or asks for something impossible."""


class TrainingError(GeratrizError):
    """A fit ended without a usable generator."""


class BundleError(GeratrizError):
    """A saved generator is damaged, foreign or of a newer format."""


class RegistryError(GeratrizError):
    """The registry does not answer, or does not hold what was requested."""


class AwayError(RegistryError):
    """The registry does not answer."""

    exit_code = 2


class NoRegistryError(RegistryError):
    """There is no registry at the address."""

    exit_code = 2


class GateError(RegistryError):
    """A promotion was refused by the gates."""


class PipelineError(GeratrizError):
    """A stage or flow failed."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggest the nearest known name, or list all of them, for the end of a message: `` Did you mean 'tvae'?``."""
    names = sorted(str(candidate) for candidate in known)
    close = get_close_matches(name, names, n=1)
    if close:
        return f" Did you mean {close[0]!r}?"
    return f" Known: {', '.join(names[:20])}{' ...' if len(names) > 20 else ''}." if names else ""
