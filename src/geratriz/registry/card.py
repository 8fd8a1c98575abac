"""The model card: what a reader of the registry must know before using a version, as Markdown."""

import json

from geratriz.generators import catalog
from geratriz.promotion import describe, is_measured
from geratriz.registry.evidence import Evidence, Project

LONGEST = 5000  # characters of a description; MLflow's PostgreSQL store refuses more
COLUMNS_NAMED = 40  # of the condition columns; the bundle's schema has them all
ROWS = (
    "A generator of rows like those of `{data}`, fitted on {number} of them. It gives any number of new rows with the "
    "same columns and types. How close they come to the rows it was fitted on was measured (below), not proved: it has "
    "no differential privacy.\n"
)
IMAGES = (
    "A generator of images like those of `{data}`, fitted on {number} of them. It gives any number of new images of "
    "the same size. Whether they repeat images it was fitted on was measured (below), not proved: it has no "
    "differential privacy.\n"
)
OF_ROWS = "by bootstrap, of shares Wilson's"  # how most intervals are found
OF_IMAGES = "Wilson's of shares, of distances from the jackknife's standard error"


def card(project: Project, evidence: Evidence, columns: tuple[str, ...], *, git: str | None) -> str:
    """The card of one model, made at the commit ``git``; ``columns`` are those that sampling can be conditioned on."""
    images = catalog.makes_images(evidence.bundle)
    name, record = project.release.name, evidence.settings["record"]
    named = ", ".join(f"`{column}`" for column in columns[:COLUMNS_NAMED])
    more = f" and {len(columns) - COLUMNS_NAMED} more" if len(columns) > COLUMNS_NAMED else ""
    drawn = "64 -o grid.png" if images else "1000 -o sample.parquet"
    settings = json.dumps(evidence.settings["config"], sort_keys=True)
    reasons = "".join(f"- {reason}\n" for reason in evidence.reasons)
    parts = [
        f"# {name}: synthetic {'images' if images else 'rows'} from `{evidence.kind}`\n",
        (IMAGES if images else ROWS).format(data=project.data, number=f"{record['rows']:,}"),
        f"## Verdict: {'may be released' if evidence.release else 'may not be released'}\n\n{reasons}",
        f"## Measured\n\n{_table(evidence)}\n"
        f"Floor: {'pixels' if images else 'columns'} drawn independently. Ceiling: real data that was not trained on. "
        f"Intervals: 95 %, {OF_IMAGES if images else OF_ROWS}.\n",
        f"## Use\n\n```\ngeratriz sample models:/{name}@champion -n {drawn} --seed 7\n"
        f"mlflow models serve -m models:/{name}@champion --env-manager local -p 5001\n"
        "curl localhost:5001/invocations -H 'Content-Type: application/json' \\\n"
        '  -d \'{"dataframe_split": {"columns": ["n_rows"], "data": [[3]]}, "params": {"seed": 7}}\'\n```\n'
        f"{'Images come as PNG in base64. ' if images else ''}"
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
    """The card as a registry's description can hold it."""
    if len(text) <= LONGEST:
        return text
    end = "\n\n... The whole card is the run's artifact `card.md`.\n"
    return text[: LONGEST - len(end)] + end


def _table(evidence: Evidence) -> str:
    lines = ["| metric | value (interval) | floor | ceiling | better |", "|---|---|---|---|---|"]
    for name, metric in evidence.metrics.items():
        value = describe(metric) if is_measured(metric) else "not measured"
        ends = ["" if metric[end] is None else f"{metric[end]:.3g}" for end in ("floor", "ceiling")]
        lines.append(f"| {name} | {value} | {ends[0]} | {ends[1]} | {metric['better']} |")
    return "\n".join(lines) + "\n"
