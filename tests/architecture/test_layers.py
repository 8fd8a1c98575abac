"""The import rules of the design hold, and what is heavy is imported when it is used."""

import subprocess
import sys

import pytest

from tests.architecture.imports import ROOT

HEAVY = ("torch", "mlflow", "prefect", "dvc", "great_expectations", "sklearn", "pandas")


def test_imports_run_one_way() -> None:
    done = subprocess.run(["lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", ["geratriz", "geratriz.cli"])
def test_importing_costs_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
