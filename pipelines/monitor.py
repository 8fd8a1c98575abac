"""The flow: have the data drifted from those that the champion was trained on? A page, an artifact and an event.

    python -m pipelines.monitor [DATA]

runs it in place with nothing else started. On a schedule it runs from the deployment in prefect.yaml, where the event
``geratriz.drift`` starts retraining.
"""

import argparse
import dataclasses
import json
import signal
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
from prefect.runtime import flow_run  # noqa: E402
from prefect.states import Completed  # noqa: E402

from geratriz import config, domains  # noqa: E402
from geratriz.config import kind_of  # noqa: E402
from geratriz.contract import check, read_suite  # noqa: E402
from geratriz.errors import GeratrizError  # noqa: E402
from geratriz.parts import SplitConfig  # noqa: E402
from geratriz.project import PAGES  # noqa: E402
from pipelines import tracked  # noqa: E402
from pipelines._console import reach_server, say, show  # noqa: E402

if TYPE_CHECKING:
    from geratriz.registry.mlflow import Version

DRIFT, NO_DRIFT = "geratriz.drift", "geratriz.no-drift"  # events
WORST = 10  # columns in an event
LISTED = 30  # columns in the artifact


@dataclass(frozen=True, kw_only=True, slots=True)
class Monitored:
    """What a run came to."""

    outcome: Literal["Drift", "No drift", "Skipped"]
    reasons: tuple[str, ...]
    page: Path | None = None


@flow(name="monitor", persist_result=False)
def monitor(root: str = ".", data: str | None = None, name: str | None = None) -> "State[Any]":
    """Hold new data against those the champion of a registered model was made from.

    The state's name is Drift, No drift, or Skipped where there is no champion or the data are still the same bytes.

    Args:
        root: the project.
        data: Parquet or CSV; None for the project's raw data, and of those that DVC imports what their source holds
            now. The workspace is not touched.
        name: the registered model; None for ``release.name``.

    Raises:
        ConfigError: params.yaml is wrong.
        DataError: the new data cannot be read.
        PipelineError: the data that were trained on are nowhere to be found.
        RegistryError: MLflow does not answer.
    """
    from geratriz.registry.names import DATA

    home = Path(root).resolve()
    params = config.read_yaml(home / "params.yaml")
    settings = config.load(domains.rows().DriftConfig, params.get("monitor"), "params.yaml: monitor")
    model = name or str(config.pick(params, "release.name"))
    champion = _champion(home, model)
    if champion is None:
        return _skipped(f"{model} has no champion to hold data against. `geratriz promote {model}` makes one.")
    raw = home / str(config.pick(params, "data.raw"))
    with tempfile.TemporaryDirectory(prefix="geratriz-monitor-") as folder:
        scratch = Path(folder)
        before, now = scratch / "before", scratch / "now"
        before.mkdir()
        now.mkdir()
        new = (home / data) if data is not None else tracked.newest(home, raw, now)
        md5 = champion.tags[DATA]
        if tracked.md5_of(new) == md5:
            return _skipped(f"{raw.name} is what version {champion.version} of {model} was made from, byte by byte.")
        say(f"holding new data against those that version {champion.version} of {model} was made from")
        result = _judge(home, params, settings, tracked.find(home, md5, raw, before), new)
    facts = {
        "champion": f"{model} version {champion.version}",
        "trained on": f"{raw.name}, MD5 {md5[:12]}; all its rows are compared, held-out ones too",
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
            "columns": [each.name for each in result.columns if each.drifted][:WORST],
            "auc": None if result.together is None else round(result.together.auc, 4),
            "page": page.as_uri(),
        },
    )
    done = Monitored(outcome=outcome, reasons=result.reasons, page=page)
    return Completed(name=outcome, message=f"{domains.rows().verdict(result)}. {page}", data=done)


def _champion(home: Path, name: str) -> "Version | None":
    """The champion; None where there is no such model, or none of its versions is."""
    from geratriz.registry.mlflow import Registry
    from geratriz.registry.names import CHAMPION

    registry = Registry(home)
    if name not in registry.names():
        return None
    return next((each for each in registry.versions(name) if CHAMPION in each.aliases), None)


def _skipped(reason: str) -> State[Any]:
    say(reason)
    return Completed(name="Skipped", message=reason, data=Monitored(outcome="Skipped", reasons=(reason,)))


def _judge(home: Path, params: Mapping[str, Any], settings: Any, before: Path, now: Path) -> Any:
    """Both files read as params.yaml says, and held against each other and the contract."""
    kind, section, measure = kind_of(params), config.pick(params, "data"), domains.rows()
    declared = section.get("schema") or {}
    frames = [domains.prepare(kind).observe(path) for path in (before, now)]
    known, new = (
        measure.Table.from_frame(frame, overrides={name: declared[name] for name in declared if name in frame.columns})
        for frame in map(domains.drift(kind).watched, frames)
    )
    time = config.load(SplitConfig, section.get("split"), "params.yaml: data.split").time
    if time is not None and time not in settings.ignore:  # new rows are later than old ones
        settings = dataclasses.replace(settings, ignore=(*settings.ignore, time))
    suite = read_suite(home / str(config.pick(params, "data.contract")))
    return measure.drift(known, new, settings, contract=check(frames[1], suite))


def _write(home: Path, result: Any, title: str, facts: Mapping[str, str]) -> Path:
    """The page, beside what it says as JSON, in a folder of this run's own."""
    run = str(flow_run.get_id()).replace("-", "")[:8]
    folder = home / PAGES / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{run}"
    folder.mkdir(parents=True)
    (folder / "drift.json").write_text(json.dumps(result.to_json(), indent=1, ensure_ascii=False) + "\n", "utf-8")
    measure = domains.rows()
    page = measure.DriftPage(title=title, result=result, facts=facts)
    (folder / "index.html").write_text(measure.render(page), encoding="utf-8")
    return folder / "index.html"


def _markdown(result: Any, page: Path, facts: Mapping[str, str]) -> str:
    """The verdict and the table of columns, for Prefect's pages."""
    measure = domains.rows()
    lines = measure.rows(result)[:LISTED]
    parts = [f"## {measure.verdict(result)}", *(f"- {_plain(each)}" for each in result.reasons), ""]
    parts += [*(f"{name}: {_plain(words)}  " for name, words in facts.items()), f"page: {page}", ""]
    if lines:
        parts += [f"| {' | '.join(lines[0])} |", f"|{' --- |' * len(lines[0])}"]
        parts += [f"| {' | '.join(map(_plain, line.values()))} |" for line in lines]
    return "\n".join(parts) + "\n"


def _plain(text: str) -> str:
    """``text`` without what Markdown would take for its own."""
    for mark in "\\`*_|<>[]#":
        text = text.replace(mark, f"\\{mark}")
    return text


def main() -> None:
    """Run the flow in place and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.monitor", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", nargs="?", help="Parquet or CSV; else the project's raw data, or what they come from")
    parser.add_argument("--name", help="the registered model; else release.name of params.yaml")
    arguments = parser.parse_args()
    show("prefect.flow_runs", "%(message)s")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        reach_server()
        found: Any = monitor(data=arguments.data, name=arguments.name)
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
        raise SystemExit(130) from None
    except GeratrizError as problem:
        sys.stderr.write(f"\n{type(problem).__name__}: {problem}\n")
        raise SystemExit(1) from None
    if found.page is not None:
        lines = [found.outcome, *(f"  - {each}" for each in found.reasons), f"Its page: {found.page}"]
        sys.stdout.write("\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
