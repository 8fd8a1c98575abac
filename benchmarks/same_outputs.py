"""Do two revisions make the same bytes? Models, synthetic data and scores of three data sets, by `dvc repro`.

    python -m benchmarks.same_outputs BEFORE [AFTER] [--sets adult magic fashion] [--folder DIR]

Each revision runs in a clone of its own under DIR; a set that was run there before is not run again. Adult has the
settings of the demo, the others with short ones. Files whose content is JSON are compared key by key when their bytes
differ. Exits with 1 if a model, a synthetic file or a score differs.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
SHORT: dict[str, dict[str, Any]] = {  # by set: settings that make its run take minutes
    "adult": {},
    "magic": {
        "train.ctgan.steps": 200,
        "train.tvae.epochs": 3,
        "train.autoregressive.epochs": 3,
        "evaluate.max_rows": 2000,
        "evaluate.bootstrap": 50,
    },
    "fashion": {
        "train.image_gan.images": 3200,
        "train.image_vae.images": 3200,
        "train.image_vae.prior_steps": 100,
        "evaluate.max_images": 400,
        "sample.rows": 600,
    },
}
MUST_BE_EQUAL = ("models/", "data/synthetic/", "data/prepared", "reports/scores.json", "reports/landmarks.json")


def run(revision: str, name: str, folder: Path) -> Path:
    """The clone in which the set ``name`` was run through the graph of ``revision``."""
    commit = subprocess.check_output(["git", "rev-parse", "--short=12", revision], cwd=ROOT, text=True).strip()
    clone = folder / f"{commit}-{name}"
    if (clone / "done").exists():
        return clone
    if not clone.exists():
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        subprocess.run(["git", "checkout", "--quiet", "--detach", commit], cwd=clone, check=True)
    source = clone / "params.yaml" if name == "adult" else clone / "examples" / name / "params.yaml"
    params = yaml.safe_load(source.read_text(encoding="utf-8"))
    for key, value in SHORT[name].items():
        *path, last = key.split(".")
        section = params
        for part in path:
            section = section[part]
        section[last] = value
    (clone / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    (clone / "dvc.lock").unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(clone / "src")}
    environment.pop("MLFLOW_TRACKING_URI", None)
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "pull", "--quiet", f"{params['data']['raw']}.dvc"], cwd=clone, env=environment, check=True)
    subprocess.run([*dvc, "repro"], cwd=clone, env=environment, check=True)
    (clone / "done").touch()
    return clone


def outputs(clone: Path) -> dict[str, str]:
    """The MD5 of each output in the clone's dvc.lock, by path."""
    stages = yaml.safe_load((clone / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", ())}


def files(clone: Path, path: str) -> list[str]:
    """The files of an output, relative to the clone."""
    place = clone / path
    return [each.relative_to(clone).as_posix() for each in sorted(place.rglob("*")) if each.is_file()] or [path]


def differences(before: Any, after: Any, key: str = "") -> Iterator[str]:
    """The keys at which two JSON values differ, and how."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys([*before, *after]):
            where = f"{key}.{name}" if key else str(name)
            if name not in before:
                yield f"{where}: new"
            elif name not in after:
                yield f"{where}: gone"
            else:
                yield from differences(before[name], after[name], where)
    elif before != after:
        yield f"{key}: differs"


def compare(name: str, before: Path, after: Path) -> bool:
    """Print what differs between two clones; whether what must be equal is equal."""
    old, new = outputs(before), outputs(after)
    equal = True
    for path in dict.fromkeys([*old, *new]):
        if old.get(path) == new.get(path):
            print(f"{name:<8} {path:<44} {old[path]:<36} same")
            continue
        must = path.startswith(MUST_BE_EQUAL)
        equal &= not must
        print(f"{name:<8} {path:<44} {old.get(path)} -> {new.get(path)}{'  MUST BE EQUAL' if must else ''}")
        for file in dict.fromkeys([*files(before, path), *files(after, path)]):
            contents = [tree / file for tree in (before, after)]
            if not all(each.is_file() for each in contents):
                print(f"           {file}: in one alone")
            elif contents[0].read_bytes() != contents[1].read_bytes():
                print(f"           {file}: differs")
                if file.endswith(".json"):
                    for line in differences(*(json.loads(each.read_text(encoding="utf-8")) for each in contents)):
                        print(f"             {line}")
    return equal


def main() -> None:
    """Run both revisions, compare, and say whether all that must be equal is."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.same_outputs", description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("before")
    parser.add_argument("after", nargs="?", help="nothing is compared without it: `before` is run for a later call")
    parser.add_argument("--sets", nargs="+", choices=SHORT, default=list(SHORT))
    parser.add_argument("--folder", type=Path, default=ROOT / ".cache" / "same_outputs")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    equal = True
    for name in arguments.sets:
        before = run(arguments.before, name, arguments.folder)
        if arguments.after is not None:
            equal &= compare(name, before, run(arguments.after, name, arguments.folder))
    if arguments.after is not None:
        print("Everything that must be equal is equal." if equal else "Something that must be equal differs.")
        raise SystemExit(not equal)


if __name__ == "__main__":
    main()
