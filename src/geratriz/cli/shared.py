"""What commands share: their arguments and options, texts read as values, progress, and JSON for machines."""

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer

from geratriz.errors import GeratrizError
from geratriz.tracking import NullTracker

DIGITS = 30  # of a number that is meant
INTERRUPTED = 130  # exit code after Ctrl-C, as shells have it

Data = Annotated[
    Path,
    typer.Argument(help="Parquet or CSV; for images a folder, a zip or tar of one, or Parquet.", metavar="DATA"),
]
Model = Annotated[str, typer.Argument(help="Folder of a bundle, or models:/NAME@ALIAS, models:/NAME/VERSION.")]
Name = Annotated[str, typer.Argument(help="Name of the registered model.")]
Target = Annotated[str | None, typer.Option(help="Column to predict when utility is measured.")]
Seed = Annotated[int, typer.Option(help="Random seed.")]
Kinds = Annotated[
    list[str] | None, typer.Option("--schema", help="Kind of a column, as in data.schema.", metavar="COLUMN=KIND")
]
Size = Annotated[
    str | None, typer.Option(help="Size that images are resized to, if they differ.", metavar="HEIGHTxWIDTH")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def count(text: object) -> int:
    """A whole number as people write large ones: 1000000, 1_000_000, 1e6."""
    from decimal import Decimal, InvalidOperation

    try:
        number = Decimal(str(text))
        if number.adjusted() < DIGITS and number == int(number):
            return int(number)
    except (InvalidOperation, ValueError, OverflowError):
        pass
    raise typer.BadParameter(f"{text!r} is no whole number; write 500, 100_000 or 1e6.")


class Bar(NullTracker):
    """A bar with the time left on standard error, one line at the end where that is no terminal; also a tracker."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task(title, total=1, losses="")

    def __enter__(self) -> "Bar":
        self._bar.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._bar.stop()

    def move(self, done: int, of: int, losses: str = "") -> None:
        """Show how far it is."""
        self._bar.update(self._task, completed=done, total=of, losses=losses)

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        """Show the round and its losses."""
        self.move(step, steps, "  ".join(f"{name} {value:.4g}" for name, value in values.items()))

    def note(self, text: str) -> None:
        """Print above the bar."""
        self._bar.console.print(text, highlight=False)


def working(title: str) -> AbstractContextManager[Any]:
    """A sign on standard error, where that is a terminal, that a command without steps is at work."""
    from rich.console import Console
    from rich.text import Text

    return Console(stderr=True).status(Text(f"{title}, which takes a while"))  # a name in brackets is no markup


def pairs(
    texts: list[str], option: str, error: type[GeratrizError], read: Callable[[str], Any] | None = None
) -> dict[str, Any]:
    """``key=value`` texts as a mapping; values are read as YAML, unless told: 'text', 12, 0.5, true, null."""
    import yaml

    read = read or yaml.safe_load
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise error(f"{option} got {text!r}, expected NAME=VALUE.")
        try:
            found[key.strip()] = read(value)
        except yaml.YAMLError:
            found[key.strip()] = value.strip()
    return found


def print_json(content: Mapping[str, Any] | list[Any]) -> None:
    """Print JSON for machines."""
    sys.stdout.write(json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
