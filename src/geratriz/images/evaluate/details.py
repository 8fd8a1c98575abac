"""Content of a page of images besides the metrics, as JSON: classes, nearest pairs, and the feature network."""

from collections.abc import Mapping
from typing import Any

from geratriz.images.evaluate.trio import ImageTrio
from geratriz.scoring.landmarks import Landmarks
from geratriz.scoring.score import Score


def details(trio: ImageTrio, scores: Mapping[str, Score], marks: Landmarks) -> dict[str, Any]:
    """Section ``details`` of metrics.json. ``classes``: accuracy per class, learnt from synthetic and from real images;
    ``pairs``: indices of synthetic images and their nearest training and held-out images, nearest first; ``spaces``:
    results of the copy check per space; ``standard_errors`` by metric; ``blurred``: scores of blurred images."""
    spaces = scores["memorised_share"].detail["spaces"]
    strongest = max(spaces, key=lambda space: space["excess"])
    content: dict[str, Any] = {
        "extractor": trio.config.extractor.name,
        "spaces": [{name: space[name] for name in space if name != "pairs"} for space in spaces],
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
