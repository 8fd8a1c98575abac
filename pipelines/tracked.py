"""States of a data file tracked by DVC: a past one by its MD5, and the current content of its source.

Only DVC's commands are used, and the workspace does not change: files are written to a folder of the caller.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from geratriz import config
from geratriz.errors import DataError, PipelineError
from geratriz.registry.md5 import file_md5
from geratriz.workspace.dvc import dvc
from geratriz.workspace.git import git


def md5_of(path: Path) -> str:
    """MD5 of a file, as DVC computes it.

    Raises:
        DataError: the file does not exist, or is a folder.
    """
    if not path.is_file():
        raise DataError(f"{path} {'is a folder, expected a file' if path.is_dir() else 'does not exist'}.")
    return file_md5(path)


def find(root: Path, md5: str, raw: Path, scratch: Path) -> Path:
    """Find a present or past state of ``raw`` by its MD5, in the workspace, DVC's cache or one of its remotes.

    Raises:
        PipelineError: it is in none of them.
    """
    if raw.is_file() and md5_of(raw) == md5:
        return raw
    address, target = f"files/md5/{md5[:2]}/{md5[2:]}", scratch / raw.name
    cached = Path(dvc(root, "cache", "dir")) / address
    if cached.is_file() and md5_of(cached) == md5:
        target.symlink_to(cached)
        return target
    remotes = [line.split()[0] for line in dvc(root, "remote", "list").splitlines() if line.strip()]
    problems = []
    for remote in remotes:
        try:
            dvc(root, "get-url", "--quiet", "--force", f"remote://{remote}/{address}", str(target))
        except PipelineError as problem:
            problems.append(f"{remote}: {str(problem).splitlines()[-1]}")
            continue
        if md5_of(target) == md5:
            return target
        problems.append(f"{remote}: its object with this MD5 is damaged")
    raise PipelineError(
        f"the state of {raw.name} with MD5 {md5} is neither in the workspace nor in DVC's cache nor in a remote "
        f"({'; '.join(problems) or 'no remote is configured'}). `dvc push` it from the machine that trained on it, or "
        "configure the remote that holds it."
    )


def newest(root: Path, raw: Path, scratch: Path) -> Path:
    """Find the current state of ``raw``: that of its source if it is imported, of the workspace, or of its .dvc file.

    Raises:
        DataError: the file does not exist.
        PipelineError: the source or the remote does not answer.
    """
    pointer = raw.with_name(raw.name + ".dvc")
    tracked = config.read_yaml(pointer) if pointer.exists() else {}
    if tracked.get("deps"):
        source, target = tracked["deps"][0], scratch / raw.name
        if "repo" in source:
            rev = ("--rev", source["repo"]["rev"]) if source["repo"].get("rev") else ()
            dvc(root, "get", "--quiet", "--out", str(target), *rev, source["repo"]["url"], source["path"])
        elif "db" in source:
            _query(root, source["db"], target)
        else:  # a relative path starts at the .dvc file
            dvc(pointer.parent, "get-url", "--quiet", source["path"], str(target))
        return target
    if raw.exists():
        return raw
    if not tracked:
        raise DataError(f"neither {raw} nor {pointer.name} exists: set data.raw in params.yaml to the data.")
    return find(root, str(config.pick(tracked, "outs")[0]["md5"]), raw, scratch)


def _query(root: Path, query: Mapping[str, str], target: Path) -> None:
    """Run the query of an import from a database again, in a scratch project with the connections of ``root``."""
    project = target.parent / "project"
    project.mkdir()
    git(project, "init", "--quiet")  # without Git, DVC does not import from databases
    dvc(project, "init", "--quiet")
    for name in ("config", "config.local"):
        if (root / ".dvc" / name).exists():
            shutil.copyfile(root / ".dvc" / name, project / ".dvc" / name)
    dvc(project, "config", "--local", "cache.dir", str(project / ".dvc" / "cache"))
    rows = ("--sql", query["query"]) if "query" in query else ("--table", query["table"])
    form = ("--output-format", query["file_format"])
    dvc(project, "import-db", "--quiet", *rows, "--conn", query["connection"], *form, "--out", target.name)
    (project / target.name).rename(target)
