"""An example of examples/, from data to registered model in a worktree of its own: one checkout serves one data set.

    python -m pipelines.example fashion

The DVC cache and the registry are those of the checkout; its params.yaml, dvc.lock and results are left as they are.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from geratriz.errors import ConfigError, GeratrizError, nearest
from geratriz.registry.client import default_uri
from geratriz.workspace import worktree
from geratriz.workspace.git import git
from pipelines import graph

EXAMPLES = Path("examples")


def prepare(home: Path, name: str) -> Path:
    """The worktree for the example ``name``, at the commit that is checked out in ``home``, with its params.yaml.

    Raises:
        ConfigError: there is no such example.
        PipelineError: Git refuses.
    """
    source = home / EXAMPLES / name / "params.yaml"
    if not source.is_file():
        known = [each.parent.name for each in (home / EXAMPLES).glob("*/params.yaml")]
        raise ConfigError(f"there is no {source.relative_to(home)}.{nearest(name, known)}")
    path = graph.checkout(home, f"example-{name}", revision="HEAD")
    shutil.copyfile(source, path / "params.yaml")
    return path


def environment(home: Path, path: Path) -> dict[str, str]:
    """Variables for what runs in the worktree: its own code, the registry of ``home``."""
    return {**os.environ, "PYTHONPATH": str(path / "src"), "MLFLOW_TRACKING_URI": default_uri(home)}


def main() -> None:
    """Run the example and say where its results are."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.example", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", help="a folder of examples/")
    name, home = parser.parse_args().name, Path.cwd()
    try:
        with worktree.held(home, f"example-{name}", why=f"process {os.getpid()}"):
            path = prepare(home, name)
            if git(home, "status", "--porcelain", "--untracked-files=no"):
                sys.stdout.write("note: the example runs the last commit; what is not committed is not in it\n")
            sys.stdout.write(f"in {path}\n")
            sys.stdout.flush()
            variables = environment(home, path)
            done = subprocess.run([sys.executable, "-m", "pipelines.retrain"], cwd=path, env=variables, check=False)
    except worktree.Busy as other:
        sys.stderr.write(f"the example {name} is being run already by {other}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:  # the flow has said what there is to say
        raise SystemExit(130) from None
    except GeratrizError as problem:
        sys.stderr.write(f"{type(problem).__name__}: {problem}\n")
        raise SystemExit(1) from None
    if done.returncode == 0:
        registry = variables["MLFLOW_TRACKING_URI"]
        sys.stdout.write(f"These commands work in {path}, with MLFLOW_TRACKING_URI={registry}\n")
    raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
