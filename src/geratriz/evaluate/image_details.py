"""What a page shows of images beside their metrics, as JSON: classes, pairs learnt by heart, what looked at them."""

from collections.abc import Mapping
from typing import Any

from geratriz.evaluate.base import Score
from geratriz.evaluate.image_base import ImageTrio


def details(trio: ImageTrio, scores: Mapping[str, Score]) -> dict[str, Any]:
    """``extractor``; ``classes``: what of each was learnt from synthetic and from real images; ``pairs``: synthetic
    images beside the nearest training and held-out images, by place in their sets, the nearest first; ``spaces``: what
    was found in each space."""
    spaces = scores["memorised_share"].detail["spaces"]
    strongest = max(spaces, key=lambda each: each["excess"])
    content: dict[str, Any] = {
        "extractor": trio.config.extractor.name,
        "spaces": [{name: each[name] for name in each if name != "pairs"} for each in spaces],
        "pairs": strongest["pairs"],
    }
    if "cas" in scores:
        real = scores["cas_real"].detail.get("by_class", {})
        content["classes"] = [
            {"label": label, "cas": value, "cas_real": real.get(label)}
            for label, value in scores["cas"].detail["by_class"].items()
        ]
    return content
