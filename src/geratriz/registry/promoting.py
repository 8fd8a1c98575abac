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
from typing import Any

from geratriz.errors import GateError, RegistryError
from geratriz.registry import history, holdout, judge, lock
from geratriz.registry.evidence import Release, read_release
from geratriz.registry.mlflow import Intent, Registry, Version
from geratriz.registry.names import CHALLENGER, CHAMPION, EVALUATION, PREVIOUS, RECORD
from geratriz.scoring import words
from geratriz.scoring.difference import Comparison
from geratriz.scoring.verdict import Verdict
from geratriz.scoring.verdict import judge as judge_metrics

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
    registry, asked = Registry(root, uri), read_release(root)
    offer = _examine(registry, asked, name, version, root)
    return offer if isinstance(offer, Promoted) else _confirmed(registry, asked, offer, by=by, confirm=confirm)


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
    registry, asked = Registry(root, uri), read_release(root)
    done = _settled(registry, name, "rollback")
    if done is not None:
        return done
    versions = registry.versions(name)
    champion, previous = (_first(versions, alias) for alias in (CHAMPION, PREVIOUS))
    if previous is None:
        raise RegistryError(f"{name} has no previous champion to go back to. `geratriz history {name}` shows what was.")
    verdict = _verdict(registry, asked, previous)
    _require(bool(verdict.release), words.reasons(verdict), previous)
    offer = _offer(registry, previous, champion, "rollback", words.reasons(verdict), None)
    return _confirmed(registry, asked, offer, by=by, reason=reason, confirm=confirm)


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
    rows = root if rows_in is None else rows_in
    return _examine(Registry(root, uri), read_release(root), name, version, rows)


def _examine(registry: Registry, asked: Release, name: str, version: int | None, rows_in: Path) -> Offer | Promoted:
    done = _settled(registry, name, "promote")
    if done is not None and version in (None, done.version):
        return done
    champion = _first(registry.versions(name), CHAMPION)
    candidate = _candidate(registry, name, version, champion)
    if champion is not None and champion.version == candidate.version:
        return _nothing_to_do(name, candidate.version)
    verdict = _verdict(registry, asked, candidate)
    _require(bool(verdict.release), words.reasons(verdict), candidate)
    comparison = None
    if champion is not None:
        rows = holdout.find(rows_in, registry, candidate)
        comparison = judge.compare(registry, candidate, champion, rows, asked)
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
    return _carry_out(Registry(root, uri), read_release(root), offer, by=by, reason=reason, how=how)


def _carry_out(
    registry: Registry, asked: Release, offer: Offer, *, by: str | None, reason: str, how: str = COMMAND_LINE
) -> Promoted:
    by = by or user()
    candidate = registry.resolve(f"models:/{offer.name}/{offer.version}")
    verdict = _verdict(registry, asked, candidate)
    _require(bool(verdict.release), words.reasons(verdict), candidate)  # it may have been evaluated anew meanwhile
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
        record = _record(offer, asked, verdict, history.records(versions), by=by, reason=reason, how=how)
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
    registry: Registry, asked: Release, offer: Offer, *, by: str | None, confirm: Confirm | None, reason: str = ""
) -> Promoted:
    if confirm is not None and not confirm(offer):
        raise GateError(f"models:/{offer.name}/{offer.version} is not promoted: it was declined. Nothing moved.")
    return _carry_out(registry, asked, offer, by=by, reason=reason)


def _verdict(registry: Registry, asked: Release, version: Version) -> Verdict:
    """The verdict on a version by its own measurements and the gates and limits in params.yaml."""
    metrics = metrics_of(registry, version)
    if metrics is None:
        raise RegistryError(f"{version.uri} has no {EVALUATION}/metrics.json in its run. `geratriz register` logs it.")
    if asked.name != version.name:
        raise RegistryError(
            f"params.yaml has the gates of {asked.name}, not of {version.name}. Run this in the checkout or worktree "
            f"whose params.yaml says `release: {{name: {version.name}}}`."
        )
    return judge_metrics(metrics, asked.gates, asked.limits)


def _require(passed: bool, reasons: tuple[str, ...], version: Version) -> None:
    if not passed:
        raise GateError(f"{version.uri} is not promoted.\n" + "\n".join(f"- {reason}" for reason in reasons))


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
    said = f"Version {version} of {name} is the champion already."
    return Promoted(name=name, version=version, previous=None, moved=False, reasons=(said,))


def _record(
    offer: Offer, asked: Release, verdict: Verdict, before: list[history.Kept], *, by: str, reason: str, how: str
) -> history.Record:
    limits = {name: attack.limit for name, attack in asked.limits.items()}
    gates = {name: {k: v for k, v in asdict(gate).items() if v is not None} for name, gate in asked.gates.items()}
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
        aliases[CHALLENGER] = None  # its part is over
    return Intent(aliases=aliases, tags=record.tags, of_the_model=record.of_the_model)
