"""Entry point of every stage: settings from params.yaml, paths from the command line, errors as exit codes."""

import argparse
import inspect
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from geratriz import config
from geratriz.config import PARAMS, read_params
from geratriz.errors import GeratrizError, PipelineError
from geratriz.fitting.libraries import unlike

P = TypeVar("P")

INTERRUPTED = 130  # exit code after Ctrl-C or SIGTERM


def run(main: Callable[..., None], params: type[P], reads: Mapping[str, str], argv: list[str] | None = None) -> None:
    """Call ``main(params, **paths)``; an error that the user can correct is one message and exit code 1.

    Args:
        main: the stage. Each keyword-only path argument becomes a flag ``--name``.
        params: dataclass of the stage's settings.
        reads: dotted key in params.yaml per field of ``params``; ``{model}`` stands for ``--model``. The ``params``
            of the stage in dvc.yaml are the same keys, as a test verifies.
        argv: the command line; that of the process if None.
    """
    signature = inspect.signature(main).parameters
    paths = [name for name, parameter in signature.items() if parameter.kind is parameter.KEYWORD_ONLY]
    parser = argparse.ArgumentParser(description=(main.__doc__ or "").splitlines()[0])
    for name in paths:
        parser.add_argument(f"--{name}", type=Path, required=True)
    by_model = any("{model}" in key for key in reads.values())
    if by_model:
        parser.add_argument("--model", required=True, help="an entry of `models` in params.yaml")
    arguments = vars(parser.parse_args(argv))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads slow down a stage that runs at the same time
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a flow ends a stage by SIGTERM: handle it like Ctrl-C
    try:
        _check_origin()
        _warn_of_other_libraries()
        settings = read_params(PARAMS)
        values = {field: _read(settings, key, arguments.get("model")) for field, key in reads.items()}
        loaded = config.load(params, values, "params.yaml")
        for name in paths:
            if name == "out" or name.startswith("out_"):
                arguments[name].parent.mkdir(parents=True, exist_ok=True)
        main(loaded, **{name: arguments[name] for name in paths})
    except GeratrizError as problem:
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr)  # noqa: T201 - stages report on stderr
        raise SystemExit(1) from None
    except KeyboardInterrupt as stop:
        print(stop or "interrupted", file=sys.stderr)  # noqa: T201
        raise SystemExit(INTERRUPTED) from None


def root() -> Path:
    """Root of the project: the current folder or, in the copy of a DVC experiment, the folder in DVC_ROOT."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def experiment() -> str:
    """Name of the MLflow experiment for fits: that of the registered model.

    It is not a setting of any stage, because tracking is a side channel: a new name must not cause a new training.
    """
    return str(config.pick(read_params(PARAMS), "release.name"))


def _read(settings: Mapping[str, Any], key: str, model: str | None) -> Any:
    return model if key == "{model}" else config.pick(settings, key.replace("{model}", model or ""))


def _warn_of_other_libraries() -> None:
    """Say on stderr which libraries differ from libraries.yaml, by which DVC decides whether a stage is up to date."""
    if differing := unlike():
        print(  # noqa: T201 - stages report on stderr
            f"warning: this environment has {', '.join(differing)}, as libraries.yaml says. Install requirements.lock, "
            "or run `make lock` to adopt the installed versions; DVC then runs the stages that use them again.",
            file=sys.stderr,
        )


def _check_origin() -> None:
    """Require the code of the checkout, not of another one that is installed in editable mode."""
    here = Path.cwd() if (Path("src") / "geratriz").is_dir() else root()
    expected, imported = (here / "src" / "geratriz").resolve(), Path(config.__file__).resolve().parent
    if expected.is_dir() and expected != imported:
        raise PipelineError(
            f"this stage would run the code in {imported}, but the checkout is {here}. "
            f"Set PYTHONPATH={here / 'src'} for this run."
        )
