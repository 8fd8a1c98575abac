"""Stage evaluate@MODEL: synthetic data in, their metrics, verdict and page out."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from geratriz import bundle as bundles
from geratriz import config, promotion, seeding
from geratriz.data.contract import read_suite
from geratriz.data.image_prepare import read
from geratriz.data.images import Images
from geratriz.data.schema import Schema
from geratriz.data.split import PARTS
from geratriz.data.table import Table
from geratriz.evaluate import image_details, image_suite, suite
from geratriz.evaluate.base import EvaluateConfig, Trio
from geratriz.evaluate.details import details
from geratriz.evaluate.image_base import ImageEvaluateConfig, ImageTrio
from geratriz.promotion import Gate, Limits, MemoryLimits, Privacy, PrivacyLimits
from geratriz.report import image_page, page
from geratriz.report._page import Page
from geratriz.report.image_page import Pictures
from geratriz.stages._entry import is_images, run
from geratriz.tracking import PROGRESS, read_history


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """What the data are, how thoroughly is judged, by which gates, and how much attacks may gain."""

    evaluate: Mapping[str, Any]
    gates: Mapping[str, Gate]
    privacy: Mapping[str, Any]
    kind: str = "table"


READS = {"kind": "data.kind", "evaluate": "evaluate", "gates": "release.gates", "privacy": "release.privacy"}


def main(
    params: Params, *, prepared: Path, synthetic: Path, landmarks: Path, contract: Path, bundle: Path, out: Path
) -> None:
    """Judge the data in ``synthetic`` and write metrics.json and index.html."""
    marks = suite.read_landmarks(landmarks)
    if is_images(params.kind):
        report, pictures = _images(params, marks, prepared, synthetic, bundle)
        write(report, html=image_page.render(_page(params, report, bundle), pictures), out=out)
    else:
        report = _table(params, marks, prepared, synthetic, contract)
        write(report, html=page.render(_page(params, report, bundle)), out=out)
    sys.stdout.write(table_of(report))


def _page(params: Params, report: Mapping[str, Any], bundle: Path) -> Page:
    history = bundle / bundles.HISTORY
    return Page(
        title=bundle.name,
        report=report,
        gates=params.gates,
        history=read_history(history) if history.exists() else (),
        head=bundles.read_head(bundle),
        digest=bundles.digest(bundle),
    )


def _table(params: Params, marks: suite.Landmarks, prepared: Path, synthetic: Path, contract: Path) -> dict[str, Any]:
    schema = Schema.read(prepared / "schema.json")
    train, fresh, test = (Table.read(prepared / f"{name}.parquet", schema=schema) for name in PARTS)
    trio = Trio(
        train=train,
        test=test,
        fresh=fresh,
        synthetic=Table.read(synthetic, schema=schema),
        config=config.load(EvaluateConfig, params.evaluate, "evaluate"),
        rows=marks.rows,
        suite=read_suite(contract),
    )
    limits = config.load(PrivacyLimits, params.privacy, "release.privacy")
    return assess(trio, marks, params.gates, limits)


def _images(
    params: Params, marks: suite.Landmarks, prepared: Path, synthetic: Path, bundle: Path
) -> tuple[dict[str, Any], Pictures]:
    train, fresh, test = (Images.read(prepared / name) for name in PARTS)
    trio = ImageTrio(
        train=train,
        test=test,
        fresh=fresh,
        synthetic=read(synthetic, train.schema),
        config=config.load(ImageEvaluateConfig, params.evaluate, "evaluate"),
        images=marks.rows,
    )
    limits = config.load(MemoryLimits, params.privacy, "release.privacy")
    report = assess_images(trio, marks, params.gates, limits)
    return report, pictures_of(trio, report, bundle)


def assess(
    trio: Trio, marks: suite.Landmarks, gates: Mapping[str, Gate] | None, limits: PrivacyLimits
) -> dict[str, Any]:
    """The content of metrics.json; its verdict's ``release`` is None where there are no gates to judge by."""
    scores = suite.evaluate(trio)
    report = _judged(suite.metrics_json(scores, marks), gates, limits, trio)
    return {**report, "details": details(trio, scores, marks)}


def assess_images(
    trio: ImageTrio, marks: suite.Landmarks, gates: Mapping[str, Gate] | None, limits: MemoryLimits
) -> dict[str, Any]:
    """As :func:`assess`, of images."""
    scores = image_suite.evaluate(trio)
    report = _judged(suite.metrics_json(scores, marks, image_suite.METRICS), gates, limits, trio)
    return {**report, "details": image_details.details(trio, scores, marks)}


def pictures_of(trio: ImageTrio, report: Mapping[str, Any], bundle: Path | None) -> Pictures:
    """What the page shows: ``trio``'s images, and what lies beside ``bundle`` where there is one.

    A page shows the first images that it finds, so they come in random order: files may lie class after class.
    """
    pairs = report["details"]["pairs"]
    order = seeding.generator(trio.config.seed, "page").permutation(trio.size)
    real, shown = (trio.cut[name].take(order) for name in ("test", "synthetic"))
    progress = sorted((bundle / PROGRESS).glob("*.png")) if bundle is not None else []
    walks = None if bundle is None else bundle / bundles.WALKS
    return Pictures(
        real=real.pixels,
        real_labels=real.labels,
        generated=shown.pixels,
        generated_labels=shown.labels,
        classes=trio.test.schema.classes,
        pairs=[getattr(trio, side).pixels[[pair[side] for pair in pairs]] for side in ("synthetic", "train", "unseen")],
        progress=[(f"round {int(path.stem)}", path.read_bytes()) for path in progress],
        walks=walks.read_bytes() if walks is not None and walks.exists() else None,
    )


def _judged(
    metrics: dict[str, Any], gates: Mapping[str, Gate] | None, limits: Limits, trio: Trio | ImageTrio
) -> dict[str, Any]:
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
    }


def write(report: Mapping[str, Any], *, html: str, out: Path) -> None:
    """Write metrics.json and the page ``html`` into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    (out / "metrics.json").write_text(text + "\n", encoding="utf-8")
    (out / "index.html").write_text(html, encoding="utf-8")


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
