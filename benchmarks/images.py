"""One cell of the table of images: a generator or its baseline on Fashion-MNIST, on one thread; run by run.py.

A baseline gets the processor seconds that ours took for the same seed, training and fitting of the prior included.
"""

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cells import Cell, measured_on

HERE = Path(__file__).parent
BASELINES = {"dcgan": "image_gan", "plain_vae": "image_vae"}
MODELS = ("image_gan", "dcgan", "image_vae", "plain_vae")
STACKED = ("modes", "kl", "kl_of_real", "difference", "accuracy_of_classifier", "images_shown", "cpu_s")
WARM = 1_280  # images of a first fit: libraries are loaded and code is warm when the clock starts


def measured(model: str, seed: int, results: Path) -> dict[str, Any]:
    """Fit, draw as many images as are held out, and judge them."""
    import torch

    from geratriz.images.data.images import Images

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        parts = _parts(Path(folder))
        train, unseen = parts["train"], Images.joined([parts["fresh"], parts["test"]])
        count = len(unseen)
        if model in BASELINES:
            ours = json.loads((results / f"images-{BASELINES[model]}-{seed}.json").read_text())
            drawn, shown, seconds = _baseline(model, train, ours["cpu_s"], seed, count)
        else:
            drawn, shown, seconds = _ours(model, train, seed, count)
        return {
            "images_shown": shown,
            "cpu_s": round(seconds, 1),
            "images_per_s": round(shown / seconds),
            **_judged(train, unseen, drawn),
        }


def evaluation() -> dict[str, Any]:
    """Seconds that judging 5,000 images of each side takes, all metrics, on one thread as it always is."""
    from geratriz.images.data.images import Images
    from geratriz.images.evaluate import suite as image_suite
    from geratriz.images.evaluate.trio import ImageEvaluateConfig, ImageTrio
    from geratriz.images.evaluate.work import one_thread

    with tempfile.TemporaryDirectory() as folder, one_thread():
        parts = _parts(Path(folder), train=0.2, fresh=0.4, test=0.4)
        test = parts["test"].take(slice(0, 4_500))
        train = Images.joined([parts["train"], parts["fresh"].take(slice(0, 2_600))])
        synthetic = parts["fresh"].take(slice(-2_200, None))
        # as many as there are: 12,000 images make no three sides of 5,000, so real ones are mirrored to fill them
        sides = [_filled(each, 5_000) for each in (train, test, synthetic)]
        config = ImageEvaluateConfig(max_images=5_000)
        trio = ImageTrio(train=sides[0], test=sides[1], synthetic=sides[2], config=config)
        found, started = {}, time.perf_counter()
        for name, metric in image_suite.METRICS.items():
            before = time.perf_counter()
            metric.compute(trio)
            found[name] = round(time.perf_counter() - before, 1)
        return {"seconds": round(time.perf_counter() - started, 1), "each": found}


def _filled(images: Any, count: int) -> Any:
    from geratriz.images.data.images import Images

    mirrored = Images(images.pixels[:, :, ::-1], images.schema, images.labels)
    return Images.joined([images.take(slice(0, count)), mirrored.take(slice(0, max(count - len(images), 0)))])


def _parts(folder: Path, **shares: float) -> dict[str, Any]:
    """The bundled images as the pipeline prepares them."""
    from geratriz.images.data.form import ImageForm, prepare
    from geratriz.parts import SplitConfig

    raw = Path(os.environ.get("GERATRIZ_IMAGES", HERE.parent / "data" / "raw" / "fashion_mnist.parquet"))
    return prepare(raw, ImageForm(height=32, width=32, fit="pad"), SplitConfig(**shares), folder)


def _ours(model: str, train: Any, seed: int, count: int) -> tuple[np.ndarray, int, float]:
    from geratriz.images.generators.catalog import GENERATORS

    generator_cls: Any = GENERATORS.find(model)
    generator_cls.fit(train, generator_cls.config_cls(images=WARM, threads=1), seed=seed, device="cpu")
    config = generator_cls.config_cls(threads=1)
    started = time.process_time()
    generator = generator_cls.fit(train, config, seed=seed, device="cpu")
    seconds = time.process_time() - started
    return generator.sample(count, seed=seed + 100).pixels, config.shown(len(train)), seconds


