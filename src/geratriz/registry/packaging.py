"""A bundle as an MLflow model that loads in a fresh process, on another machine, without a pickle."""

import importlib.metadata
import shutil
from pathlib import Path, PurePosixPath

import geratriz
from geratriz.data.schema import Schema

BUNDLE = PurePosixPath("artifacts/bundle")  # where it lies in the model
RUNTIME = ("mlflow", "numpy", "pandas", "pyarrow", "pyyaml", "safetensors", "scipy", "torch")  # what serving imports


def package(
    folder: Path, bundle: Path, schema: Schema, *, run_id: str | None = None, model_id: str | None = None
) -> None:
    """Write the MLflow model into ``folder``: the bundle, a copy of this package, and `serving.py` to run it.

    ``folder`` must not exist yet; scratch space beside it is used.
    """
    import mlflow.pyfunc
    import pandas as pd
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec
    from mlflow.types import Schema as Columns

    source = Path(geratriz.__file__).parent
    named = folder.parent / BUNDLE.name  # MLflow keeps the folder's name, and load() wants to know it
    shutil.copytree(bundle, named)
    kinds = {"integer": DataType.long, "float": DataType.double, "boolean": DataType.boolean}
    outputs = [ColSpec(kinds.get(column.kind, DataType.string), column.name) for column in schema.columns]
    mlflow.pyfunc.save_model(
        path=str(folder),
        python_model=str(source / "registry" / "serving.py"),
        artifacts={BUNDLE.name: str(named)},
        code_paths=[str(source)],
        signature=ModelSignature(
            outputs=Columns(outputs), params=ParamSchema([ParamSpec("seed", DataType.long, default=None)])
        ),
        input_example=(pd.DataFrame({"n_rows": [3]}), {"seed": 7}),
        pip_requirements=[f"{each}=={importlib.metadata.version(each).partition('+')[0]}" for each in RUNTIME],
        mlflow_model=Model(run_id=run_id, model_id=model_id, **({"model_uuid": model_id} if model_id else {})),
    )
