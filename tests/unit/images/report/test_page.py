"""The page of a generator of images: opens with no network, says the verdict, shows pictures beside real ones."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from geratriz.images import judge, page
from geratriz.images.evaluate import details, suite
from geratriz.images.evaluate.trio import ImageEvaluateConfig, ImageTrio
from geratriz.images.report.page import Pictures, render
from geratriz.picture import grid, png
from geratriz.report.page import Page
from geratriz.scoring.landmarks import Landmarks
from geratriz.scoring.verdict import Gate
from tests.images import CLASSES, shapes
from tests.page_reader import Reader

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick_classifier")]


@pytest.fixture(scope="module")
def judged(quick_classifier: None) -> tuple[dict[str, Any], Pictures]:
    """A whole evaluation of small images, some seconds, once for the file."""
    train, fresh, test, synthetic = (shapes(40, seed=seed) for seed in range(4))
    config = ImageEvaluateConfig()
    marks = suite.landmarks(train, fresh, test, config)
    trio = ImageTrio(train=train, test=test, fresh=fresh, synthetic=synthetic, config=config, images=marks.rows)
    report = judge.assess(trio, marks, gates={"kid": Gate(max=1e-6)}, limits=None)
    return report, page.exhibits(trio, report, None)


def test_the_report_stands_between_landmarks_and_the_copycat(judged: tuple[dict[str, Any], Pictures]) -> None:
    report, pictures = judged
    assert set(report) == {"metrics", "inapplicable", "privacy", "verdict", "rows", "details"}
    for name, entry in report["metrics"].items():
        assert {"value", "low", "high", "floor", "ceiling", "copycat", "better"} <= set(entry), name
    assert report["metrics"]["memorised_share"]["copycat"] > 0.5
    assert set(report["details"]["blurred"]) == set(report["metrics"])
    kid = report["metrics"]["kid"]
    assert report["details"]["standard_errors"]["kid"] == pytest.approx((kid["high"] - kid["low"]) / 2 / 1.96, rel=1e-3)
    assert report["details"]["extractor"] == "efficientnet-lite0@64"
    assert [each["label"] for each in report["details"]["classes"]] == list(CLASSES)
    assert len(pictures.pairs) == 3 and len({len(each) for each in pictures.pairs}) == 1


def test_the_page_has_every_part_and_needs_no_other_host(judged: tuple[dict[str, Any], Pictures]) -> None:
    report, pictures = judged
    walks = png(grid(shapes(12).pixels, 4))
    pictures = replace(pictures, walks=walks, progress=[("round 1", walks), ("round 2", walks)])
    history = [{"step": step, "generator_loss": 1 / step} for step in (1, 2, 3)]
    text = render(Page(title="image_gan", report=report, history=history), pictures)
    shown = Reader(text)
    assert shown.ids == ["pictures", "metrics", "classes", "privacy", "latents", "training"]
    for words in (
        "Standard error",
        "blurred",
        "Must not be released",
        "round 2",
        "Memorised images",
        "efficientnet-lite0@64",
        *CLASSES,
    ):
        assert words in shown.words
    assert not re.search(r"(?:src|href)=\"https?:", text)
    assert text.count("data:image/png;base64,") == 2 * len(CLASSES) + 3 + 1 + 2
    assert render(Page(title="image_gan", report=report, history=history), pictures) == text


def test_unlabelled_images_stand_side_by_side(judged: tuple[dict[str, Any], Pictures]) -> None:
    report, _ = judged
    bare = {**report, "details": {name: part for name, part in report["details"].items() if name != "classes"}}
    pixels = shapes(50, channels=4, labelled=False).pixels
    text = render(Page(title="emoji", report=bare), Pictures(real=pixels, generated=pixels))
    assert Reader(text).ids == ["pictures", "metrics", "privacy"]
    assert text.count("data:image/png") == 2


def test_pictures_are_drawn_at_random_from_sets_that_lie_class_after_class(
    judged: tuple[dict[str, Any], Pictures],
) -> None:
    sets = [shapes(80, seed=seed) for seed in range(3)]
    ordered = [each.take(np.argsort(each.labels, kind="stable")) for each in sets]
    trio = ImageTrio(train=ordered[0], test=ordered[1], synthetic=ordered[2])
    report = {"details": {"pairs": []}}
    pictures, again = (page.exhibits(trio, report, None) for _ in range(2))
    for labels, side in ((pictures.real_labels, "test"), (pictures.generated_labels, "synthetic")):
        assert labels is not None
        assert set(labels[:20]) == {0, 1}
        assert sorted(labels) == sorted(trio.cut[side].labels)
    assert np.array_equal(pictures.generated, again.generated)


def test_landmarks_come_back_from_json_with_the_copycat() -> None:
    train, fresh, test = (shapes(24, labelled=False, seed=seed) for seed in range(3))
    marks = suite.landmarks(train, fresh, test, ImageEvaluateConfig())
    again = Landmarks.from_json(marks.to_json())
    assert again.rows == 24
    assert again.copycat["memorised_share"].value == marks.copycat["memorised_share"].value
    assert set(marks.ceiling) == set(suite.METRICS) - {"cas", "cas_real"}


def test_details_name_what_looked_and_the_nearest_pairs() -> None:
    train, test, synthetic = (shapes(20, seed=seed) for seed in range(3))
    trio = ImageTrio(train=train, test=test, synthetic=synthetic)
    found = details.details(trio, suite.evaluate(trio), Landmarks(rows=20, floor={}, ceiling={}))
    assert {"synthetic", "train", "unseen", "to_train", "to_unseen"} == set(found["pairs"][0])
    assert [each["space"] for each in found["spaces"]] == ["features", "pixels"]


def test_halves_of_a_test_set_share_no_image() -> None:
    doubled = shapes(30).take(np.repeat(np.arange(30), 2))
    first, second = suite.halve(doubled)
    assert len(first) + len(second) == 60
    assert not {each.tobytes() for each in first.pixels} & {each.tobytes() for each in second.pixels}
