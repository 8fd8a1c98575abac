"""Promotion of a version to champion, and rollback: check and compare, move the aliases under a lock, record.

A promotion has two halves. :func:`examine` checks the gates and compares, which may take minutes; a person may then
take a day to approve. :func:`carry_out` takes seconds: under the lock it verifies that nothing has changed, then moves.
"""

import getpass
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from geratriz.errors import GateError, RegistryError
from geratriz.registry import history, holdout, judge, lock
from geratriz.registry.evidence import Release, read_release
from geratriz.registry.history import StoredRecord
from geratriz.registry.mlflow import Intent, Registry, Version
from geratriz.registry.names import CHALLENGER, CHAMPION, EVALUATION, PREVIOUS, RECORD
from geratriz.scoring import words
from geratriz.scoring.difference import Comparison
from geratriz.scoring.verdict import Verdict, check_report

COMMAND_LINE = "command line"


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """A promotion that passed all checks, for a person to approve."""

    name: str
    version: int
    previous: int | None
    """The champion that would be replaced."""
    what: history.Action
    reasons: tuple[str, ...]
    """Results of the gates, the attacks and the comparison, in sentences."""
    comparison: Comparison | None
    """Comparison with the champion; None if there is no champion."""
    page: str
    """Address of the version's evaluation page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Promoted:
    """Result of a promotion."""

    name: str
    version: int
    previous: int | None
    """The previous champion."""
    moved: bool
    """False if the version was the champion already."""
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
    """Make a version the champion if it passes the gates in params.yaml and is not worse than the champion.

    Args:
        root: the project's root, whose ``data/prepared`` holds the rows to compare on.
        name: name of the registered model.
        version: number of the version; the challenger if None.
        uri: address of MLflow; the default store if None.
        by: who promotes; the user's name if None.
        confirm: called with the offer before anything moves; False declines. None approves.

    Raises:
        GateError: the gates refuse, the version is worse than the champion, or ``confirm`` declines. Nothing moved.
        HoldoutError: the rows to compare on are not in the workspace; the message says where they are.
        BusyError: another promotion is running.
        RegistryError: MLflow does not answer, or the model or version does not exist.
    """
    registry, settings = Registry(root, uri), read_release(root)
    offer = _examine(registry, settings, name, version, root)
    return offer if isinstance(offer, Promoted) else _confirmed(registry, settings, offer, by=by, confirm=confirm)


def rollback(
    root: Path,
    name: str,
    *,
    reason: str = "",
    uri: str | None = None,
    by: str | None = None,
    confirm: Confirm | None = None,
) -> Promoted:
    """Swap the champion and the previous champion. The gates must hold; nothing is compared.

    Raises:
        GateError: the gates refuse, or ``confirm`` declines. Nothing moved.
        BusyError: another promotion is running.
        RegistryError: MLflow does not answer, or the model or a previous champion does not exist.
    """
    registry, settings = Registry(root, uri), read_release(root)
    done = _finished(registry, name, "rollback")
    if done is not None:
        return done
    versions = registry.versions(name)
    champion, previous = (_first(versions, alias) for alias in (CHAMPION, PREVIOUS))
    if previous is None:
        raise RegistryError(f"{name} has no previous champion. `geratriz history {name}` lists its promotions.")
    verdict = _verdict(registry, settings, previous)
    _require(bool(verdict.release), words.reasons(verdict), previous)
    offer = _offer(registry, previous, champion, "rollback", words.reasons(verdict), None)
    return _confirmed(registry, settings, offer, by=by, reason=reason, confirm=confirm)


def examine(
    root: Path, name: str, *, version: int | None = None, uri: str | None = None, rows_in: Path | None = None
) -> Offer | Promoted:
    """Check the gates for a version and compare it with the champion; nothing moves.

    Args:
        root: the project's root, whose params.yaml has the gates.
        name: name of the registered model.
        version: number of the version; the challenger if None.
        uri: address of MLflow; the default store if None.
        rows_in: the checkout whose ``data/prepared`` holds the rows to compare on; ``root`` if None.

    Returns:
        An offer; or a result if the version is the champion already, or an interrupted promotion was finished.

    Raises:
        GateError: the gates refuse, or the version is worse than the champion.
        HoldoutError: the rows to compare on are not in the checkout.
        RegistryError: MLflow does not answer, or the model or version does not exist.
    """
    return _examine(Registry(root, uri), read_release(root), name, version, rows_in or root)


def _examine(registry: Registry, settings: Release, name: str, version: int | None, rows_in: Path) -> Offer | Promoted:
    done = _finished(registry, name, "promote")
    if done is not None and version in (None, done.version):
        return done
    champion = _first(registry.versions(name), CHAMPION)
    candidate = _candidate(registry, name, version, champion)
    if champion is not None and champion.version == candidate.version:
        return _nothing_to_do(name, candidate.version)
    verdict = _verdict(registry, settings, candidate)
    _require(bool(verdict.release), words.reasons(verdict), candidate)
    comparison = None
    if champion is not None:
        rows = holdout.find(rows_in, registry, candidate)
        comparison = judge.compare(registry, candidate, champion, rows, settings)
    reasons = words.promotion(verdict, comparison)
    _require(comparison is None or comparison.outcome != "worse", reasons, candidate)
    return _offer(registry, candidate, champion, "promote", reasons, comparison)


def carry_out(
    root: Path,
    offer: Offer,
    *,
    by: str | None = None,
    reason: str = "",
    how: str = COMMAND_LINE,
    uri: str | None = None,
) -> Promoted:
    """Move the aliases as offered and record it, unless something has changed since :func:`examine`.

    Args:
        root: the project's root.
        offer: from :func:`examine`.
        by: who approved; the user's name if None.
        reason: reason given for the approval.
        how: place of approval.
        uri: address of MLflow; the default store if None.

    Raises:
        GateError: the champion has changed, or the gates refuse a new evaluation of the version. Nothing moved.
        BusyError: another promotion is running. Nothing moved.
        RegistryError: MLflow does not answer. The next promotion, rollback or registration finishes pending moves.
    """
    return _carry_out(Registry(root, uri), read_release(root), offer, by=by, reason=reason, how=how)


def _carry_out(
    registry: Registry, settings: Release, offer: Offer, *, by: str | None, reason: str, how: str = COMMAND_LINE
) -> Promoted:
    by = by or user()
    candidate = registry.resolve(f"models:/{offer.name}/{offer.version}")
    verdict = _verdict(registry, settings, candidate)
    _require(bool(verdict.release), words.reasons(verdict), candidate)  # it may have been evaluated again
    with lock.held(registry, offer.name, by=by) as check_lease:
        registry.finish_pending_moves(offer.name, check_lease)
        versions = registry.versions(offer.name)
        champion, previous = (_first(versions, alias) for alias in (CHAMPION, PREVIOUS))
        if champion is not None and champion.version == offer.version:
            return _nothing_to_do(offer.name, offer.version)
        now = None if champion is None else champion.version
        if now != offer.previous or (
            offer.what == "rollback" and (previous is None or previous.version != offer.version)
        ):
            raise GateError(
                f"{offer.name} has changed: its champion is now version {now}, but this promotion was examined when it "
                f"was {offer.previous}. Nothing moved. Run it again."
            )
        candidate = next(version for version in versions if version.version == offer.version)
        record = _record(offer, settings, verdict, history.records(versions), by=by, reason=reason, how=how)
        registry.move(candidate, _intent(candidate, record), check_lease)
    return Promoted(name=offer.name, version=offer.version, previous=offer.previous, moved=True, reasons=offer.reasons)


def finish_pending_moves(registry: Registry, name: str) -> list[history.Record]:
    """Finish the moves that a crash interrupted, delete the lock it left, and return the promotions among them."""
    if not registry.pending_moves(name) and not lock.is_stale(registry.read_mark(name + lock.SUFFIX)):
        return []
    with lock.held(registry, name, by=user()) as check_lease:
        done = registry.finish_pending_moves(name, check_lease)
    texts = [text for _, intent in done for tag, text in intent.tags.items() if tag.startswith(RECORD)]
    return [history.Record(**json.loads(text)) for text in texts]


def user() -> str:
    """Name of the current user."""
    try:
        return getpass.getuser()
    except OSError:  # the user of a container may have no name
        return "unknown"


def report_of(registry: Registry, version: Version) -> Mapping[str, Any] | None:
    """Content of a version's metrics.json; None if the artifact is gone."""
    content = registry.read_text(version.run_id, f"{EVALUATION}/metrics.json")
    return None if content is None else json.loads(content)


