"""What a page shows of images beside their metrics, as JSON: classes, pairs learnt by heart, what looked at them."""

from collections.abc import Mapping
from typing import Any

from geratriz.images.evaluate.trio import ImageTrio
from geratriz.scoring.landmarks import Landmarks
from geratriz.scoring.score import Score


def details(trio: ImageTrio, scores: Mapping[str, Score], marks: Landmarks) -> dict[str, Any]:
    """``extractor``; ``classes``: what of each was learnt from synthetic and from real images; ``pairs``: synthetic
    images beside the nearest training and held-out images, by place in their sets, the nearest first; ``spaces``: what
    was found in each space; ``standard_errors`` by metric; ``blurred``: what blurred real images score, by metric."""
    spaces = scores["memorised_share"].detail["spaces"]
    strongest = max(spaces, key=lambda each: each["excess"])
    content: dict[str, Any] = {
        "extractor": trio.config.extractor.name,
        "spaces": [{name: each[name] for name in each if name != "pairs"} for each in spaces],
        "pairs": strongest["pairs"],
        "standard_errors": {
            name: score.detail["standard_error"] for name, score in scores.items() if "standard_error" in score.detail
        },
        "blurred": {name: score.value for name, score in marks.blurred.items()},
    }
    if "cas" in scores:
        real = scores["cas_real"].detail.get("by_class", {})
        content["classes"] = [
            {"label": label, "cas": value, "cas_real": real.get(label)}
            for label, value in scores["cas"].detail["by_class"].items()
        ]
    return content
