"""Every error a user can meet, as one tree.

GeratrizError
 +-- ConfigError      a setting in params.yaml or on the command line is unknown or out of range
 +-- DataError        a data file or table cannot be used as it is
 +-- ContractError    data broke a critical expectation of its contract
 +-- RequestError     arguments of sample, encode, evaluate ... that cannot be met
 +-- TrainingError    a fit that went wrong: non-finite loss, collapse
 +-- BundleError      a saved generator that is damaged, foreign or of a newer format
 +-- RegistryError    the registry does not answer, or does not hold what was asked for
 |    +-- AwayError   it does not answer; asking later may help
 |    +-- GateError   promotion refused; the reasons are the message
 +-- PipelineError    a stage or flow failed; the message carries the stage's own last lines

Each message says what came, what was expected, where, and what to do next. The command line prints it and exits with 1.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class GeratrizError(Exception):
    """Base of every error this package raises for something a user can mend."""


class ConfigError(GeratrizError):
    """A setting is unknown, of the wrong type or out of range."""


class DataError(GeratrizError):
    """A data file or table cannot be used as it is."""


class ContractError(GeratrizError):
    """Data broke a critical expectation of its contract."""


class RequestError(GeratrizError):
    """An argument asks for something that cannot be given."""


class TrainingError(GeratrizError):
    """A fit ended without a usable generator."""


class BundleError(GeratrizError):
    """A saved generator is damaged, foreign or of a newer format."""


class RegistryError(GeratrizError):
    """The registry does not answer, or does not hold what was asked for."""


class AwayError(RegistryError):
    """The registry does not answer."""


class GateError(RegistryError):
    """A promotion was refused by the gates."""


class PipelineError(GeratrizError):
    """A stage or flow failed."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A half sentence that names the nearest known name, or all of them: `` Did you mean 'tvae'?``."""
    names = sorted(str(each) for each in known)
    close = get_close_matches(name, names, n=1)
    if close:
        return f" Did you mean {close[0]!r}?"
    return f" Known: {', '.join(names[:20])}{' ...' if len(names) > 20 else ''}." if names else ""
