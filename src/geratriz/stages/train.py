"""Stage train@MODEL: prepared data in, a generator's bundle and its loss history out."""

import csv
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geratriz import bundle, config, domains, tracking
from geratriz.project import CHECKPOINTS
from geratriz.registry.live import mlflow_run
from geratriz.stages import entry

LINES = 12  # of progress, however many epochs there are


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """What is trained, and how."""

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

    Losses go to ``history.jsonl`` beside the bundle, to ``out_history`` as CSV for DVC's plots, and live to MLflow;
    pictures of what an image generator draws after each round go beside the bundle too.
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
            tracker=tracking.Trackers([history, run, _Lines()]),
            checkpoint=CHECKPOINTS / params.model,
            **terms,
        )
        generator.save(out)
        port.show(generator, out, params.seed)
        steps = history.move(out / bundle.HISTORY)
        _write_csv(steps, out_history)
        run.finish(bundle.digest(out))


class _Lines(tracking.NullTracker):
    """A line of losses now and then, for a log."""

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        """Write a line if it is time, and after the last step."""
        if step % max(steps // LINES, 1) == 0 or step == steps:
            losses = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
            sys.stdout.write(f"round {step}/{steps}  {losses}\n")
            sys.stdout.flush()

    def note(self, text: str) -> None:
        """Write it as a line."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def _write_csv(steps: list[dict[str, Any]], path: Path) -> None:
    names = list(steps[0]) if steps else ["step"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(steps)


if __name__ == "__main__":
    entry.run(main, Params, READS)
