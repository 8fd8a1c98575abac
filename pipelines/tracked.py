"""Data files by what DVC knows of them: one state of a file by its MD5, and what its source holds now.

Only DVC's commands are used, and nothing in the workspace changes: files go to a folder of the caller's.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from geratriz import config
from geratriz.errors import DataError, PipelineError


def md5_of(path: Path) -> str:
    """The MD5 of a file, as DVC has it.

    Raises:
        DataError: it is not there, or no file.
    """
    if not path.is_file():
        raise DataError(f"{path} is {'a folder, expected a file' if path.is_dir() else 'not there'}.")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def find(root: Path, md5: str, raw: Path, scratch: Path) -> Path:
    """The file with this MD5, which ``raw`` has now or had once: in the workspace, DVC's cache or one of its remotes.

    Raises:
        PipelineError: it is in none of them.
    """
    if raw.is_file() and md5_of(raw) == md5:
        return raw
    place, target = f"files/md5/{md5[:2]}/{md5[2:]}", scratch / raw.name
    cached = Path(_dvc(root, "cache", "dir").strip()) / place
    if cached.is_file() and md5_of(cached) == md5:
        target.symlink_to(cached)
        return target
    remotes = [line.split()[0] for line in _dvc(root, "remote", "list").splitlines() if line.strip()]
    said = []
    for remote in remotes:
        try:
            _dvc(root, "get-url", "--quiet", "--force", f"remote://{remote}/{place}", str(target))
        except PipelineError as problem:
            said.append(f"{remote}: {str(problem).splitlines()[-1]}")
            continue
        if md5_of(target) == md5:
            return target
        said.append(f"{remote}: what it holds under this MD5 is damaged")
    asked = "; ".join(said) or "no remote is set up"
    raise PipelineError(
        f"the state of {raw.name} with MD5 {md5} is neither in the workspace nor in DVC's cache nor in a remote "
        f"({asked}). `dvc push` it from the machine that trained on it, or set up the remote that holds it."
    )


def newest(root: Path, raw: Path, scratch: Path) -> Path:
    """``raw`` as it is now: of an imported file what its source holds, else the workspace's, else what is tracked.

    Raises:
        DataError: there is no such file.
        PipelineError: the source or the remote does not answer.
    """
    pointer = raw.with_name(raw.name + ".dvc")
    known = config.read_yaml(pointer) if pointer.exists() else {}
    if known.get("deps"):
        source, target = known["deps"][0], scratch / raw.name
        if "repo" in source:
            rev = ("--rev", source["repo"]["rev"]) if source["repo"].get("rev") else ()
            _dvc(root, "get", "--quiet", "--out", str(target), *rev, source["repo"]["url"], source["path"])
        else:  # a relative path counts from the .dvc file
            _dvc(pointer.parent, "get-url", "--quiet", source["path"], str(target))
        return target
    if raw.exists():
        return raw
    if not known:
        raise DataError(f"{raw} does not exist, nor does {pointer.name}: set data.raw in params.yaml to the data.")
    return find(root, str(config.pick(known, "outs")[0]["md5"]), raw, scratch)


def _dvc(folder: Path, *arguments: str) -> str:
    """What a DVC command prints.

    Raises:
        PipelineError: it failed; the message ends with what it said last.
    """
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=folder,
        env={**os.environ, "DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("ERROR")]
        raise PipelineError(f"`dvc {' '.join(arguments)}` failed:\n{said[-1] if said else done.stderr.strip()}")
    return done.stdout
