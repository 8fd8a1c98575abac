"""Run an example of examples/, from data to registered model, in a worktree of its own.

    python -m pipelines.example fashion

It uses the DVC cache and the registry of the checkout, whose params.yaml, dvc.lock and results stay as they are.
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
    """Create the worktree of the example ``name``, at the commit checked out in ``home``, with its params.yaml.

    Raises:
        ConfigError: the example does not exist.
        PipelineError: Git fails.
    """
    source = home / EXAMPLES / name / "params.yaml"
    if not source.is_file():
        known = [path.parent.name for path in (home / EXAMPLES).glob("*/params.yaml")]
        raise ConfigError(f"{source.relative_to(home)} does not exist.{nearest(name, known)}")
    path = graph.checkout(home, f"example-{name}", revision="HEAD")
    shutil.copyfile(source, path / "params.yaml")
    return path


def environment(home: Path, path: Path) -> dict[str, str]:
    """Environment for the worktree: its own code, and the registry of ``home``."""
    return {**os.environ, "PYTHONPATH": str(path / "src"), "MLFLOW_TRACKING_URI": default_uri(home)}


def main() -> None:
    """Run the example and print where its results are."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.example", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", help="name of a folder in examples/")
    name, home = parser.parse_args().name, Path.cwd()
    try:
        with worktree.held(home, f"example-{name}", why=f"process {os.getpid()}"):
            path = prepare(home, name)
            if git(home, "status", "--porcelain", "--untracked-files=no"):
                sys.stdout.write("note: the example runs the last commit, without uncommitted changes\n")
            sys.stdout.write(f"in {path}\n")
            sys.stdout.flush()
            variables = environment(home, path)
            done = subprocess.run([sys.executable, "-m", "pipelines.retrain"], cwd=path, env=variables, check=False)
    except worktree.Busy as other:
        sys.stderr.write(f"the example {name} is already being run by {other}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:  # the flow has printed its own message
        raise SystemExit(130) from None
    except GeratrizError as problem:
        sys.stderr.write(f"{type(problem).__name__}: {problem}\n")
        raise SystemExit(1) from None
    if done.returncode == 0:
        registry = variables["MLFLOW_TRACKING_URI"]
        sys.stdout.write(f"Run these commands in {path}, with MLFLOW_TRACKING_URI={registry}\n")
    raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
