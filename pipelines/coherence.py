"""Does dvc.lock agree with itself? The last gate of every run.

An output that was made elsewhere can be taken for the wrong one: DVC, asked for a single stage, does not look at what
stands before it. So each dependency that is an output of another stage must carry the digest that stage gave it.
Entries of stages that dvc.yaml no longer has count for nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geratriz import config
from geratriz.errors import PipelineError
from geratriz.registry.md5 import listing_md5

DIR = ".dir"


def check(root: Path, stages: list[str], cache: Path) -> None:
    """Hold the digests in ``root``'s dvc.lock against each other.

    Args:
        root: the project.
        stages: the names in the graph; entries of others are orphans.
        cache: DVC's cache, where listings of folders lie.

    Raises:
        PipelineError: they do not agree; the message names each stage, what it read and what was made.
    """
    if not (root / "dvc.lock").exists():  # no stage has an output
        return
    locked = config.read_yaml(root / "dvc.lock").get("stages") or {}
    entries = {name: locked[name] for name in stages if name in locked}
    made = {
        str(out["path"]): (name, out)
        for name, entry in entries.items()
        for out in entry.get("outs", ())
        if "md5" in out
    }
    wrong = [
        f"  {name} read {dep['path']} as {dep['md5']}, {how}"
        for name, entry in entries.items()
        for dep in entry.get("deps", ())
        if "md5" in dep and (how := _contradiction(dep, made, root, cache))
    ]
    if wrong:
        raise PipelineError(
            f"dvc.lock in {root} contradicts itself: a stage read something else than what was made for it.\n"
            + "\n".join(wrong)
            + "\nNothing was registered from it. `dvc repro` there makes the later stages anew."
        )


def _contradiction(
    dep: Mapping[str, Any], made: Mapping[str, tuple[str, Mapping[str, Any]]], root: Path, cache: Path
) -> str | None:
    """What was made instead of what a stage read, or None if it is the same, or no stage made it."""
    path = str(dep["path"])
    if path in made:
        maker, out = made[path]
        return None if out["md5"] == dep["md5"] else f"{maker} made {out['md5']}"
    above = next((each for each in made if path.startswith(each + "/")), None)
    if above is not None:  # a file in a folder that is an output
        maker, out = made[above]
        listed = _listing(out, cache)
        if listed is None:
            return None
        found = listed.get(path.removeprefix(above + "/"))
        return None if found == dep["md5"] else f"{maker} made {found or 'no such file'}"
    below = {each: found for each, found in made.items() if each.startswith(path + "/")}
    if not below:  # raw data, code: no stage made it
        return None
    return _folder_contradiction(path, dep, below, root, cache)


def _folder_contradiction(
    path: str, dep: Mapping[str, Any], below: Mapping[str, tuple[str, Mapping[str, Any]]], root: Path, cache: Path
) -> str | None:
    """For a folder that holds outputs of several stages: its listing must be theirs, and what else lies there."""
    expected: dict[str, str] = {}
    for each, (_, out) in below.items():
        inside = each.removeprefix(path + "/")
        listed = _listing(out, cache)
        if str(out["md5"]).endswith(DIR):
            if listed is None:
                return None
            expected |= {f"{inside}/{name}": md5 for name, md5 in listed.items()}
        else:
            expected[inside] = str(out["md5"])
    owned = tuple(each.removeprefix(path + "/") for each in below)
    for file in sorted((root / path).rglob("*")):  # a model that was taken out leaves its report behind
        name = file.relative_to(root / path).as_posix()
        if file.is_file() and not any(name == each or name.startswith(each + "/") for each in owned):
            expected[name] = hashlib.md5(file.read_bytes()).hexdigest()
    if listing_md5(expected) == dep["md5"]:
        return None
    makers = ", ".join(sorted({maker for maker, _ in below.values()}))
    return f"what {makers} made adds up to {listing_md5(expected)}"


def _listing(out: Mapping[str, Any], cache: Path) -> dict[str, str] | None:
    """The files in an output that is a folder, with their digests; None where the cache does not have it."""
    md5 = str(out["md5"])
    if not md5.endswith(DIR):
        return None
    path = cache / "files" / "md5" / md5[:2] / md5[2:]
    if not path.exists():
        return None
    return {str(each["relpath"]): str(each["md5"]) for each in json.loads(path.read_text(encoding="utf-8"))}
