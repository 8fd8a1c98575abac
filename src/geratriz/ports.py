"""The ports of a domain as protocols: the functions that each kind of data must answer, with one signature for all.

A port is a module. ``Any`` stands for what belongs to the domain: its data (a table, images) and its generators.
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
    """What the data are called, for messages and cards."""

    UNIT: str
    """What is counted: ``rows``, ``images``."""
    SAMPLE: str
    """Arguments of an example of ``geratriz sample``."""
    HINT: str
    """Added to an error about a generator of this domain that was asked for other data; may be empty."""
    CARD: str
    """First paragraph of a model card, about ``{data}`` and ``{number}``."""
    FLOOR: str
    """What is drawn independently in the floor."""
    INTERVALS: str
    """How most intervals are found."""
    ANSWER: str
    """Added to a card about what a served model answers; may be empty."""


class Prepare(Protocol):
    """Reading and dividing raw data."""

    def recognises(self, path: Path) -> bool:
        """Whether the data at ``path`` are of this kind, as far as can be told without reading them."""

    def accepts(self, data: Any) -> bool:
        """Whether ``data`` in memory are of this kind."""

    def observe(self, path: Path) -> "pd.DataFrame":
        """The frame that a contract is checked on: the rows of a table, or one row per image."""

    def read(self, path: Path, options: Mapping[str, Any], *, to_fit: bool = True) -> Any:
        """All data at ``path``, to be fitted or to be compared, under the command line's ``options``."""

    def read_like(self, path: Path, real: Any, options: Mapping[str, Any]) -> Any:
        """All data at ``path``, which must be of the schema of ``real``."""

    def prepare(self, data: Path, settings: Mapping[str, Any], contract: Path, out: Path) -> Iterable[str]:
        """Divide the data at ``data`` into train, fresh and test below ``out``; lines about what was done."""

    def terms(self, contract: Path | None, tracker: "Tracker") -> dict[str, Any]:
        """The terms that a fit under ``contract`` is given."""


class Train(Protocol):
    """Fitting."""

    GENERATORS: "Catalog"

    def read_prepared(self, prepared: Path) -> tuple[Any, dict[str, Any]]:
        """The training part, and the terms that a fit on it is given."""

    def show(self, generator: Any, folder: Path, seed: int) -> None:
        """Write beside the bundle in ``folder`` what people want to see of a generator, if anything."""


class Draw(Protocol):
    """Drawing."""

    def load(self, folder: Path) -> Any:
        """The generator saved in ``folder``."""

    def sample(self, generator: Any, order: "Order", *, jobs: int | None = 1) -> Any:
        """The data of ``order``, in memory."""

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
        """The data of ``order`` into a file or folder, in bounded memory."""

    def parse(self, text: str) -> Any:
        """A value of ``--where`` as the generator takes it."""


class Judge(Protocol):
    """Scores and verdicts."""

    METRICS: "Mapping[str, Metric[Any]]"

    def landmarks(self, prepared: Path, contract: Path, settings: Mapping[str, Any]) -> "Landmarks":
        """The landmarks of every metric on the parts in ``prepared``."""

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
        """The content of metrics.json, and the trio that was compared."""

    def evaluate(
        self, train: Any, test: Any, synthetic: Any, contract: Path | None, settings: Mapping[str, Any]
    ) -> tuple[dict[str, Any], Any]:
        """The same for data in memory; half of ``test`` stands in for fresh real data."""

    def compare(self, candidate: Any, champion: Any, prepared: Path, settings: Mapping[str, Any]) -> "Comparison":
        """How the candidate stands beside the champion on the test part in ``prepared``."""


class Page(Protocol):
    """The page of a generator."""

    def exhibits(self, trio: Any, report: Mapping[str, Any], bundle: Path | None) -> Any:
        """What the page shows beside the report, if anything."""

    def render(self, page: "page.Page", exhibits: Any) -> str:
        """A self-contained HTML page; equal content gives equal bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """What can be asked of a generator that is served."""

    names: tuple[str, ...]
    """Columns that a request may set."""
    most: int
    """Rows or images in one answer."""
    draw: "Callable[..., pd.DataFrame]"
    """``draw(rows, seed=..., where=...)``, the answer as a frame."""


class Serve(Protocol):
    """Answering requests."""

    def load(self, folder: Path) -> Served:
        """The generator saved in ``folder``, ready to answer."""

    def answers(self, head: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The columns of an answer, (name, kind), from the head of a bundle."""

    def conditions(self, head: Mapping[str, Any]) -> tuple[str, ...]:
        """The columns that sampling can be conditioned on."""


class Draft(Protocol):
    """Drafting a contract."""

    def draft(self, path: Path, name: str, declared: Mapping[str, Any]) -> dict[str, Any]:
        """A suite called ``name`` that the data at ``path`` keep; ``declared`` is what the user says of columns."""


class Drift(Protocol):
    """What is watched for drift."""

    def watched(self, observed: "pd.DataFrame") -> "pd.DataFrame":
        """The columns of what was observed in which drift means something."""
