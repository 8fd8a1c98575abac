"""The port `page` of images: the pictures of a page, and the page of a generator."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geratriz import bundle as bundles
from geratriz import seeding
from geratriz.images.evaluate.trio import ImageTrio
from geratriz.images.report.page import Pictures
from geratriz.images.report.page import render as render
from geratriz.tracking import PROGRESS


def exhibits(trio: ImageTrio, report: Mapping[str, Any], bundle: Path | None) -> Pictures:
    """Images of ``trio``, and the pictures next to ``bundle`` if there is one.

    Images are in random order, because a page shows the first ones and files may be sorted by class.
    """
    pairs = report["details"]["pairs"]
    order = seeding.generator(trio.config.seed, "page").permutation(trio.size)
    real, generated = (trio.cut[name].take(order) for name in ("test", "synthetic"))
    progress = sorted((bundle / PROGRESS).glob("*.png")) if bundle is not None else []
    walks = None if bundle is None else bundle / bundles.WALKS
    return Pictures(
        real=real.pixels,
        real_labels=real.labels,
        generated=generated.pixels,
        generated_labels=generated.labels,
        classes=trio.test.schema.classes,
        pairs=[getattr(trio, side).pixels[[pair[side] for pair in pairs]] for side in ("synthetic", "train", "unseen")],
        progress=[(f"round {int(path.stem)}", path.read_bytes()) for path in progress],
        walks=walks.read_bytes() if walks is not None and walks.exists() else None,
    )
