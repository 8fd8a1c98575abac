"""The privacy verdict on a page: every attack with its limit, and the evidence."""

from collections.abc import Mapping, Sequence
from typing import Any

from geratriz.report.attacks import attacks_section
from geratriz.report.html import esc, number, percent, section, table
from geratriz.scoring.verdict import Verdict
from geratriz.table.evaluate.suite import METRICS
from geratriz.table.report.metrics import LANDMARKS

MAX_SECRETS = 8  # secrets with the greatest advantage


def privacy_section(
    verdict: Verdict, metrics: Mapping[str, Mapping[str, Any]], attacks: Mapping[str, Mapping[str, Any]]
) -> str:
    """The verdict in words, one row per attack, and tables of the evidence.

    Args:
        verdict: the verdict in metrics.json.
        metrics: the section ``metrics`` of metrics.json.
        attacks: the details of each attack.
    """
    intro = (
        "Each attacker has the synthetic rows and tries to learn more about training rows than about real rows that "
        "were not used. An attack passes if the high end of its interval is within the limit. The verdict is about "
        "these synthetic rows and attacks. It is evidence, not a proof: the generator has no differential privacy."
    )
    evidence = _membership(attacks) + _secrets(attacks) + _shares(attacks)
    return section("privacy", "Privacy", intro, attacks_section(verdict, metrics, METRICS, LANDMARKS) + evidence)


def _membership(attacks: Mapping[str, Mapping[str, Any]]) -> str:
    """Results of each membership attack; the greatest value of a column counts."""
    shown = {
        "mia_auc": "AUC",
        "mia_tpr_at_1pct": "found at 1&nbsp;%",
        "mia_auc_outliers": "AUC, outliers",
        "mia_tpr_at_1pct_outliers": "found at 1&nbsp;%, outliers",
    }
    columns = [name for name in shown if name in attacks]
    if not columns:
        return ""
    lines = [
        [esc(attack), *(number(attacks[name]["attacks"][attack]) for name in columns)]
        for attack in attacks[columns[0]]["attacks"]
    ]
    counts = [f"{attacks[name]['members']:,} / {attacks[name]['strangers']:,}" for name in columns]
    return table(["attack", *(shown[name] for name in columns)], [*lines, ["training rows / unseen rows", *counts]])


def _secrets(attacks: Mapping[str, Mapping[str, Any]]) -> str:
    """The secrets with the greatest advantage."""
    if "attribute_advantage" not in attacks:
        return ""
    secrets: Sequence[Mapping[str, Any]] = attacks["attribute_advantage"]["secrets"]
    shown = sorted(secrets, key=lambda secret: -secret["advantage"])[:MAX_SECRETS]
    lines = [
        [
            esc(secret["secret"]),
            percent(secret["members"]),
            percent(secret["strangers"]),
            percent(secret["holdout_members"]),
            number(round(secret["advantage"], 4)),
        ]
        for secret in shown
    ]
    head = ["secret column", "guessed, training rows", "guessed, unseen rows", "guessed by real rows", "advantage"]
    return table(head, lines)


def _shares(attacks: Mapping[str, Mapping[str, Any]]) -> str:
    """Shares observed among synthetic rows, and those that chance or unseen rows explain."""
    lines = []
    if "copy_excess" in attacks:
        for name, words in (("exact", "exact copies"), ("near", "near copies")):
            found = attacks["copy_excess"][name]
            lines.append([words, percent(found["train"]), percent(found["expected"])])
    for name, words in (("rare_excess", "rare categories"), ("extreme_excess", "extremes")):
        if name in attacks:
            lines.append([words, percent(attacks[name]["synthetic"]), percent(attacks[name]["unseen"])])
    if "singling_out" in attacks:
        found = attacks["singling_out"]
        lines.append([f"true of {found['guesses']:,} guesses", percent(found["train"]), percent(found["unseen"])])
    return table(["share of rows", "observed", "expected without a leak"], lines) if lines else ""
