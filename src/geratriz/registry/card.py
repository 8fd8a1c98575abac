"""Model card of a version, as Markdown."""

import json

from geratriz import domains
from geratriz.registry.evidence import Evidence, Project
from geratriz.registry.kinds import kind_of_bundle
from geratriz.scoring import words
from geratriz.scoring.verdict import is_measured
from geratriz.scoring.words import describe

MAX_CHARS = 5000  # of a description; MLflow's PostgreSQL store rejects longer ones
MAX_COLUMNS = 40  # condition columns that a card names; the schema in the bundle has all


def card(project: Project, evidence: Evidence, columns: tuple[str, ...], *, git: str | None) -> str:
    """Card of one model, made at the commit ``git``; sampling can be conditioned on ``columns``."""
    kind_words = domains.words(kind_of_bundle(evidence.bundle))
    name, record = project.release.name, evidence.settings["record"]
    named = ", ".join(f"`{column}`" for column in columns[:MAX_COLUMNS])
    more = f" and {len(columns) - MAX_COLUMNS} more" if len(columns) > MAX_COLUMNS else ""
    settings = json.dumps(evidence.settings["config"], sort_keys=True)
    reasons = "".join(f"- {reason}\n" for reason in evidence.reasons)
    parts = [
        f"# {name}: synthetic {kind_words.UNIT} from `{evidence.kind}`\n",
        kind_words.CARD.format(data=project.data, number=f"{record['rows']:,}"),
        f"## Verdict: {words.RELEASE[evidence.release]}\n\n{reasons}",
        f"## Measured\n\n{_table(evidence)}\n"
        f"Floor: {kind_words.FLOOR} drawn independently. Ceiling: real data that was not trained on. "
        f"Intervals: 95 %, {kind_words.INTERVALS}.\n",
        f"## Use\n\n```\ngeratriz sample models:/{name}@champion -n {kind_words.SAMPLE} --seed 7\n"
        f"mlflow models serve -m models:/{name}@champion --env-manager local -p 5001\n"
        "curl localhost:5001/invocations -H 'Content-Type: application/json' \\\n"
        '  -d \'{"dataframe_split": {"columns": ["n_rows"], "data": [[3]]}, "params": {"seed": 7}}\'\n```\n'
        f"{kind_words.ANSWER}"
        f"{f'Conditions are further columns of the request: {named}{more}.' if columns else ''}\n",
        "## Made from\n\n"
        f"- data `{project.data}`, md5 `{project.data_md5}`\n"
        f"- Git revision `{git or 'none'}`\n"
        f"- bundle `{evidence.digest}`\n"
        f"- seed {record['seed']}, {record['device']}, {record['threads']} threads, {record['precision']}\n"
        f"- settings `{settings}`\n",
    ]
    return "\n".join(parts)


def shortened(text: str) -> str:
    """Shorten a card to the maximum length of a description."""
    if len(text) <= MAX_CHARS:
        return text
    end = "\n\n... The full card is the run's artifact `card.md`.\n"
    return text[: MAX_CHARS - len(end)] + end


def _table(evidence: Evidence) -> str:
    lines = ["| metric | value (interval) | floor | ceiling | better |", "|---|---|---|---|---|"]
    for name, metric in evidence.metrics.items():
        value = describe(metric) if is_measured(metric) else "not measured"
        ends = ["" if metric[end] is None else f"{metric[end]:.3g}" for end in ("floor", "ceiling")]
        lines.append(f"| {name} | {value} | {ends[0]} | {ends[1]} | {metric['better']} |")
    return "\n".join(lines) + "\n"
