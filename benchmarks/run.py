"""Measure what docs/benchmarks.md says, cell by cell; a cell that stands in results/ is not measured again.

    make bench                                  everything that is missing
    python -m benchmarks.run --only quality     quality | sampling | privacy | images | pipeline | stack
    python -m benchmarks.run --again            measure anew

Run it on a machine that does nothing else. Timings are printed, never asserted.
"""

import argparse
import contextlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import images

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = HERE / "results"
JUDGE = HERE / ".venv" / "bin" / "python"
SEEDS = (0, 1, 2)
DIVISIONS = range(20)  # of Adult, for the privacy verdict
KINDS = ("independent", "ctgan", "tvae")
MANY = 5_000_000  # rows to Parquet
QUICK = {"ctgan": "steps=100", "tvae": "epochs=1"}  # how long a fit took says nothing of how fast it samples
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line sets it, this and the next
os.environ.setdefault("GOMP_SPINCOUNT", "2000")


def main() -> None:
    """Measure what is missing and write docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=("quality", "sampling", "privacy", "images", "pipeline", "stack"))
    parser.add_argument("--again", action="store_true")
    arguments = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    if arguments.only in (None, "quality"):
        for kind in KINDS:
            for seed in SEEDS:
                cell(f"adult-{kind}-{seed}", lambda k=kind, s=seed: quality(k, s), again=arguments.again)
    if arguments.only in (None, "sampling"):
        for kind in KINDS:
            cell(f"sampling-{kind}", lambda k=kind: sampling(k), again=arguments.again)
    if arguments.only in (None, "privacy"):
        cell("attacks", attacks, again=arguments.again)
        for seed in DIVISIONS:
            cell(f"privacy-{seed}", lambda s=seed: verdicts(s), again=arguments.again)
    if arguments.only in (None, "images"):
        for model in images.MODELS:
            for seed in SEEDS:
                measure = lambda m=model, s=seed: images.measured(m, s, RESULTS)  # noqa: E731
                cell(f"images-{model}-{seed}", measure, again=arguments.again)
        cell("images-evaluation", images.evaluation, again=arguments.again)
    if arguments.only in (None, "pipeline"):
        cell("pipeline", pipeline, again=arguments.again)
    if arguments.only in (None, "stack"):
        for part in ("handover", "twenty"):
            cell(f"stack-{part}", lambda p=part: servers(p), again=arguments.again)
    write(ROOT / "docs" / "benchmarks.md")


def cell(name: str, measure: Callable[[], dict[str, Any]], *, again: bool) -> None:
    """Measure and keep one cell."""
    path = RESULTS / f"{name}.json"
    if path.exists() and not again:
        return
    result = measure()
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{name}: {json.dumps(result)}", flush=True)


def quality(kind: str, seed: int) -> dict[str, Any]:
    """Fit on Adult's training part, sample as many rows, and have the judge look at them."""
    from geratriz.data.table import Table
    from geratriz.generators import catalog

    with tempfile.TemporaryDirectory() as folder:
        paths = adult(Path(folder))
        train = Table.read(paths["train"], target="income")
        generator_cls = catalog.find(kind)
        started = time.perf_counter()
        generator = generator_cls.fit(train, seed=seed)
        fitted = time.perf_counter()
        rows = generator.sample(len(train), seed=seed + 100)
        sampled = time.perf_counter()
        rows.write(Path(folder) / "synthetic.parquet")
        command = [JUDGE, HERE / "judge.py", "--target", "income", "--synthetic", Path(folder) / "synthetic.parquet"]
        command += ["--train", paths["train"], "--test", paths["test"]]
        judged = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout
    return {
        **json.loads(judged),
        "fit_s": round(fitted - started, 1),
        "sample_s": round(sampled - fitted, 2),
        "rows_per_s": round(len(train) / (sampled - fitted)),
        "precision": generator.record.precision,
    }


