"""The page of a generator of images: verdict, pictures, metrics, memorised images, training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from geratriz.images.evaluate.suite import CAS_BASELINE, METRICS
from geratriz.images.report.pictures import figure
from geratriz.picture import grid
from geratriz.report.attacks import attacks_section
from geratriz.report.html import esc, number, percent, section, table
from geratriz.report.metrics import rows
from geratriz.report.page import Page, assemble, settings_section, training_section
from geratriz.scoring.verdict import Verdict, is_measured

LANDMARKS = {
    "tick_floor": "floor: every pixel shuffled independently",
    "tick_ceiling": "fresh real: unseen real images instead of synthetic ones",
    "tick_blurred": "blurred: fresh real images, blurred",
    "tick_copycat": "copies: the training images themselves",
}
IMAGES_PER_CLASS = 10  # per side
MAX_UNLABELLED = 40  # images per side without classes
MAX_CLASSES = 20
MAX_STEPS = 6  # pictures from the training


@dataclass(frozen=True, kw_only=True, slots=True)
class Pictures:
    """Pictures of a page, uint8."""

    real: np.ndarray
    """Real images that the generator has not seen, (N, H, W, C)."""
    generated: np.ndarray
    """Generated images, (M, H, W, C)."""
    real_labels: np.ndarray | None = None
    """Positions in ``classes``, (N,)."""
    generated_labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    pairs: Sequence[np.ndarray] = ()
    """Three rows (P, H, W, C): generated images, the training image and the held-out image nearest to each."""
    progress: Sequence[tuple[str, bytes]] = ()
    """Captions and PNGs of images drawn during the fit."""
    walks: bytes | None = None
    """PNG of images along lines between latents."""


def render(page: Page, exhibits: Pictures) -> str:
    """A self-contained HTML page; equal content gives equal bytes."""
    report, blurred, verdict = page.report, page.report["details"]["blurred"], Verdict.read(page.report)
    metrics = {name: {**entry, "blurred": blurred.get(name)} for name, entry in report["metrics"].items()}
    sections = {
        "Pictures": _side_by_side(exhibits),
        "Metrics": _metrics(metrics, verdict, report["details"]),
        "Classes": _classes(report["details"].get("classes", ())),
        "Privacy": _memory(report, verdict, metrics, exhibits),
        "Latents": _walks(exhibits.walks),
        "Training": training_section(page.history, _progress(exhibits.progress)),
        "Settings": settings_section(page),
    }
    return assemble(page, sections, unit="images")


def _side_by_side(pictures: Pictures) -> str:
    intro = "Left: real images that the generator has not seen. Right: generated images. Both are chosen at random."
    if not pictures.classes:
        sides = [grid(images[:MAX_UNLABELLED], 8) for images in (pictures.real, pictures.generated)]
        body = f'<div class="sides">{figure(sides[0], "real")}{figure(sides[1], "generated")}</div>'
        return section("pictures", "Pictures", intro, body)
    lines = []
    for label, name in list(enumerate(pictures.classes))[:MAX_CLASSES]:
        cells = []
        for images, labels in (
            (pictures.real, pictures.real_labels),
            (pictures.generated, pictures.generated_labels),
        ):
            assert labels is not None
            own = images[np.flatnonzero(labels == label)[:IMAGES_PER_CLASS]]
            cells.append(figure(grid(own, IMAGES_PER_CLASS), name) if len(own) else '<p class="soft">none</p>')
        lines.append(f'<div class="strip"><h3>{esc(name)}</h3>{cells[0]}{cells[1]}</div>')
    more = len(pictures.classes) - MAX_CLASSES
    note = f'<p class="explains">{more} more classes are not shown.</p>' if more > 0 else ""
    return section("pictures", "Pictures", intro, f'<div class="strips">{"".join(lines)}</div>{note}')


def _metrics(metrics: Mapping[str, Mapping[str, Any]], verdict: Verdict, details: Mapping[str, Any]) -> str:
    intro = (
        "Each dot is a value and the bar around it its 95&nbsp;% interval; further right is better. The best possible "
        "result is to equal fresh real images; no generator has to beat them. The figures use the network "
        f"<code>{esc(details['extractor'])}</code>, and cannot be compared with those of another network."
    )
    real = metrics.get(CAS_BASELINE)
    remarks = {name: f" Standard error {number(error)}." for name, error in details["standard_errors"].items()}
    if real and is_measured(real):
        remarks["cas"] = f" Real training images reach {number(real['value'])}."
    known = {name: metric for name, metric in METRICS.items() if metric.chance is None and name != CAS_BASELINE}
    shown = rows(known, metrics, lambda name: verdict.of(name, "gate"), LANDMARKS, remarks)
    return section("metrics", "Metrics", intro, shown)


def _classes(classes: Sequence[Mapping[str, Any]]) -> str:
    if not classes:
        return ""
    intro = "The share of real images that a small classifier labels correctly, by its training data."
    lines = [[esc(entry["label"]), percent(entry["cas"]), _or_dash(entry["cas_real"])] for entry in classes]
    body = table(["class", "synthetic images", "real images"], lines, css="classes")
    return section("classes", "Classes", intro, body)


def _or_dash(share: float | None) -> str:
    return "&ndash;" if share is None else percent(share)


def _memory(
    report: Mapping[str, Any], verdict: Verdict, metrics: Mapping[str, Mapping[str, Any]], pictures: Pictures
) -> str:
    intro = (
        "A generator that repeats its training images scores best on every distance above: see the mark of copies. So "
        "each generated image is assigned to the nearest real image, among training and held-out images. A generator "
        "that copies no image is near to both in proportion to their numbers. This is evidence about these images, not "
        "a proof: the generator has no differential privacy."
    )
    found = [
        [esc(space["space"]), percent(space["train"]), percent(space["expected"]), percent(space["excess"])]
        for space in report["details"]["spaces"]
    ]
    evidence = table(["compared by", "near training images", "expected by chance", "excess"], found, css="figures")
    attacks = attacks_section(verdict, metrics, METRICS, LANDMARKS)
    return section("privacy", "Memorised images", intro, attacks + evidence + _pairs(pictures.pairs))


def _pairs(pairs: Sequence[np.ndarray]) -> str:
    if not pairs or not len(pairs[0]):
        return ""
    names = ("generated", "the nearest training image", "the nearest held-out image")
    strips = "".join(figure(grid(images, len(images)), name) for images, name in zip(pairs, names, strict=True))
    return (
        '<h3>The generated images nearest to training images</h3><p class="explains">One per column. A copy looks like '
        f'the training image below it and not like the held-out image.</p><div class="stack">{strips}</div>'
    )


def _walks(walks: bytes | None) -> str:
    if walks is None:
        return ""
    intro = "Each row shows the images between two latents. Smooth changes show that a continuous space was learnt."
    return section("latents", "Latents", intro, figure(walks, "images between latents"))


def _progress(progress: Sequence[tuple[str, bytes]]) -> str:
    if not progress:
        return ""
    chosen = sorted({round(index) for index in np.linspace(0, len(progress) - 1, MAX_STEPS)})
    shown = "".join(figure(progress[index][1], progress[index][0]) for index in chosen)
    return f'\n<h3>Images generated during the training</h3><div class="grid">{shown}</div>'
