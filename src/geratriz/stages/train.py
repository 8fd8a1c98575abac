"""Stage train@MODEL: fit a generator on prepared data and save its bundle and loss history."""

import csv
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geratriz import bundle, config, domains, tracking, writing
from geratriz.project import CHECKPOINTS
from geratriz.registry.live import mlflow_run
from geratriz.stages import entry

PROGRESS_LINES = 12  # per fit, whatever its number of rounds


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """Generator, seed, device and settings of the fit."""

    model: str
    seed: int
    device: str
    config: Mapping[str, Any]
    kind: str = "table"


READS = {
    "kind": "data.kind",
    "model": "{model}",
    "seed": "train.seed",
    "device": "train.device",
    "config": "train.{model}",
}


def main(params: Params, *, prepared: Path, out: Path, out_history: Path) -> None:
    """Fit one generator on the training data.

    Losses are written to ``history.jsonl`` next to the bundle, to ``out_history`` as CSV for DVC's plots, and live to
    MLflow. Pictures drawn by an image generator after each round are written next to the bundle too.
    """
    port = domains.train(params.kind)
    generator_cls: Any = domains.find(params.kind, params.model)
    settings = config.load(generator_cls.config_cls, params.config, f"train.{params.model}")
    data, terms = port.read_prepared(prepared)
    history = tracking.JsonlTracker(CHECKPOINTS / params.model / bundle.HISTORY)
    with mlflow_run(
        root=entry.root(),
        experiment=entry.experiment(),
        model=params.model,
        kind=generator_cls.kind,
        params={"seed": params.seed, "rows": len(data), **params.config},
    ) as run:
        generator = generator_cls.fit(
            data,
            settings,
            seed=params.seed,
            device=params.device,
            tracker=tracking.Trackers([history, run, _LogLines()]),
            checkpoint=CHECKPOINTS / params.model,
            **terms,
        )
        generator.save(out)
        port.show(generator, out, params.seed)
        steps = history.move(out / bundle.HISTORY)
        _write_csv(steps, out_history)
        run.finish(bundle.digest(out))


class _LogLines(tracking.NullTracker):
    """A tracker that writes a few lines of losses to the log."""

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        """Write a line at regular steps and after the last."""
        if step % max(steps // PROGRESS_LINES, 1) == 0 or step == steps:
            losses = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
            sys.stdout.write(f"round {step}/{steps}  {losses}\n")
            sys.stdout.flush()

    def note(self, text: str) -> None:
        """Write ``text`` as a line."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def _write_csv(steps: list[dict[str, Any]], path: Path) -> None:
    names = list(steps[0]) if steps else ["step"]
    with writing.file(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(steps)


if __name__ == "__main__":
    entry.run(main, Params, READS)
