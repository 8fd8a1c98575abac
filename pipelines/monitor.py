"""Flow that compares new data with the training data of the champion, and reports drift as page, artifact and event.

    python -m pipelines.monitor [DATA]

runs it directly, without servers or workers. In production it runs on the schedule in prefect.yaml, where the event
``geratriz.drift`` starts retraining.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipelines import _console

_console.configure(by_hand=__name__ == "__main__")

from prefect import State, flow  # noqa: E402
from prefect.artifacts import create_markdown_artifact  # noqa: E402
from prefect.events import emit_event  # noqa: E402
from prefect.states import Completed  # noqa: E402

from geratriz import config, domains  # noqa: E402
from geratriz.config import kind_of  # noqa: E402
from geratriz.contract import check, read_suite  # noqa: E402
from geratriz.parts import SplitConfig  # noqa: E402
from geratriz.project import PAGES  # noqa: E402
from pipelines import tracked  # noqa: E402
from pipelines._console import say, show, terminal  # noqa: E402
from pipelines.home import token  # noqa: E402

if TYPE_CHECKING:
    from geratriz.registry.mlflow import Version

DRIFT, NO_DRIFT = "geratriz.drift", "geratriz.no-drift"  # events
MAX_EVENT_COLUMNS = 10
MAX_ARTIFACT_COLUMNS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Monitored:
    """Result of a run."""

    outcome: Literal["Drift", "No drift", "Skipped"]
    reasons: tuple[str, ...]
    page: Path | None = None


@flow(name="monitor", persist_result=False)
def monitor(root: str = ".", data: str | None = None, name: str | None = None) -> "State[Any]":
    """Compare new data with the data that the champion of a registered model was made from.

    The name of the final state is Drift, No drift, or Skipped if there is no champion or the data are unchanged.

    Args:
        root: the project's root.
        data: Parquet or CSV file; None for the project's raw data or, if DVC imports them, the current content of
            their source. The workspace is not changed.
        name: name of the registered model; None for ``release.name``.

    Raises:
        ConfigError: params.yaml is invalid.
        DataError: the new data cannot be read.
        PipelineError: the training data cannot be found.
        RegistryError: MLflow does not answer.
    """
    from geratriz.registry.names import DATA

    home = Path(root).resolve()
    params = config.read_yaml(home / "params.yaml")
    settings = config.load(domains.rows().DriftConfig, params.get("monitor"), "params.yaml: monitor")
    model = name or str(config.pick(params, "release.name"))
    champion = _champion(home, model)
    if champion is None:
        return _skipped(f"{model} has no champion to compare with. Run `geratriz promote {model}`.")
    raw = home / str(config.pick(params, "data.raw"))
    with tempfile.TemporaryDirectory(prefix="geratriz-monitor-") as folder:
        scratch = Path(folder)
        before, now = scratch / "before", scratch / "now"
        before.mkdir()
        now.mkdir()
        new = (home / data) if data is not None else tracked.newest(home, raw, now)
        md5 = champion.tags[DATA]
        if tracked.md5_of(new) == md5:
            return _skipped(f"{raw.name} has not changed since version {champion.version} of {model} was made from it.")
        say(f"comparing new data with those that version {champion.version} of {model} was made from")
        result = _compare(home, params, settings, tracked.find(home, md5, raw, before), new)
    facts = {
        "champion": f"{model} version {champion.version}",
        "trained on": f"{raw.name}, MD5 {md5[:12]}; all rows are compared, held-out ones included",
        "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    }
    page = _write(home, result, f"{model}: have the data drifted?", facts)
    outcome: Literal["Drift", "No drift"] = "Drift" if result.drifted else "No drift"
    create_markdown_artifact(key="drift", markdown=_markdown(result, page, facts))
    emit_event(
        DRIFT if result.drifted else NO_DRIFT,
        resource={"prefect.resource.id": f"geratriz.model.{model}", "prefect.resource.name": model},
        payload={
            "version": champion.version,
            "reasons": list(result.reasons),
            "columns": [column.name for column in result.columns if column.drifted][:MAX_EVENT_COLUMNS],
            "auc": None if result.together is None else round(result.together.auc, 4),
            "page": page.as_uri(),
        },
    )
    done = Monitored(outcome=outcome, reasons=result.reasons, page=page)
    return Completed(name=outcome, message=f"{domains.rows().verdict(result)}. {page}", data=done)


def _champion(home: Path, name: str) -> "Version | None":
    """Return the champion; None if there is no registry, the model does not exist or it has none."""
    from geratriz.errors import NoRegistryError
    from geratriz.registry.mlflow import Registry
    from geratriz.registry.names import CHAMPION

    try:
        registry = Registry(home)
    except NoRegistryError:  # nothing was ever registered
        return None
    if name not in registry.names():
        return None
    return next((version for version in registry.versions(name) if CHAMPION in version.aliases), None)


def _skipped(reason: str) -> State[Any]:
    say(reason)
    return Completed(name="Skipped", message=reason, data=Monitored(outcome="Skipped", reasons=(reason,)))


def _compare(home: Path, params: Mapping[str, Any], settings: Any, before: Path, now: Path) -> Any:
    """Read both files by the settings in params.yaml, compare them, and check the contract of the new one."""
    kind, section, measure = kind_of(params), config.pick(params, "data"), domains.rows()
    declared = section.get("schema") or {}
    frames = [domains.prepare(kind).observe(path) for path in (before, now)]
    known, new = (
        measure.Table.from_frame(frame, overrides={name: declared[name] for name in declared if name in frame.columns})
        for frame in map(domains.drift(kind).watched, frames)
    )
    time = config.load(SplitConfig, section.get("split"), "params.yaml: data.split").time
    if time is not None and time not in settings.ignore:  # new rows are always later than old ones
        settings = dataclasses.replace(settings, ignore=(*settings.ignore, time))
    suite = read_suite(home / str(config.pick(params, "data.contract")))
    return measure.drift(known, new, settings, contract=check(frames[1], suite))


def _write(home: Path, result: Any, title: str, facts: Mapping[str, str]) -> Path:
    """Write the result as JSON and as a page into a new folder for this run."""
    folder = home / PAGES / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{token()}"
    folder.mkdir(parents=True)
    (folder / "drift.json").write_text(json.dumps(result.to_json(), indent=1, ensure_ascii=False) + "\n", "utf-8")
    measure = domains.rows()
    page = measure.DriftPage(title=title, result=result, facts=facts)
    (folder / "index.html").write_text(measure.render(page), encoding="utf-8")
    return folder / "index.html"


def _markdown(result: Any, page: Path, facts: Mapping[str, str]) -> str:
    """Verdict and table of columns as Markdown, for Prefect's pages."""
    measure = domains.rows()
    lines = measure.rows(result)[:MAX_ARTIFACT_COLUMNS]
    parts = [f"## {measure.verdict(result)}", *(f"- {_escape(reason)}" for reason in result.reasons), ""]
    parts += [*(f"{name}: {_escape(text)}  " for name, text in facts.items()), f"page: {page}", ""]
    if lines:
        parts += [f"| {' | '.join(lines[0])} |", f"|{' --- |' * len(lines[0])}"]
        parts += [f"| {' | '.join(map(_escape, line.values()))} |" for line in lines]
    return "\n".join(parts) + "\n"


def _escape(text: str) -> str:
    """Escape the special characters of Markdown."""
    for character in "\\`*_|<>[]#":
        text = text.replace(character, f"\\{character}")
    return text


def main() -> None:
    """Run the flow and print its result."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.monitor", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "data", nargs="?", help="Parquet or CSV file; by default the project's raw data, or their source"
    )
    parser.add_argument("--name", help="name of the registered model; release.name in params.yaml by default")
    arguments = parser.parse_args()
    show("prefect.flow_runs", "%(message)s")
    with terminal("Stopped."):
        result: Any = monitor(data=arguments.data, name=arguments.name)
    if result.page is not None:
        lines = [result.outcome, *(f"  - {reason}" for reason in result.reasons), f"Page: {result.page}"]
        sys.stdout.write("\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
