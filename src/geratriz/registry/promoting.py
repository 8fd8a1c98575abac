"""Make a version the champion, or the previous one again: judged first, then moved under a lock, and recorded.

A promotion has two halves. :func:`examine` judges and may take minutes; a person may think about it for a day.
:func:`carry_out` takes seconds: under the lock it looks whether all is still as it was judged, and moves.
"""

import getpass
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from geratriz.errors import GateError, RegistryError
from geratriz.promotion import Comparison, Decision, Gate, Limits, decide, judge_privacy, release
from geratriz.registry import history, holdout, judge, lock
from geratriz.registry.evidence import read_release
from geratriz.registry.mlflow import Intent, Registry, Version
from geratriz.registry.names import CHALLENGER, CHAMPION, EVALUATION, PREVIOUS, RECORD

COMMAND_LINE = "command line"


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """A promotion that nothing speaks against, for a person to approve."""

    name: str
    version: int
    previous: int | None
    """The champion that would make place."""
    what: history.What
    reasons: tuple[str, ...]
    """What the gates, the attacks and the comparison said."""
    comparison: Comparison | None
    """With the champion; None where there is none to compare with."""
    page: str
    """Where the version's evaluation can be looked at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Promoted:
    """What became of a promotion."""

    name: str
    version: int
    previous: int | None
    """The champion before."""
    moved: bool
    """False when it was the champion already."""
    reasons: tuple[str, ...]


Confirm = Callable[[Offer], bool]


def promote(
    root: Path,
    name: str,
    *,
    version: int | None = None,
    uri: str | None = None,
    by: str | None = None,
    confirm: Confirm | None = None,
) -> Promoted:
    """Make a version the champion, if the gates in params.yaml hold for it and it is not worse than the champion.

    Args:
        root: the project's root, whose ``data/prepared`` holds the rows to judge on.
        name: the registered model.
        version: the version; the challenger when None.
        uri: MLflow's address; the default store when None.
        by: who promotes; the user's name when None.
        confirm: asked before anything moves, with what would be done; None does it.

    Raises:
        GateError: the gates refuse, it is worse than the champion, or ``confirm`` says no. Nothing moved.
        ElsewhereError: the rows to judge on are not in the workspace; the message says where they are.
        BusyError: somebody else is promoting.
        RegistryError: MLflow does not answer, or there is no such model or version.
    """
    offer = examine(root, name, version=version, uri=uri)
    return offer if isinstance(offer, Promoted) else _confirmed(root, offer, by=by, confirm=confirm, uri=uri)


def rollback(
    root: Path,
    name: str,
    *,
    reason: str = "",
    uri: str | None = None,
    by: str | None = None,
    confirm: Confirm | None = None,
) -> Promoted:
    """Make ``previous`` the champion again, and the champion ``previous``. The gates must hold; nothing is compared.

    Raises:
        GateError: the gates refuse, or ``confirm`` says no. Nothing moved.
        BusyError: somebody else is promoting.
        RegistryError: MLflow does not answer, there is no such model, or nothing to go back to.
    """
    registry = Registry(root, uri)
    done = _settled(registry, name, "rollback")
    if done is not None:
        return done
    versions = registry.versions(name)
    champion, previous = (_first(versions, alias) for alias in (CHAMPION, PREVIOUS))
    if previous is None:
        raise RegistryError(f"{name} has no previous champion to go back to. `geratriz history {name}` shows what was.")
    verdict = release(*_case(registry, root, previous))
    _require(verdict, previous)
    offer = _offer(registry, previous, champion, "rollback", verdict, None)
    return _confirmed(root, offer, by=by, reason=reason, confirm=confirm, uri=uri)


def examine(
    root: Path, name: str, *, version: int | None = None, uri: str | None = None, rows_in: Path | None = None
) -> Offer | Promoted:
    """Judge a version by the gates and against the champion; nothing moves.

    Args:
        root: the project's root, whose params.yaml has the gates.
        name: the registered model.
        version: the version; the challenger when None.
        uri: MLflow's address; the default store when None.
        rows_in: the checkout whose ``data/prepared`` holds the rows to judge on; ``root`` when None.

    Returns:
        An offer; or what was done already, where it is the champion, or an earlier promotion had been cut off.

    Raises:
        GateError: the gates refuse, or it is worse than the champion.
        ElsewhereError: the rows to judge on are not there.
        RegistryError: MLflow does not answer, or there is no such model or version.
    """
    registry = Registry(root, uri)
    done = _settled(registry, name, "promote")
    if done is not None and version in (None, done.version):
        return done
    champion = _first(registry.versions(name), CHAMPION)
    candidate = _candidate(registry, name, version, champion)
    if champion is not None and champion.version == candidate.version:
        return _nothing_to_do(name, candidate.version)
    case = _case(registry, root, candidate)
    _require(release(*case), candidate)
    comparison = None
    if champion is not None:
        rows = holdout.find(root if rows_in is None else rows_in, registry, candidate)
        comparison = judge.compare(registry, candidate, champion, rows, root)
    verdict = decide(case.metrics, comparison, case.gates, case.limits)
    _require(verdict, candidate)
    return _offer(registry, candidate, champion, "promote", verdict, comparison)


def carry_out(
    root: Path,
    offer: Offer,
    *,
    by: str | None = None,
    reason: str = "",
    how: str = COMMAND_LINE,
    uri: str | None = None,
) -> Promoted:
    """Move the aliases as offered, and record it, unless something changed since it was judged.

    Args:
        root: the project's root.
        offer: from :func:`examine`.
        by: who approved; the user's name when None.
        reason: what they said.
        how: where they approved.
        uri: MLflow's address; the default store when None.

    Raises:
        GateError: the champion is another one now, or the version was evaluated anew and the gates refuse it. Nothing
            moved.
        BusyError: somebody else is promoting. Nothing moved.
        RegistryError: MLflow does not answer. What was begun, the next promotion, rollback or registration finishes.
    """
    by = by or user()
    registry = Registry(root, uri)
    candidate = registry.resolve(f"models:/{offer.name}/{offer.version}")
    case = _case(registry, root, candidate)
    _require(release(*case), candidate)  # it may have been evaluated anew while a person thought about it
    with lock.held(registry, offer.name, by=by) as step:
        registry.settle(offer.name, step)
        versions = registry.versions(offer.name)
        champion, previous = (_first(versions, alias) for alias in (CHAMPION, PREVIOUS))
        if champion is not None and champion.version == offer.version:
            return _nothing_to_do(offer.name, offer.version)
        now = None if champion is None else champion.version
        if now != offer.previous or (
            offer.what == "rollback" and (previous is None or previous.version != offer.version)
        ):
            raise GateError(
                f"{offer.name} changed meanwhile: its champion is version {now} now, and this was judged when it was "
                f"{offer.previous}. Nothing moved. Run it again."
            )
        candidate = next(each for each in versions if each.version == offer.version)
        record = _record(offer, case, history.records(versions), by=by, reason=reason, how=how)
        registry.move(candidate, _intent(candidate, record), step)
    return Promoted(name=offer.name, version=offer.version, previous=offer.previous, moved=True, reasons=offer.reasons)


def settle(registry: Registry, name: str) -> list[history.Record]:
    """Finish what a crash cut off, and take away a lock it left; the promotions among it."""
    if not registry.unfinished(name) and lock.left(registry, name) is None:
        return []
    with lock.held(registry, name, by=user()) as step:
        done = registry.settle(name, step)
    texts = [text for _, intent in done for tag, text in intent.tags.items() if tag.startswith(RECORD)]
    return [history.Record(**json.loads(text)) for text in texts]


def user() -> str:
    """Who gives commands here."""
    try:
        return getpass.getuser()
    except OSError:  # a container's user without a name
        return "unknown"


def metrics_of(registry: Registry, version: Version) -> Mapping[str, Any] | None:
    """What was measured on a version, as metrics.json has it; None where that is gone."""
    content = registry.read_text(version.run_id, f"{EVALUATION}/metrics.json")
    return None if content is None else json.loads(content)["metrics"]


def _settled(registry: Registry, name: str, what: history.What) -> Promoted | None:
    """What a command of this kind did that was cut off and is finished now."""
    done = [each for each in settle(registry, name) if each.what == what]
    if not done:
        return None
    last = done[-1]
    reasons = (f"An earlier {what} was cut off; it is finished now.", *last.reasons)
    return Promoted(name=name, version=last.version, previous=last.from_version, moved=True, reasons=reasons)


def _confirmed(
    root: Path, offer: Offer, *, by: str | None, confirm: Confirm | None, uri: str | None, reason: str = ""
) -> Promoted:
    if confirm is not None and not confirm(offer):
        raise GateError(f"models:/{offer.name}/{offer.version} is not promoted: it was declined. Nothing moved.")
    return carry_out(root, offer, by=by, reason=reason, uri=uri)


class _Case(NamedTuple):
    """What a version is judged by on its own."""

    metrics: Mapping[str, Any]
    gates: Mapping[str, Gate]
    limits: Limits


def _case(registry: Registry, root: Path, version: Version) -> _Case:
    metrics, asked = metrics_of(registry, version), read_release(root)
    if metrics is None:
        raise RegistryError(f"{version.uri} has no {EVALUATION}/metrics.json in its run. `geratriz register` logs it.")
    if asked.name != version.name:
        raise RegistryError(
            f"params.yaml in {root.resolve()} has the gates of {asked.name}, not of {version.name}. Run this in the "
            f"checkout or worktree whose params.yaml says `release: {{name: {version.name}}}`."
        )
    return _Case(metrics, asked.gates, asked.privacy)


def _require(verdict: Decision, version: Version) -> None:
    if not verdict.promote:
        raise GateError(f"{version.uri} is not promoted.\n" + "\n".join(f"- {each}" for each in verdict.reasons))


def _candidate(registry: Registry, name: str, version: int | None, champion: Version | None) -> Version:
    if version is not None:
        return registry.resolve(f"models:/{name}/{version}")
    found = _first(registry.versions(name), CHALLENGER) or champion
    if found is None:
        raise RegistryError(f"{name} has no challenger. `geratriz register` makes one, or name a version: --version N.")
    return found


def _first(versions: list[Version], alias: str) -> Version | None:
    return next((each for each in versions if alias in each.aliases), None)


def _offer(
    registry: Registry,
    version: Version,
    champion: Version | None,
    what: history.What,
    verdict: Decision,
    comparison: Comparison | None,
) -> Offer:
    return Offer(
        name=version.name,
        version=version.version,
        previous=None if champion is None else champion.version,
        what=what,
        reasons=verdict.reasons,
        comparison=comparison,
        page=registry.page(version.run_id, EVALUATION),
    )


def _nothing_to_do(name: str, version: int) -> Promoted:
    said = f"Version {version} of {name} is the champion already."
    return Promoted(name=name, version=version, previous=None, moved=False, reasons=(said,))


def _record(offer: Offer, case: _Case, before: list[history.Kept], *, by: str, reason: str, how: str) -> history.Record:
    privacy = judge_privacy(case.metrics, case.limits)
    gates = {name: {k: v for k, v in asdict(gate).items() if v is not None} for name, gate in case.gates.items()}
    compared = offer.comparison
    return history.Record(
        number=before[-1].number + 1 if before else 1,
        what=offer.what,
        at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        by=by,
        how=how,
        reason=reason,
        reasons=offer.reasons,
        from_version=offer.previous,
        version=offer.version,
        gates=gates,
        privacy={"outcome": privacy.outcome, "reasons": privacy.reasons, "limits": asdict(case.limits)},
        comparison=None if compared is None else {"outcome": compared.outcome, "figures": compared.figures},
        before=history.md5(before[-1].text) if before else None,
    )


def _intent(version: Version, record: history.Record) -> Intent:
    aliases: dict[str, int | None] = {PREVIOUS: record.from_version, CHAMPION: record.version}
    if CHALLENGER in version.aliases:
        aliases[CHALLENGER] = None  # its part is over
    return Intent(aliases=aliases, tags=record.tags, of_the_model=record.of_the_model)
