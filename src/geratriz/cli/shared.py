"""Shared parts of the commands: arguments and options, parsing of values, progress, and output."""

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer

from geratriz.errors import GeratrizError
from geratriz.tracking import NullTracker

MAX_DIGITS = 30  # of a number of rows
INTERRUPTED = 130  # exit code after Ctrl-C, as in shells

Data = Annotated[
    Path, typer.Argument(help="Table (Parquet, CSV) or images (folder, zip or tar archive, Parquet).", metavar="DATA")
]
Model = Annotated[str, typer.Argument(help="Folder of a generator, or models:/NAME@ALIAS or models:/NAME/VERSION.")]
Name = Annotated[str, typer.Argument(help="Name of the registered model.")]
Target = Annotated[str | None, typer.Option(help="Column that the utility metric predicts.")]
Seed = Annotated[int, typer.Option(help="Random seed.")]
Kinds = Annotated[
    list[str] | None, typer.Option("--schema", help="Kind of a column, as in data.schema.", metavar="COLUMN=KIND")
]
Size = Annotated[
    str | None, typer.Option(help="Size to resize images to; required if they differ.", metavar="HEIGHTxWIDTH")
]
Yes = Annotated[bool, typer.Option("--yes", help="Skip the confirmation.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def count(text: object) -> int:
    """Parse a whole number such as 1000000, 1_000_000 or 1e6."""
    from decimal import Decimal, InvalidOperation

    try:
        number = Decimal(str(text))
        if number.adjusted() < MAX_DIGITS and number == int(number):
            return int(number)
    except (InvalidOperation, ValueError, OverflowError):
        pass
    raise typer.BadParameter(f"{text!r} is not a whole number; write 500, 100_000 or 1e6.")


class Bar(NullTracker):
    """A progress bar on standard error, which is also a tracker of a fit; outside a terminal one line at the end."""

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

    def move(self, done: int, total: int, losses: str = "") -> None:
        """Show the progress."""
        self._bar.update(self._task, completed=done, total=total, losses=losses)

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        """Show the round and its losses."""
        self.move(step, steps, "  ".join(f"{name} {value:.4g}" for name, value in values.items()))

    def note(self, text: str) -> None:
        """Print ``text`` above the bar."""
        self._bar.console.print(text, highlight=False)


def working(title: str) -> AbstractContextManager[Any]:
    """Show on standard error, if it is a terminal, that a command without a known number of steps is running."""
    from rich.console import Console
    from rich.text import Text

    return Console(stderr=True).status(Text(f"{title}, which takes a while"))  # Text: brackets in a name are not markup


def pairs(
    texts: list[str], option: str, error: type[GeratrizError], read: Callable[[str], Any] | None = None
) -> dict[str, Any]:
    """Parse ``key=value`` texts as a mapping; values are parsed by ``read`` or else as YAML: text, 12, 0.5, true."""
    from geratriz import config

    read = read or config.parse
    values = {}
    for text in texts:
        if not text.isascii() and text != text.encode(errors="replace").decode():
            raise error(f"{option} got {text!r}, whose bytes are not UTF-8; expected NAME=VALUE in UTF-8.")
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise error(f"{option} got {text!r}, expected NAME=VALUE.")
        values[key.strip()] = read(value)
    return values


def show(as_json: bool, content: Any, *lines: str) -> None:
    """Print ``content`` as JSON, in which dataclasses become objects, or ``lines`` of text."""
    from dataclasses import asdict, is_dataclass

    def plain(value: Any) -> Any:
        return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value.isoformat()

    text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True, default=plain) if as_json else None
    sys.stdout.write("".join(f"{line}\n" for line in (lines if text is None else (text,))))