def _baseline(model: str, train: Any, seconds: float, seed: int, count: int) -> tuple[np.ndarray, int, float]:
    from benchmarks import dcgan, plain_vae

    started = time.process_time()
    if model == "dcgan":
        draw, shown = dcgan.fit(np.array(train.pixels), seconds=seconds, seed=seed)
    else:
        draw, shown = plain_vae.fit(train, seconds=seconds, seed=seed)
    return draw(count), shown, time.process_time() - started


def _judged(train: Any, unseen: Any, drawn: np.ndarray) -> dict[str, float]:
    from geratriz.images.data.images import Images, ImageSchema
    from geratriz.images.evaluate import distances as image_distances
    from geratriz.images.evaluate import support as image_support
    from geratriz.images.evaluate.trio import ImageTrio

    schema = ImageSchema(height=unseen.schema.height, width=unseen.schema.width, channels=unseen.schema.channels)
    train, unseen = (Images(each.pixels, schema) for each in (train, unseen))  # a baseline has no labels
    trio = ImageTrio(train=train, test=unseen, synthetic=Images(drawn, schema))
    kid = image_distances.kid(trio)
    assert kid is not None
    found = {"kid": kid.value, "kid_se": kid.detail["standard_error"]}
    for name in ("precision", "recall", "coverage"):
        score = getattr(image_support, name)(trio)
        found[name] = score.value
    return {name: round(value, 4) for name, value in found.items()}


def table(cells: list[Cell]) -> list[str]:
    """What was measured, as Markdown."""
    named = {each["name"].removeprefix("images-"): each for each in cells}
    lines = [
        "",
        "## Images: Fashion-MNIST, 32 x 32, 9,561 to learn from",
        "",
        "One thread, bfloat16; processor seconds, and images shown (repeats counted) a second of one core, prior and",
        "all. Judged on as many samples as held-out images (2,439), through EfficientNet-Lite0 at 64 pixels; KID with",
        "the mean of its standard errors. A baseline got the seconds that ours took with the same seed: DCGAN as in",
        "its paper (512, 256, 128 channels, Adam 2e-4, batches of 128: benchmarks/dcgan.py) and a VAE of the same",
        "networks without latents of maps, with unit variance and a standard normal prior (benchmarks/plain_vae.py).",
        "Ours: `image_gan` 2.1 M parameters, Adam 1e-3, batches of 64; `image_vae` 1.3 M, AdamW 2e-3, batches of 32,",
        "and a flow of 0.5 M.",
        "",
        "| model | seeds | images shown | seconds | images/s | KID | precision | recall | coverage |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for model in MODELS:
        found = [each for name, each in named.items() if name.rpartition("-")[0] == model]
        if found:
            columns = ("images_shown", "cpu_s", "images_per_s", "kid", "kid_se", "precision", "recall", "coverage")
            mean = {column: float(np.mean([each[column] for each in found])) for column in columns}
            figures = [f"{mean[column]:,.0f}" for column in columns[:3]]
            seeds_kid = ", ".join(f"{each['kid']:.2f}" for each in found)
            figures.append(f"{mean['kid']:.2f} ({seeds_kid}) +- {mean['kid_se']:.2f}")
            figures += [f"{mean[column]:.3f}" for column in columns[5:]]
            lines.append(f"| {' | '.join([model, str(len(found)), *figures])} |")
    if "stacked" in named:
        stacked = named["stacked"]
        lines += [
            "",
            "### Stacked Fashion-MNIST, 28 x 28 x 3, 1000 modes, 26,000 samples (benchmarks/stacked.py)",
            "",
            "| modes | KL | KL of real stacks | difference | classifier | images shown | seconds |",
            "|---|---|---|---|---|---|---|",
            f"| {' | '.join(str(stacked[column]) for column in STACKED)} |",
        ]
    if "evaluation" in named:
        judging = named["evaluation"]
        each = ", ".join(f"{name} {seconds:g}" for name, seconds in judging["each"].items())
        took = f"{judging['seconds']:g} s on one thread"
        lines += ["", f"Judging 5,000 images of each side: {took} ({each}; features in the first)."]
    return lines + measured_on(cells)