def sampling(kind: str) -> dict[str, Any]:
    """MANY rows to Parquet by the command line, start-up and all: seconds, and the most memory its processes held."""
    import psutil

    with tempfile.TemporaryDirectory() as folder:
        train = adult(Path(folder))["train"]
        fit = [sys.executable, "-m", "geratriz", "fit", str(train), "--kind", kind, "-o", f"{folder}/model"]
        subprocess.run([*fit, *(["--set", QUICK[kind]] if kind in QUICK else [])], check=True, capture_output=True)
        output = Path(folder) / "rows.parquet"
        command = [sys.executable, "-m", "geratriz", "sample", f"{folder}/model", "-n", str(MANY), "-o", str(output)]
        started, most = time.perf_counter(), 0
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            with contextlib.suppress(psutil.Error):
                family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
                most = max(most, sum(each.memory_full_info().pss for each in family))
            time.sleep(0.2)
        seconds = time.perf_counter() - started
        assert process.returncode == 0
        size = output.stat().st_size
    return {
        "rows": MANY,
        "seconds": round(seconds, 1),
        "rows_per_s": round(MANY / seconds),
        "memory_gb": round(most / 1e9, 2),
        "file_mb": round(size / 1e6),
    }


def attacks() -> dict[str, Any]:
    """How long all attacks on one model's rows take, on one thread."""
    return {"seconds": verdicts(0, ())["independent"]["seconds"]}


def verdicts(seed: int, shares: tuple[float, ...] | None = None) -> dict[str, Any]:
    """The privacy verdict on rows that leak and on rows that do not; large leaks in the first divisions alone."""
    from benchmarks.privacy import judged
    from geratriz.data.table import Table

    subprocess.run([sys.executable, "-m", "dvc", "pull", "-q", "data/raw/adult.parquet.dvc"], cwd=ROOT, check=True)
    table = Table.read(ROOT / "data/raw/adult.parquet", target="income")
    if shares is None:
        shares = (0.01, 0.1, 0.5) if seed in SEEDS else (0.01,)
    return judged(table, seed, shares)


def adult(folder: Path) -> dict[str, Path]:
    """Adult divided by content, 2 to 1 as its official parts are; the real parts where GERATRIZ_DATA has them."""
    given = os.environ.get("GERATRIZ_DATA")
    if given and (Path(given) / "adult_train.parquet").exists():
        return {part: Path(given) / f"adult_{part}.parquet" for part in ("train", "test")}
    import pandas as pd

    from geratriz.data.split import row_hashes

    subprocess.run([sys.executable, "-m", "dvc", "pull", "-q", "data/raw/adult.parquet.dvc"], cwd=ROOT, check=True)
    frame = pd.read_parquet(ROOT / "data/raw/adult.parquet")
    held = row_hashes(frame) % 3 == 0
    paths = {"train": folder / "train.parquet", "test": folder / "test.parquet"}
    frame[~held].to_parquet(paths["train"], index=False)
    frame[held].to_parquet(paths["test"], index=False)
    return paths


def pipeline() -> dict[str, Any]:
    """A clean clone: the whole job, the job again, `dvc repro` with nothing to do, `geratriz --help`."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        environment = {**os.environ, "PYTHONPATH": str(clone / "src")}
        environment.pop("MLFLOW_TRACKING_URI", None)
        first, output = timed([sys.executable, "-m", "pipelines.retrain"], clone, environment)
        again, _ = timed([sys.executable, "-m", "pipelines.retrain"], clone, environment)
        (clone / "dvc.lock").unlink()  # else DVC takes what stands in it from the cache
        shutil.rmtree(clone / ".dvc" / "cache" / "runs", ignore_errors=True)
        graph, _ = timed([sys.executable, "-m", "dvc", "repro"], clone, environment)
        nothing = [timed([sys.executable, "-m", "dvc", "repro"], clone, environment)[0] for _ in range(3)]
        geratriz = shutil.which("geratriz") or "geratriz"
        imported = [timed([sys.executable, "-c", "import geratriz"], clone, environment)[0] for _ in range(3)]
        bare = [timed([sys.executable, "-c", "pass"], clone, environment)[0] for _ in range(3)]
        help_text = [timed([geratriz, "--help"], clone, environment)[0] for _ in range(3)]
    train = sum(float(line.split("done in ")[1].split()[0]) for line in output.splitlines() if _is_training(line))
    return {
        "demo_s": round(first, 1),
        "demo_train_s": round(train, 1),
        "demo_again_s": round(again, 1),
        "repro_s": round(graph, 1),
        "import_s": round(statistics.median(imported) - statistics.median(bare), 3),
        "repro_nothing_s": round(statistics.median(nothing), 2),
        "help_s": round(statistics.median(help_text), 2),
    }


def servers(part: str) -> dict[str, Any]:
    """PostgreSQL, S3, MLflow, Prefect and workers on this machine."""
    from benchmarks.stack import measured

    return measured((part,))


def _is_training(line: str) -> bool:
    return line.startswith("train@") and "done in " in line


def timed(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, str]:
    """Seconds and output of a command that must succeed."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return time.perf_counter() - started, done.stdout


