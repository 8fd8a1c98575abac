"""What every stage does at its start: read its settings from params.yaml, its paths from the command line, and run."""

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

P = TypeVar("P")

INTERRUPTED = 130  # exit code after Ctrl-C or SIGTERM


def run(main: Callable[..., None], params: type[P], reads: Mapping[str, str], argv: list[str] | None = None) -> None:
    """Call ``main(params, **paths)`` and exit with 1 and a plain message when a user can mend what went wrong.

    Args:
        main: the stage. Each keyword-only path argument becomes a flag ``--name``.
        params: the dataclass of the stage's settings.
        reads: where each of its fields stands in params.yaml, as dotted keys; ``{model}`` stands for ``--model``.
            The same keys are the stage's ``params`` in dvc.yaml (a test holds the two together).
        argv: the command line; the process's own by default.
    """
    paths = [name for name, each in inspect.signature(main).parameters.items() if each.kind is each.KEYWORD_ONLY]
    parser = argparse.ArgumentParser(description=(main.__doc__ or "").splitlines()[0])
    for name in paths:
        parser.add_argument(f"--{name}", type=Path, required=True)
    by_model = any("{model}" in key for key in reads.values())
    if by_model:
        parser.add_argument("--model", required=True, help="an entry of `models` in params.yaml")
    arguments = vars(parser.parse_args(argv))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin starve the stage beside this one
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended by the flow: as Ctrl-C, say where it stands
    try:
        _check_origin()
        settings = read_params(PARAMS)
        values = {field: _read(settings, key, arguments.get("model")) for field, key in reads.items()}
        loaded = config.load(params, values, "params.yaml")
        for name in paths:
            if name == "out" or name.startswith("out_"):
                arguments[name].parent.mkdir(parents=True, exist_ok=True)
        main(loaded, **{name: arguments[name] for name in paths})
    except GeratrizError as problem:
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr)  # noqa: T201 - a stage's voice is its stderr
        raise SystemExit(1) from None
    except KeyboardInterrupt as stop:
        print(stop or "interrupted", file=sys.stderr)  # noqa: T201
        raise SystemExit(INTERRUPTED) from None


def root() -> Path:
    """The project's root: DVC runs a stage in it, and says where it is when the stage runs in an experiment's copy."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def experiment() -> str:
    """The MLflow experiment that fits report to: the registered model's name.

    No setting of any stage: tracking is a side channel, and a new name must not train anything again.
    """
    return str(config.pick(read_params(PARAMS), "release.name"))


def _read(settings: Mapping[str, Any], key: str, model: str | None) -> Any:
    return model if key == "{model}" else config.pick(settings, key.replace("{model}", model or ""))


def _check_origin() -> None:
    """In a checkout of this project, insist on its own code: else an editable install of another checkout wins."""
    here = Path(os.environ.get("DVC_ROOT", ".")).resolve() if not (Path("src") / "geratriz").is_dir() else Path.cwd()
    expected, found = (here / "src" / "geratriz").resolve(), Path(config.__file__).resolve().parent
    if expected.is_dir() and expected != found:
        raise PipelineError(
            f"this stage would run the code in {found}, but the checkout is {here}. "
            f"Set PYTHONPATH={here / 'src'} for this run."
        )
