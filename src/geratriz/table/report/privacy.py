"""The privacy verdict on a page: what the attacks found, each against its limit, and the evidence behind it."""

from collections.abc import Mapping, Sequence
from typing import Any

from geratriz.report.attacks import attacks_section
from geratriz.report.html import esc, number, percent, section, table
from geratriz.scoring.verdict import Verdict
from geratriz.table.evaluate.suite import METRICS
from geratriz.table.report.metrics import LANDMARKS

SECRETS_SHOWN = 8


def privacy_section(
    verdict: Verdict, metrics: Mapping[str, Mapping[str, Any]], attacks: Mapping[str, Mapping[str, Any]]
) -> str:
    """The verdict in words, a row an attack, and tables of what stands behind them.

    Args:
        verdict: that of metrics.json.
        metrics: its metrics.
        attacks: the details of each attack.
    """
    intro = (
        "Attackers who hold the synthetic rows try to learn about the rows trained on what they cannot learn about "
        "strangers. The verdict rests on the high end of each interval. It speaks of these synthetic rows and of these "
        "attacks: it is evidence, not a proof, and no differential privacy."
    )
    evidence = _membership(attacks) + _secrets(attacks) + _shares(attacks)
    return section("privacy", "Privacy", intro, attacks_section(verdict, metrics, METRICS, LANDMARKS) + evidence)


def _membership(attacks: Mapping[str, Mapping[str, Any]]) -> str:
    """Each membership attack by itself; the greatest of a column is what counts."""
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
    return table(["attack", *(shown[name] for name in columns)], [*lines, ["members / strangers", *counts]])


def _secrets(attacks: Mapping[str, Mapping[str, Any]]) -> str:
    """The secrets that were guessed with the greatest advantage."""
    if "attribute_advantage" not in attacks:
        return ""
    secrets: Sequence[Mapping[str, Any]] = attacks["attribute_advantage"]["secrets"]
    most = sorted(secrets, key=lambda secret: -secret["advantage"])[:SECRETS_SHOWN]
    lines = [
        [
            esc(secret["secret"]),
            percent(secret["members"]),
            percent(secret["strangers"]),
            percent(secret["holdout_members"]),
            number(round(secret["advantage"], 4)),
        ]
        for secret in most
    ]
    head = ["secret", "told of members", "of strangers", "by unseen real rows", "advantage"]
    return table(head, lines)


def _shares(attacks: Mapping[str, Mapping[str, Any]]) -> str:
    """What was seen among synthetic rows beside what chance or strangers explain."""
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
    return table(["share of rows", "seen", "explained"], lines) if lines else ""
