"""Ports of a domain as protocols: the functions that every kind of data must have, with the same signatures.

A port is a module. ``Any`` stands for types of the domain: its data (a table, images) and its generators.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from geratriz.fitting.catalog import Catalog
    from geratriz.fitting.order import Order
    from geratriz.output import Origin
    from geratriz.report import page
    from geratriz.scoring.difference import Comparison
    from geratriz.scoring.landmarks import Landmarks
    from geratriz.scoring.metric import Metric
    from geratriz.scoring.verdict import Gate
    from geratriz.tracking import Tracker


class Words(Protocol):
    """Names and sentences about the data, for messages and cards."""

    UNIT: str
    """Unit of counting: ``rows`` or ``images``."""
    SAMPLE: str
    """Example of the arguments of ``geratriz sample`` after ``-n``."""
    HINT: str
    """Hint for a user who chose a generator of this domain for other data; may be empty."""
    CARD: str
    """First paragraph of a model card, with the fields ``{data}`` and ``{number}``."""
    FLOOR: str
    """Parts that are drawn independently in the floor."""
    INTERVALS: str
    """Method of most intervals."""
    ANSWER: str
    """Paragraph of a model card about the answers of a served model; may be empty."""


class Prepare(Protocol):
    """Reading and dividing raw data."""

    def recognises(self, path: Path) -> bool:
        """Whether the data at ``path`` seem to be of this kind, without reading them."""

    def accepts(self, data: Any) -> bool:
        """Whether ``data`` in memory are of this kind."""

    def observe(self, path: Path) -> "pd.DataFrame":
        """Read the frame that a contract is checked on: the rows of a table, or one row per image."""

    def read(self, path: Path, options: Mapping[str, Any], *, to_fit: bool = True) -> Any:
        """Read all data at ``path`` for a fit or an evaluation, with the ``options`` of the command line."""

    def read_like(self, path: Path, real: Any, options: Mapping[str, Any]) -> Any:
        """Read all data at ``path``, which must match the schema of ``real``."""

    def prepare(self, data: Path, settings: Mapping[str, Any], contract: Path, out: Path) -> Iterable[str]:
        """Divide the data into train, fresh and test in the folder ``out``; return a report in lines."""

    def terms(self, contract: Path | None, tracker: "Tracker") -> dict[str, Any]:
        """Arguments for a fit under ``contract``."""


class Train(Protocol):
    """Fitting."""

    GENERATORS: "Catalog"

    def read_prepared(self, prepared: Path) -> tuple[Any, dict[str, Any]]:
        """Read the training data, and the arguments for a fit on them."""

    def show(self, generator: Any, folder: Path, seed: int) -> None:
        """Write pictures of the generator next to the bundle in ``folder``, if there are any."""


class Draw(Protocol):
    """Drawing synthetic data."""

    def load(self, folder: Path) -> Any:
        """Load the generator saved in ``folder``."""

    def sample(self, generator: Any, order: "Order", *, jobs: int | None = 1) -> Any:
        """Draw the data of ``order`` into memory."""

    def write(
        self,
        generator: Any,
        path: Path,
        order: "Order",
        *,
        origin: "Origin",
        jobs: int | None = 1,
        on_progress: Callable[[int], None] | None = None,
    ) -> None:
        """Draw the data of ``order`` into a file or folder, in bounded memory."""

    def parse(self, text: str) -> Any:
        """Parse a value of ``--where``."""


class Judge(Protocol):
    """Scores, verdicts and comparisons."""

    METRICS: "Mapping[str, Metric[Any]]"

    def landmarks(self, prepared: Path, contract: Path, settings: Mapping[str, Any]) -> "Landmarks":
        """Measure the landmarks of every metric on the parts in ``prepared``."""

    def judge(
        self,
        prepared: Path,
        synthetic: Path,
        contract: Path,
        marks: "Landmarks",
        settings: Mapping[str, Any],
        *,
        gates: "Mapping[str, Gate] | None",
        limits: Mapping[str, Any],
    ) -> tuple[dict[str, Any], Any]:
        """Return the content of metrics.json, and the trio that was scored."""

    def evaluate(
        self, train: Any, test: Any, synthetic: Any, contract: Path | None, settings: Mapping[str, Any]
    ) -> tuple[dict[str, Any], Any]:
        """Do the same for data in memory; half of ``test`` serve as fresh real data."""

    def compare(self, candidate: Any, champion: Any, prepared: Path, settings: Mapping[str, Any]) -> "Comparison":
        """Compare the candidate with the champion on the test data in ``prepared``."""


class Page(Protocol):
    """Page of a generator."""

    def exhibits(self, trio: Any, report: Mapping[str, Any], bundle: Path | None) -> Any:
        """Further content of the page besides the report, if there is any."""

    def render(self, page: "page.Page", exhibits: Any) -> str:
        """Render a self-contained HTML page; equal content gives equal bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """A generator that is served, and the requests it accepts."""

    names: tuple[str, ...]
    """Columns that a request may set."""
    max_rows: int
    """Largest number of rows or images per answer."""
    block: int
    """Rows or images that are computed together."""
    draw: "Callable[..., pd.DataFrame]"
    """``draw(rows, seed=..., where=..., start=...)`` returns rows ``start`` to ``start + rows`` as a frame."""


class Serve(Protocol):
    """Answering requests."""

    def load(self, folder: Path) -> Served:
        """Load the generator saved in ``folder`` for serving."""

    def answers(self, head: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Columns of an answer, (name, kind), from the head of a bundle."""

    def conditions(self, head: Mapping[str, Any]) -> tuple[str, ...]:
        """Columns that sampling can be conditioned on."""


class Draft(Protocol):
    """Drafting a contract."""

    def draft(self, path: Path, name: str, declared: Mapping[str, Any]) -> dict[str, Any]:
        """Draft a suite ``name`` that the data at ``path`` keep; ``declared`` are kinds of columns set by the user."""


class Drift(Protocol):
    """Monitoring of drift."""

    def watched(self, observed: "pd.DataFrame") -> "pd.DataFrame":
        """Select the observed columns in which drift is meaningful."""
