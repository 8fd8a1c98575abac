"""The page of a generator of images: verdict, pictures beside real ones, metrics, what was copied, training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from geratriz.images.evaluate.suite import METRICS, OF_REAL_IMAGES
from geratriz.images.report.pictures import figure
from geratriz.picture import grid
from geratriz.report.attacks import attacks_section
from geratriz.report.html import esc, number, percent, section, table
from geratriz.report.metrics import rows
from geratriz.report.page import Page, losses, making, whole
from geratriz.scoring.verdict import Verdict, is_measured

LANDMARKS = {
    "tick_floor": "floor: every pixel shuffled on its own",
    "tick_ceiling": "fresh real images in the place of synthetic ones",
    "tick_blurred": "the same, blurred",
    "tick_copycat": "copies of the training images",
}
PER_CLASS = 10  # images a class and side
UNLABELLED = 40  # images a side where there are no classes
CLASSES = 20  # shown
STEPS_SHOWN = 6  # pictures of the training


@dataclass(frozen=True, kw_only=True, slots=True)
class Pictures:
    """What is shown beside figures, uint8."""

    real: np.ndarray
    """Images that the generator never saw, (N, H, W, C)."""
    generated: np.ndarray
    """(M, H, W, C)."""
    real_labels: np.ndarray | None = None
    """Positions in ``classes``, (N,)."""
    generated_labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    pairs: Sequence[np.ndarray] = ()
    """Three rows (P, H, W, C): generated images, the training image and the held-out image nearest to each."""
    progress: Sequence[tuple[str, bytes]] = ()
    """What the generator drew while it was fitted: caption and PNG."""
    walks: bytes | None = None
    """Images along lines from latent to latent, as PNG."""


def render(page: Page, pictures: Pictures) -> str:
    """A self-contained HTML page; equal content gives equal bytes."""
    report, blurred, verdict = page.report, page.report["details"]["blurred"], Verdict.read(page.report)
    metrics = {name: {**entry, "blurred": blurred.get(name)} for name, entry in report["metrics"].items()}
    sections = {
        "Pictures": _side_by_side(pictures),
        "Metrics": _metrics(metrics, verdict, report["details"]),
        "Classes": _classes(report["details"].get("classes", ())),
        "Privacy": _memory(report, verdict, metrics, pictures),
        "Latents": _walks(pictures.walks),
        "Training": losses(page.history, _progress(pictures.progress)),
        "Settings": making(page),
    }
    return whole(page, sections, unit="images")


def _side_by_side(pictures: Pictures) -> str:
    intro = (
        "Images that the generator never saw on the left, its own on the right; both are drawn at random, none was "
        "picked."
    )
    if not pictures.classes:
        sides = [grid(each[:UNLABELLED], 8) for each in (pictures.real, pictures.generated)]
        body = f'<div class="sides">{figure(sides[0], "real")}{figure(sides[1], "generated")}</div>'
        return section("pictures", "Pictures", intro, body)
    lines = []
    for label, name in list(enumerate(pictures.classes))[:CLASSES]:
        cells = []
        for images, labels in (
            (pictures.real, pictures.real_labels),
            (pictures.generated, pictures.generated_labels),
        ):
            assert labels is not None
            own = images[np.flatnonzero(labels == label)[:PER_CLASS]]
            cells.append(figure(grid(own, PER_CLASS), name) if len(own) else '<p class="soft">none</p>')
        lines.append(f'<div class="strip"><h3>{esc(name)}</h3>{cells[0]}{cells[1]}</div>')
    more = len(pictures.classes) - CLASSES
    note = f'<p class="explains">{more} more classes are not shown.</p>' if more > 0 else ""
    return section("pictures", "Pictures", intro, f'<div class="strips">{"".join(lines)}</div>{note}')


def _metrics(metrics: Mapping[str, Mapping[str, Any]], verdict: Verdict, details: Mapping[str, Any]) -> str:
    intro = (
        "Each dot is a value, the bar around it the 95&nbsp;% interval; further right is better. No generator has to "
        "beat fresh real images: level with them is as good as it gets. Images are seen through "
        f"<code>{esc(details['extractor'])}</code>: figures of another network cannot be compared with these."
    )
    real = metrics.get(OF_REAL_IMAGES)
    remarks = {name: f" Standard error {number(error)}." for name, error in details["standard_errors"].items()}
    if real and is_measured(real):
        remarks["cas"] = f" Real training images teach {number(real['value'])}."
    known = {name: each for name, each in METRICS.items() if each.chance is None and name != OF_REAL_IMAGES}
    shown = rows(known, metrics, lambda name: verdict.of(name, "gate"), LANDMARKS, remarks)
    return section("metrics", "Metrics", intro, shown)


def _classes(classes: Sequence[Mapping[str, Any]]) -> str:
    if not classes:
        return ""
    intro = "The share of real images that a small classifier gets right, by what it learnt from."
    lines = [[esc(each["label"]), percent(each["cas"]), _or_dash(each["cas_real"])] for each in classes]
    body = table(["class", "synthetic images", "real images"], lines, css="classes")
    return section("classes", "Classes", intro, body)


def _or_dash(share: float | None) -> str:
    return "&ndash;" if share is None else percent(share)


def _memory(
    report: Mapping[str, Any], verdict: Verdict, metrics: Mapping[str, Mapping[str, Any]], pictures: Pictures
) -> str:
    intro = (
        "A generator that repeats its training images scores best on every distance above; the mark of copies says so. "
        "So each generated image is given to the real image nearest to it, of those trained on and those held out: one "
        "that copies nobody meets held-out images in proportion to their number. It is evidence about these images, "
        "not a proof, and no differential privacy."
    )
    found = [
        [esc(each["space"]), percent(each["train"]), percent(each["expected"]), percent(each["excess"])]
        for each in report["details"]["spaces"]
    ]
    evidence = table(["near in", "to training images", "expected by chance", "beyond it"], found, css="figures")
    attacked = attacks_section(verdict, metrics, METRICS, LANDMARKS)
    return section("privacy", "Learnt by heart", intro, attacked + evidence + _pairs(pictures.pairs))


def _pairs(pairs: Sequence[np.ndarray]) -> str:
    if not pairs or not len(pairs[0]):
        return ""
    names = ("generated", "the nearest training image", "the nearest image that was held out")
    strips = "".join(figure(grid(each, len(each)), name) for each, name in zip(pairs, names, strict=True))
    return (
        '<h3>The generated images nearest to training images</h3><p class="explains">One a column. A copy looks like '
        f'the training image below it and unlike the held-out one.</p><div class="stack">{strips}</div>'
    )


def _walks(walks: bytes | None) -> str:
    if walks is None:
        return ""
    intro = "Each row walks from one latent to another. Images that change smoothly say that a space was learnt."
    return section("latents", "Latents", intro, figure(walks, "walks from latent to latent"))


def _progress(progress: Sequence[tuple[str, bytes]]) -> str:
    if not progress:
        return ""
    chosen = sorted({round(each) for each in np.linspace(0, len(progress) - 1, STEPS_SHOWN)})
    shown = "".join(figure(progress[each][1], progress[each][0]) for each in chosen)
    return f'\n<h3>What it drew meanwhile</h3><div class="grid">{shown}</div>'