def _finished(registry: Registry, name: str, what: history.Action) -> Promoted | None:
    """Finish pending moves; return the result of the last interrupted command of this kind, if there was one."""
    done = [record for record in finish_pending_moves(registry, name) if record.what == what]
    if not done:
        return None
    last = done[-1]
    reasons = (f"An earlier {what} was interrupted; it is finished now.", *last.reasons)
    return Promoted(name=name, version=last.version, previous=last.from_version, moved=True, reasons=reasons)


def _confirmed(
    registry: Registry, settings: Release, offer: Offer, *, by: str | None, confirm: Confirm | None, reason: str = ""
) -> Promoted:
    if confirm is not None and not confirm(offer):
        raise GateError(f"models:/{offer.name}/{offer.version} was not promoted: it was declined. Nothing moved.")
    return _carry_out(registry, settings, offer, by=by, reason=reason)


def _verdict(registry: Registry, settings: Release, version: Version) -> Verdict:
    """Verdict on a version, from its own metrics and the gates and limits in params.yaml."""
    report = report_of(registry, version)
    if report is None:
        raise RegistryError(f"the run of {version.uri} has no {EVALUATION}/metrics.json. `geratriz register` logs it.")
    if settings.name != version.name:
        raise RegistryError(
            f"params.yaml has the gates of {settings.name}, not of {version.name}. Run this in the checkout or "
            f"worktree whose params.yaml sets release.name to {version.name}."
        )
    return check_report(report, settings.gates, settings.limits)


