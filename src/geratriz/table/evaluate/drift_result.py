"""The result of a comparison of new rows with known ones, and the settings of drift."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftConfig:
    """The section ``monitor`` of params.yaml: settings of drift."""

    seed: int = 0
    alpha: float = 0.01
    """Largest probability that any column is called drifted when nothing has changed."""
    effect: float = 0.1
    """Largest difference of a column, as a share of the rows, that is not drift."""
    auc: float = 0.55
    """Highest AUC of the classifier that is not drift; 0.5 is a guess."""
    max_rows: int = 10_000
    """Most rows per side that the classifier is fitted to."""
    ignore: tuple[str, ...] = ()
    """Columns that change by nature, such as the date of a record."""

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1 or not 0 <= self.effect < 1:
            raise ValueError(f"alpha is {self.alpha} and effect {self.effect}, expected numbers between 0 and 1")
        if not 0.5 <= self.auc < 1:
            raise ValueError(f"auc is {self.auc}, expected at least 0.5, a guess, and under 1")
        if self.max_rows < 10:
            raise ValueError(f"max_rows is {self.max_rows}, expected at least 10")


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Result of one test."""

    size: float
    """Largest difference in a probability, 0 to 1; for categories, beyond chance."""
    p: float
    """p-value, corrected over all tests."""
    drifted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnDrift:
    """One column, before and now. Values that fewer than ``rare`` rows share are not named."""

    name: str
    kind: str
    values: Difference | None
    """None where one side has no value."""
    missing: Difference | None
    """None where nothing is missing."""
    missing_share: tuple[float, float]
    """Shares before and now."""
    new_share: float
    """Share of the rows with a category that was not seen before."""
    new: tuple[str, ...]
    """Those categories, the most frequent first."""
    drawing: Mapping[str, Any]
    """``histogram`` or ``levels``, with shares of the rows that have a value ``before`` and ``now``; may be empty."""

    @property
    def drifted(self) -> bool:
        """Whether the values or the share of missing values have drifted."""
        return any(test is not None and test.drifted for test in (self.values, self.missing))

    @property
    def size(self) -> float:
        """The larger difference."""
        return max((test.size for test in (self.values, self.missing) if test is not None), default=0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Together:
    """Result of a classifier over all columns on rows it was not fitted to."""

    auc: float
    low: float
    high: float
    rows: int
    """Rows per side."""
    columns: Mapping[str, float]
    """Loss of AUC when a column is shuffled, largest first."""
    drifted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """A critical expectation of the contract that new data break; values are not shown."""

    column: str | None
    description: str
    rows: int
    """Rows that break it; 0 for an expectation of the whole table."""
    observed: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """The verdict, its reasons and its evidence."""

    drifted: bool
    reasons: tuple[str, ...]
    """Empty when nothing has drifted."""
    before: int
    """Rows of the reference."""
    now: int
    """Rows of the new data."""
    judged: int
    """Rows of the new data that were compared: only the new ones where the table has grown."""
    schema: tuple[str, ...]
    """Sentences about columns that are gone, new or of another type."""
    left_out: tuple[str, ...]
    """Columns that were not compared: ids, personal columns, and those to ignore."""
    columns: tuple[ColumnDrift, ...]
    """Columns, largest drift first."""
    together: Together | None
    """None where no column can be compared."""
    contract: str | None
    """Name of the contract, if there is one."""
    broken: tuple[Broken, ...]
    config: DriftConfig = field(default_factory=DriftConfig)

    def to_json(self) -> dict[str, Any]:
        """A JSON mapping."""
        columns = [{**asdict(column), "drifted": column.drifted, "size": column.size} for column in self.columns]
        return {**asdict(self), "columns": columns}
