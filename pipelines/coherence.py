"""Consistency check of dvc.lock, the last gate of every run.

DVC, run for a single stage, does not check the stages upstream of it, so a stage may have read an output of an earlier
version. Each dependency that is an output of another stage must therefore have the digest that this stage recorded.
Entries of stages that are no longer in dvc.yaml are ignored.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geratriz import config
from geratriz.errors import PipelineError
from geratriz.registry.md5 import file_md5, listing_md5

DIR = ".dir"


def check(root: Path, stages: list[str], cache: Path) -> None:
    """Check that the digests in dvc.lock of the project ``root`` agree.

    Args:
        root: the project's root.
        stages: names of the stages in the graph; entries of other stages are ignored.
        cache: DVC's cache, with the listings of folders.

    Raises:
        PipelineError: digests differ; the message names each stage, what it read and what was made.
    """
    if not (root / "dvc.lock").exists():  # no stage has outputs
        return
    locked = config.read_yaml(root / "dvc.lock").get("stages") or {}
    entries = {name: locked[name] for name in stages if name in locked}
    made = {
        str(out["path"]): (name, out)
        for name, entry in entries.items()
        for out in entry.get("outs", ())
        if "md5" in out
    }
    contradictions = [
        f"  {name} read {dep['path']} as {dep['md5']}, {made_as}"
        for name, entry in entries.items()
        for dep in entry.get("deps", ())
        if "md5" in dep and (made_as := _contradiction(dep, made, root, cache))
    ]
    if contradictions:
        raise PipelineError(
            f"dvc.lock in {root} is inconsistent: a stage read another version of its input than was made.\n"
            + "\n".join(contradictions)
            + "\nNothing was registered. Run `dvc repro` there to make the later stages again."
        )


def _contradiction(
    dep: Mapping[str, Any], made: Mapping[str, tuple[str, Mapping[str, Any]]], root: Path, cache: Path
) -> str | None:
    """Describe what was made if it differs from what a stage read; None if it is the same, or no stage made it."""
    path = str(dep["path"])
    if path in made:
        maker, out = made[path]
        return None if out["md5"] == dep["md5"] else f"{maker} made {out['md5']}"
    above = next((output for output in made if path.startswith(output + "/")), None)
    if above is not None:  # a file in a folder that is an output
        maker, out = made[above]
        listed = _listing(out, cache)
        if listed is None:
            return None
        md5 = listed.get(path.removeprefix(above + "/"))
        return None if md5 == dep["md5"] else f"{maker} made {md5 or 'no such file'}"
    below = {output: entry for output, entry in made.items() if output.startswith(path + "/")}
    if not below:  # raw data or code
        return None
    return _folder_contradiction(path, dep, below, root, cache)


def _folder_contradiction(
    path: str, dep: Mapping[str, Any], below: Mapping[str, tuple[str, Mapping[str, Any]]], root: Path, cache: Path
) -> str | None:
    """Check a folder with outputs of several stages: its listing must be theirs, with any other files in it."""
    expected: dict[str, str] = {}
    for output, (_, out) in below.items():
        inside = output.removeprefix(path + "/")
        listed = _listing(out, cache)
        if str(out["md5"]).endswith(DIR):
            if listed is None:
                return None
            expected |= {f"{inside}/{name}": md5 for name, md5 in listed.items()}
        else:
            expected[inside] = str(out["md5"])
    owned = tuple(output.removeprefix(path + "/") for output in below)
    for file in sorted((root / path).rglob("*")):  # for example the report of a model that was removed
        name = file.relative_to(root / path).as_posix()
        if file.is_file() and not any(name == output or name.startswith(output + "/") for output in owned):
            expected[name] = file_md5(file)
    if listing_md5(expected) == dep["md5"]:
        return None
    makers = ", ".join(sorted({maker for maker, _ in below.values()}))
    return f"the outputs of {makers} make {listing_md5(expected)}"


def _listing(out: Mapping[str, Any], cache: Path) -> dict[str, str] | None:
    """Digests of the files in an output that is a folder; None if the cache does not have its listing."""
    md5 = str(out["md5"])
    if not md5.endswith(DIR):
        return None
    path = cache / "files" / "md5" / md5[:2] / md5[2:]
    if not path.exists():
        return None
    return {str(file["relpath"]): str(file["md5"]) for file in json.loads(path.read_text(encoding="utf-8"))}
