"""All metrics of a table, the landmarks they stand between, and the JSON that pages and gates read."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from geratriz import config as settings
from geratriz import seeding
from geratriz.data.split import places
from geratriz.data.table import Table
from geratriz.errors import DataError
from geratriz.evaluate import contract, copies, detection, fidelity, privacy, support, trends, utility
from geratriz.evaluate.base import EvaluateConfig, Metric, Score, Trio

SIDES = ("floor", "ceiling", "blurred", "copycat")
OF_REAL_ROWS = "utility_real"  # says nothing of the synthetic rows: what utility is to be read beside
METRICS: dict[str, Metric[Trio]] = {
    metric.name: metric
    for metric in (
        Metric(
            name="detection",
            better="higher",
            title="Detection",
            explains="A classifier tries to tell synthetic rows from real ones. 1: it can do no better than chance; "
            "0: it always can.",
            compute=detection.detection,
        ),
        Metric(
            name="shape_error",
            better="lower",
            title="Shape error, %",
            explains="How far single columns are from the real ones, on average. Drawing each column on its own scores "
            "well here.",
            compute=fidelity.shape_error,
        ),
        Metric(
            name="trend_error",
            better="lower",
            title="Trend error, %",
            explains="How far pairs of columns are from the real ones, on average.",
            compute=trends.trend_error,
        ),
        Metric(
            name="alpha_precision",
            better="higher",
            title="Precision (alpha)",
            explains="Do synthetic rows lie where real ones do. 1: as often in the middle and at the edge; noise, "
            "impossible rows and broken relations between columns lower it.",
            compute=support.alpha_precision,
        ),
        Metric(
            name="beta_recall",
            better="higher",
            title="Recall (beta)",
            explains="Do synthetic rows reach everywhere real ones are; modes that are never drawn lower it. A real "
            "row counts where its nearest synthetic row is nearer than its nearest real one. Fresh real rows reach "
            "about 0.5, not 1: that is the mark to read it by.",
            compute=support.beta_recall,
        ),
        Metric(
            name="utility",
            better="higher",
            title="Utility",
            explains="A model learns to predict the target from synthetic rows and is tested on real ones (AUC, or R2 "
            "of a number).",
            compute=utility.utility,
        ),
        Metric(
            name="utility_real",
            better="higher",
            title="Utility of real rows",
            explains="The same model, fitted on as many real rows: what utility would be if synthetic rows were real.",
            compute=utility.utility_real,
        ),
        *privacy.ATTACKS,
        Metric(
            name="copy_rate",
            better="lower",
            title="Copies",
            explains="The share of synthetic rows that equal a training row. Common rows repeat in real data too: read "
            "it beside what fresh real rows show. The verdict rests on the copies beyond chance.",
            compute=copies.copy_rate,
        ),
        Metric(
            name="dcr_share",
            better="lower",
            title="Nearer to training rows",
            explains="The share of synthetic rows nearer to a training row than to a test row; half is ideal. Weak "
            "evidence: passing it proves no privacy.",
            compute=copies.dcr_share,
        ),
        Metric(
            name="contract_violations",
            better="lower",
            title="Contract violations",
            explains="The share of synthetic rows that break a critical rule of the data's contract.",
            compute=contract.contract_violations,
        ),
    )
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Landmarks:
    """What the metrics say of data that are no good (floor), of fresh real data (ceiling); of images, of two more."""

    rows: int
    """Rows or images a side, so that a generator is judged on as many."""
    floor: Mapping[str, Score]
    """Columns drawn independently; of images, every pixel."""
    ceiling: Mapping[str, Score]
    blurred: Mapping[str, Score] = field(default_factory=dict)
    """Of images: blurred real ones, which hold everything but detail."""
    copycat: Mapping[str, Score] = field(default_factory=dict)
    """Of images: training images in the generator's place."""

    def to_json(self) -> dict[str, Any]:
        """A JSON mapping; :meth:`from_json` is its inverse."""
        return {
            "rows": self.rows,
            **{
                side: {name: bare(score) for name, score in getattr(self, side).items()}
                for side in SIDES
                if side == "floor" or getattr(self, side)
            },
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Landmarks":
        """The landmarks in a mapping that :meth:`to_json` made."""
        sides = {
            side: {name: settings.load(Score, score, side) for name, score in content[side].items()}
            for side in SIDES
            if side in content
        }
        return cls(rows=content["rows"], **sides)


def evaluate(trio: Trio, known: Mapping[str, Score] = MappingProxyType({})) -> dict[str, Score]:
    """Every metric that makes sense for the data, by name; those in ``known`` are not measured again."""
    scores = {name: known.get(name) or metric.compute(trio) for name, metric in METRICS.items()}
    return {name: score for name, score in scores.items() if score is not None}


def landmarks(
    train: Table, fresh: Table, test: Table, config: EvaluateConfig, suite: Mapping[str, Any] | None
) -> Landmarks:
    """The floor, each training column shuffled on its own, and the ceiling, ``fresh`` as the synthetic rows.

    As synthetic rows, ``fresh`` cannot be what attackers compare with as well: their intervals are wider there.
    """
    rows = min(len(train), len(fresh), len(test), config.max_rows)
    rng, many = seeding.generator(config.seed, "floor"), max(rows, len(fresh))
    shuffled = {name: train.frame[name].iloc[rng.permutation(len(train))[:many]].array for name in train.frame.columns}
    floor = Table(pd.DataFrame(shuffled), train.schema)

    def trio(synthetic: Table, unseen: Table | None) -> Trio:
        return Trio(train=train, test=test, fresh=unseen, synthetic=synthetic, config=config, rows=rows, suite=suite)

    scores = evaluate(trio(floor, fresh))
    real = {name: score for name, score in scores.items() if name == OF_REAL_ROWS}
    return Landmarks(rows=rows, floor=scores, ceiling=evaluate(trio(fresh, None), real))


def halve(test: Table) -> tuple[Table, Table]:
    """``test`` by content into fresh rows for the ceiling and rows to judge against, where no fresh part was kept.

    Equal rows fall on both sides, as they do in a split: else the halves of a table with few different rows would be
    two different tables. Rows of one entity may fall on both sides too, and the ceiling is then better than that of
    strangers: where that matters, keep a fresh part with ``data.split: {by: group:COLUMN}``.

    Raises:
        DataError: ``test`` has fewer than two rows.
    """
    if len(test) < 2:
        raise DataError(f"the test table has {len(test)} row; two at least are needed, many more to say anything.")
    first = np.zeros(len(test), dtype=bool)
    first[np.argsort(places(test.frame), kind="stable")[: len(test) // 2]] = True
    return test.take(first), test.take(~first)


def metrics_json(
    scores: Mapping[str, Score], marks: Landmarks, metrics: Mapping[str, Metric[Any]] = METRICS
) -> dict[str, Any]:
    """The metrics between their landmarks, as gates and pages read them."""

    def value(side: Mapping[str, Score], name: str) -> float | None:
        return side[name].value if name in side else None

    return {
        name: {
            **bare(score),
            "floor": value(marks.floor, name),
            "ceiling": value(marks.ceiling, name),
            **({"copycat": value(marks.copycat, name)} if marks.copycat else {}),
            "better": metrics[name].better,
            **({} if metrics[name].chance is None else {"chance": metrics[name].chance}),
        }
        for name, score in scores.items()
    }


def read_landmarks(path: Path) -> Landmarks:
    """The landmarks that the stage of that name wrote."""
    return Landmarks.from_json(json.loads(path.read_text(encoding="utf-8")))


def bare(score: Score) -> dict[str, float]:
    """Value and interval alone."""
    return {name: value for name, value in asdict(score).items() if name != "detail"}
