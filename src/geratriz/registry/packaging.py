"""A bundle as an MLflow model that loads in a fresh process, on another machine, without a pickle."""

import importlib.metadata
import shutil
from pathlib import Path, PurePosixPath

from geratriz import bundle as bundles
from geratriz import domains
from geratriz.registry.kinds import kind_of_bundle

PLACE = PurePosixPath("artifacts/bundle")  # where it lies in the model
RUNTIME = ("mlflow", "numpy", "pandas", "pillow", "pyarrow", "pyyaml", "safetensors", "scipy", "torch")  # of serving
KINDS = {"integer": "long", "float": "double", "boolean": "boolean"}  # MLflow's words; anything else is a string


def package(folder: Path, bundle: Path, *, run_id: str | None = None, model_id: str | None = None) -> None:
    """Write the MLflow model into ``folder``: the bundle, a copy of this package, and `serving.py` to run it.

    ``folder`` must not exist yet; scratch space beside it is used.
    """
    import mlflow.pyfunc
    import pandas as pd
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec
    from mlflow.types import Schema as Columns

    source = Path(bundles.__file__).parent
    named = folder.parent / PLACE.name  # MLflow keeps the folder's name, and load() wants to know it
    named.mkdir()
    for part in (bundles.HEAD, *bundles.read(bundle).head["parts"]):  # checked, without the pictures beside them
        shutil.copy2(bundle / part, named / part)
    outputs = [ColSpec(DataType[KINDS.get(kind, "string")], name) for name, kind in answers(bundle)]
    mlflow.pyfunc.save_model(
        path=str(folder),
        python_model=str(source / "registry" / "serving.py"),
        artifacts={PLACE.name: str(named)},
        code_paths=[str(source)],
        signature=ModelSignature(
            outputs=Columns(outputs), params=ParamSchema([ParamSpec("seed", DataType.long, default=None)])
        ),
        input_example=(pd.DataFrame({"n_rows": [3]}), {"seed": 7}),
        pip_requirements=[f"{each}=={importlib.metadata.version(each).partition('+')[0]}" for each in RUNTIME],
        mlflow_model=Model(run_id=run_id, model_id=model_id, **({"model_uuid": model_id} if model_id else {})),
    )


def answers(bundle: Path) -> list[tuple[str, str]]:
    """The columns of what the generator answers, (name, kind)."""
    return domains.serve(kind_of_bundle(bundle)).answers(bundles.read_head(bundle))


def conditions(bundle: Path) -> tuple[str, ...]:
    """The columns that sampling can be conditioned on."""
    return domains.serve(kind_of_bundle(bundle)).conditions(bundles.read_head(bundle))
