"""Stage evaluate@MODEL: metrics, verdict and page of synthetic data."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geratriz import bundle as bundles
from geratriz import domains
from geratriz.report.page import Page, write
from geratriz.report.terminal import table
from geratriz.scoring.landmarks import Landmarks
from geratriz.scoring.verdict import Gate
from geratriz.stages.entry import run
from geratriz.tracking import read_history


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """Kind of data, settings of the evaluation, gates, and limits of the attacks."""

    evaluate: Mapping[str, Any]
    gates: Mapping[str, Gate]
    privacy: Mapping[str, Any]
    kind: str = "table"


READS = {"kind": "data.kind", "evaluate": "evaluate", "gates": "release.gates", "privacy": "release.privacy"}


def main(
    params: Params, *, prepared: Path, synthetic: Path, landmarks: Path, contract: Path, bundle: Path, out: Path
) -> None:
    """Evaluate the data in ``synthetic`` and write metrics.json and index.html."""
    report, trio = domains.judge(params.kind).judge(
        prepared,
        synthetic,
        contract,
        Landmarks.read(landmarks),
        params.evaluate,
        gates=params.gates,
        limits=params.privacy,
    )
    history = bundle / bundles.HISTORY
    page = Page(
        title=bundle.name,
        report=report,
        history=read_history(history) if history.exists() else (),
        head=bundles.read_head(bundle),
        digest=bundles.digest(bundle),
    )
    port = domains.page(params.kind)
    write(report, html=port.render(page, port.exhibits(trio, report, bundle)), out=out)
    sys.stdout.write(table(report))


if __name__ == "__main__":
    run(main, Params, READS)
