"""Packaging of a bundle as an MLflow model that loads in a new process on another machine, without pickle."""

import importlib.metadata
import shutil
from pathlib import Path, PurePosixPath

from geratriz import bundle as bundles
from geratriz import domains
from geratriz.registry.kinds import kind_of_bundle

BUNDLE_FOLDER = PurePosixPath("artifacts/bundle")  # folder of the bundle inside the MLflow model
RUNTIME = ("mlflow", "numpy", "pandas", "pillow", "pyarrow", "pyyaml", "safetensors", "scipy", "torch")
MLFLOW_TYPES = {"integer": "long", "float": "double", "boolean": "boolean"}  # else string


def package(folder: Path, bundle: Path, *, run_id: str | None = None, model_id: str | None = None) -> None:
    """Write an MLflow model into ``folder``: the bundle, a copy of this package and `serving.py`, which runs it.

    ``folder`` must not exist yet; its parent is used as scratch space.
    """
    import mlflow.pyfunc
    import pandas as pd
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec
    from mlflow.types import Schema as Columns

    source = Path(bundles.__file__).parent
    copied = folder.parent / BUNDLE_FOLDER.name  # MLflow keeps the name of the folder, and load() expects this one
    copied.mkdir()
    for part in (bundles.HEAD, *bundles.read(bundle).head["parts"]):  # validated, without the pictures next to them
        shutil.copy2(bundle / part, copied / part)
    outputs = [ColSpec(DataType[MLFLOW_TYPES.get(kind, "string")], name) for name, kind in answers(bundle)]
    mlflow.pyfunc.save_model(
        path=str(folder),
        python_model=str(source / "registry" / "serving.py"),
        artifacts={BUNDLE_FOLDER.name: str(copied)},
        code_paths=[str(source)],
        signature=ModelSignature(
            outputs=Columns(outputs), params=ParamSchema([ParamSpec("seed", DataType.long, default=None)])
        ),
        input_example=(pd.DataFrame({"n_rows": [3]}), {"seed": 7}),
        pip_requirements=[f"{name}=={importlib.metadata.version(name).partition('+')[0]}" for name in RUNTIME],
        mlflow_model=Model(run_id=run_id, model_id=model_id, **({"model_uuid": model_id} if model_id else {})),
    )


def answers(bundle: Path) -> list[tuple[str, str]]:
    """Columns of a served answer, (name, kind)."""
    return domains.serve(kind_of_bundle(bundle)).answers(bundles.read_head(bundle))


def conditions(bundle: Path) -> tuple[str, ...]:
    """Columns that sampling can be conditioned on."""
    return domains.serve(kind_of_bundle(bundle)).conditions(bundles.read_head(bundle))
