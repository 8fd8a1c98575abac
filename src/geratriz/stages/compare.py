"""Stage `compare`: rank the evaluated models and explain the choice of the winner; the last stage of the graph."""

import csv
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geratriz import writing
from geratriz.errors import ConfigError, DataError, nearest
from geratriz.report.comparison import render
from geratriz.scoring.verdict import is_measured
from geratriz.scoring.words import RELEASE, describe
from geratriz.stages.entry import run


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """Models to compare, and the metric to rank them by."""

    models: tuple[str, ...]
    by: str


FILES = ("comparison.json", "scores.csv", "index.html")  # of the folder
READS = {"models": "models", "by": "compare.by"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One model in the ranking."""

    model: str
    metric: Mapping[str, Any]
    """The metric to rank by, as in metrics.json."""
    release: bool
    reasons: tuple[str, ...]

    @property
    def measured(self) -> bool:
        """Whether the metric was measured, so that the model can be ranked."""
        return is_measured(self.metric)

    @property
    def above_floor(self) -> bool:
        """Whether the model is better than the floor, a baseline without structure; True if the floor was not measured.

        The floor is measured once on the same number of rows, so its uncertainty is assumed to equal the model's.
        """
        value, floor = self.metric["value"], self.metric["floor"]
        if floor is None:
            return True
        if self.metric["better"] == "higher":
            return bool(self.metric["low"] > floor + (self.metric["high"] - value))
        return bool(self.metric["high"] < floor - (value - self.metric["low"]))

    @property
    def rank(self) -> tuple[bool, bool, bool, float]:
        """Sort key, best first.

        Releasable models come before refused ones, but only above the floor: independent columns pass every privacy
        gate, and must not rank before a model that has learnt something.
        """
        if not self.measured:
            return (True, True, True, 0.0)
        sign = -1 if self.metric["better"] == "higher" else 1
        return (False, not self.above_floor, not self.release, sign * self.metric["value"])

    def to_json(self) -> dict[str, Any]:
        """The entry in the form of comparison.json."""
        return {"model": self.model, **self.metric, "release": self.release, "reasons": list(self.reasons)}


def main(params: Params, *, reports: Path, out: Path, out_scores: Path) -> None:
    """Rank the models by one metric and write the comparison.

    Args:
        params: the models and the metric. Reports of other models are ignored.
        reports: folder with one folder per model, each with its metrics.json.
        out: folder for comparison.json, scores.csv and the page index.html.
        out_scores: file of values for `dvc metrics`.

    Raises:
        ConfigError: no model is named, a model is named twice, or the metric is unknown.
        DataError: a model has no report, or the metric was not measured for any model.
    """
    if not params.models or len(set(params.models)) < len(params.models):
        raise ConfigError(f"params.yaml models is {list(params.models)}; expected at least one name, each once.")
    contents = {model: _read(reports / model / "metrics.json", model) for model in params.models}
    entries = [_entry(model, report, params.by) for model, report in contents.items()]
    ranking = sorted(entries, key=lambda entry: entry.rank)
    winner = ranking[0]
    if not winner.measured:
        raise DataError(f"no model has a value for {params.by}. Set compare.by to a metric that was measured.")
    reasons = [_why(ranking, params.by), *winner.reasons]
    comparison = {
        "by": params.by,
        "winner": winner.model,
        "releasable": winner.release,
        "reasons": reasons,
        "ranking": [entry.to_json() for entry in ranking],
    }
    with writing.folder(out, FILES) as folder:
        _write_json(folder / "comparison.json", comparison)
        _write_csv(folder / "scores.csv", contents)
        (folder / "index.html").write_text(render(comparison, contents), encoding="utf-8")
    with writing.file(out_scores) as partial:
        _write_json(partial, {model: _values(report) for model, report in contents.items()})
    sys.stdout.write(_table(ranking, params.by))
    sys.stdout.write("".join(f"{line}\n" for line in [*reasons, f"page: {out / 'index.html'}"]))


def _read(path: Path, model: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"{path} is missing: {model} is in params.yaml models but was not evaluated. Run `dvc repro`, "
            f"or remove {model} from models."
        ) from None
    except json.JSONDecodeError as problem:
        raise DataError(f"{path} is not JSON ({problem}). Run `dvc repro -s -f evaluate@{model}`.") from None
    if not isinstance(content, dict) or "metrics" not in content or "verdict" not in content:
        raise DataError(f"{path} has no metrics and verdict. Run `dvc repro -s -f evaluate@{model}`.")
    return content


def _entry(model: str, report: Mapping[str, Any], by: str) -> Entry:
    metrics, verdict = report["metrics"], report["verdict"]
    if by not in metrics:
        raise ConfigError(f"params.yaml compare.by is {by!r}, which {model} was not measured by.{nearest(by, metrics)}")
    reasons = tuple(str(reason) for reason in verdict["reasons"])
    return Entry(model=model, metric=metrics[by], release=bool(verdict["release"]), reasons=reasons)


def _why(ranking: list[Entry], by: str) -> str:
    """Why the first model ranks first, in one or two sentences."""
    winner, others = ranking[0], ranking[1:]
    text = f"{winner.model} {'wins' if others else 'is the only model,'} with {by} {describe(winner.metric)}"
    refused = [entry for entry in others if entry.measured and not entry.release]
    better = [entry.model for entry in refused if entry.rank[3] < winner.rank[3]]
    if better:
        text += f"; {' and '.join(better)} would do better but {RELEASE[False]}"
    if not winner.above_floor:
        text += ", which is no better than the floor"
    return f"{text}. It {RELEASE[winner.release]}."


def _values(report: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(metric["value"]) for name, metric in report["metrics"].items() if metric["value"] is not None}


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _write_csv(path: Path, reports: Mapping[str, Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["model", "metric", "value", "low", "high"])
        for model, report in reports.items():
            for name in sorted(report["metrics"]):
                metric = report["metrics"][name]
                rows.writerow([model, name, metric["value"], metric["low"], metric["high"]])


def _table(ranking: list[Entry], by: str) -> str:
    lines = [("model", by, RELEASE[True])]
    for entry in ranking:
        value = describe(entry.metric) if entry.measured else "not measured"
        lines.append((entry.model, value, "yes" if entry.release else "no"))
    widths = [max(len(line[column]) for line in lines) for column in range(2)]
    return "".join(f"{model:<{widths[0]}}  {value:<{widths[1]}}  {release}\n" for model, value, release in lines)


if __name__ == "__main__":
    run(main, Params, READS)
