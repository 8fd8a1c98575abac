"""Stage evaluate@MODEL: a synthetic table in, its metrics, verdict and page out."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from geratriz import bundle as bundles
from geratriz import promotion
from geratriz.data.contract import read_suite
from geratriz.data.schema import Schema
from geratriz.data.table import Table
from geratriz.evaluate import suite
from geratriz.evaluate.base import EvaluateConfig, Trio
from geratriz.evaluate.details import details
from geratriz.promotion import Gate, Privacy, PrivacyLimits
from geratriz.report.page import Page, render
from geratriz.stages._entry import run
from geratriz.tracking import read_history


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """How thoroughly is judged, by which gates, and how much attacks may gain."""

    evaluate: EvaluateConfig
    gates: Mapping[str, Gate]
    privacy: PrivacyLimits


READS = {"evaluate": "evaluate", "gates": "release.gates", "privacy": "release.privacy"}


def main(
    params: Params, *, prepared: Path, synthetic: Path, landmarks: Path, contract: Path, bundle: Path, out: Path
) -> None:
    """Judge the table in ``synthetic`` and write metrics.json and index.html."""
    schema = Schema.read(prepared / "schema.json")
    train, fresh, test = (
        Table.read(prepared / f"{name}.parquet", schema=schema) for name in ("train", "fresh", "test")
    )
    marks = suite.read_landmarks(landmarks)
    trio = Trio(
        train=train,
        test=test,
        fresh=fresh,
        synthetic=Table.read(synthetic, schema=schema),
        config=params.evaluate,
        rows=marks.rows,
        suite=read_suite(contract),
    )
    report = assess(trio, marks, params.gates, params.privacy)
    history = bundle / bundles.HISTORY
    page = Page(
        title=bundle.name,
        report=report,
        gates=params.gates,
        history=read_history(history) if history.exists() else (),
        head=bundles.read_head(bundle),
        digest=bundles.digest(bundle),
    )
    write(report, page, out)
    sys.stdout.write(table_of(report))


def assess(
    trio: Trio, marks: suite.Landmarks, gates: Mapping[str, Gate] | None, limits: PrivacyLimits
) -> dict[str, Any]:
    """The content of metrics.json; its verdict's ``release`` is None where there are no gates to judge by."""
    scores = suite.evaluate(trio)
    metrics = suite.metrics_json(scores, marks)
    decision = None if gates is None else promotion.release(metrics, gates, limits)
    return {
        "metrics": metrics,
        "privacy": {**asdict(promotion.judge_privacy(metrics, limits)), "limits": asdict(limits)},
        "verdict": {
            "release": None if decision is None else decision.promote,
            "reasons": [] if decision is None else list(decision.reasons),
        },
        "rows": {
            "train": len(trio.train),
            "test": len(trio.test),
            "synthetic": len(trio.synthetic),
            "compared": trio.size,
        },
        "details": details(trio, scores, marks),
    }


def write(report: Mapping[str, Any], page: Page, out: Path) -> None:
    """Write metrics.json and index.html into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    (out / "metrics.json").write_text(text + "\n", encoding="utf-8")
    (out / "index.html").write_text(render(page), encoding="utf-8")


def table_of(report: Mapping[str, Any]) -> str:
    """The metrics between their landmarks and the verdict, as text for a terminal."""

    def cell(value: float | None) -> str:
        return f"{'-':>10}" if value is None else f"{value:>10.4f}"

    lines = [f"{'':<26}{'value':>10}{'low':>10}{'high':>10}{'floor':>10}{'fresh real':>12}"]
    for name, entry in report["metrics"].items():
        figures = "".join(cell(entry[key]) for key in ("value", "low", "high", "floor"))
        lines.append(f"{name:<26}{figures}{cell(entry['ceiling']):>12}")
    privacy, verdict = Privacy.of(report["privacy"]), report["verdict"]
    if verdict["release"] is None:
        lines.append(privacy.sentence)
        lines += [f"  - {reason}" for reason in privacy.objections]
    if verdict["release"] is not None:
        lines.append("may be released:" if verdict["release"] else "must not be released:")
        lines += [f"  - {reason}" for reason in verdict["reasons"]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    run(main, Params, READS)