def _require(passed: bool, reasons: tuple[str, ...], version: Version) -> None:
    if not passed:
        raise GateError(f"{version.uri} was not promoted.\n" + "\n".join(f"- {reason}" for reason in reasons))


def _candidate(registry: Registry, name: str, version: int | None, champion: Version | None) -> Version:
    if version is not None:
        return registry.resolve(f"models:/{name}/{version}")
    candidate = _first(registry.versions(name), CHALLENGER) or champion
    if candidate is None:
        raise RegistryError(f"{name} has no challenger. Run `geratriz register`, or choose a version with --version N.")
    return candidate


def _first(versions: list[Version], alias: str) -> Version | None:
    return next((version for version in versions if alias in version.aliases), None)


def _offer(
    registry: Registry,
    version: Version,
    champion: Version | None,
    what: history.Action,
    reasons: tuple[str, ...],
    comparison: Comparison | None,
) -> Offer:
    return Offer(
        name=version.name,
        version=version.version,
        previous=None if champion is None else champion.version,
        what=what,
        reasons=reasons,
        comparison=comparison,
        page=registry.page(version.run_id, EVALUATION),
    )


def _nothing_to_do(name: str, version: int) -> Promoted:
    reasons = (f"Version {version} of {name} is the champion already.",)
    return Promoted(name=name, version=version, previous=None, moved=False, reasons=reasons)


def _record(
    offer: Offer, settings: Release, verdict: Verdict, before: list[StoredRecord], *, by: str, reason: str, how: str
) -> history.Record:
    limits = {name: attack.limit for name, attack in settings.limits.items()}
    gates = {name: {k: v for k, v in asdict(gate).items() if v is not None} for name, gate in settings.gates.items()}
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
        privacy={"outcome": verdict.privacy, "reasons": words.attacks(verdict), "limits": limits},
        comparison=None if compared is None else {"outcome": compared.outcome, "figures": compared.figures},
        before=history.md5(before[-1].text) if before else None,
    )


def _intent(version: Version, record: history.Record) -> Intent:
    aliases: dict[str, int | None] = {PREVIOUS: record.from_version, CHAMPION: record.version}
    if CHALLENGER in version.aliases:
        aliases[CHALLENGER] = None
    return Intent(aliases=aliases, tags=record.tags, of_the_model=record.model_tags)