def write(path: Path) -> None:
    """The tables, from what stands in results/."""
    lines = [
        "# Measured",
        "",
        "Written by `make bench`; each figure was printed by it. " + machine(),
        "",
        "## Quality on Adult",
        "",
        "The benchmark protocol: SDMetrics 0.32's quality report against the training rows with both thresholds 0,",
        "XGBoost detection (3 folds, 1 = cannot be told apart) against training and test rows, utility as XGBoost's",
        "AUC on the test rows. The report's trends are cut into bins otherwise than our `trend_error` (docs/adr/0004).",
        "Mean over seeds, standard deviation behind it; equal rows on both sides.",
        "",
        "| generator | seeds | shape % | trend % | detection (train) | (test) | utility (real) | fit s | rows/s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        cells = [json.loads((RESULTS / f"adult-{kind}-{seed}.json").read_text()) for seed in SEEDS if _has(kind, seed)]
        if cells:
            figures = [
                mean(cells, name) for name in ("shape_error", "trend_error", "detection_train", "detection_test")
            ]
            real = f"{mean(cells, 'utility')} ({cells[0]['utility_real']:.3f})"
            speed = f"{statistics.mean(each['rows_per_s'] for each in cells):,.0f}"
            lines.append(f"| {' | '.join([kind, str(len(cells)), *figures, real, mean(cells, 'fit_s'), speed])} |")
    sampled = [kind for kind in KINDS if (RESULTS / f"sampling-{kind}.json").exists()]
    if sampled:
        lines += [
            "",
            f"## Sampling {MANY:,} rows of Adult's columns to Parquet",
            "",
            "`geratriz sample MODEL -n 5000000 -o rows.parquet`, start to end; memory is the most that all of",
            "its processes held together (proportional set size).",
            "",
            "| generator | seconds | rows/s | memory, GB | file, MB |",
            "|---|---|---|---|---|",
        ]
        for kind in sampled:
            figures = json.loads((RESULTS / f"sampling-{kind}.json").read_text())
            row = (
                f"{figures['seconds']}",
                f"{figures['rows_per_s']:,}",
                f"{figures['memory_gb']}",
                f"{figures['file_mb']}",
            )
            lines.append(f"| {' | '.join([kind, *row])} |")
    lines += images.table(RESULTS, SEEDS)
    lines += privacy_table([RESULTS / f"privacy-{seed}.json" for seed in DIVISIONS])
    if (RESULTS / "pipeline.json").exists():
        figures = json.loads((RESULTS / "pipeline.json").read_text())
        rest = figures["demo_s"] - figures["demo_train_s"]
        lines += [
            "",
            "## The pipeline, on a clean clone",
            "",
            "| what | seconds |",
            "|---|---|",
            f"| `make demo` after install | {figures['demo_s']} |",
            f"| of it training (branches run side by side) | {figures['demo_train_s']} |",
            f"| of it everything else | {rest:.1f} |",
            f"| the same again, nothing changed | {figures['demo_again_s']} |",
            f"| `dvc repro` from nothing, tvae and ctgan one after the other | {figures['repro_s']} |",
            f"| `dvc repro`, nothing changed | {figures['repro_nothing_s']} |",
            f"| `geratriz --help` | {figures['help_s']} |",
            f"| `import geratriz`, beyond Python's own start | {figures['import_s']} |",
        ]
    lines += stack_table(RESULTS / "stack-handover.json", RESULTS / "stack-twenty.json")
    path.write_text("\n".join(lines) + "\n")
    print(path.read_text())


def stack_table(handover: Path, twenty: Path) -> list[str]:
    """What servers and hand-over cost, as far as it was measured."""
    figures: dict[str, Any] = {}
    for path in (handover, twenty):
        figures |= json.loads(path.read_text()) if path.exists() else {}
    if not figures:
        return []
    rows = {
        "`geratriz up --profile production`, until all is ready, s": "up_production_s",
        "the flow where nothing changed, on a running server, s": "flow_unchanged_s",
        "`dvc repro` where nothing changed, s": "repro_unchanged_s",
        "the flow above `dvc repro`, a stage (of 7), s": "above_repro_a_stage_s",
        "a stage handed to a worker that has it already, there and back, median of 5, s": "handover_median_s",
        "20 retrainings of 20 models, queued at once on two workers, minutes": "twenty_minutes",
        "of them registered": "twenty_registered",
        "versions of each": "twenty_versions_each",
        "branches of each, of one commit": "twenty_branches_each",
    }
    return [
        "",
        "## Servers, workers and hand-over",
        "",
        "PostgreSQL 15, S3 (SeaweedFS), MLflow and Prefect with passwords, workers in clones of their own: all on one",
        "machine. Small tables (6,000 and 1,500 rows), the generator `independent`: what is measured is the way. The",
        "twenty ran beside other work.",
        "",
        "| what | measured |",
        "|---|---|",
        *(f"| {what} | {_plain(figures[key])} |" for what, key in rows.items() if key in figures),
    ]


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def privacy_table(paths: list[Path]) -> list[str]:
    """What the verdict was on each kind of rows, and how high each attack came."""
    found = [json.loads(path.read_text()) for path in paths if path.exists()]
    if not found:
        return []
    lines = [
        "",
        "## The privacy verdict on Adult",
        "",
        f"{len(found)} random divisions of all 48,842 rows (80 / 10 / 10 %); limits as in params.yaml. In the place of",
        "synthetic rows: fresh real rows (4,884), columns drawn independently (39,074), and those with a share of rows",
        "replaced by training rows. Attacks: the median value and the greatest high end of an interval over divisions.",
        f"All attacks on 39,074 synthetic rows: {attack_seconds()} s of processor time, on one thread.",
        "",
    ]
    kinds = list(found[0])
    attacks = list(found[0][kinds[0]]["attacks"])
    lines += [f"| judged | divisions | passed | not proved | leak | {' | '.join(attacks)} |"]
    lines += [f"|{'---|' * (5 + len(attacks))}"]
    for kind in kinds:
        cells = [each[kind] for each in found if kind in each]
        outcomes = [each["outcome"] for each in cells]
        counts = [str(outcomes.count(word)) for word in ("passed", "unproven", "leak")]
        figures = [
            f"{statistics.median(each['attacks'][name][0] for each in cells):.3g} / "
            f"{max(each['attacks'][name][1] for each in cells):.3g}"
            for name in attacks
        ]
        lines.append(f"| {' | '.join([kind, str(len(cells)), *counts, *figures])} |")
    return lines


def attack_seconds() -> str:
    """How long all attacks on one model took, in seconds of processor time."""
    path = RESULTS / "attacks.json"
    return str(json.loads(path.read_text())["seconds"]) if path.exists() else "not measured"


def _has(kind: str, seed: int) -> bool:
    return (RESULTS / f"adult-{kind}-{seed}.json").exists()


def mean(cells: list[dict[str, Any]], name: str) -> str:
    """Mean and standard deviation over seeds."""
    values = [each[name] for each in cells]
    spread = f" +- {statistics.stdev(values):.2g}" if len(values) > 1 else ""  # one seed says nothing of it
    return f"{statistics.mean(values):.3g}{spread}"


def machine() -> str:
    """The processor, its cores and the versions that matter."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next((each.split(":")[1].strip() for each in lines if "model name" in each), platform.machine())
    names = ("torch", "scikit-learn", "pandas", "dvc", "prefect", "mlflow")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return f"Machine: {os.cpu_count()} cores of {model}; no GPU. Python {platform.python_version()}, {versions}."


if __name__ == "__main__":
    main()
